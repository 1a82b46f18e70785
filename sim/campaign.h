// Campaign: many seeds of one kind of story, side by side, and what was found in them.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "sim/run_seed.h"

namespace systole::sim {

// Whole clusters, or rings alone (sim/ring_scenario.h).
enum class Arena { kCluster, kRing };

struct CampaignOptions {
  Arena arena = Arena::kCluster;
  SeedOptions seed;
  std::uint64_t first = 1, count = 100;
  unsigned jobs = 1;
  bool twice = false;        // Every seed is run twice and the digests compared.
  std::uint64_t enough = 0;  // Stop after so many failing seeds; 0: never.
  std::function<void(std::uint64_t done, std::uint64_t failed)> progress;
};
// What one seed gave.
struct Finding {
  std::uint64_t seed = 0, digest = 0, events = 0;
  double node_seconds = 0, rested = 0, seconds = 0;  // Virtual, of all nodes; of it in rest; of virtual time.
  std::string violation, summary;                    // Violation empty: nothing found.
  bool restless = false;
  std::string checker() const { return violation.substr(0, violation.find(':')); }
};
struct CampaignResult {
  std::uint64_t seeds = 0, events = 0, restless = 0;
  double node_seconds = 0, rested = 0, seconds = 0;
  double real = 0;                // Seconds that it took.
  std::vector<Finding> failures;  // By seed.
  std::map<std::string, std::uint64_t> by_checker() const;
};

Finding try_seed(std::uint64_t seed, const CampaignOptions& options);
// The same in a process of its own: it may abort, or never end.
Finding try_seed_apart(std::uint64_t seed, const CampaignOptions& options);
CampaignResult run_campaign(const CampaignOptions& options);

}  // namespace systole::sim
