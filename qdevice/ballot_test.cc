// ffsplit and lms, sentence by sentence of corosync-qdevice(8).
#include "qdevice/ballot.h"

#include <gmock/gmock.h>

namespace systole::qdevice {
namespace {

using A = Rules::Algorithm;
using T = Rules::TieBreaker;
using H = Heuristics;

struct Said {
  std::uint32_t node;
  std::uint64_t ring;
  std::vector<std::uint32_t> members;
  H heuristics = H::kNone;
};

std::vector<NodeId> ids(const std::vector<std::uint32_t>& raw_ids) {
  std::vector<NodeId> out;
  for (const std::uint32_t id : raw_ids) out.push_back(NodeId{id});
  return out;
}

struct Case {
  const char* sentence;
  A algorithm;
  unsigned nodes;
  std::vector<Said> said;
  std::uint64_t winner;  // Sequence of the ring; 0: nobody.
  T tie = T::kLowest;
  std::uint32_t tie_node = 0;
  std::vector<std::uint32_t> active = {};
};
class Ballot : public ::testing::TestWithParam<Case> {};

TEST_P(Ballot, ChoosesAsTheManualSays) {
  const Case& c = GetParam();
  Rules rules{c.algorithm, c.tie, NodeId{c.tie_node}, true, {}};
  for (std::uint32_t i = 1; i <= c.nodes; ++i) rules.nodes.push_back(NodeId{i});
  std::vector<Report> reports;
  for (const Said& s : c.said)
    reports.push_back({NodeId{s.node}, {s.ring, NodeId{1}}, ids(s.members), s.heuristics});
  const auto chosen = choose(rules, reports, ids(c.active));
  EXPECT_EQ(chosen ? chosen->sequence : 0, c.winner) << c.sentence;
}

INSTANTIATE_TEST_SUITE_P(
    Ffsplit, Ballot,
    ::testing::Values(
        Case{"nobody is here", A::kFfsplit, 2, {}, 0},
        Case{"the highest number of active nodes", A::kFfsplit, 4, {{1, 5, {1}}, {2, 6, {2, 3, 4}}}, 6},
        Case{"less than half gets nothing", A::kFfsplit, 4, {{1, 5, {1}}}, 0},
        Case{"half is enough", A::kFfsplit, 4, {{3, 5, {3, 4}}}, 5},
        Case{"equal halves: the higher score",
             A::kFfsplit,
             4,
             {{1, 5, {1, 2}}, {3, 6, {3, 4}}, {4, 6, {3, 4}}},
             6},
        Case{"heuristics failed", A::kFfsplit, 2, {{1, 5, {1}, H::kFailed}, {2, 6, {2}, H::kPassed}}, 6},
        Case{"the score is one sum",
             A::kFfsplit,
             4,
             {{1, 5, {1, 2}, H::kFailed}, {2, 5, {1, 2}, H::kFailed}, {3, 6, {3, 4}, H::kNone}},
             6},
        Case{"tie_breaker lowest", A::kFfsplit, 2, {{1, 5, {1}}, {2, 6, {2}}}, 5},
        Case{"tie_breaker highest", A::kFfsplit, 2, {{1, 5, {1}}, {2, 6, {2}}}, 6, T::kHighest},
        Case{"tie_breaker a node", A::kFfsplit, 4, {{1, 5, {1, 2}}, {3, 6, {3, 4}}}, 6, T::kNode, 4},
        Case{"that node is nowhere: lowest",
             A::kFfsplit,
             6,
             {{1, 5, {1, 2, 3}}, {4, 6, {4, 5}}},
             5,
             T::kNode,
             6},
        Case{"a tie keeps the active partition",
             A::kFfsplit,
             4,
             {{1, 5, {1, 2}}, {3, 6, {3, 4}}},
             6,
             T::kLowest,
             0,
             {3, 4}},
        Case{"who has left a ring is not of it",
             A::kFfsplit,
             2,
             {{1, 5, {1, 2}}, {2, 6, {2}}},
             6,
             T::kHighest},
        Case{"a stranger adds nothing", A::kFfsplit, 4, {{1, 5, {1, 9, 10}}}, 0}));

INSTANTIATE_TEST_SUITE_P(
    Lms, Ballot,
    ::testing::Values(
        Case{"the only one that sees the arbitrator", A::kLms, 5, {{4, 5, {4}}}, 5},
        Case{"the higher score, though smaller",
             A::kLms,
             5,
             {{1, 5, {1}, H::kPassed}, {2, 6, {2, 3, 4, 5}, H::kFailed}},
             5},
        Case{"equal scores: the largest", A::kLms, 5, {{1, 5, {1, 2}}, {3, 6, {3, 4, 5}}}, 6},
        Case{"more than one equal: lowest", A::kLms, 4, {{1, 5, {1, 2}}, {3, 6, {3, 4}}}, 5},
        Case{"more than one equal: highest", A::kLms, 4, {{1, 5, {1, 2}}, {3, 6, {3, 4}}}, 6, T::kHighest},
        Case{
            "the active one is kept", A::kLms, 4, {{1, 5, {1, 2}}, {3, 6, {3, 4}}}, 6, T::kLowest, 0, {3, 4}},
        Case{"nobody is here", A::kLms, 4, {}, 0}));

INSTANTIATE_TEST_SUITE_P(Test, Ballot,
                         ::testing::Values(Case{
                             "the newest ring", A::kTest, 4, {{1, 5, {1}}, {2, 8, {2}}}, 8}));

TEST(Partitions, CountEachRingOnce) {
  const auto found = partitions({{NodeId{1}, {5, NodeId{1}}, ids({1, 2, 3}), H::kPassed},
                                 {NodeId{2}, {5, NodeId{1}}, ids({1, 2, 3}), H::kFailed},
                                 {NodeId{3}, {6, NodeId{3}}, ids({3}), H::kNone}});
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].members, ids({1, 2}));
  EXPECT_EQ(found[0].connected, 2U);
  EXPECT_EQ(found[0].score, 2);
  EXPECT_EQ(found[1].score, 1);
}

}  // namespace
}  // namespace systole::qdevice
