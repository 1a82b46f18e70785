// Announces an address that came to a link, so that neighbours and switches send there at once.
#pragma once

#include "agents/address_plan.h"

namespace systole::agents {

struct AnnounceOptions {
  unsigned count = 5;
  unsigned interval_ms = 200;
  bool background = true;  // Return after the first; the rest comes from a detached child.
};

// The child stops as soon as the address is no longer on the link, so that a quick stop is not followed by
// claims of what another node now has.
Result<void> announce(const Address& address, const Link& link, const AnnounceOptions& options);

}  // namespace systole::agents
