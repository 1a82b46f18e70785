#include "sim/campaign.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "sim/jobs.h"
#include "sim/ring_scenario.h"

namespace systole::sim {
namespace {

double seconds(Duration d) { return std::chrono::duration<double>(d).count(); }

Finding cluster_seed(std::uint64_t seed, const CampaignOptions& options) {
  const SeedResult r = run_seed(seed, options.seed);
  Finding f{seed, r.digest, r.events, 0, 0, seconds(r.simulated), r.violation, r.summary};
  f.node_seconds = r.nodes * f.seconds;
  f.rested = r.nodes * seconds(r.rested);
  f.restless = r.restless;
  if (f.violation.empty() && options.twice && run_seed(seed, options.seed).digest != r.digest) {
    f.violation = "D determinism: the same seed gave two stories";
  }
  return f;
}

Finding ring_seed(std::uint64_t seed, const CampaignOptions& options) {
  const RingScenarioResult r = run_ring_scenario(seed, RingScenarioSize::kLight);
  Finding f{seed, r.digest, r.events, 0, 0, 0, "", fmt::format("a ring of {} nodes", r.nodes)};
  if (!r.violations.empty()) f.violation = "R ring: " + r.violations.front();
  if (f.violation.empty() && options.twice &&
      run_ring_scenario(seed, RingScenarioSize::kLight).digest != r.digest) {
    f.violation = "D determinism: the same seed gave two stories";
  }
  return f;
}

struct Numbers {
  std::uint64_t digest, events;
  double node_seconds, rested, seconds;
  bool restless;
};

std::string packed(const Finding& f) {
  const Numbers n{f.digest, f.events, f.node_seconds, f.rested, f.seconds, f.restless};
  std::string out(reinterpret_cast<const char*>(&n), sizeof n);
  return out + f.violation + '\n' + f.summary;
}

Finding unpacked(std::uint64_t seed, const std::string& text) {
  Finding f;
  f.seed = seed;
  if (text.starts_with("!died: ")) {
    f.violation = "X abort: " + text.substr(7);
    return f;
  }
  Numbers n{};
  std::memcpy(&n, text.data(), sizeof n);
  const std::size_t end = text.rfind('\n');
  f.digest = n.digest;
  f.events = n.events;
  f.restless = n.restless;
  f.node_seconds = n.node_seconds;
  f.rested = n.rested;
  f.seconds = n.seconds;
  f.violation = text.substr(sizeof n, end - sizeof n);
  f.summary = text.substr(end + 1);
  return f;
}

}  // namespace

std::map<std::string, std::uint64_t> CampaignResult::by_checker() const {
  std::map<std::string, std::uint64_t> counts;
  for (const Finding& f : failures) ++counts[f.checker()];
  return counts;
}

Finding try_seed(std::uint64_t seed, const CampaignOptions& options) {
  return options.arena == Arena::kCluster ? cluster_seed(seed, options) : ring_seed(seed, options);
}

Finding try_seed_apart(std::uint64_t seed, const CampaignOptions& options) {
  Finding found;
  run_jobs(
      1, seed, 1, [&](std::uint64_t s) { return packed(try_seed(s, options)); },
      [&](std::uint64_t s, const std::string& text) {
        found = unpacked(s, text);
        return true;
      });
  return found;
}

CampaignResult run_campaign(const CampaignOptions& options) {
  CampaignResult result;
  const auto began = std::chrono::steady_clock::now();
  run_jobs(
      options.jobs, options.first, options.count,
      [&](std::uint64_t seed) { return packed(try_seed(seed, options)); },
      [&](std::uint64_t seed, const std::string& text) {
        Finding f = unpacked(seed, text);
        ++result.seeds;
        result.events += f.events;
        result.restless += f.restless ? 1 : 0;
        result.node_seconds += f.node_seconds;
        result.rested += f.rested;
        result.seconds += f.seconds;
        if (!f.violation.empty()) result.failures.push_back(std::move(f));
        if (options.progress) options.progress(result.seeds, result.failures.size());
        return options.enough == 0 || result.failures.size() < options.enough;
      });
  result.real = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  std::sort(result.failures.begin(), result.failures.end(),
            [](const Finding& a, const Finding& b) { return a.seed < b.seed; });
  return result;
}

}  // namespace systole::sim
