// move, ban and clear: the location constraints cli-prefer-RSC and cli-ban-RSC-on-NODE, as Pacemaker's
// crm_resource makes them.
#pragma once

#include "base/time.h"
#include "cli/crm/shell.h"

namespace systole::crm {

bool run_move(Shell& shell, const Invocation& call);
bool run_ban(Shell& shell, const Invocation& call);
bool run_clear(Shell& shell, const Invocation& call);

// "PT1H30M", "P1D", "30min", "2h". kParse.
Result<Seconds> parse_lifetime(std::string_view text);
std::string utc_text(WallTime when);  // "2026-11-20 13:40:00Z"

}  // namespace systole::crm
