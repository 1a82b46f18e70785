// Quorum as votequorum(5) describes it: the cases of its manual page as tables of views.
#include "membership/quorum.h"

#include <gmock/gmock.h>

namespace systole::membership {
namespace {

ClusterConfig config_of(unsigned nodes) {
  ClusterConfig config;
  for (std::uint32_t i = 1; i <= nodes; ++i)
    config.nodes.push_back({NodeId{i}, fmt::format("n{}", i), {"x"}, 1});
  return config;
}

View view_of(std::uint64_t sequence, const std::vector<std::uint32_t>& nodes) {
  View view{{sequence, NodeId{nodes.front()}}, {}};
  for (const std::uint32_t i : nodes) view.members.push_back({NodeId{i}, Incarnation{1}});
  return view;
}

std::vector<std::uint32_t> first(unsigned count) {
  std::vector<std::uint32_t> nodes;
  for (std::uint32_t i = 1; i <= count; ++i) nodes.push_back(i);
  return nodes;
}

ViewFacts seen_all(bool seen) {
  ViewFacts facts;
  facts.all.seen_all = seen;
  return facts;
}

struct Case {
  const char* what;
  unsigned nodes;
  bool two_node, wait_for_all, seen_all;
  unsigned members;
  bool quorate;
  unsigned threshold;
};
class OneView : public ::testing::TestWithParam<Case> {};

TEST_P(OneView, IsJudgedAsVotequorumDoes) {
  const Case& c = GetParam();
  ClusterConfig config = config_of(c.nodes);
  config.quorum.two_node = c.two_node;
  config.quorum.wait_for_all = c.wait_for_all;
  QuorumJudge judge(config);
  const Quorum q = judge.judge(view_of(1, first(c.members)), seen_all(c.seen_all));
  EXPECT_EQ(q.quorate, c.quorate) << c.what;
  EXPECT_EQ(q.threshold, c.threshold) << c.what;
  EXPECT_EQ(q.votes, c.members) << c.what;
}

INSTANTIATE_TEST_SUITE_P(Table, OneView,
                         ::testing::Values(Case{"one node", 1, false, false, false, 1, true, 1},
                                           Case{"half is too little", 4, false, false, false, 2, false, 3},
                                           Case{"more than half", 5, false, false, false, 3, true, 3},
                                           Case{"the manual's 8 nodes", 8, false, false, false, 5, true, 5},
                                           Case{"four of 8", 8, false, false, false, 4, false, 5},
                                           Case{"one of two", 2, false, false, false, 1, false, 2},
                                           Case{"two_node", 2, true, false, false, 1, true, 1},
                                           Case{"two_node waits", 2, true, true, false, 1, false, 1},
                                           Case{"two_node has seen all", 2, true, true, true, 1, true, 1},
                                           Case{"majority waits", 3, false, true, false, 2, false, 2},
                                           Case{"five of 8 wait", 8, false, true, false, 5, false, 5},
                                           Case{"five of 8 go on", 8, false, true, true, 5, true, 5},
                                           Case{"all are here", 3, false, true, false, 3, true, 2}));

TEST(Quorum, AllSeenOnceIsRememberedAndExpectedVotesRiseWithTheView) {
  ClusterConfig config = config_of(3);
  config.quorum.wait_for_all = true;
  QuorumJudge judge(config);
  EXPECT_FALSE(judge.judge(view_of(1, first(2)), {}).quorate);
  EXPECT_TRUE(judge.judge(view_of(2, first(3)), {}).quorate);
  EXPECT_TRUE(judge.judge(view_of(3, first(2)), {}).quorate);
  ASSERT_TRUE(judge.set_expected_votes(1));
  EXPECT_EQ(judge.again().expected_votes, 2U);  // Never below the votes that are here.
  EXPECT_FALSE(judge.set_expected_votes(0));
}

TEST(Quorum, TwoNodeIsOverOnceThreeAreHere) {
  ClusterConfig config = config_of(3);
  config.quorum.two_node = true;
  config.quorum.wait_for_all = false;
  config.quorum.expected_votes = 2;
  QuorumJudge judge(config);
  EXPECT_TRUE(judge.judge(view_of(1, {1}), {}).quorate);
  judge.judge(view_of(2, {1, 2, 3}), {});
  EXPECT_FALSE(judge.judge(view_of(3, {1}), {}).quorate);
}

TEST(Quorum, WhatAnAdministratorMaySet) {
  Quorum now;
  now.votes = 2;
  now.expected_votes = 5;
  EXPECT_TRUE(may_set_expected_votes(now, 3));
  EXPECT_TRUE(may_set_expected_votes(now, 1));
  EXPECT_FALSE(may_set_expected_votes(now, 4));
  EXPECT_FALSE(may_set_expected_votes(now, 0));
}

TEST(Quorum, AQuorateMembersExpectedVotesOutrankOthers) {
  ViewFacts facts;
  facts.add({false, false, 8, {}, {}});
  facts.add({false, true, 3, {5, NodeId{1}}, NodeId{1}});
  facts.add({true, true, 4, {3, NodeId{1}}, NodeId{2}});
  facts.add({false, false, 9, {}, {}});
  EXPECT_EQ(facts.all.expected_votes, 4U);
  EXPECT_EQ(facts.all.tie_breaker, NodeId{1});
  EXPECT_TRUE(facts.all.seen_all);
}

// The manual's chain of events: 8 nodes lose six, and one comes back.
TEST(LastManStanding, FollowsTheNodesDownAndUpAgain) {
  ClusterConfig config = config_of(8);
  config.quorum.last_man_standing = true;
  QuorumJudge judge(config);
  EXPECT_EQ(judge.judge(view_of(1, first(8)), {}).threshold, 5U);
  EXPECT_FALSE(judge.window());
  const struct {
    unsigned members;
    bool quorate;
    unsigned expected_after, threshold_after;
  } steps[] = {{5, true, 5, 3}, {3, true, 3, 2}, {2, true, 2, 2}, {1, false, 2, 2}};
  std::uint64_t sequence = 1;
  for (const auto& step : steps) {
    EXPECT_EQ(judge.judge(view_of(++sequence, first(step.members)), {}).quorate, step.quorate)
        << step.members;
    EXPECT_EQ(judge.window().has_value(), step.quorate) << step.members;
    judge.recalculate();
    const Quorum q = judge.again();
    EXPECT_EQ(q.expected_votes, step.expected_after);
    EXPECT_EQ(q.threshold, step.threshold_after);
  }
  ViewFacts facts;
  facts.add(
      {true, true, 4, {8, NodeId{1}}, {}, {8, NodeId{1}}, {NodeId{1}, NodeId{2}, NodeId{3}, NodeId{7}}});
  facts.add({false, false, 8, {}, {}});
  const Quorum q = judge.judge(view_of(9, {1, 2, 3, 7}), facts);
  EXPECT_EQ(q.expected_votes, 4U);
  EXPECT_TRUE(q.quorate);
}

TEST(LastManStanding, WithATieBreakerOneNodeRemains) {
  ClusterConfig config = config_of(4);
  config.quorum.last_man_standing = true;
  config.quorum.auto_tie_breaker = true;
  QuorumJudge one(config), two(config);
  for (QuorumJudge* judge : {&one, &two}) {
    judge->judge(view_of(1, first(4)), {});
    EXPECT_TRUE(judge->judge(view_of(2, {1, 2}), {}).by_tie_breaker);
    judge->recalculate();
    EXPECT_EQ(judge->again().expected_votes, 2U);
  }
  EXPECT_TRUE(one.judge(view_of(3, {1}), {}).by_tie_breaker);
  EXPECT_FALSE(two.judge(view_of(4, {2}), {}).quorate);
  one.recalculate();
  EXPECT_EQ(one.again().threshold, 1U);
}

struct TieCase {
  const char* what;
  QuorumOptions::TieBreaker kind;
  std::vector<NodeId> list;
  std::vector<std::uint32_t> before, half, other;
  bool half_wins, other_wins;
};
class Tie : public ::testing::TestWithParam<TieCase> {};

TEST_P(Tie, GoesToOneHalfAtMost) {
  const TieCase& c = GetParam();
  ClusterConfig config = config_of(4);
  config.quorum.auto_tie_breaker = true;
  config.quorum.tie_breaker = c.kind;
  config.quorum.tie_breaker_nodes = c.list;
  QuorumJudge one(config), two(config);
  one.judge(view_of(1, c.before), {});
  two.judge(view_of(1, c.before), {});
  EXPECT_EQ(one.judge(view_of(2, c.half), {}).quorate, c.half_wins) << c.what;
  EXPECT_EQ(two.judge(view_of(3, c.other), {}).quorate, c.other_wins) << c.what;
}

using TB = QuorumOptions::TieBreaker;
INSTANTIATE_TEST_SUITE_P(
    Table, Tie,
    ::testing::Values(
        TieCase{"lowest", TB::kLowest, {}, {1, 2, 3, 4}, {1, 4}, {2, 3}, true, false},
        TieCase{"highest", TB::kHighest, {}, {1, 2, 3, 4}, {1, 4}, {2, 3}, true, false},
        TieCase{"highest, the other", TB::kHighest, {}, {1, 2, 3, 4}, {1, 2}, {3, 4}, false, true},
        TieCase{"a list", TB::kList, {NodeId{3}, NodeId{1}}, {1, 2, 3, 4}, {1, 2}, {3, 4}, false, true},
        TieCase{"the list's second, the first was away",
                TB::kList,
                {NodeId{4}, NodeId{1}},
                {1, 2, 3},
                {1, 2},
                {3, 4},
                true,
                false},
        TieCase{
            "no one of the list was here", TB::kList, {NodeId{4}}, {1, 2, 3}, {1, 2}, {3, 4}, false, false},
        TieCase{"less than half", TB::kLowest, {}, {1, 2, 3, 4}, {1}, {2, 3, 4}, false, true}));

TEST(TieBreaker, NodesThatMerelyStartTogetherWinNoTie) {
  ClusterConfig config = config_of(4);
  config.quorum.auto_tie_breaker = true;
  QuorumJudge fresh(config);
  EXPECT_FALSE(fresh.judge(view_of(9, {1, 2}), {}).quorate);
  // A member that knows who broke the last tie tells it.
  ViewFacts facts;
  facts.add({false, false, 4, {7, NodeId{2}}, NodeId{2}});
  EXPECT_TRUE(fresh.judge(view_of(10, {1, 2}), facts).by_tie_breaker);
}

TEST(AllowDownscale, GoesDownWithOrderlyLeaversToWhatIsConfigured) {
  ClusterConfig config = config_of(6);
  config.quorum.allow_downscale = true;
  config.quorum.expected_votes = 3;
  QuorumJudge judge(config);
  EXPECT_EQ(judge.judge(view_of(1, first(6)), {}).expected_votes, 6U);
  ViewFacts left;
  left.left_well = {NodeId{6}};
  EXPECT_EQ(judge.judge(view_of(2, first(5)), left).expected_votes, 5U);
  EXPECT_EQ(judge.judge(view_of(3, first(4)), {}).expected_votes, 5U);  // It died.
  left.left_well = {NodeId{3}, NodeId{4}, NodeId{2}};
  EXPECT_EQ(judge.judge(view_of(4, {1}), left).expected_votes, 3U);
}

TEST(QuorumDevice, ItsVoteCountsOnceAndForOneView) {
  ClusterConfig config = config_of(2);
  config.quorum.device_votes = 1;
  QuorumJudge judge(config);
  EXPECT_EQ(judge.judge(view_of(1, {1, 2}), {}).expected_votes, 3U);
  EXPECT_FALSE(judge.device_has_spoken());
  EXPECT_FALSE(judge.judge(view_of(2, {1}), {}).quorate);
  judge.set_device_vote(NodeId{1}, {true, false});
  EXPECT_TRUE(judge.device_has_spoken());
  Quorum q = judge.again();
  EXPECT_TRUE(q.quorate && q.device_casts);
  EXPECT_EQ(q.votes, 2U);
  q = judge.judge(view_of(3, {1, 2}), {});
  EXPECT_FALSE(q.device_casts);
  judge.set_device_vote(NodeId{1}, {true, false});
  judge.set_device_vote(NodeId{2}, {true, false});
  EXPECT_EQ(judge.again().votes, 3U);
  judge.judge(view_of(4, {1}), {});
  judge.set_device_vote(NodeId{1}, {false, false});
  EXPECT_TRUE(judge.device_has_spoken());
  EXPECT_FALSE(judge.again().quorate);
}

TEST(QuorumDevice, AMasterWinsWithoutAMajority) {
  ClusterConfig config = config_of(5);
  config.quorum.device_votes = 1;
  QuorumJudge judge(config);
  judge.judge(view_of(1, {1}), {});
  judge.set_device_vote(NodeId{1}, {true, true});
  EXPECT_TRUE(judge.again().quorate);
  judge.set_device_vote(NodeId{1}, {false, true});
  EXPECT_FALSE(judge.again().quorate);
}

}  // namespace
}  // namespace systole::membership
