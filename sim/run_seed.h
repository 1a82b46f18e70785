// run_seed(): one simulated cluster from its first boot through its faults to rest, and what was found.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/time.h"

namespace systole::sim {

struct SeedOptions {
  double intensity = 1.0;
  std::function<void(Time, std::string_view)> trace;  // Every line; empty: none.
};
struct SeedResult {
  std::string violation;  // Empty: nothing found.
  std::uint64_t digest = 0;
  std::uint64_t events = 0;
  Duration simulated{};
  std::string summary;
};

SeedResult run_seed(std::uint64_t seed, const SeedOptions& options = {});

}  // namespace systole::sim
