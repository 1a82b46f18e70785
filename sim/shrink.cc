#include "sim/shrink.h"

#include <fmt/ranges.h>

#include <algorithm>

namespace systole::sim {
namespace {

class Shrinker {
 public:
  Shrinker(std::uint64_t seed, const CampaignOptions& options,
           const std::function<void(const Finding&)>& told)
      : seed_(seed), options_(options), told_(told) {
    options_.twice = false;
  }
  Shrunk run() {
    result_.finding = try_seed_apart(seed_, options_);
    result_.drop = options_.seed.drop;
    checker_ = result_.finding.checker();
    if (checker_.empty()) return result_;
    const Workload whole = options_.seed.scenario.empty() ? draw_workload(seed_, options_.seed.profile)
                                                          : draw_scenario(options_.seed.scenario, seed_);
    for (bool smaller = true; smaller;) {
      smaller = shrink_set(&Drop::faults, whole.fault_parts);
      smaller = shrink_set(&Drop::resources, whole.resource_parts) || smaller;
      smaller = shrink_set(&Drop::constraints, whole.constraint_parts) || smaller;
      smaller = shrink_nodes(whole.nodes) || smaller;
    }
    return result_;
  }

 private:
  bool still_fails(const Drop& drop) {
    ++result_.trials;
    options_.seed.drop = drop;
    Finding finding = try_seed_apart(seed_, options_);
    if (finding.checker() != checker_) return false;
    result_.drop = drop;
    result_.finding = std::move(finding);
    told_(result_.finding);
    return true;
  }
  // Halves, quarters, … and in the end one by one.
  bool shrink_set(std::set<std::size_t> Drop::*set, std::size_t parts) {
    bool any = false;
    for (std::size_t chunk = std::max<std::size_t>(parts / 2, 1); parts > 0; chunk /= 2) {
      for (std::size_t at = 0; at < parts; at += chunk) {
        Drop drop = result_.drop;
        const std::size_t before = (drop.*set).size();
        for (std::size_t i = at; i < std::min(at + chunk, parts); ++i) (drop.*set).insert(i);
        if ((drop.*set).size() > before) any = still_fails(drop) || any;
      }
      if (chunk == 1) break;
    }
    return any;
  }
  bool shrink_nodes(unsigned nodes) {
    bool any = false;
    for (;;) {
      Drop drop = result_.drop;
      const unsigned now = drop.nodes > 0 ? std::min(drop.nodes, nodes) : nodes;
      if (now <= 1) return any;
      drop.nodes = now - 1;
      if (!still_fails(drop)) return any;
      any = true;
    }
  }

  std::uint64_t seed_;
  CampaignOptions options_;
  const std::function<void(const Finding&)>& told_;
  std::string checker_;
  Shrunk result_;
};

}  // namespace

Shrunk shrink(std::uint64_t seed, const CampaignOptions& options,
              const std::function<void(const Finding&)>& told) {
  return Shrinker(seed, options, told).run();
}

std::string to_options(const Drop& drop) {
  std::string out;
  if (drop.nodes > 0) out += fmt::format(" --nodes {}", drop.nodes);
  if (!drop.faults.empty()) out += fmt::format(" --drop-faults {}", fmt::join(drop.faults, ","));
  if (!drop.resources.empty()) out += fmt::format(" --drop-resources {}", fmt::join(drop.resources, ","));
  if (!drop.constraints.empty())
    out += fmt::format(" --drop-constraints {}", fmt::join(drop.constraints, ","));
  return out;
}

}  // namespace systole::sim
