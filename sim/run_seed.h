// run_seed(): one simulated cluster from its first boot through its faults to rest, and what was found.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/time.h"
#include "sim/workload.h"

namespace systole::sim {

struct SeedOptions {
  Profile profile = Profile::kMixed;
  std::string scenario;  // Empty: random faults.
  Drop drop;
  std::function<void(Time, std::string_view)> trace;  // Every line; empty: none.
};
struct SeedResult {
  std::string violation;  // "NAME: what"; empty: nothing found.
  std::uint64_t digest = 0;
  std::uint64_t events = 0;
  unsigned nodes = 0;
  Duration simulated{}, rested{};  // Of virtual time; of it, the ring's rest.
  std::string summary;
  bool restless = false;  // Planned anew, it moves something every time.
  // Name of the checker.
  std::string checker() const { return violation.substr(0, violation.find(':')); }
};

SeedResult run_seed(std::uint64_t seed, const SeedOptions& options = {});

}  // namespace systole::sim
