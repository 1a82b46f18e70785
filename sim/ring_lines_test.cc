// Lines between the members of simulated rings: what their end, and their not coming about, leads to.
#include <gtest/gtest.h>

#include "sim/ring_cluster.h"

namespace systole::sim {
namespace {

class RingLinesTest : public ::testing::Test {
 protected:
  void build(std::size_t nodes, std::size_t links = 1) {
    config = RingCluster::make_config(nodes, links);
    cluster = std::make_unique<RingCluster>(world, nodes, config, Logger());
    lines = &cluster->use_lines();
    if (before) before();
    for (std::size_t i = 0; i < nodes; ++i) ASSERT_TRUE(cluster->start(i));
    ASSERT_TRUE(cluster->run_until([&] { return cluster->agreed(); }, Seconds(3))) << cluster->describe();
    world.run_for(Seconds(2));
  }
  Duration time_to_agree() {
    const Time began = world.now();
    EXPECT_TRUE(cluster->run_until([&] { return cluster->agreed(); }, Seconds(5))) << cluster->describe();
    return world.now() - began;
  }
  void expect_undisturbed(const std::optional<membership::View>& view) {
    for (std::size_t i = 0; i < cluster->size(); ++i) EXPECT_EQ(cluster->view(i), view) << "node " << i + 1;
  }
  void expect_knocks(bool silently) {
    before = [&] { lines->refuse(silently); };
    build(3);
    const std::size_t tried = lines->tried();
    EXPECT_GT(datagrams_in(Seconds(60)), 60 * 3 * 30U);
    EXPECT_EQ(lines->standing(), 0U);
    EXPECT_GE(lines->tried(), tried + 3 * 2);
    EXPECT_LE(lines->tried(), tried + 3 * 6);
    cluster->kill(2);
    EXPECT_LT(time_to_agree(), Milliseconds(100));
  }
  std::uint64_t datagrams_in(Duration span) {
    std::uint64_t count = 0;
    world.tap = [&](const Endpoint&, const Endpoint&, ByteView) { ++count; };
    world.run_for(span);
    world.tap = nullptr;
    return count;
  }
  membership::ClusterConfig config;
  World world{11};
  std::unique_ptr<RingCluster> cluster;
  RingLines* lines = nullptr;
  std::function<void()> before;
};

TEST_F(RingLinesTest, WhereTheyStandNobodyKnocks) {
  build(3);
  EXPECT_EQ(lines->standing(), 3U);
  const std::size_t tried = lines->tried();
  EXPECT_LT(datagrams_in(Seconds(10)), 10 * 3 * 20U);  // Heartbeats, beats and the token.
  EXPECT_EQ(lines->tried(), tried);
}

TEST_F(RingLinesTest, AKilledProcessIsOutAfterItsCheck) {
  build(3);
  for (std::size_t victim = 0; victim < 3; ++victim) {
    cluster->kill(victim);
    const Duration taken = time_to_agree();
    EXPECT_GT(taken, Milliseconds(15)) << victim;  // Not without a check.
    EXPECT_LT(taken, Milliseconds(70)) << victim;  // Forming the view may take two attempts.
    world.run_for(Seconds(1));
    EXPECT_EQ(lines->standing(), 2U) << victim;
    ASSERT_TRUE(cluster->start(victim));
    time_to_agree();
    world.run_for(Seconds(2));
    EXPECT_EQ(lines->standing(), 3U) << victim;
  }
}

TEST_F(RingLinesTest, ThatALineEndsWhileItsProcessLivesChangesNothing) {
  build(3);
  const auto view = cluster->view(0);
  for (int i = 0; i < 10; ++i) {
    lines->reset(1);
    world.run_for(Milliseconds(100));
    EXPECT_EQ(lines->standing(), 1U);
    world.run_for(Seconds(40));
    EXPECT_EQ(lines->standing(), 3U);
  }
  expect_undisturbed(view);
  lines->reset(1);
  world.run_for(Milliseconds(100));
  cluster->kill(1);  // Known by a knock again.
  EXPECT_LT(time_to_agree(), Milliseconds(100));
}

TEST_F(RingLinesTest, WhereTheyAreRefusedMembersKnock) { expect_knocks(false); }
TEST_F(RingLinesTest, WhereNothingAnswersThemMembersKnock) { expect_knocks(true); }

TEST_F(RingLinesTest, AStoppedProcessIsNotTakenForDeadNotEvenByAForger) {
  build(3);
  const auto view = cluster->view(0);
  cluster->host(1).pause(Milliseconds(600));
  world.run_for(Milliseconds(100));
  lines->reset(1);
  world.run_for(Seconds(2));
  expect_undisturbed(view);
}

TEST_F(RingLinesTest, AHostWithoutPowerIsOutWhenTheTokenIsLostAndItsNextLifeHasALineOfItsOwn) {
  build(3);
  cluster->power_off(1);
  const Duration taken = time_to_agree();
  EXPECT_GT(taken, Milliseconds(700));
  EXPECT_LT(taken, Milliseconds(1050));
  ASSERT_TRUE(cluster->start(1));
  time_to_agree();
  world.run_for(Seconds(2));
  EXPECT_EQ(lines->standing(), 3U);
  cluster->kill(1);
  EXPECT_LT(time_to_agree(), Milliseconds(70));
}

TEST_F(RingLinesTest, WhereALinesNetworkIsOutMembersKnockOnTheOther) {
  build(3, 2);
  const auto view = cluster->view(0);
  EXPECT_EQ(lines->standing(), 3U);
  cluster->cut_network(0);
  world.run_for(Seconds(2));
  EXPECT_GT(datagrams_in(Seconds(5)), 5 * 3 * 60U);
  expect_undisturbed(view);
  cluster->mend_network(0);
  world.run_for(Seconds(2));
  EXPECT_LT(datagrams_in(Seconds(5)), 5 * 3 * 80U);  // Beats of two links are many.
}

TEST_F(RingLinesTest, AChangedConfigurationHasTheLinesThatItWants) {
  build(3);
  const auto view = cluster->view(0);
  config.totem.port = 5500;
  cluster->set_config(config);
  ASSERT_TRUE(cluster->ring(0).propose(membership::RingChange::Kind::kConfiguration, {1}));
  world.run_for(Seconds(3));
  ASSERT_EQ(cluster->told(0).size(), 1U);
  EXPECT_EQ(cluster->told(0).front().problem, "");
  expect_undisturbed(view);
  EXPECT_EQ(lines->standing(), 3U);
  cluster->kill(2);
  EXPECT_LT(time_to_agree(), Milliseconds(70));
}

TEST_F(RingLinesTest, WhoIsAloneHasNone) {
  build(2);
  EXPECT_EQ(lines->standing(), 2U);
  cluster->leave(1);
  EXPECT_LT(time_to_agree(), Milliseconds(10));
  const std::size_t tried = lines->tried();
  world.run_for(Seconds(60));
  EXPECT_EQ(lines->standing(), 0U);
  EXPECT_EQ(lines->tried(), tried);
}

}  // namespace
}  // namespace systole::sim
