// The arbitrator's promise, and its patience: the cases a person would ask about, as stories.
#include "qdevice/arbiter.h"

#include <gmock/gmock.h>

namespace systole::qdevice {
namespace {

using std::chrono::seconds;

class Story : public ::testing::Test {
 protected:
  Story() {
    settings_.lease = seconds(10);
    settings_.rules.nodes = {NodeId{1}, NodeId{2}};
    arbiter_.emplace(settings_, now_);
  }
  void join(std::uint32_t node, std::uint64_t life = 1) {
    ASSERT_TRUE(arbiter_->join(now_, {NodeId{node}, Incarnation{life}}, settings_));
  }
  void report(std::uint32_t node, std::uint64_t ring, std::vector<std::uint32_t> members) {
    Report r{NodeId{node}, {ring, NodeId{members.front()}}, {}, Heuristics::kNone, false};
    for (const std::uint32_t m : members) r.members.push_back(NodeId{m});
    arbiter_->report(now_, r);
  }
  void both(std::uint64_t ring) {
    join(1);
    join(2);
    report(1, ring, {1, 2});
    report(2, ring, {1, 2});
  }
  void pass(seconds time) {
    now_ += time;
    arbiter_->advance(now_);
  }
  // "1+5": node 1 is told yes for ring 5; "2-6": no.
  std::string told() {
    std::string text;
    for (const Arbiter::Vote& v : arbiter_->take())
      text +=
          fmt::format("{}{}{}{}", text.empty() ? "" : " ", raw(v.to), v.casts ? '+' : '-', v.ring.sequence);
    return text;
  }
  Settings settings_;
  std::optional<Arbiter> arbiter_;
  Time now_{seconds(1000)};
};

TEST_F(Story, ASplitInTwoGivesItToOne) {
  both(5);
  EXPECT_EQ(told(), "1+5 2+5");
  report(1, 6, {1});
  EXPECT_EQ(told(), "");  // Node 2 still reports the ring that node 1 has left: its word is awaited.
  report(2, 7, {2});
  EXPECT_EQ(told(), "1+6 2-7");
}

TEST_F(Story, WhoDiesIsNotAwaitedForLong) {
  both(5);
  (void)told();
  report(2, 6, {2});
  EXPECT_EQ(told(), "");
  pass(seconds(3));
  EXPECT_EQ(told(), "1-5 2+6");  // Whatever node 1 is, its ring is breaking up.
}

TEST_F(Story, AVoteMovesToTheOtherSideOnlyWhenItCountsNoMore) {
  both(5);
  report(1, 6, {1});
  report(2, 7, {2});
  EXPECT_EQ(told(), "1+5 2+5 1+6 2-7");
  arbiter_->leave(now_, NodeId{1});  // The connection, not the node.
  pass(seconds(10));
  arbiter_->heard(now_, NodeId{2});
  EXPECT_EQ(told(), "");
  pass(seconds(1));
  EXPECT_EQ(told(), "2+7");  // Its lease is over.
}

TEST_F(Story, AWinnerThatConfirmsFreesTheVoteAtOnce) {
  settings_.rules.nodes = {NodeId{1}, NodeId{2}, NodeId{3}, NodeId{4}};
  settings_.rules.keep_active = false;
  arbiter_.emplace(settings_, now_);
  join(3);
  report(3, 5, {3, 4});
  EXPECT_EQ(told(), "3+5");
  join(1);
  report(1, 6, {1, 2});
  EXPECT_EQ(told(), "3-5");  // The tie is the lowest's, once 3 has given it up.
  arbiter_->released(now_, NodeId{3}, {5, NodeId{3}});
  EXPECT_EQ(told(), "");
  pass(seconds(3));  // Node 4 heard of it through node 3.
  arbiter_->heard(now_, NodeId{1});
  arbiter_->heard(now_, NodeId{3});
  EXPECT_EQ(told(), "");
  pass(seconds(1));
  EXPECT_EQ(told(), "1+6");
}

TEST_F(Story, AnArbitratorThatHasForgottenIsQuietFirst) {
  arbiter_.emplace(settings_, now_ + seconds(11));
  join(2);
  report(2, 7, {2});
  EXPECT_EQ(told(), "");
  pass(seconds(8));
  arbiter_->heard(now_, NodeId{2});
  EXPECT_EQ(told(), "");
  pass(seconds(3));
  EXPECT_EQ(told(), "2+7");
}

TEST_F(Story, ButNotWhenAllAreHere) {
  arbiter_.emplace(settings_, now_ + seconds(11));
  both(5);
  EXPECT_EQ(told(), "1+5 2+5");
}

TEST_F(Story, ANewLifeHasForgottenWhatTheOldOneWasTold) {
  join(1);
  report(1, 5, {1});
  EXPECT_EQ(told(), "1+5");
  arbiter_->leave(now_, NodeId{1});
  join(2);
  report(2, 6, {2});
  EXPECT_EQ(told(), "");  // Node 1 may still count it.
  join(1, 2);
  EXPECT_EQ(told(), "2+6");
  report(1, 8, {1});
  EXPECT_EQ(told(), "1-8");
  EXPECT_FALSE(arbiter_->join(now_, {NodeId{1}, Incarnation{1}}, settings_));
}

TEST_F(Story, OtherSettingsAreRefusedWhileOthersAreHere) {
  join(1);
  Settings other = settings_;
  other.rules.tie_breaker = Rules::TieBreaker::kHighest;
  EXPECT_EQ(arbiter_->join(now_, {NodeId{2}, Incarnation{1}}, other).error().code, Errc::kInvalidConfig);
  EXPECT_TRUE(arbiter_->join(now_, {NodeId{1}, Incarnation{1}}, other));
  EXPECT_EQ(arbiter_->join(now_, {NodeId{9}, Incarnation{1}}, other).error().code, Errc::kDenied);
}

TEST_F(Story, WhatIsOverIsTakenBackFromWhoComesToLifeAgain) {
  join(1);
  report(1, 5, {1});
  EXPECT_EQ(told(), "1+5");
  pass(seconds(12));
  EXPECT_EQ(told(), "1-5");
  arbiter_->heard(now_, NodeId{1});
  EXPECT_EQ(told(), "1+5");
}

}  // namespace
}  // namespace systole::qdevice
