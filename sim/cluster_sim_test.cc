// The simulator itself: one seed is one story, ring time rests without changing what happens, stories shrink.
#include <gtest/gtest.h>

#include "sim/campaign.h"
#include "sim/checkers.h"
#include "sim/faults.h"
#include "sim/jobs.h"
#include "sim/scenarios.h"
#include "sim/shrink.h"

namespace systole::sim {
namespace {

TEST(RunSeed, TheSameSeedGivesTheSameStoryWhoeverListens) {
  SeedOptions options;
  options.drop.nodes = 3;
  std::uint64_t lines = 0;
  SeedOptions traced = options;
  traced.trace = [&](Time, std::string_view) { ++lines; };
  const SeedResult a = run_seed(5, options), b = run_seed(5, traced), c = run_seed(6, options);
  EXPECT_EQ(a.digest, b.digest);
  EXPECT_EQ(a.events, b.events);
  EXPECT_NE(a.digest, c.digest);
  EXPECT_GT(lines, 100U);
}

TEST(RunSeed, AQuietHourCostsLittle) {
  Workload quiet = draw_cluster(3, 3, {});
  World world(3);
  ClusterShape shape;
  shape.cib = quiet.cib;
  Cluster cluster(world, shape);
  world.run_for(Seconds(120));
  const std::uint64_t before = world.events();
  world.run_for(std::chrono::hours(1));
  // Monitors and rechecks only: a ring that did not rest would take 3 million events.
  EXPECT_LT(world.events() - before, 200'000U);
  EXPECT_GT(world.rested(), std::chrono::minutes(50));
}

TEST(Faults, LeavingOneOutChangesNoOther) {
  const Workload whole = draw_workload(9, Profile::kMixed);
  Drop drop;
  drop.faults = {0, 2};
  const Workload less = draw_workload(9, Profile::kMixed, drop);
  ASSERT_GE(whole.faults.size(), 4U);
  EXPECT_EQ(less.faults.size(), whole.faults.size() - 2);
  EXPECT_EQ(less.faults[0].draw, whole.faults[1].draw);
  EXPECT_EQ(less.faults[1].when, whole.faults[3].when);
  EXPECT_EQ(less.cib, whole.cib);
}

TEST(Workload, EverySeedGivesADocumentThatParses) {
  std::size_t clones = 0, groups = 0, sets = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    const Workload w = draw_workload(seed, Profile::kMixed);
    ASSERT_TRUE(cib::Document::parse(w.cib).has_value()) << seed;
    clones += w.cib.find("<clone") != std::string::npos;
    groups += w.cib.find("<group") != std::string::npos;
    sets += w.cib.find("<resource_set") != std::string::npos;
  }
  EXPECT_GT(clones, 50U);
  EXPECT_GT(groups, 50U);
  EXPECT_GT(sets, 5U);
}

TEST(Jobs, EveryNumberIsAnsweredOnceAndOneThatDiesIsSaid) {
  std::map<std::uint64_t, std::string> got;
  run_jobs(
      2, 10, 7,
      [](std::uint64_t n) {
        if (n == 13) ::abort();
        return "<" + std::to_string(n) + ">";
      },
      [&](std::uint64_t n, const std::string& text) {
        EXPECT_TRUE(got.emplace(n, text).second);
        return true;
      });
  ASSERT_EQ(got.size(), 7U);
  EXPECT_EQ(got[16], "<16>");
  EXPECT_EQ(got[13], "!died: it ends with signal 6");
}

TEST(Scenarios, EachTellsItsStoryWithoutAViolation) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  constexpr bool kSlow = true;  // Fifteen times as slow there: the smallest cluster only.
#else
  constexpr bool kSlow = false;
#endif
  for (const ScenarioKind& kind : scenario_kinds()) {
    if (kSlow && kind.name != std::string_view("death-match")) continue;
    SeedOptions options;
    options.scenario = kind.name;
    const SeedResult r = run_seed(1, options);
    EXPECT_EQ(r.violation, "") << kind.name;
  }
}

}  // namespace
}  // namespace systole::sim
