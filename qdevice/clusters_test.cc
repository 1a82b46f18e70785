// What an arbitrator does with connections that err, lie, flood or fall silent.
#include "qdevice/clusters.h"

#include <gmock/gmock.h>

#include "qdevice/qdevice.pb.h"
#include "qdevice/wire.h"

namespace systole::qdevice {
namespace {

using Connection = Clusters::Connection;

class Served : public ::testing::Test {
 protected:
  Served()
      : clusters_(now_ - Seconds(1000), Logger(),
                  {[this](Connection c, const wire::FromArbiter& m) { said_[c].push_back(m); },
                   [this](Connection c) { dropped_.insert(c); }}) {}

  static wire::ToArbiter hello(const std::string& cluster, std::uint32_t node, std::uint64_t life = 1) {
    Greeting g{cluster, {NodeId{node}, Incarnation{life}}, {}};
    g.settings.lease = Seconds(10);
    g.settings.rules.nodes = {NodeId{1}, NodeId{2}};
    wire::ToArbiter message;
    write(g, *message.mutable_hello());
    return message;
  }
  static wire::ToArbiter report(std::uint32_t node, std::uint64_t ring, const std::vector<NodeId>& members) {
    wire::ToArbiter message;
    write(Report{NodeId{node}, {ring, members.front()}, members, Heuristics::kNone, false},
          *message.mutable_report());
    return message;
  }
  void open(Connection c, const std::string& certified = "") { clusters_.opened(now_, c, "here", certified); }
  void send(Connection c, const wire::ToArbiter& message) {
    clusters_.received(now_, c, message.SerializeAsString());
  }
  std::string refusal(Connection c) {
    return said_[c].empty() || !said_[c].back().has_refused() ? "" : said_[c].back().refused();
  }

  Time now_{Seconds(5000)};
  std::map<Connection, std::vector<wire::FromArbiter>> said_;
  std::set<Connection> dropped_;
  Clusters clusters_;
};

TEST_F(Served, ANodeIsWelcomedHeardAndTold) {
  open(1);
  send(1, hello("c", 1));
  send(1, report(1, 5, {NodeId{1}, NodeId{2}}));
  wire::ToArbiter beat;
  beat.mutable_beat()->set_number(9);
  send(1, beat);
  ASSERT_EQ(said_[1].size(), 3U);
  EXPECT_TRUE(said_[1][0].has_welcome());
  EXPECT_TRUE(said_[1][1].vote().casts());
  EXPECT_EQ(said_[1][2].beat().number(), 9U);
  const std::string list = clusters_.list(now_, "", true);
  EXPECT_NE(list.find("Cluster \"c\":\n    Algorithm:\t\tFifty-Fifty split (KAP Tie-breaker)"),
            std::string::npos)
      << list;
  EXPECT_NE(list.find("Vote:\t\t\tACK (ACK)"), std::string::npos) << list;
  EXPECT_EQ(clusters_.list(now_, "other", false), "");
}

TEST_F(Served, ALiarSpeaksForNoClusterButItsOwn) {
  open(1, "mine");
  send(1, hello("theirs", 1));
  EXPECT_NE(refusal(1).find("its certificate is for cluster mine"), std::string::npos);
  EXPECT_TRUE(dropped_.contains(1));
}

TEST_F(Served, WhatIsNoMessageEndsTheConnection) {
  for (const Connection c : {1, 2, 3, 4}) open(c);
  clusters_.received(now_, 1, "\xff\xff\xff");
  send(2, report(1, 5, {NodeId{1}}));  // Before a greeting.
  send(3, hello("c", 1));
  send(3, hello("c", 1));
  send(4, hello("c", 2));
  send(4, report(2, 5, {NodeId{1}}));  // A ring without itself.
  EXPECT_EQ(dropped_, (std::set<Connection>{1, 2, 3, 4}));
  for (const Connection c : {1, 2, 3, 4}) EXPECT_NE(refusal(c), "") << c;
}

TEST_F(Served, GreetingsThatCannotBeAreRefused) {
  std::vector<wire::ToArbiter> bad(6, hello("c", 1));
  bad[0].mutable_hello()->set_version(2);
  bad[1].mutable_hello()->set_cluster("");
  bad[2].mutable_hello()->set_node(7);
  bad[3].mutable_hello()->set_lease_ms(1);
  bad[4].mutable_hello()->set_algorithm(9);
  bad[5].mutable_hello()->add_nodes(1);
  for (Connection c = 0; c < bad.size(); ++c) {
    open(c);
    send(c, bad[c]);
    EXPECT_NE(refusal(c), "") << c;
  }
}

TEST_F(Served, AFloodIsCutOff) {
  open(1);
  send(1, hello("c", 1));
  wire::ToArbiter beat;
  beat.mutable_beat();
  for (int i = 0; i < 1000 && !dropped_.contains(1); ++i) send(1, beat);
  EXPECT_TRUE(dropped_.contains(1));
  EXPECT_LT(said_[1].size(), 410U);
  open(2);
  send(2, hello("c", 1));
  for (int i = 0; i < 1000; ++i) {  // What a node has reason to.
    now_ += Milliseconds(100);
    send(2, beat);
  }
  EXPECT_FALSE(dropped_.contains(2));
}

TEST_F(Served, TheSilentAreForgotten) {
  open(1);
  open(2);
  send(2, hello("c", 1));
  now_ += Seconds(9);
  clusters_.advance(now_);
  EXPECT_TRUE(dropped_.empty());
  now_ += Seconds(1);
  clusters_.advance(now_);
  EXPECT_EQ(dropped_, (std::set<Connection>{1, 2}));
  EXPECT_EQ(clusters_.clients(), 0U);
}

TEST_F(Served, AHalfOpenConnectionGivesWayToTheNodesNewOne) {
  open(1);
  send(1, hello("c", 1));
  open(2);
  send(2, hello("c", 1));
  EXPECT_EQ(dropped_, std::set<Connection>{1});
  clusters_.closed(now_, 1);  // Late.
  EXPECT_NE(clusters_.list(now_, "c", false), "");
  open(3);
  send(3, hello("c", 1, 0));
  EXPECT_NE(refusal(3).find("later life"), std::string::npos);
}

TEST_F(Served, AThousandClusters) {
  for (Connection c = 0; c < 2000; ++c) {
    const auto node = static_cast<std::uint32_t>(c % 2 + 1);
    open(c);
    send(c, hello(fmt::format("c{}", c / 2), node));
    send(c, report(node, 5, {NodeId{1}, NodeId{2}}));
  }
  EXPECT_EQ(clusters_.clusters(), 1000U);
  EXPECT_TRUE(dropped_.empty());
  for (const auto& [c, messages] : said_) EXPECT_TRUE(messages.back().vote().casts()) << c;
}

}  // namespace
}  // namespace systole::qdevice
