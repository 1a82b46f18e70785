// systole-sim: runs seeds of the simulated cluster. `./dev sim --seeds N` for people.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>

#include "sim/run_seed.h"

namespace {

using systole::sim::run_seed;
using systole::sim::SeedOptions;
using systole::sim::SeedResult;

double seconds(systole::Time t) { return std::chrono::duration<double>(t.time_since_epoch()).count(); }

SeedResult traced(std::uint64_t seed, SeedOptions options) {
  options.trace = [](systole::Time t, std::string_view line) {
    std::printf("%10.6f %.*s\n", seconds(t), static_cast<int>(line.size()), line.data());
  };
  return run_seed(seed, options);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Simulated clusters with faults: every seed is one story, checked after every event.");
  std::uint64_t seeds = 100, first = 1, one = 0;
  bool trace = false, twice = false;
  SeedOptions options;
  app.add_option("--seeds", seeds, "how many seeds to run")->capture_default_str();
  app.add_option("--first", first, "the first of them")->capture_default_str();
  auto* replay = app.add_option("--seed", one, "run this one seed");
  app.add_flag("--trace", trace, "with --seed: print its story");
  app.add_flag("--twice", twice, "run each seed twice and compare the traces' digests");
  app.add_option("--intensity", options.intensity, "how many faults, 0 to 1")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  if (*replay) {
    first = one;
    seeds = 1;
  }
  std::uint64_t failed = 0, events = 0;
  double simulated = 0;
  const auto started = std::chrono::steady_clock::now();
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    const SeedResult result = trace && *replay ? traced(seed, options) : run_seed(seed, options);
    events += result.events;
    simulated += std::chrono::duration<double>(result.simulated).count();
    std::string violation = result.violation;
    if (violation.empty() && twice && run_seed(seed, options).digest != result.digest) {
      violation = "D determinism: the same seed gave two traces";
    }
    if (violation.empty()) continue;
    ++failed;
    std::printf("seed %llu: %s\n  (%s; replay: ./dev sim --seed %llu --trace)\n",
                static_cast<unsigned long long>(seed), violation.c_str(), result.summary.c_str(),
                static_cast<unsigned long long>(seed));
    std::fflush(stdout);
  }
  const double real = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  std::printf("%llu seeds, %llu failed; %.0f s simulated in %.1f s, %llu events\n",
              static_cast<unsigned long long>(seeds), static_cast<unsigned long long>(failed), simulated,
              real, static_cast<unsigned long long>(events));
  return failed == 0 ? 0 : 1;
}
