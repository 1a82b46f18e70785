// Privileges: how the daemon becomes the user it runs as, and the little it keeps of root's rights. All of it
// before the first thread: capabilities belong to threads.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "daemon/identity.h"
#include "membership/config.h"

namespace systole::daemon {

// A set of capabilities, bit N for CAP number N of capabilities(7).
struct Capabilities {
  std::uint64_t bits = 0;
  bool has(int capability) const { return (bits >> capability & 1U) != 0; }
  void add(int capability) { bits |= std::uint64_t{1} << capability; }
  std::string names() const;  // "net_admin, net_bind_service", or "none".
};

// Raises the limits that take root (open files, real-time priority, locked memory) and says which
// capabilities must be kept to do without it from now on: those whose work no limit could do. Only such as
// this process has.
Capabilities raise_limits(const membership::ClusterConfig& config);

// Becomes `identity` for good: its user and group and no other group, `kept` and no other capability, and
// nothing that any program it might execute could give back. Error: kDenied; the process must not go on then.
Result<void> become(const Identity& identity, const Capabilities& kept);

}  // namespace systole::daemon
