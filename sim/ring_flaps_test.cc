// A node whose connection comes and goes: the others' ring must not be formed anew for ever, and it must not
// be kept out where it is needed or after it has calmed down.
#include <gtest/gtest.h>

#include "sim/ring_cluster.h"

namespace systole::sim {
namespace {

using membership::Flaps;
using membership::RingStatus;

class RingFlaps : public ::testing::Test {
 protected:
  void build(std::size_t nodes, membership::ClusterConfig config) {
    cluster = std::make_unique<RingCluster>(world, nodes, std::move(config), Logger());
    for (std::size_t i = 0; i < nodes; ++i) ASSERT_TRUE(cluster->start(i));
    ASSERT_TRUE(cluster->run_until([&] { return cluster->agreed(); }, Seconds(3))) << cluster->describe();
  }
  void build(std::size_t nodes) { build(nodes, RingCluster::make_config(nodes)); }
  std::size_t members(std::size_t i) const { return cluster->view(i)->members.size(); }
  // Out of the view of node 0 for a moment, and in reach again.
  void flap(std::size_t victim) {
    std::vector<std::size_t> others;
    for (std::size_t i = 0; i < cluster->size(); ++i) {
      if (i != victim) others.push_back(i);
    }
    cluster->partition({{victim}, others});
    ASSERT_TRUE(cluster->run_until([&] { return members(0) < cluster->size(); }, Seconds(3)))
        << cluster->describe();
    world.heal();
  }
  RingStatus::Peer seen(std::size_t by, std::size_t of) const {
    for (const auto& peer : cluster->ring(by).status().peers) {
      if (peer.life.node == cluster->life(of).node) return peer;
    }
    ADD_FAILURE() << "no such peer";
    return {};
  }

  World world{7};
  std::unique_ptr<RingCluster> cluster;
};

TEST_F(RingFlaps, WhoLeavesTooOftenIsNotAdmittedForAWhileLongerEachTime) {
  build(3);
  for (unsigned i = 1; i <= Flaps::kTolerated; ++i) {
    flap(2);
    ASSERT_TRUE(cluster->run_until([&] { return cluster->agreed(); }, Seconds(3)))
        << i << cluster->describe();
    EXPECT_EQ(seen(0, 2).flaps, i);
    EXPECT_EQ(seen(0, 2).quarantine, Duration{});
  }
  Duration before{};
  for (int i = 0; i < 3; ++i) {
    flap(2);
    const Time out = world.now();
    EXPECT_GT(seen(0, 2).quarantine, before) << i;
    before = seen(0, 2).quarantine;
    // Meanwhile the two go on as they are.
    const auto view = cluster->view(0);
    world.run_for(before - Milliseconds(10));
    EXPECT_EQ(cluster->view(0), view);
    EXPECT_EQ(members(1), 2U);
    ASSERT_TRUE(cluster->run_until([&] { return cluster->agreed(); }, Seconds(3)))
        << i << cluster->describe();
    EXPECT_LT(world.now() - out, before + Seconds(1)) << i;
  }
}

// The one kept out does not form ring after ring meanwhile: each costs it a write to its disk.
TEST_F(RingFlaps, WhoIsNotAdmittedWaitsQuietly) {
  build(3);
  for (unsigned i = 0; i <= Flaps::kTolerated; ++i) {
    ASSERT_TRUE(cluster->run_until([&] { return cluster->agreed(); }, Seconds(3)))
        << i << cluster->describe();
    flap(2);
  }
  world.run_for(Milliseconds(5));  // Node 1 has the view that node 0 has.
  ASSERT_GT(seen(1, 2).quarantine, Seconds(1));
  world.run_for(Milliseconds(400));
  const auto views = cluster->ring(2).status().counters.views;
  world.run_for(Seconds(1));
  EXPECT_LE(cluster->ring(2).status().counters.views, views + 1) << cluster->describe();
  EXPECT_EQ(members(1), 2U) << "it is still kept out";
}

TEST_F(RingFlaps, NobodyIsKeptOutWhereQuorumNeedsIt) {
  build(3);
  for (unsigned i = 0; i <= Flaps::kTolerated; ++i) {
    ASSERT_TRUE(cluster->run_until([&] { return cluster->agreed(); }, Seconds(3)))
        << i << cluster->describe();
    flap(2);
  }
  ASSERT_GT(seen(0, 2).quarantine, Seconds(1));
  cluster->power_off(1);
  const auto needed = [&] {
    return members(0) == 2 && cluster->view(0)->members.back() == cluster->life(2) &&
           cluster->quorum(0).quorate;
  };
  ASSERT_TRUE(cluster->run_until(needed, Seconds(2))) << cluster->describe();
  world.run_for(Milliseconds(10));
  EXPECT_EQ(cluster->view(2), cluster->view(0));
  EXPECT_EQ(seen(2, 0).flaps, 0U) << "who is cut off is the one that left";
  // It stays when the other comes back, which makes a new view within the quarantine.
  ASSERT_TRUE(cluster->start(1));
  ASSERT_TRUE(cluster->run_until([&] { return cluster->agreed(); }, Seconds(1))) << cluster->describe();
  EXPECT_GT(seen(0, 2).quarantine, Duration{});
}

TEST_F(RingFlaps, DeparturesAreForgottenAndOrderlyOnesNotCounted) {
  build(3);
  for (int i = 0; i < 8; ++i) {
    cluster->leave(2);
    ASSERT_TRUE(cluster->run_until([&] { return members(0) == 2; }, Seconds(3)));
    ASSERT_TRUE(cluster->start(2));
    ASSERT_TRUE(cluster->run_until([&] { return cluster->agreed(); }, Seconds(3))) << cluster->describe();
  }
  EXPECT_EQ(seen(0, 2).flaps, 0U);
  flap(2);
  ASSERT_TRUE(cluster->run_until([&] { return cluster->agreed(); }, Seconds(3)));
  EXPECT_EQ(seen(0, 2).flaps, 1U);
  world.run_for(Flaps::kForget + Seconds(1));
  EXPECT_EQ(seen(0, 2).flaps, 0U);
}

// Two nodes are each quorate alone: neither may keep the other out for ever.
TEST_F(RingFlaps, TwoNodesComeTogetherAgain) {
  membership::ClusterConfig config = RingCluster::make_config(2);
  config.quorum.two_node = true;
  build(2, config);
  for (int i = 0; i < 12; ++i) {
    flap(1);
    ASSERT_TRUE(cluster->run_until([&] { return cluster->agreed(); }, Flaps::kLongest + Seconds(2)))
        << i << cluster->describe();
  }
}

// A loop that runs late says so: what it takes for its peers' silence may be its own.
TEST_F(RingFlaps, TheLoopsOwnDelayIsMeasured) {
  build(3);
  world.run_for(Seconds(1));
  EXPECT_LT(cluster->ring(1).status().worst_delay, Milliseconds(50));
  EXPECT_EQ(cluster->ring(1).status().delays, 0U);
  cluster->host(1).pause(Milliseconds(400));
  world.run_for(Seconds(1));
  EXPECT_GE(cluster->ring(1).status().worst_delay, Milliseconds(300));
  EXPECT_EQ(cluster->ring(1).status().delays, 1U);
}

}  // namespace
}  // namespace systole::sim
