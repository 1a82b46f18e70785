// Shrink: leaves out faults, nodes, resources and constraints of a failing story as long as the same checker
// still finds it, until nothing more can go.
#pragma once

#include <functional>

#include "sim/campaign.h"

namespace systole::sim {

struct Shrunk {
  Drop drop;
  Finding finding;      // Of the reduced story. No violation: the seed does not fail.
  unsigned trials = 0;  // Runs that it took.
};
// `told` hears of every success.
Shrunk shrink(std::uint64_t seed, const CampaignOptions& options,
              const std::function<void(const Finding&)>& told);
// The options of systole-sim that give this story: "--drop-faults 1,5 --nodes 3".
std::string to_options(const Drop& drop);

}  // namespace systole::sim
