// Nodes working together: starting, recovering, losing the DC, leaving, rejoining.
#include "controller/node.h"

#include "controller/dc.h"
#include "controller/test_cluster.h"

namespace systole::controller {
namespace {

using Names = std::set<std::string>;

class ClusterTest : public testing::Test {
 protected:
  void start(unsigned nodes = 3, bool fencing = true) {
    cluster = std::make_unique<TestCluster>(nodes);
    for (unsigned i = 1; i <= nodes; ++i) cluster->boot(fmt::format("n{}", i));
    ASSERT_TRUE(cluster->settle());
    configure_fencing(fencing);
    ASSERT_TRUE(cluster->settle());
  }
  void configure_fencing(bool enabled) {
    cluster->configure(
        "crm_config",
        fmt::format(R"(<cluster_property_set id="cib-bootstrap-options">)"
                    R"(<nvpair id="s" name="stonith-enabled" value="{}"/></cluster_property_set>)",
                    enabled));
    cluster->configure(
        "resources",
        R"(<primitive id="fencing" class="stonith" type="fence_test"><instance_attributes id="fi">)"
        R"(<nvpair id="fc" name="command" value="/bin/fence %a %n"/></instance_attributes></primitive>)");
  }
  void TearDown() override {
    if (cluster) {
      EXPECT_FALSE(cluster->twice) << "a resource was active twice";
    }
  }
  std::size_t count(const std::string& what) const {
    return static_cast<std::size_t>(std::count(cluster->ran.begin(), cluster->ran.end(), what));
  }
  std::unique_ptr<TestCluster> cluster;
};

TEST_F(ClusterTest, ThreeNodesStartTogetherAndAreOnlineUnderOneDc) {
  cluster = std::make_unique<TestCluster>(3);
  for (const char* name : {"n3", "n1", "n2"}) cluster->boot(name);
  cluster->run_for(Seconds(1));
  for (const char* name : {"n1", "n2", "n3"}) {
    EXPECT_EQ(cluster->node(name).status().dc, "n1");
    for (const char* of : {"n1", "n2", "n3"}) EXPECT_EQ(cluster->state(of, "join", name), "member");
  }
  EXPECT_EQ(cluster->node("n1").status().state, "S_IDLE");
  EXPECT_EQ(cluster->node("n2").status().state, "S_NOT_DC");
  EXPECT_EQ(cluster->query("n2", "//nvpair[@name='cluster-infrastructure']/@value"), "corosync");
  EXPECT_EQ(cluster->query("n3", "//nodes/node[@id='2']/@uname"), "n2");
  EXPECT_TRUE(cluster->fenced.empty());
}

TEST_F(ClusterTest, AResourceIsProbedEverywhereStartedOnceAndWatched) {
  start();
  cluster->primitive("r", Seconds(10));
  ASSERT_TRUE(cluster->settle());
  EXPECT_EQ(cluster->where("r"), Names{"n1"});
  EXPECT_EQ(cluster->query("n3", "//node_state[@uname='n2']//lrm_rsc_op[@id='r_last_0']/@rc-code"), "7");
  EXPECT_EQ(cluster->query("n3", "//node_state[@uname='n1']//lrm_rsc_op[@id='r_last_0']/@operation"),
            "start");
  EXPECT_EQ(cluster->query("n2", "//node_state[@uname='n1']//lrm_rsc_op[@id='r_monitor_10000']/@rc-code"),
            "0");
  EXPECT_EQ(count("n1 r start"), 1U);
}

TEST_F(ClusterTest, AMonitorThatFailsIsCountedAndTheResourceRecovered) {
  start();
  cluster->primitive("r", Seconds(10));
  ASSERT_TRUE(cluster->settle());
  cluster->dies("n1", "r");
  cluster->run_for(Seconds(11));
  ASSERT_TRUE(cluster->settle());
  EXPECT_EQ(cluster->where("r"), Names{"n1"});
  EXPECT_EQ(count("n1 r start"), 2U);
  EXPECT_EQ(
      cluster->query("n2", "//node_state[@uname='n1']//nvpair[@name='fail-count-r#monitor_10000']/@value"),
      "1");
  EXPECT_EQ(cluster->query("n2", "//node_state[@uname='n1']//lrm_rsc_op[@id='r_last_failure_0']/@rc-code"),
            "7");
}

// Whether a failure has expired is judged by the DC's clock: by another it would be old at once, or never.
TEST_F(ClusterTest, AFailureIsStampedByTheDcsClockHoweverWrongTheNodesIs) {
  start();
  cluster->primitive("r", Seconds(10));
  ASSERT_TRUE(cluster->settle());
  cluster->crash("n1");
  ASSERT_TRUE(cluster->settle());
  cluster->clock_is_wrong("n2", -Seconds(7200));
  cluster->clock_is_wrong("n1", Seconds(40));
  cluster->boot("n1");
  ASSERT_TRUE(cluster->settle());
  cluster->configure("resources", R"(<primitive id="q" class="ocf" provider="test" type="T"/>)");
  ASSERT_TRUE(cluster->settle());
  const std::string at = cluster->where("r").empty() ? "" : *cluster->where("r").begin();
  const std::string dc = cluster->node("n3").status().dc;
  ASSERT_NE(at, dc);
  cluster->clock_is_wrong(at, Seconds(86400));  // Set after the DC was heard last.
  const std::map<std::string, int> wrong = {{"n1", 40}, {"n2", -7200}, {"n3", 0}};
  const auto now = epoch_seconds(cluster->loop.wall()) + wrong.at(dc);
  cluster->dies(at, "r");
  cluster->run_for(Seconds(11));
  const std::string path = "//node_state[@uname='" + at + "']";
  const std::string when =
      cluster->query("n3", path + "//lrm_rsc_op[@id='r_last_failure_0']/@last-rc-change");
  ASSERT_NE(when, "");
  EXPECT_NEAR(std::stod(when), static_cast<double>(now), 11.0);
  EXPECT_EQ(cluster->query("n3", path + "//nvpair[@name='last-failure-r#monitor_10000']/@value"), when);
}

TEST_F(ClusterTest, AFailedStartCountsAsInfinite) {
  start();
  cluster->fails_next("n1", "r", "start", 1);
  cluster->primitive("r");
  cluster->run_for(Seconds(2));
  EXPECT_EQ(cluster->query("n2", "//node_state[@uname='n1']//nvpair[@name='fail-count-r#start_0']/@value"),
            "INFINITY");
}

TEST_F(ClusterTest, ANodeThatDiesIsFencedBeforeItsResourceStartsElsewhere) {
  start();
  cluster->primitive("r", Seconds(10));
  ASSERT_TRUE(cluster->settle());
  cluster->crash("n1");
  ASSERT_TRUE(cluster->settle());
  EXPECT_EQ(cluster->fenced, std::vector<std::string>{"n1"});
  EXPECT_EQ(cluster->where("r"), Names{"n2"});
  EXPECT_EQ(cluster->node("n3").status().dc, "n2");
  EXPECT_EQ(cluster->state("n1", "expected", "n3"), "down");
  EXPECT_EQ(cluster->query("n3", "//node_state[@uname='n1']/lrm"), "");
}

TEST_F(ClusterTest, WhatFencingDidNotConfirmIsNotRecovered) {
  start();
  cluster->primitive("r");
  ASSERT_TRUE(cluster->settle());
  cluster->fence_exit = 1;
  cluster->crash_daemon("n1");  // The service goes on.
  cluster->run_for(Seconds(30));
  EXPECT_GE(cluster->fenced.size(), 3U);  // Tried again and again, ever more seldom.
  EXPECT_LE(cluster->fenced.size(), 40U);
  EXPECT_EQ(cluster->where("r"), Names{"n1"});
  EXPECT_EQ(cluster->state("n1", "expected", "n2"), "member");
  cluster->fence_exit = 0;
  cluster->run_for(Seconds(60));
  EXPECT_EQ(cluster->where("r"), Names{"n2"});
}

TEST_F(ClusterTest, ThePowerLossOfAResourcesNodeIsRecoveredQuickly) {
  start();
  cluster->primitive("r");
  ASSERT_TRUE(cluster->settle());
  cluster->crash("n1");
  const Time lost = cluster->loop.now();
  while (!cluster->where("r").contains("n2")) ASSERT_TRUE(cluster->loop.step());
  // Fencing takes 30 ms here, a plan 2 ms.
  EXPECT_LT(cluster->loop.now() - lost, Milliseconds(60));
}

TEST_F(ClusterTest, TheDcsLossDuringATransitionLosesNoResultAndRunsNothingTwice) {
  start();
  cluster->agent_takes = Milliseconds(500);
  // Only n2 may run it: n1, the DC, is leaving when it is configured.
  cluster->primitive("r");
  cluster->run_for(Milliseconds(700));
  ASSERT_EQ(count("n1 r start"), 1U);
  cluster->crash("n1");
  cluster->run_for(Milliseconds(700));
  ASSERT_EQ(count("n2 r start"), 1U);  // Under way on n2, which is DC now.
  cluster->run_for(Milliseconds(100));
  cluster->boot("n1");  // A new view, and n1 is DC again, in the middle of the start.
  ASSERT_TRUE(cluster->settle());
  EXPECT_EQ(count("n2 r start"), 1U);
  EXPECT_EQ(cluster->where("r").size(), 1U);
  EXPECT_EQ(cluster->query("n1", "//node_state[@uname='n2']//lrm_rsc_op[@id='r_last_0'][@op-status='-1']"),
            "");
}

TEST_F(ClusterTest, ANodeThatComesBackInANewLifeIsProbed) {
  start();
  cluster->primitive("r");
  ASSERT_TRUE(cluster->settle());
  cluster->crash("n1");
  ASSERT_TRUE(cluster->settle());
  cluster->boot("n1");
  ASSERT_TRUE(cluster->settle());
  EXPECT_EQ(cluster->state("n1", "join", "n3"), "member");
  EXPECT_EQ(cluster->state("n1", "expected", "n3"), "member");
  EXPECT_EQ(cluster->query("n3", "//node_state[@uname='n1']//lrm_rsc_op[@id='r_last_0']/@operation"),
            "monitor");
  EXPECT_EQ(cluster->where("r"), Names{"n2"});
}

TEST_F(ClusterTest, ADaemonThatComesBackAtOnceFindsWhatStillRuns) {
  start();
  cluster->primitive("r");
  ASSERT_TRUE(cluster->settle());
  cluster->crash_daemon("n1");
  cluster->boot("n1");  // Before anybody could fence it.
  ASSERT_TRUE(cluster->settle());
  EXPECT_EQ(cluster->where("r"), Names{"n1"});
  EXPECT_EQ(count("n1 r start"), 1U);
}

TEST_F(ClusterTest, ANodeThatIsStoppedHandsOverAndIsNotFenced) {
  start();
  cluster->primitive("r");
  ASSERT_TRUE(cluster->settle());
  cluster->node("n1").shutdown();
  EXPECT_EQ(cluster->node("n1").status().state, "S_STOPPING");
  cluster->run_for(Seconds(2));
  EXPECT_FALSE(cluster->up("n1"));
  ASSERT_TRUE(cluster->settle());
  EXPECT_EQ(cluster->where("r"), Names{"n2"});
  EXPECT_TRUE(cluster->fenced.empty());
  EXPECT_EQ(cluster->state("n1", "expected", "n3"), "down");
  cluster->boot("n1");
  ASSERT_TRUE(cluster->settle());
  EXPECT_TRUE(cluster->up("n1"));  // The wish to stop was of its former life.
  EXPECT_EQ(cluster->query("n2", "//node_state[@uname='n1']//nvpair[@name='shutdown']"), "");
}

TEST_F(ClusterTest, AWishToStopThatTheDocumentHasLostIsSaidAgain) {
  start();
  cluster->primitive("r");
  ASSERT_TRUE(cluster->settle());
  cluster->agent_takes = Milliseconds(1500);  // The stop on n1, meanwhile the wish gets lost.
  cluster->node("n1").shutdown();
  cluster->run_for(Milliseconds(100));
  cib::Op forget;
  forget.kind = cib::Op::Kind::kDeleteAll;
  forget.xpath = "//node_state[@uname='n1']//nvpair[@name='shutdown']";
  cluster->change(std::move(forget));
  ASSERT_EQ(cluster->query("n2", "//nvpair[@name='shutdown']"), "");
  cluster->run_for(Seconds(8));
  EXPECT_FALSE(cluster->up("n1"));
}

TEST_F(ClusterTest, TheLastNodeCanStopToo) {
  start(1);
  cluster->primitive("r");
  ASSERT_TRUE(cluster->settle());
  cluster->node("n1").shutdown();
  cluster->run_for(Seconds(5));
  EXPECT_FALSE(cluster->up("n1"));
  EXPECT_TRUE(cluster->where("r").empty());
}

TEST_F(ClusterTest, ANodeThatNeverSawTheOthersDoesNotActAloneAndCanBeStopped) {
  cluster = std::make_unique<TestCluster>(3);
  cluster->boot("n1");
  cluster->run_for(Seconds(5));
  EXPECT_EQ(cluster->node("n1").status().dc, "");
  EXPECT_EQ(cluster->node("n1").cib().version(), cib::Version{});
  cluster->node("n1").shutdown();
  cluster->run_for(Seconds(1));
  EXPECT_FALSE(cluster->up("n1"));
}

TEST_F(ClusterTest, NodesNeverSeenAreFencedOnlyAfterTheStartsGrace) {
  cluster = std::make_unique<TestCluster>(3);
  cluster->boot("n1");
  cluster->boot("n2");
  cluster->run_for(Seconds(1));
  configure_fencing(true);
  cluster->primitive("r");
  cluster->run_for(Seconds(3));
  EXPECT_TRUE(cluster->fenced.empty());
  EXPECT_TRUE(cluster->where("r").empty());
  cluster->run_for(kStartGrace);
  EXPECT_EQ(cluster->fenced, std::vector<std::string>{"n3"});
  ASSERT_TRUE(cluster->settle());
  EXPECT_EQ(cluster->where("r"), Names{"n1"});
}

TEST_F(ClusterTest, AThirdNodeThatStartsALittleLaterIsNotShot) {
  cluster = std::make_unique<TestCluster>(3);
  cluster->boot("n1");
  cluster->boot("n2");
  cluster->run_for(Seconds(3));
  cluster->boot("n3");
  cluster->run_for(Seconds(1));
  EXPECT_EQ(cluster->node("n1").status().state, "S_IDLE");
  cluster->run_for(Seconds(10));
  EXPECT_TRUE(cluster->fenced.empty());
}

TEST_F(ClusterTest, APartThatComesBackSaysWhatItReallyRuns) {
  start(3, false);
  cluster->primitive("r");
  ASSERT_TRUE(cluster->settle());
  bool set = false;
  cluster->node("n3").set_attribute("n3", "pingd", "100", false,
                                    [&](const Result<void>& r) { set = r.has_value(); });
  ASSERT_TRUE(cluster->settle());
  ASSERT_TRUE(set);
  cluster->partition({{"n1", "n2"}, {"n3"}});
  cluster->run_for(Seconds(5));
  EXPECT_EQ(cluster->state("n3", "in_ccm", "n1"), "false");
  cluster->partition({});
  ASSERT_TRUE(cluster->settle());
  for (const char* name : {"n1", "n2", "n3"}) {
    EXPECT_EQ(cluster->state("n3", "join", name), "member");
    EXPECT_EQ(cluster->query(name, "//node_state[@uname='n3']//nvpair[@name='pingd']/@value"), "100");
    EXPECT_EQ(cluster->query(name, "//node_state[@uname='n3']//lrm_rsc_op[@id='r_last_0']/@rc-code"), "7");
  }
  EXPECT_EQ(cluster->where("r"), Names{"n1"});
}

TEST_F(ClusterTest, ACleanupErasesAndTheResourceIsProbedAnew) {
  start();
  cluster->primitive("r");
  ASSERT_TRUE(cluster->settle());
  bool done = false;
  cluster->node("n2").cleanup("r", "n1", [&](const Result<void>& r) { done = r.has_value(); });
  cluster->run_for(Seconds(1));
  EXPECT_TRUE(done);
  ASSERT_TRUE(cluster->settle());
  EXPECT_EQ(cluster->query("n3", "//node_state[@uname='n1']//lrm_rsc_op[@id='r_last_0']/@operation"),
            "monitor");
  EXPECT_EQ(cluster->where("r"), Names{"n1"});
  EXPECT_EQ(count("n1 r start"), 1U);
}

TEST_F(ClusterTest, WhoeverWaitsForAStableClusterHearsOfItFromTheDc) {
  start();
  cluster->primitive("r");
  bool idle = false;
  cluster->node("n3").when_idle([&] { idle = true; });
  cluster->run_for(Milliseconds(15));
  EXPECT_FALSE(idle);
  cluster->run_for(Seconds(1));
  EXPECT_TRUE(idle);
  EXPECT_EQ(cluster->where("r"), Names{"n1"});
}

TEST_F(ClusterTest, APersonsWordThatANodeIsOffCounts) {
  start();
  cluster->primitive("r");
  ASSERT_TRUE(cluster->settle());
  cluster->fence_exit = 1;
  cluster->crash("n1");
  cluster->run_for(Seconds(2));
  EXPECT_TRUE(cluster->where("r").empty());
  cluster->node("n3").fencer().confirm("n1", "root");
  cluster->run_for(Seconds(2));
  EXPECT_EQ(cluster->where("r"), Names{"n2"});
}

}  // namespace
}  // namespace systole::controller
