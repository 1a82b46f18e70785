// The ring in simulated clusters: a few hundred seeds here, as many as wanted with the program ring_sim.
#include <gtest/gtest.h>

#include "sim/ring_cluster.h"
#include "sim/ring_scenario.h"

namespace systole::sim {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kSeeds = 5;  // Twenty times as slow there.
#else
constexpr std::uint64_t kSeeds = 300;
#endif

using std::chrono::microseconds;

class RingSim : public ::testing::Test {
 protected:
  void build(std::size_t nodes, membership::ClusterConfig config = {}) {
    if (config.nodes.empty()) config = RingCluster::make_config(nodes);
    cluster = std::make_unique<RingCluster>(world, nodes, config, Logger());
    for (std::size_t i = 0; i < nodes; ++i) ASSERT_TRUE(cluster->start(i));
    ASSERT_TRUE(cluster->run_until([&] { return cluster->agreed(); }, Seconds(3))) << cluster->describe();
  }
  // Until the running nodes agree on a view of themselves.
  Duration time_to_agree(Duration limit = Seconds(5)) {
    const Time before = world.now();
    EXPECT_TRUE(cluster->run_until([&] { return cluster->agreed(); }, limit)) << cluster->describe();
    return world.now() - before;
  }
  World world{42};
  const Time began = world.now();
  std::unique_ptr<RingCluster> cluster;
};

TEST_F(RingSim, ThreeNodesFormOneViewSoonAfterTheyStart) {
  build(3);
  EXPECT_LT((world.now() - began), Milliseconds(500));
}

TEST_F(RingSim, SixtyFourNodesFormOneView) {
  build(64);
  EXPECT_LT((world.now() - began), Seconds(3));
}

TEST_F(RingSim, ALostPeerIsOutThirtyMillisecondsAfterTheTokensLoss) {
  build(3);
  for (std::size_t victim = 0; victim < 3; ++victim) {
    world.run_for(Seconds(2));
    cluster->power_off(victim);
    const Duration taken = time_to_agree();
    EXPECT_GT(taken, Milliseconds(700)) << victim;
    EXPECT_LT(taken, Milliseconds(1030)) << victim;
    ASSERT_TRUE(cluster->start(victim));
    time_to_agree();
  }
}

TEST_F(RingSim, AKilledProcessIsNoticedByItsRefusingPortLongBeforeTheTokensLoss) {
  build(3);
  world.run_for(Seconds(2));
  cluster->kill(1);
  EXPECT_LT(time_to_agree(), Milliseconds(350));
}

TEST_F(RingSim, AGoodbyeMakesTheViewAtOnce) {
  build(3);
  world.run_for(Seconds(2));
  cluster->leave(2);
  EXPECT_LT(time_to_agree(), Milliseconds(10));
}

TEST_F(RingSim, AMemberWithSomethingToSendDoesNotWaitForTheRestingToken) {
  build(3);
  world.run_for(Seconds(2));
  for (std::size_t i = 0; i < 3; ++i) {
    const Time before = world.now();
    ASSERT_TRUE(cluster->send(i, 100, false));
    ASSERT_TRUE(
        cluster->run_until([&] { return cluster->self_delivered(i) == cluster->sent(i); }, Seconds(1)));
    EXPECT_LT(world.now() - before, microseconds(1500)) << "node " << i + 1;
    world.run_for(Seconds(1));
  }
}

TEST_F(RingSim, TheTokenStaysAtWhoSendsOneMessageAfterTheOther) {
  build(3);
  world.run_for(Seconds(1));
  const std::uint64_t before = cluster->ring(0).status().counters.tokens;
  constexpr std::uint64_t kMessages = 200;
  for (std::uint64_t i = 0; i < kMessages; ++i) {
    ASSERT_TRUE(cluster->send(0, 100, false));
    world.run_for(Milliseconds(1));
  }
  EXPECT_EQ(cluster->self_delivered(0), kMessages);
  // One rotation in five milliseconds, for the others' sake.
  EXPECT_LT(cluster->ring(0).status().counters.tokens - before, kMessages / 4);

  ASSERT_TRUE(cluster->send(0, 100, false));
  ASSERT_TRUE(cluster->send(1, 100, false));  // It lets go at once of what somebody else wants.
  world.run_for(Milliseconds(5));
  EXPECT_EQ(cluster->self_delivered(1), 1U);
}

TEST_F(RingSim, AnIdleRingIsNearlySilent) {
  build(3);
  world.run_for(Seconds(1));
  std::uint64_t datagrams = 0;
  world.tap = [&](const Endpoint&, const Endpoint&, ByteView) { ++datagrams; };
  world.run_for(Seconds(10));
  EXPECT_LT(datagrams, 10 * 3 * 60U);  // Most are knocks at the neighbour's port.
}

TEST_F(RingSim, AMessageOfOneMebibyteArrivesWhole) {
  build(3);
  ASSERT_TRUE(cluster->send(1, membership::Membership::kMaxMessage, true));
  ASSERT_TRUE(cluster->run_until([&] { return cluster->self_delivered(1) == 1; }, Seconds(5)));
  world.run_for(Milliseconds(100));
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(cluster->checker().has_delivered(cluster->life(i), {cluster->life(1), 1, true}));
  }
  EXPECT_FALSE(cluster->ring(0).multicast(Bytes(membership::Membership::kMaxMessage + 1),
                                          membership::Delivery::kAgreed));
}

