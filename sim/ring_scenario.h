// One simulated ring cluster drawn from a seed: RingNodes on a World, faults of all kinds for a while, then
// healing; RingChecker watches for safety all along, and liveness is judged at the end.
#pragma once

#include <string>
#include <vector>

#include "base/log.h"

namespace systole::sim {

struct RingScenarioResult {
  std::vector<std::string> violations;  // Empty: all promises held.
  std::uint64_t digest = 0;             // Of all that happened.
  std::uint64_t events = 0, deliveries = 0, views = 0;
  std::size_t nodes = 0;
};

// kLight: less traffic and less time, for a quick test; the same seed gives another run than kFull.
enum class RingScenarioSize { kLight, kFull };
// `log`: for a person who replays a seed.
RingScenarioResult run_ring_scenario(std::uint64_t seed, RingScenarioSize size, Logger log = {});

}  // namespace systole::sim
