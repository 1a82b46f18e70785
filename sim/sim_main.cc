// systole-sim: runs seeds of simulated clusters. `./dev sim` for people.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <thread>

#include "sim/campaign.h"
#include "sim/checkers.h"
#include "sim/faults.h"
#include "sim/mutations.h"
#include "sim/scenarios.h"
#include "sim/shrink.h"

namespace {

using namespace systole;
using namespace systole::sim;

constexpr std::uint64_t kNightly = 100'000;

struct Arguments {
  CampaignOptions campaign;
  std::uint64_t seed = 0;
  bool one = false, trace = false, trace_all = false, shrink = false, list = false, nightly = false,
       ring = false, mutate = false;
  std::string profile = "mixed", mutation;
  std::vector<std::size_t> faults, resources, constraints;
};

std::string replay(const Arguments& a, const Finding& f, const Drop& drop) {
  if (a.ring) return fmt::format("ring_sim --first {} --seeds 1 --light --verbose", f.seed);
  return fmt::format(
      "./dev sim --seed {}{}{}{} --trace", f.seed, a.profile == "mixed" ? "" : " --profile " + a.profile,
      a.campaign.seed.scenario.empty() ? "" : " --scenario " + a.campaign.seed.scenario, to_options(drop));
}

void print(const Arguments& a, const Finding& f, const Drop& drop) {
  std::printf("seed %llu: %s\n  (%s)\n  replay: %s\n", static_cast<unsigned long long>(f.seed),
              f.violation.c_str(), f.summary.c_str(), replay(a, f, drop).c_str());
  std::fflush(stdout);
}

void list() {
  std::printf("Faults (weight: how often one is drawn among the others):\n");
  for (const FaultKind& kind : fault_kinds())
    std::printf("  %-18s %3u  %s\n", kind.name, kind.weight, kind.says);
  std::printf("\nScenarios (--scenario NAME):\n");
  for (const ScenarioKind& kind : scenario_kinds()) std::printf("  %-22s  %s\n", kind.name, kind.says);
  std::printf("\nCheckers:\n");
  for (const CheckerName& checker : checker_names()) std::printf("  %-26s  %s\n", checker.name, checker.says);
  std::printf("\nMutations (--mutate, in systole-sim-mutants only):\n");
  for (const Mutation& mutation : mutations()) std::printf("  %-26s  %s\n", mutation.name, mutation.says);
}

// The story as a person reads it: what was done to the cluster, what happened in the world, and what daemons
// said that a person should know. --trace-all has the rest.
bool of_interest(std::string_view line) {
  for (const char* word : {"FAULT ", "WORLD ", "CALM ", "RESTLESS ", "VIOLATION ", "ACKNOWLEDGED ", "boot ",
                           "crash ", "pause "}) {
    if (line.starts_with(word)) return true;
  }
  if (line.starts_with("DOCUMENT ")) return false;
  const bool said = line.find("] notice: ") != std::string_view::npos ||
                    line.find("] warning: ") != std::string_view::npos ||
                    line.find("] error: ") != std::string_view::npos ||
                    line.find("] critical: ") != std::string_view::npos;
  return said || line.find("] ") == std::string_view::npos;
}

void tell_story(Arguments& a) {
  a.campaign.seed.trace = [all = a.trace_all](Time t, std::string_view line) {
    if (!all && !of_interest(line)) return;
    const auto ms = std::chrono::duration_cast<Milliseconds>(t.time_since_epoch()).count();
    std::printf("%02lld:%02lld.%03lld  %.*s\n", static_cast<long long>(ms / 60000),
                static_cast<long long>(ms / 1000 % 60), static_cast<long long>(ms % 1000),
                static_cast<int>(line.size()), line.data());
  };
}

int run_one(Arguments& a) {
  if (a.shrink) {
    const Shrunk small = sim::shrink(a.seed, a.campaign, [](const Finding& f) {
      std::fprintf(stderr, "  still fails: %s\n", f.summary.c_str());
    });
    if (small.finding.violation.empty()) {
      std::printf("seed %llu does not fail\n", static_cast<unsigned long long>(a.seed));
      return 0;
    }
    std::printf("reduced in %u runs:\n", small.trials);
    print(a, small.finding, small.drop);
    return 1;
  }
  if (a.trace || a.trace_all) tell_story(a);
  const Finding f = try_seed(a.seed, a.campaign);
  std::printf("seed %llu: %s; digest %016llx, %llu events\n", static_cast<unsigned long long>(a.seed),
              f.summary.c_str(), static_cast<unsigned long long>(f.digest),
              static_cast<unsigned long long>(f.events));
  if (f.violation.empty()) {
    std::printf("nothing found\n");
    return 0;
  }
  print(a, f, a.campaign.seed.drop);
  return 1;
}

int run_many(Arguments& a) {
  if (a.nightly) {
    a.campaign.progress = [count = a.campaign.count](std::uint64_t done, std::uint64_t failed) {
      if (done % 1000 == 0)
        std::fprintf(stderr, "%llu of %llu seeds, %llu failed\n", static_cast<unsigned long long>(done),
                     static_cast<unsigned long long>(count), static_cast<unsigned long long>(failed));
    };
  }
  const CampaignResult r = run_campaign(a.campaign);
  if (r.restless > 0)
    std::printf(
        "%llu clusters never rest: planned anew, their rules move something every time (RESTLESS in the "
        "trace)\n",
        static_cast<unsigned long long>(r.restless));
  for (const Finding& f : r.failures) print(a, f, a.campaign.seed.drop);
  std::printf("%llu seeds, %zu failed; %llu events in %.1f s", static_cast<unsigned long long>(r.seeds),
              r.failures.size(), static_cast<unsigned long long>(r.events), r.real);
  if (r.seconds > 0) {
    std::printf(
        "; %.0f s of clusters, %.1f node-hours (rings at rest: %.0f %%), %.0f node-hours a minute and "
        "process",
        r.seconds, r.node_seconds / 3600, 100 * r.rested / r.node_seconds,
        r.node_seconds / 3600 / (r.real / 60) / a.campaign.jobs);
  }
  std::printf("\n");
  return r.failures.empty() ? 0 : 1;
}

void add_options(CLI::App& app, Arguments& a) {
  CampaignOptions& c = a.campaign;
  c.jobs = std::max(1U, std::thread::hardware_concurrency());
  app.add_option("--seeds", c.count, "how many seeds to run")->capture_default_str();
  app.add_option("--first", c.first, "the first of them")->capture_default_str();
  app.add_option("--jobs", c.jobs, "processes side by side")->capture_default_str();
  app.add_flag("--nightly", a.nightly, fmt::format("{} seeds", kNightly));
  app.add_option("--seed", a.seed, "run this one seed")->each([&a](const std::string&) { a.one = true; });
  app.add_flag("--trace", a.trace, "with --seed: print its story");
  app.add_flag("--trace-all", a.trace_all,
               "with --seed: every line that a daemon logs, and the documents that failed");
  app.add_flag("--shrink", a.shrink, "with --seed: leave out what the failure does not need");
  app.add_flag("--twice", c.twice, "run each seed twice and compare the stories' digests");
  app.add_option("--profile", a.profile,
                 "mixed; dense: fault upon fault; long: hours with a fault every few minutes")
      ->check(CLI::IsMember({"mixed", "dense", "long"}))
      ->capture_default_str();
  std::vector<std::string> names;
  for (const ScenarioKind& kind : scenario_kinds()) names.emplace_back(kind.name);
  app.add_option("--scenario", c.seed.scenario, "an incident by name (--list)")->check(CLI::IsMember(names));
  app.add_flag("--ring", a.ring, "rings alone instead of whole clusters");
  app.add_flag("--list", a.list, "the names of faults, scenarios, checkers and mutations");
  app.add_flag("--mutate", a.mutate,
               "re-introduce known mistakes one by one and see which checker catches each");
  app.add_option("--mutation", a.mutation, "with this mistake only");
  app.add_option("--nodes", c.seed.drop.nodes, "of a reduced story: at most so many nodes");
  app.add_option("--drop-faults", a.faults, "of a reduced story")->delimiter(',');
  app.add_option("--drop-resources", a.resources, "of a reduced story")->delimiter(',');
  app.add_option("--drop-constraints", a.constraints, "of a reduced story")->delimiter(',');
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Simulated clusters with faults: every seed is one story, checked after every event.");
  Arguments a;
  add_options(app, a);
  CLI11_PARSE(app, argc, argv);
  SeedOptions& seed = a.campaign.seed;
  seed.drop.faults = {a.faults.begin(), a.faults.end()};
  seed.drop.resources = {a.resources.begin(), a.resources.end()};
  seed.drop.constraints = {a.constraints.begin(), a.constraints.end()};
  seed.profile = a.profile == "dense"  ? Profile::kDense
                 : a.profile == "long" ? Profile::kLong
                                       : Profile::kMixed;
  if (a.ring) a.campaign.arena = Arena::kRing;
  if (a.nightly) a.campaign.count = kNightly;
  if (a.list) {
    list();
    return 0;
  }
  if ((a.mutate || !a.mutation.empty()) && !mutations_built()) {
    std::fprintf(stderr,
                 "this build carries no mistakes: use systole-sim-mutants (./dev sim --mutate does)\n");
    return 2;
  }
  if (a.mutate) return run_mutations(a.campaign.jobs, a.mutation);
  if (!a.mutation.empty()) set_mutation(a.mutation);
  return a.one ? run_one(a) : run_many(a);
}
