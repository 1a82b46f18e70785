// Changes of the running ring, in simulated clusters: corosync.conf read again, the key rotated.
#include <gtest/gtest.h>

#include "sim/ring_cluster.h"

namespace systole::sim {
namespace {

using membership::ClusterConfig;
using membership::RingChange;

class RingChanges : public ::testing::Test {
 protected:
  // Hosts for `all`; the first `nodes` of them begin with `config`.
  void build(const ClusterConfig& all, const ClusterConfig& config) {
    cluster = std::make_unique<RingCluster>(*world, all.nodes.size(), all, Logger());
    cluster->set_config(config);
    for (std::size_t i = 0; i < config.nodes.size(); ++i) ASSERT_TRUE(cluster->start(i));
    ASSERT_TRUE(cluster->run_until([&] { return cluster->agreed(); }, Seconds(3))) << cluster->describe();
    work(Seconds(1));
  }
  void begin(std::uint64_t seed) {
    cluster.reset();
    world = std::make_unique<World>(seed);
  }
  void work(Duration span) {
    for (const Time end = world->now() + span; world->now() < end; world->run_for(Milliseconds(2))) {
      for (std::size_t i = 0; i < cluster->size(); ++i) {
        if (cluster->running(i)) cluster->send(i, 300, false);
      }
    }
  }
  // Proposes at node 0 while all work. What its node was told last: empty when the change was made.
  std::string change(RingChange::Kind kind, Bytes payload = {1, 2, 3}) {
    const std::size_t before = cluster->told(0).size();
    if (const auto proposed = cluster->ring(0).propose(kind, std::move(payload)); !proposed)
      return proposed.error().message;
    work(Seconds(1));
    return cluster->told(0).size() > before ? cluster->told(0).back().problem : "nothing was told";
  }
  std::string reload(const ClusterConfig& config) {
    cluster->set_config(config);
    return change(RingChange::Kind::kConfiguration);
  }
  void expect_promises() {
    world->run_for(Milliseconds(500));
    cluster->checker().finish();
    for (const std::string& violation : cluster->checker().violations()) ADD_FAILURE() << violation;
  }
  void expect_undisturbed(const std::optional<membership::View>& view) {
    expect_promises();
    for (std::size_t i = 0; i < cluster->size(); ++i) {
      if (!cluster->running(i)) continue;
      EXPECT_EQ(cluster->view(i), view);
      EXPECT_EQ(cluster->ring(i).status().counters.token_losses, 0U);
      EXPECT_EQ(cluster->self_delivered(i), cluster->sent(i));
    }
  }
  std::unique_ptr<World> world = std::make_unique<World>(5);
  std::unique_ptr<RingCluster> cluster;
};

TEST_F(RingChanges, TimersChangeWithoutLosingTheRing) {
  ClusterConfig config = RingCluster::make_config(3);
  build(config, config);
  const auto view = cluster->view(0);
  config.totem.token = Milliseconds(3000);
  EXPECT_EQ(reload(config), "");
  expect_undisturbed(view);
  cluster->power_off(1);
  world->run_for(Milliseconds(2000));
  EXPECT_EQ(cluster->view(0), view);  // It waits as long as it now should.
  EXPECT_TRUE(cluster->run_until([&] { return cluster->agreed(); }, Seconds(3)));
}

TEST_F(RingChanges, LinksAreAddedAndRemoved) {
  const ClusterConfig two = RingCluster::make_config(3, 2);
  ClusterConfig one = RingCluster::make_config(3, 1);
  build(two, one);
  const auto view = cluster->view(0);
  EXPECT_EQ(reload(two), "");
  world->run_for(Seconds(1));
  EXPECT_EQ(cluster->ring(0).status().links.size(), 4U);
  cluster->cut_network(0);
  work(Seconds(2));
  expect_undisturbed(view);
  cluster->mend_network(0);
  work(Seconds(2));
  EXPECT_EQ(reload(one), "");
  work(Seconds(1));
  EXPECT_EQ(cluster->ring(0).status().links.size(), 2U);
  expect_undisturbed(view);
}

TEST_F(RingChanges, NodesAreAddedAndRemoved) {
  const ClusterConfig four = RingCluster::make_config(4), three = RingCluster::make_config(3);
  build(four, three);
  const auto view = cluster->view(0);
  EXPECT_EQ(reload(four), "");
  expect_undisturbed(view);
  EXPECT_EQ(cluster->quorum(0).expected_votes, 4U);
  ASSERT_TRUE(cluster->start(3));
  ASSERT_TRUE(cluster->run_until([&] { return cluster->agreed(); }, Seconds(3)));
  work(Seconds(1));
  EXPECT_NE(reload(three).find("still running"), std::string::npos);
  EXPECT_EQ(cluster->quorum(0).expected_votes, 4U);
  cluster->leave(3);
  ASSERT_TRUE(cluster->run_until([&] { return cluster->agreed(); }, Seconds(3)));
  EXPECT_EQ(reload(three), "");
  EXPECT_EQ(cluster->quorum(0).expected_votes, 3U);
  EXPECT_EQ(cluster->quorum(0).threshold, 2U);
  expect_promises();
}

TEST_F(RingChanges, AMinorityCannotMakeItselfAMajority) {
  const ClusterConfig five = RingCluster::make_config(5), two = RingCluster::make_config(2);
  build(five, five);
  cluster->partition({{0, 1}, {2, 3, 4}});
  world->run_for(Seconds(3));
  ASSERT_FALSE(cluster->quorum(0).quorate);
  EXPECT_NE(reload(two).find("quorum"), std::string::npos);
  EXPECT_FALSE(cluster->quorum(0).quorate);
}

TEST_F(RingChanges, OneThatIsNotReadyOrAnotherViewEndsAChangeWithNothingChanged) {
  ClusterConfig config = RingCluster::make_config(3);
  build(config, config);
  cluster->disk(2).full = true;
  config.totem.token = Milliseconds(5000);
  EXPECT_EQ(reload(config), "n3: the disk is full");
  EXPECT_EQ(cluster->told(1).back().problem, "n3: the disk is full");
  cluster->disk(2).full = false;
  cluster->disk(1).hangs = true;
  EXPECT_EQ(reload(config), "nothing was told");
  cluster->power_off(1);
  work(Seconds(2));
  EXPECT_NE(cluster->told(0).back().problem.find("view changed"), std::string::npos);
  EXPECT_EQ(reload(config), "");
  expect_promises();
}

TEST_F(RingChanges, TheKeyIsRotatedWithoutAMissedToken) {
  const ClusterConfig config = RingCluster::make_config(3, 2);
  build(config, config);
  const auto view = cluster->view(0);
  const std::uint32_t old = cluster->ring(0).status().key.fingerprint;
  std::vector<std::tuple<Endpoint, Endpoint, Bytes>> recorded;
  world->tap = [&](const Endpoint& from, const Endpoint& to, ByteView d) {
    if (recorded.size() < 20) recorded.emplace_back(from, to, Bytes(d.begin(), d.end()));
  };
  EXPECT_EQ(change(RingChange::Kind::kKey, Bytes(128, 9)), "");
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(cluster->disk(i).key, Bytes(128, 9));
    EXPECT_EQ(cluster->ring(i).status().key.fingerprint, cluster->ring(0).status().key.fingerprint);
    EXPECT_EQ(cluster->ring(i).status().key.phase, "both");
  }
  EXPECT_NE(cluster->ring(0).status().key.fingerprint, old);
  work(Seconds(15));
  EXPECT_EQ(cluster->ring(0).status().key.phase, "settled");
  for (auto& [from, to, bytes] : recorded) world->inject(from, to, bytes);
  work(Seconds(1));
  std::uint64_t refused = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    for (const auto& each : cluster->ring(i).status().refused)
      refused += each.reason == "key" ? each.frames : 0;
  }
  EXPECT_EQ(refused, recorded.size());
  expect_undisturbed(view);
}