TEST_F(RingSim, AFullQueueSaysSoAndOffersSpaceLater) {
  build(2);
  cluster->power_off(1);  // The token stops: nothing is sent.
  std::size_t accepted = 0;
  while (cluster->send(0, 1 << 20, false)) ++accepted;
  EXPECT_GE(accepted, 4U);
  EXPECT_LE(accepted, 16U);
  ASSERT_TRUE(cluster->run_until([&] { return cluster->self_delivered(0) == accepted; }, Seconds(5)));
  EXPECT_TRUE(cluster->send(0, 100, false));
}

TEST_F(RingSim, QuorumFollowsTheView) {
  build(3);
  EXPECT_TRUE(cluster->quorum(0).quorate);
  EXPECT_EQ(cluster->quorum(0).votes, 3U);
  cluster->partition({{0}, {1, 2}});
  world.run_for(Seconds(3));
  EXPECT_FALSE(cluster->quorum(0).quorate);
  EXPECT_TRUE(cluster->quorum(1).quorate);
  ASSERT_TRUE(cluster->ring(0).set_expected_votes(1));
  world.run_for(Milliseconds(10));
  EXPECT_TRUE(cluster->quorum(0).quorate);
  world.heal();
  time_to_agree();
  EXPECT_EQ(cluster->quorum(0).expected_votes, 3U);
}

TEST_F(RingSim, WaitForAllIsInheritedFromThoseWhoHaveSeenAll) {
  auto config = RingCluster::make_config(2);
  config.quorum.two_node = true;
  build(2, config);
  EXPECT_TRUE(cluster->quorum(0).quorate);
  cluster->power_off(1);
  time_to_agree();
  EXPECT_TRUE(cluster->quorum(0).quorate);  // two_node
  cluster->power_off(0);
  ASSERT_TRUE(cluster->start(1));
  world.run_for(Seconds(1));
  EXPECT_FALSE(cluster->quorum(1).quorate);  // Alone since its start: the other may run.
  EXPECT_TRUE(cluster->quorum(1).waiting_for_all);
  ASSERT_TRUE(cluster->start(0));
  time_to_agree();
  EXPECT_TRUE(cluster->quorum(1).quorate);
}

TEST_F(RingSim, ANodeWhoseDiskIsFullJoinsNoNewRingUntilItHasSpace) {
  build(3);
  cluster->host(2).files().full = true;
  for (int i = 0; i < 80; ++i) {  // Uses up the sequences reserved on disk.
    cluster->leave(1);
    world.run_for(Milliseconds(300));
    ASSERT_TRUE(cluster->start(1));
    world.run_for(Milliseconds(300));
  }
  world.run_for(Seconds(3));
  ASSERT_TRUE(cluster->view(0).has_value());
  EXPECT_EQ(cluster->view(0)->members.size(), 2U);
  cluster->host(2).files().full = false;
  time_to_agree();
}

TEST_F(RingSim, ReplayedAndForeignDatagramsAreCountedAndDropped) {
  struct Datagram {
    Endpoint from, to;
    Bytes bytes;
  };
  std::vector<Datagram> recorded;
  build(3);
  world.run_for(Seconds(1));  // Probes of sizes that do not pass are over: their copies would be the first.
  world.tap = [&](const Endpoint& from, const Endpoint& to, ByteView d) {
    recorded.push_back({from, to, Bytes(d.begin(), d.end())});
  };
  world.run_for(Milliseconds(200));
  world.tap = nullptr;
  world.run_for(Milliseconds(5));  // A copy that overtakes the first is none.
  ASSERT_GT(recorded.size(), 10U);
  const auto view = cluster->view(0);
  for (auto& [from, to, datagram] : recorded) {
    world.inject(from, to, datagram);
    Bytes changed = datagram;
    changed[28] ^= 0x40;  // A counter not seen before.
    world.inject(from, to, changed);
    Bytes unknown = datagram;
    unknown[7] = 77;  // Its sender's id.
    world.inject(from, to, unknown);
    world.inject(from, to, Bytes(3));
    world.inject({"10.0.0.99", 5405}, to, datagram);
  }
  world.run_for(Seconds(1));
  std::map<std::string, std::uint64_t> refused;
  for (std::size_t i = 0; i < 3; ++i) {
    for (const auto& each : cluster->ring(i).status().refused) refused[each.reason] += each.frames;
  }
  const std::uint64_t n = recorded.size();
  const std::map<std::string, std::uint64_t> all{
      {"replay", n}, {"auth", n}, {"unknown-peer", n}, {"malformed", n}, {"unlisted", n}};
  EXPECT_EQ(refused, all);
  EXPECT_EQ(cluster->view(0), view);
}

TEST(RingScenario, TheSameSeedGivesTheSameTrace) {
  const auto a = run_ring_scenario(11, RingScenarioSize::kLight),
             b = run_ring_scenario(11, RingScenarioSize::kLight),
             c = run_ring_scenario(12, RingScenarioSize::kLight);
  EXPECT_EQ(a.digest, b.digest);
  EXPECT_EQ(a.events, b.events);
  EXPECT_NE(a.digest, c.digest);
}

TEST(RingScenario, PromisesHoldUnderRandomFaults) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const auto result = run_ring_scenario(seed, RingScenarioSize::kLight);
    for (const std::string& violation : result.violations)
      ADD_FAILURE() << "seed " << seed << ": " << violation;
    if (HasFailure()) break;
  }
}

}  // namespace
}  // namespace systole::sim
