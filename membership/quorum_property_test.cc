// No two partitions are quorate at once: random clusters, options and splits, judged by each node's own
// judge. Not promised by two_node (its loser is fenced), nor by expected_votes below the sum of the votes,
// whether configured or set by an administrator, nor by allow_downscale, which makes it so.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "membership/quorum.h"

namespace systole::membership {
namespace {

class World {
 public:
  explicit World(ClusterConfig config)
      : config_(std::move(config)), judges_(config_.nodes.size(), QuorumJudge(config_)) {
    split(std::vector<unsigned>(judges_.size(), 0));
  }

  // Nodes with the same number form a view.
  void split(const std::vector<unsigned>& partition_of) {
    std::map<unsigned, std::vector<std::size_t>> partitions;
    for (std::size_t i = 0; i < judges_.size(); ++i) partitions[partition_of[i]].push_back(i);
    for (const auto& [number, members] : partitions) form(members);
    check();
  }

  // last_man_standing's window passes in the view of `node`.
  void window(std::size_t node) {
    const View view = judges_[node].view();
    if (!judges_[node].window()) return;
    for (std::size_t i = 0; i < judges_.size(); ++i) {
      if (judges_[i].view() != view) continue;
      judges_[i].recalculate();
      judged_[i] = judges_[i].again();
    }
    check();
  }

  std::size_t size() const { return judges_.size(); }

 private:
  void form(const std::vector<std::size_t>& members) {
    View view{{++sequence_, config_.nodes[members.front()].id}, {}};
    ViewFacts facts;
    for (const std::size_t i : members) {
      view.members.push_back({config_.nodes[i].id, Incarnation{1}});
      facts.add(judges_[i].facts());
    }
    for (const std::size_t i : members) judged_[i] = judges_[i].judge(view, facts);
  }

  void check() const {
    std::set<RingId> quorate;
    for (const auto& [i, quorum] : judged_) {
      if (quorum.quorate) quorate.insert(judges_[i].view().id);
    }
    RC_ASSERT(quorate.size() <= 1U);
  }

  ClusterConfig config_;
  std::vector<QuorumJudge> judges_;
  std::map<std::size_t, Quorum> judged_;
  std::uint64_t sequence_ = 0;
};

ClusterConfig random_config() {
  ClusterConfig config;
  const auto nodes = *rc::gen::inRange(1U, 9U);
  QuorumOptions& q = config.quorum;
  q.wait_for_all = *rc::gen::arbitrary<bool>();
  q.last_man_standing = *rc::gen::arbitrary<bool>();
  q.auto_tie_breaker = *rc::gen::arbitrary<bool>();
  q.tie_breaker = *rc::gen::element(QuorumOptions::TieBreaker::kLowest, QuorumOptions::TieBreaker::kHighest,
                                    QuorumOptions::TieBreaker::kList);
  q.tie_breaker_nodes = {NodeId{*rc::gen::inRange(1U, nodes + 1)}, NodeId{1}};
  for (std::uint32_t i = 1; i <= nodes; ++i) {
    const unsigned votes = q.last_man_standing ? 1 : *rc::gen::inRange(1U, 4U);
    config.nodes.push_back({NodeId{i}, fmt::format("n{}", i), {"x"}, votes});
  }
  return config;
}

RC_GTEST_PROP(QuorumSafety, NoTwoPartitionsAreQuorate, ()) {
  World world(random_config());
  for (unsigned steps = *rc::gen::inRange(1U, 12U); steps > 0; --steps) {
    if (*rc::gen::inRange(0, 3) == 0) {
      world.window(*rc::gen::inRange<std::size_t>(0, world.size()));
    } else {
      world.split(*rc::gen::container<std::vector<unsigned>>(world.size(), rc::gen::inRange(0U, 3U)));
    }
  }
}

// What lets votes that were lost before come back on the wrong side: two of five leave, and meet the lost
// three.
TEST(LastManStanding, ThoseLostBeforeMakeNoQuorumWithThoseThatLeaveNow) {
  ClusterConfig config;
  for (std::uint32_t i = 1; i <= 8; ++i) config.nodes.push_back({NodeId{i}, fmt::format("n{}", i), {"x"}, 1});
  config.quorum.last_man_standing = true;
  const auto view_of = [](std::uint64_t sequence, const std::vector<std::uint32_t>& nodes) {
    View view{{sequence, NodeId{nodes.front()}}, {}};
    for (const std::uint32_t i : nodes) view.members.push_back({NodeId{i}, Incarnation{1}});
    return view;
  };
  QuorumJudge four(config), six(config);
  for (QuorumJudge* judge : {&four, &six}) judge->judge(view_of(1, {1, 2, 3, 4, 5, 6, 7, 8}), {});
  four.judge(view_of(2, {1, 2, 3, 4, 5}), {});
  six.judge(view_of(3, {6, 7, 8}), {});
  four.recalculate();
  EXPECT_EQ(four.again().threshold, 3U);
  ViewFacts facts;
  facts.add(four.facts());
  facts.add(six.facts());
  EXPECT_FALSE(four.judge(view_of(4, {4, 5, 6, 7, 8}), facts).quorate);
  EXPECT_FALSE(six.judge(view_of(4, {4, 5, 6, 7, 8}), facts).quorate);
}

}  // namespace
}  // namespace systole::membership