TEST_F(RingChanges, AKeyIsNotRotatedWhileANodeIsAwayAndNotIfOneCannotStoreIt) {
  const ClusterConfig config = RingCluster::make_config(3);
  build(config, config);
  cluster->disk(1).full = true;
  EXPECT_EQ(change(RingChange::Kind::kKey, Bytes(128, 9)), "n2: the disk is full");
  cluster->disk(1).full = false;
  cluster->power_off(1);
  world->run_for(Seconds(2));
  EXPECT_NE(change(RingChange::Kind::kKey, Bytes(128, 9)).find("2 of 3"), std::string::npos);
  ASSERT_TRUE(cluster->start(1));
  ASSERT_TRUE(cluster->run_until([&] { return cluster->agreed(); }, Seconds(3)));
  EXPECT_EQ(change(RingChange::Kind::kKey, Bytes(128, 7)), "");
  EXPECT_EQ(cluster->disk(1).key, Bytes(128, 7));
}

// What it asked for waits until it has a view, which is then its own.
TEST_F(RingChanges, WhoIsCutOffAsItAsksForAKeyDoesNotTakeItAlone) {
  const ClusterConfig config = RingCluster::make_config(3);
  build(config, config);
  cluster->partition({{0}, {1, 2}});
  ASSERT_TRUE(cluster->ring(0).propose(RingChange::Kind::kKey, Bytes(128, 9)));  // It does not know yet.
  work(Seconds(3));
  ASSERT_FALSE(cluster->told(0).empty());
  EXPECT_NE(cluster->told(0).back().problem.find("1 of 3 nodes"), std::string::npos);
  world->heal();
  EXPECT_TRUE(cluster->run_until([&] { return cluster->agreed(); }, Seconds(8))) << cluster->describe();
  expect_promises();
}

// Wherever a rotation is cut off, by a crash or a split of the network, in the end all are together again.
TEST_F(RingChanges, ARotationThatIsCutOffLeavesNobodyOut) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  constexpr std::uint64_t kSeeds = 6;  // Twenty times as slow there.
#else
  constexpr std::uint64_t kSeeds = 60;
#endif
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    begin(seed);
    const ClusterConfig config = RingCluster::make_config(3);
    build(config, config);
    SeededRandom& random = world->random();
    ASSERT_TRUE(cluster->ring(0).propose(RingChange::Kind::kKey, Bytes(128, 9)));
    work(random.between({}, Milliseconds(30)));
    const std::size_t victim = random.below(3);
    const bool split = random.chance(0.5);
    if (split) {
      cluster->partition({{victim}, {(victim + 1) % 3, (victim + 2) % 3}});
    } else {
      cluster->power_off(victim);
    }
    world->run_for(random.chance(0.5) ? Seconds(30) : Milliseconds(300));
    world->heal();
    if (!cluster->running(victim)) {
      ASSERT_TRUE(cluster->start(victim));
    }
    EXPECT_TRUE(cluster->run_until([&] { return cluster->agreed(); }, Seconds(8)))
        << "seed " << seed << (split ? " split" : " crash") << " of n" << victim + 1 << cluster->describe();
    work(Seconds(1));
    expect_promises();
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace systole::sim
