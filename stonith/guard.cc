#include "stonith/guard.h"

#include <set>

#include "base/mutation.h"

namespace systole::stonith {

Milliseconds tie_break(const Registry& registry, NodeId self, std::size_t view_size, NodeId target,
                       bool has_delay) {
  const bool facing = registry.nodes.size() == 2 && view_size == 1 && raw(target) != 0 && target != self;
  return facing && !has_delay && target < self && !mutation("no-tie-break") ? kTieBreak
                                                                            : Milliseconds::zero();
}

Duration StormBrake::hold(const std::string& target, std::size_t view_size, std::size_t configured,
                          Time now) {
  while (!recent_.empty() && recent_.front().first + kWindow <= now) recent_.pop_front();
  std::set<std::string> targets{target};
  for (const auto& [when, name] : recent_) targets.insert(name);
  const bool majority = configured == 0 || view_size * 2 > configured;
  if (!majority && targets.size() > view_size && !mutation("no-storm-brake"))
    return recent_.front().first + kWindow - now;
  recent_.emplace_back(now, target);
  return Duration::zero();
}

}  // namespace systole::stonith
