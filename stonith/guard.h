// Two brakes on fencing that need no configuration: what keeps two nodes from shooting each other, and what
// keeps a minority from shooting everybody. Pure: time is passed in.
#pragma once

#include <deque>
#include <string>

#include "base/ids.h"
#include "base/time.h"
#include "stonith/registry.h"

namespace systole::stonith {

// In a cluster of two, alone, facing the other: the lower node id shoots at once, the higher one waits this
// long, so that of two that lost only each other one survives. An administrator's own delay (of the request
// or of a device that reaches the target) takes the place of this.
constexpr Milliseconds kTieBreak{1500};
Milliseconds tie_break(const Registry& registry, NodeId self, std::size_t view_size, NodeId target,
                       bool has_delay);

// A view that is not a majority of the configured nodes cuts the power of at most as many different targets
// within 10 s as it has members.
class StormBrake {
 public:
  static constexpr Seconds kWindow{10};
  // Zero: go ahead, and it is counted. Otherwise ask again after this long.
  Duration hold(const std::string& target, std::size_t view_size, std::size_t configured, Time now);

 private:
  std::deque<std::pair<Time, std::string>> recent_;
};

}  // namespace systole::stonith
