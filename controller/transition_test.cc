#include "controller/transition.h"

#include <gtest/gtest.h>

namespace systole::controller {
namespace {

using Kind = pengine::Action::Kind;

// A graph written as one would draw it.
class Drawn {
 public:
  int action(const std::string& key, const std::string& node = "n1", Kind kind = Kind::kResource,
             std::vector<int> inputs = {}, int priority = 0) {
    pengine::Action a;
    const auto index = static_cast<int>(graph_.actions.size());
    a.id = index + 10;
    a.kind = kind;
    a.key = key;
    a.task = key.substr(key.find('_') + 1);
    a.node = node;
    graph_.actions.push_back(a);
    graph_.synapses.push_back({index, priority, index, std::move(inputs)});
    return index;
  }
  int pseudo(const std::string& key, std::vector<int> inputs) {
    return action(key, "", Kind::kPseudo, std::move(inputs));
  }
  pengine::Action& operator[](int i) { return graph_.actions[static_cast<std::size_t>(i)]; }
  Transition begin(TransitionLimits limits = {}) { return {7, graph_, limits}; }

 private:
  pengine::Graph graph_;
};

TEST(Transition, AnActionStartsOnceAllItsInputsHaveEndedWell) {
  Drawn g;
  const int stop = g.action("a_stop"), other = g.action("b_stop");
  const int start = g.action("a_start", "n2", Kind::kResource, {stop, other});
  Transition t = g.begin();
  EXPECT_EQ(t.next(), (std::vector{stop, other}));
  EXPECT_TRUE(t.next().empty());
  EXPECT_TRUE(t.confirm(stop, true));
  EXPECT_TRUE(t.next().empty());
  EXPECT_TRUE(t.confirm(other, true));
  EXPECT_EQ(t.next(), std::vector{start});
  EXPECT_FALSE(t.finished());
  t.confirm(start, true);
  EXPECT_TRUE(t.finished());
  EXPECT_FALSE(t.failed());
  EXPECT_EQ(t.incomplete(), 0U);
}

TEST(Transition, ANodeLeavesOnlyOnceItWasAskedWhatRunsThere) {
  Drawn g;
  const int go = g.action("n1_do_shutdown", "n1", Kind::kCluster);
  g[go].task = "do_shutdown";
  const int probe = g.action("a_monitor_0", "n1"), elsewhere = g.action("a_monitor_0", "n2");
  const int watch = g.action("b_monitor_10000", "n1");
  Transition t = g.begin();
  EXPECT_EQ(t.next(), (std::vector{probe, elsewhere, watch}));
  Transition found = g.begin();
  found.next();
  EXPECT_TRUE(found.confirm(probe, false));  // It runs there: planned anew.
  EXPECT_TRUE(found.next().empty());
  EXPECT_TRUE(t.confirm(probe, true));
  EXPECT_EQ(t.next(), std::vector{go});
}

TEST(Transition, PseudoActionsEndAsTheyStartAndChain) {
  Drawn g;
  const int a = g.pseudo("g_start", {});
  const int b = g.pseudo("h_start", {a});
  const int start = g.action("a_start", "n1", Kind::kResource, {b});
  Transition t = g.begin();
  EXPECT_EQ(t.next(), std::vector{start});
}

TEST(Transition, AFailureStopsWhatDependsOnItAndAllOfNoHigherPriority) {
  Drawn g;
  const int bad = g.action("a_start"), after = g.action("b_start", "n1", Kind::kResource, {bad});
  const int low = g.action("c_start", "n1", Kind::kResource, {bad}, 5);
  Transition t = g.begin();
  EXPECT_EQ(t.next(), std::vector{bad});
  t.confirm(bad, false);
  EXPECT_TRUE(t.next().empty());
  EXPECT_TRUE(t.failed());
  EXPECT_TRUE(t.aborted());
  EXPECT_TRUE(t.finished());
  EXPECT_EQ(t.incomplete(), 2U);
  EXPECT_FALSE(t.in_flight(after));
  EXPECT_FALSE(t.in_flight(low));
}

TEST(Transition, WhatIsOfHigherPriorityGoesOnAfterAFailure) {
  Drawn g;
  const int bad = g.action("a_monitor");
  const int gate = g.action("b_stop");
  const int fence = g.action("n3_stonith", "n3", Kind::kCluster, {gate}, 100);
  Transition t = g.begin();
  EXPECT_EQ(t.next(), (std::vector{bad, gate}));
  t.confirm(bad, false);
  t.confirm(gate, true);
  EXPECT_EQ(t.next(), std::vector{fence});
}

TEST(Transition, AFailureThatMayFailCountsAsAnEnd) {
  Drawn g;
  const int may = g.action("a_stop");
  g[may].can_fail = true;
  const int after = g.action("b_start", "n1", Kind::kResource, {may});
  Transition t = g.begin();
  t.next();
  t.confirm(may, false);
  EXPECT_EQ(t.next(), std::vector{after});
  EXPECT_FALSE(t.failed());
}

TEST(Transition, AnAbortLetsWhatIsInFlightEndAndStartsNothing) {
  Drawn g;
  const int a = g.action("a_start"), b = g.action("b_start", "n1", Kind::kResource, {a});
  Transition t = g.begin();
  t.next();
  t.abort(Transition::kAbortAll, "the configuration changed");
  EXPECT_FALSE(t.finished());
  EXPECT_TRUE(t.confirm(a, true));
  EXPECT_TRUE(t.next().empty());
  EXPECT_TRUE(t.finished());
  EXPECT_EQ(t.abort_reason(), "the configuration changed");
  EXPECT_FALSE(t.in_flight(b));
}

TEST(Transition, TheStrongestAbortCounts) {
  Drawn g;
  g.action("a_start");
  Transition t = g.begin();
  t.abort(10, "first");
  t.abort(5, "weaker");
  EXPECT_EQ(t.abort_reason(), "first");
  t.abort(Transition::kAbortAll, "all");
  EXPECT_EQ(t.abort_reason(), "all");
}

TEST(Transition, HigherPrioritiesStartFirst) {
  Drawn g;
  const int low = g.action("a_start"), high = g.action("b_start", "n1", Kind::kResource, {}, 50);
  TransitionLimits one;
  one.batch = 1;
  Transition t = g.begin(one);
  EXPECT_EQ(t.next(), std::vector{high});
  EXPECT_TRUE(t.next().empty());
  t.confirm(high, true);
  EXPECT_EQ(t.next(), std::vector{low});
}

TEST(Transition, ANodeTakesNoMoreThanItsLimitAndOthersDoNotWaitForIt) {
  Drawn g;
  const int a = g.action("a_start", "n1"), b = g.action("b_start", "n1"), c = g.action("c_start", "n2");
  TransitionLimits limits;
  limits.per_node = 1;
  Transition t = g.begin(limits);
  EXPECT_EQ(t.next(), (std::vector{a, c}));
  t.confirm(a, true);
  EXPECT_EQ(t.next(), std::vector{b});
}

TEST(Transition, MigrationsHaveALimitOfTheirOwn) {
  Drawn g;
  const int a = g.action("a_migrate_to"), b = g.action("b_migrate_to"), c = g.action("c_start");
  TransitionLimits limits;
  limits.migrations = 1;
  Transition t = g.begin(limits);
  EXPECT_EQ(t.next(), (std::vector{a, c}));
  t.confirm(a, true);
  EXPECT_EQ(t.next(), std::vector{b});
}

TEST(Transition, AResultThatNothingWaitsForIsRefused) {
  Drawn g;
  const int a = g.action("a_start");
  Transition t = g.begin();
  EXPECT_FALSE(t.confirm(a, true));
  t.next();
  EXPECT_TRUE(t.confirm(a, true));
  EXPECT_FALSE(t.confirm(a, true));
  EXPECT_FALSE(t.confirm(99, true));
  EXPECT_EQ(t.index_of(10), a);
  EXPECT_EQ(t.index_of(1), -1);
}

}  // namespace
}  // namespace systole::controller
