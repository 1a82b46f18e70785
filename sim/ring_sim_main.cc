// ring_sim: simulated ring clusters by seed. ring_sim [--seeds N] [--first S] [--verbose]
#include <CLI/CLI.hpp>
#include <cstdio>

#include "sim/ring_scenario.h"

int main(int argc, char** argv) {
  CLI::App app("Simulated rings with faults, from seeds; checks extended virtual synchrony and liveness.");
  std::uint64_t seeds = 100, first = 1;
  bool verbose = false, light = false;
  app.add_option("--seeds", seeds, "How many seeds")->capture_default_str();
  app.add_option("--first", first, "The first seed")->capture_default_str();
  app.add_flag("--verbose", verbose, "Tell what happens");
  app.add_flag("--light", light, "The small runs of the unit test");
  CLI11_PARSE(app, argc, argv);
  systole::Logger log;
  if (verbose) {
    log = systole::Logger(
        [](systole::Level, std::string_view subsystem, std::string_view message) {
          std::printf("[%.*s] %.*s\n", static_cast<int>(subsystem.size()), subsystem.data(),
                      static_cast<int>(message.size()), message.data());
        },
        "sim", systole::Level::kDebug);
  }
  const auto size = light ? systole::sim::RingScenarioSize::kLight : systole::sim::RingScenarioSize::kFull;
  std::uint64_t failed = 0, events = 0, deliveries = 0, views = 0;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    const auto result = systole::sim::run_ring_scenario(seed, size, log);
    events += result.events;
    deliveries += result.deliveries;
    views += result.views;
    if (verbose)
      std::printf("seed %llu digest %016llx\n", static_cast<unsigned long long>(seed),
                  static_cast<unsigned long long>(result.digest));
    if (result.violations.empty()) continue;
    ++failed;
    std::printf("seed %llu (%zu nodes) fails; replay it:  ring_sim --first %llu --seeds 1 --verbose%s\n",
                static_cast<unsigned long long>(seed), result.nodes, static_cast<unsigned long long>(seed),
                light ? " --light" : "");
    for (const std::string& violation : result.violations) std::printf("  %s\n", violation.c_str());
    std::fflush(stdout);
  }
  std::printf("%llu seeds, %llu failed; %llu events, %llu deliveries, %llu views\n",
              static_cast<unsigned long long>(seeds), static_cast<unsigned long long>(failed),
              static_cast<unsigned long long>(events), static_cast<unsigned long long>(deliveries),
              static_cast<unsigned long long>(views));
  return failed == 0 ? 0 : 1;
}
