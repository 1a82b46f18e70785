// Fencers together, in virtual time: who shoots, when, and what is believed.
#include "lrmd/executor.h"
#include "stonith/test_cluster.h"

namespace systole::stonith {
namespace {

using Calls = std::vector<std::string>;

TEST(Fencer, TheLowestMemberThatIsNotTheTargetShootsAndEveryMemberHears) {
  TestCluster c(3, device("pdu", {}));
  c.view({1, 2});
  c.fence(2, c.request("n3"));
  c.time.run(Seconds(5));
  EXPECT_EQ(c.plant.calls, Calls{"n1 pdu off n3"});
  ASSERT_EQ(c.answers.size(), 1U);
  EXPECT_TRUE(c.answers[0].succeeded);
  EXPECT_EQ(c.answers[0].device, "pdu");
  EXPECT_EQ(c.answers[0].executed_by, "n1");
  for (unsigned id : {1U, 2U}) {
    ASSERT_EQ(c.nodes[id]->outcomes.size(), 1U);
    EXPECT_TRUE(c.nodes[id]->outcomes[0].succeeded);
    ASSERT_EQ(c.nodes[id]->fencer->history().size(), 1U);
  }
}

TEST(Fencer, AMemberIsNotShotByItselfWhileAnotherCan) {
  TestCluster c(3, device("pdu", {}));
  c.fence(1, c.request("n1"));
  c.time.run(Seconds(5));
  EXPECT_EQ(c.plant.calls, Calls{"n2 pdu off n1"});
}

TEST(Fencer, TheTargetShootsItselfWhenNobodyElseIsLeft) {
  TestCluster c(3, device("pdu", {}));
  c.view({1});
  c.fence(1, c.request("n1"));
  c.time.run(Seconds(5));
  EXPECT_EQ(c.plant.calls, Calls{"n1 pdu off n1"});
}

TEST(Fencer, ARebootIsOffReadBackAndOnAndTheResultComesBeforeOn) {
  TestCluster c(3, device("pdu", {}));
  c.view({1, 2});
  c.fence(1, c.request("n3", "reboot"));
  c.time.run(Milliseconds(250));
  ASSERT_EQ(c.answers.size(), 1U);
  EXPECT_TRUE(c.answers[0].succeeded);
  EXPECT_EQ(c.plant.off.count("n3"), 1U);
  c.time.run(Seconds(5));
  EXPECT_EQ(c.plant.calls, (Calls{"n1 pdu off n3", "n1 pdu on n3"}));
  EXPECT_EQ(c.plant.off.count("n3"), 0U);
}

TEST(Fencer, AnAgentWithoutStatusIsAskedToRebootItself) {
  TestCluster c(3, device("plain", {}, "fence_plain"));
  c.view({1, 2});
  c.fence(1, c.request("n3", "reboot"));
  c.time.run(Seconds(5));
  EXPECT_EQ(c.plant.calls, Calls{"n1 plain reboot n3"});
  ASSERT_EQ(c.answers.size(), 1U);
  EXPECT_TRUE(c.answers[0].succeeded);
}

TEST(Fencer, AnotherNameForAnActionIsUsedAsConfigured) {
  TestCluster c(3, device("pdu", {{"pcmk_reboot_action", "cycle"}, {"pcmk_host_map", "n3:7"}}));
  c.view({1, 2});
  c.fence(1, c.request("n3", "reboot"));
  c.time.run(Seconds(5));
  EXPECT_EQ(c.plant.calls, Calls{"n1 pdu cycle 7"});
}

TEST(Fencer, ALyingDeviceIsAFailureOnEveryMemberThatTries) {
  TestCluster c(3, device("pdu", {}));
  c.plant.devices["pdu"].lies = true;
  c.view({1, 2});
  c.fence(1, c.request("n3"));
  c.time.run(Seconds(30));
  ASSERT_EQ(c.answers.size(), 1U);
  EXPECT_FALSE(c.answers[0].succeeded);
  EXPECT_NE(c.answers[0].reason.find("pdu on n1 claims success, but the node still has power"),
            std::string::npos)
      << c.answers[0].reason;
  EXPECT_NE(c.answers[0].reason.find("pdu on n2 claims success"), std::string::npos) << c.answers[0].reason;
  EXPECT_EQ(c.plant.calls, (Calls{"n1 pdu off n3", "n2 pdu off n3"}));
}

TEST(Fencer, AHangingDeviceIsKilledAndTheRequestFailsInTime) {
  TestCluster c(3, device("pdu", {}));
  c.plant.devices["pdu"].hangs = true;
  c.view({1, 2});
  c.fence(1, c.request("n3"));
  c.time.run(Seconds(24));
  ASSERT_EQ(c.answers.size(), 1U);
  EXPECT_FALSE(c.answers[0].succeeded);
  EXPECT_NE(c.answers[0].reason.find("did not answer within"), std::string::npos) << c.answers[0].reason;
  EXPECT_EQ(c.nodes[1]->processes->running(), 0U);
  EXPECT_EQ(c.nodes[2]->processes->running(), 0U);
}

TEST(Fencer, AnAnswerAfterTheTimeoutNeverCounts) {
  TestCluster c(2, device("pdu", {{"pcmk_off_timeout", "2s"}, {"pcmk_off_retries", "0"}}));
  c.plant.devices["pdu"].late = Seconds(10);
  c.view({1});
  c.fence(1, c.request("n2"));
  c.time.run(Seconds(60));
  ASSERT_EQ(c.answers.size(), 1U);
  EXPECT_FALSE(c.answers[0].succeeded);
  ASSERT_EQ(c.nodes[1]->outcomes.size(), 1U);
  EXPECT_FALSE(c.nodes[1]->outcomes[0].succeeded);
}

TEST(Fencer, AFailingActionIsTriedAgainAsOftenAsConfigured) {
  TestCluster c(2, device("pdu", {{"pcmk_off_retries", "3"}}));
  c.plant.devices["pdu"].fails = 3;
  c.view({1});
  c.fence(1, c.request("n2"));
  c.time.run(Seconds(10));
  ASSERT_EQ(c.answers.size(), 1U);
  EXPECT_TRUE(c.answers[0].succeeded) << c.answers[0].reason;
  EXPECT_EQ(c.plant.calls.size(), 4U);
}

TEST(Fencer, WithoutADeviceTheRequestFailsAtOnceAndSaysSo) {
  TestCluster c(3, device("pdu", {{"pcmk_host_list", "n1 n2"}}));
  EXPECT_TRUE(c.nodes[1]->fencer->can_fence("n1"));
  EXPECT_FALSE(c.nodes[1]->fencer->can_fence("n3"));
  c.view({1, 2});
  c.fence(1, c.request("n3"));
  c.time.run(Seconds(1));
  ASSERT_EQ(c.answers.size(), 1U);
  EXPECT_FALSE(c.answers[0].succeeded);
  EXPECT_NE(c.answers[0].reason.find("no device and node can fence n3"), std::string::npos);
}

TEST(Fencer, TheDevicesOwnListDecidesWhoItReaches) {
  TestCluster c(3, device("a", {}) + device("b", {}));
  c.plant.devices["a"].list = "n1,first\nn2,second\n";
  c.plant.devices["b"].list = "n3,third\n";
  for (auto& [id, node] : c.nodes) c.boot(id, 1);
  c.time.run(Seconds(1));
  c.view({1, 2});
  c.fence(1, c.request("n3"));
  c.time.run(Seconds(5));
  EXPECT_EQ(c.plant.calls, Calls{"n1 b off n3"});
}

TEST(Fencer, ANodeThatADeviceIsBannedFromDoesNotUseIt) {
  TestCluster c(3, device("pdu", {}), "", R"(<rsc_location id="l" rsc="pdu" node="n1" score="-INFINITY"/>)");
  c.view({1, 2});
  c.fence(1, c.request("n3"));
  c.time.run(Seconds(5));
  EXPECT_EQ(c.plant.calls, Calls{"n2 pdu off n3"});
}

TEST(Fencer, LevelsOfTopologyAreTriedInOrder) {
  TestCluster c(3, device("ipmi", {}) + device("pdu-a", {}) + device("pdu-b", {}),
                R"(<fencing-level id="l2" target="n3" index="2" devices="pdu-a,pdu-b"/>)"
                R"(<fencing-level id="l1" target="n3" index="1" devices="ipmi"/>)");
  c.plant.devices["ipmi"].lies = true;
  c.view({1, 2});
  c.fence(1, c.request("n3", "reboot"));
  c.time.run(Seconds(20));
  ASSERT_EQ(c.answers.size(), 1U);
  EXPECT_TRUE(c.answers[0].succeeded) << c.answers[0].reason;
  EXPECT_EQ(c.answers[0].device, "pdu-a,pdu-b");
  // Both feeds are cut before either gives power again.
  EXPECT_EQ(c.plant.calls, (Calls{"n1 ipmi off n3", "n1 pdu-a off n3", "n1 pdu-b off n3", "n1 pdu-a on n3",
                                  "n1 pdu-b on n3"}));
}

TEST(Fencer, OneFeedThatCannotBeCutFailsItsLevel) {
  TestCluster c(2, device("pdu-a", {}) + device("pdu-b", {}),
                R"(<fencing-level id="l1" target="n2" index="1" devices="pdu-a,pdu-b"/>)");
  c.plant.devices["pdu-b"].fails = 100;
  c.view({1});
  c.fence(1, c.request("n2"));
  c.time.run(Seconds(30));
  ASSERT_EQ(c.answers.size(), 1U);
  EXPECT_FALSE(c.answers[0].succeeded);
}

TEST(Fencer, AHangingFirstLevelLeavesTimeForTheSecond) {
  TestCluster c(2, device("ipmi", {}) + device("pdu", {}),
                R"(<fencing-level id="l1" target="n2" index="1" devices="ipmi"/>)"
                R"(<fencing-level id="l2" target="n2" index="2" devices="pdu"/>)");
  c.plant.devices["ipmi"].hangs = true;
  c.view({1});
  c.fence(1, c.request("n2"));
  c.time.run(Seconds(15));
  ASSERT_EQ(c.answers.size(), 1U);
  EXPECT_TRUE(c.answers[0].succeeded) << c.answers[0].reason;
  EXPECT_EQ(c.answers[0].device, "pdu");
}

TEST(Fencer, WhenTheExecutorLeavesAnotherTakesOver) {
  TestCluster c(5, device("pdu", {}));
  c.plant.devices["pdu"].time = Seconds(2);
  c.view({1, 2, 3, 5});
  c.fence(2, c.request("n4"));
  c.time.run(Milliseconds(500));
  EXPECT_EQ(c.plant.calls, Calls{"n1 pdu off n4"});
  c.nodes[1]->processes->dead = true;
  c.view({2, 3, 5});
  c.time.run(Seconds(10));
  EXPECT_EQ(c.plant.calls, (Calls{"n1 pdu off n4", "n2 pdu off n4"}));
  ASSERT_EQ(c.answers.size(), 1U);
  EXPECT_TRUE(c.answers[0].succeeded);
  EXPECT_EQ(c.answers[0].executed_by, "n2");
}

TEST(Fencer, WhoHasLostItsMajoritySinceItWasAskedStops) {
  TestCluster c(3, device("ipmi", {}) + device("pdu", {}),
                R"(<fencing-level id="l1" target="n3" index="1" devices="ipmi"/>)"
                R"(<fencing-level id="l2" target="n3" index="2" devices="pdu"/>)");
  c.plant.devices["ipmi"].hangs = true;
  c.view({1, 2});
  c.fence(1, c.request("n3"));
  c.time.run(Milliseconds(500));
  c.view({1});
  c.time.run(Seconds(30));
  EXPECT_EQ(c.plant.calls, Calls{"n1 ipmi off n3"});
  ASSERT_EQ(c.answers.size(), 1U);
  EXPECT_FALSE(c.answers[0].succeeded);
  EXPECT_NE(c.answers[0].reason.find("lost the majority"), std::string::npos) << c.answers[0].reason;
}

TEST(Fencer, AViewChangeDoesNotMakeTheExecutorShootTwice) {
  TestCluster c(4, device("pdu", {}));
  c.plant.devices["pdu"].time = Seconds(2);
  c.view({1, 2});
  c.fence(2, c.request("n4"));
  c.time.run(Milliseconds(500));
  c.view({1, 2, 3});
  c.time.run(Seconds(10));
  EXPECT_EQ(c.plant.calls, Calls{"n1 pdu off n4"});
  ASSERT_EQ(c.answers.size(), 1U);
  EXPECT_TRUE(c.answers[0].succeeded);
  for (auto& [id, node] : c.nodes) {
    EXPECT_EQ(node->outcomes.size(), id <= 3 ? 1U : 0U) << id;
  }
}

TEST(Fencer, RequestsForTheSameLifeAreMerged) {
  TestCluster c(4, device("pdu", {}));
  c.view({1, 2, 3});
  c.fence(1, c.request("n4", "off"));
  c.fence(1, c.request("n4", "reboot"));
  c.fence(2, c.request("n4", "off"));
  c.fence(3, c.request("n4", "reboot"));
  c.time.run(Seconds(5));
  EXPECT_EQ(c.plant.calls, Calls{"n1 pdu off n4"});
  ASSERT_EQ(c.answers.size(), 4U);
  for (const auto& answer : c.answers) EXPECT_TRUE(answer.succeeded);
  EXPECT_EQ(c.nodes[3]->outcomes.size(), 1U);
}

TEST(Fencer, AStrongerActionIsNotMergedIntoAWeaker) {
  TestCluster c(3, device("plain", {}, "fence_plain"));
  c.view({1, 2});
  c.fence(1, c.request("n3", "reboot"));
  c.fence(2, c.request("n3", "off"));
  c.time.run(Seconds(10));
  EXPECT_EQ(c.plant.calls, (Calls{"n1 plain reboot n3", "n1 plain off n3"}));
  EXPECT_EQ(c.answers.size(), 2U);
}

TEST(Fencer, AMergedRequestIsTakenUpAgainWhenItsOriginLeaves) {
  TestCluster c(5, device("pdu", {}));
  c.plant.devices["pdu"].time = Seconds(2);
  c.view({1, 2, 3, 5});
  c.fence(1, c.request("n4"));
  c.time.run(Milliseconds(100));
  c.fence(3, c.request("n4"));
  c.time.run(Milliseconds(100));
  c.answers.clear();
  c.nodes[1]->processes->dead = true;
  c.view({2, 3, 5});
  c.time.run(Seconds(10));
  EXPECT_EQ(c.plant.calls, (Calls{"n1 pdu off n4", "n2 pdu off n4"}));
  ASSERT_EQ(c.answers.size(), 1U);
  EXPECT_TRUE(c.answers[0].succeeded);
}

TEST(Fencer, ANodeBackInANewerLifeIsNotShotForTheOldOne) {
  TestCluster c(3, device("pdu", {{"pcmk_delay_base", "5s"}}));
  c.view({1, 2});
  c.fence(1, c.request("n3"));
  c.time.run(Seconds(1));
  EXPECT_TRUE(c.plant.calls.empty());
  c.boot(3, 2);
  c.view({1, 2, 3});
  c.time.run(Seconds(30));
  EXPECT_TRUE(c.plant.calls.empty());
  ASSERT_EQ(c.answers.size(), 1U);
  EXPECT_FALSE(c.answers[0].succeeded);
  EXPECT_NE(c.answers[0].reason.find("newer life"), std::string::npos);
}

TEST(Fencer, AMemberInTheLifeThatIsMeantIsShot) {
  TestCluster c(3, device("pdu", {}));
  c.fence(1, c.request("n3"));
  c.time.run(Seconds(5));
  EXPECT_EQ(c.plant.calls, Calls{"n1 pdu off n3"});
}

TEST(Fencer, ALifeThatTheAskerDoesNotKnowIsTheOneLastSeen) {
  TestCluster c(3, device("pdu", {}));
  auto r = c.request("n3");
  r.life = {};
  c.fence(1, r);  // A member, by its name only.
  c.time.run(Seconds(5));
  ASSERT_EQ(c.answers.size(), 1U);
  EXPECT_TRUE(c.answers[0].succeeded) << c.answers[0].reason;
  EXPECT_EQ(c.answers[0].request.life, (NodeLife{NodeId{3}, Incarnation{1}}));
  c.view({1, 2});
  c.plant.devices["pdu"].fails = 1;
  c.fence(1, r);
  c.time.run(Milliseconds(150));
  c.boot(3, 2);
  c.view({1, 2, 3});
  c.time.run(Seconds(5));
  ASSERT_EQ(c.answers.size(), 2U);
  EXPECT_FALSE(c.answers[1].succeeded);
}

TEST(Fencer, AnAgentWhoseMetadataHangsIsHeldToTheStandardActions) {
  Plant plant;
  plant.metadata_hangs = true;
  TestCluster c(3, device("pdu", {}), "", "", plant);
  c.view({1, 2});
  c.fence(1, c.request("n3"));
  c.time.run(Seconds(6));
  ASSERT_EQ(c.answers.size(), 1U);
  EXPECT_TRUE(c.answers[0].succeeded) << c.answers[0].reason;
}

TEST(Fencer, OfTwoNodesThatLostEachOtherTheLowerGoesFirst) {
  TestCluster c(2, device("pdu", {}));
  c.view({2});
  c.fence(2, c.request("n1"));
  c.time.run(Milliseconds(1400));
  EXPECT_TRUE(c.plant.calls.empty());
  c.time.run(Seconds(1));
  EXPECT_EQ(c.plant.calls, Calls{"n2 pdu off n1"});

  TestCluster lower(2, device("pdu", {}));
  lower.view({1});
  lower.fence(1, lower.request("n2"));
  lower.time.run(Milliseconds(50));
  EXPECT_EQ(lower.plant.calls, Calls{"n1 pdu off n2"});
}

TEST(Fencer, AConfiguredDelayTakesThePlaceOfTheTieBreak) {
  TestCluster c(2, device("pdu", {{"pcmk_delay_base", "n1:300ms"}}));
  c.view({2});
  c.fence(2, c.request("n1"));
  c.time.run(Milliseconds(250));
  EXPECT_TRUE(c.plant.calls.empty());
  c.time.run(Milliseconds(100));
  EXPECT_EQ(c.plant.calls, Calls{"n2 pdu off n1"});
}

TEST(Fencer, DelaysOfRequestAndDeviceAddUpAndTheRandomPartStaysBelowItsMaximum) {
  TestCluster c(3, device("pdu", {{"pcmk_delay_base", "1s"}, {"pcmk_delay_max", "2s"}}));
  c.view({1, 2});
  auto r = c.request("n3");
  r.delay = Seconds(3);
  c.fence(1, r);
  c.time.run(Milliseconds(3999));
  EXPECT_TRUE(c.plant.calls.empty());
  c.time.run(Milliseconds(1100));
  EXPECT_EQ(c.plant.calls, Calls{"n1 pdu off n3"});
}

TEST(Fencer, AMinorityDoesNotShootMoreNodesThanItHasMembersAtOnce) {
  TestCluster c(5, device("pdu", {}));
  c.view({1});
  for (const char* target : {"n2", "n3", "n4"}) {
    auto r = c.request(target);
    r.timeout = Seconds(60);
    c.fence(1, r);
  }
  c.time.run(Seconds(9));
  EXPECT_EQ(c.plant.calls, Calls{"n1 pdu off n2"});
  c.time.run(Seconds(3));
  EXPECT_EQ(c.plant.calls, (Calls{"n1 pdu off n2", "n1 pdu off n3"}));
}

TEST(Fencer, AMajorityIsNotHeldBack) {
  TestCluster c(5, device("pdu", {{"pcmk_action_limit", "-1"}}));
  c.view({1, 2, 3});
  c.fence(1, c.request("n4"));
  c.fence(1, c.request("n5"));
  c.time.run(Milliseconds(50));
  EXPECT_EQ(c.plant.calls.size(), 2U);
}

TEST(Fencer, ADeviceIsUsedByOneActionAtATimeUnlessItBearsMore) {
  TestCluster c(5, device("pdu", {}));
  c.view({1, 2, 3});
  c.fence(1, c.request("n4"));
  c.fence(1, c.request("n5"));
  c.time.run(Milliseconds(50));
  EXPECT_EQ(c.plant.calls.size(), 1U);
  c.time.run(Seconds(5));
  EXPECT_EQ(c.answers.size(), 2U);
}

TEST(Fencer, FencingDoesNotWaitForACheckOfTheDevice) {
  TestCluster c(3, device("pdu", {}));
  int rc = -1;
  c.nodes[1]->fencer->device_operation("pdu", "start", Seconds(60),
                                       [&](int r, const std::string&) { rc = r; });
  c.time.run(Seconds(1));
  ASSERT_EQ(rc, 0);
  c.plant.devices["pdu"].time = Seconds(10);  // A monitor that is slow.
  rc = -1;
  c.nodes[1]->fencer->device_operation("pdu", "monitor", Seconds(60),
                                       [&](int r, const std::string&) { rc = r; });
  c.time.run(Milliseconds(100));
  c.plant.devices["pdu"].time = Milliseconds(100);
  c.view({1, 2});
  c.fence(1, c.request("n3"));
  c.time.run(Seconds(2));
  ASSERT_EQ(c.answers.size(), 1U);
  EXPECT_TRUE(c.answers[0].succeeded);
  EXPECT_EQ(rc, 0) << "the monitor is run again afterwards";
}

TEST(Fencer, AnAdministratorsWordEndsTheRequest) {
  TestCluster c(3, device("pdu", {}));
  c.plant.devices["pdu"].hangs = true;
  c.view({1, 2});
  c.fence(1, c.request("n3"));
  c.time.run(Seconds(1));
  c.nodes[2]->fencer->confirm("n3", "root");
  c.time.run(Seconds(1));
  ASSERT_EQ(c.answers.size(), 1U);
  EXPECT_TRUE(c.answers[0].succeeded);
  EXPECT_EQ(c.answers[0].reason, "manual confirmation by root");
  EXPECT_EQ(c.answers[0].request.life, (NodeLife{NodeId{3}, Incarnation{1}}));
  ASSERT_EQ(c.nodes[1]->outcomes.size(), 1U);
  c.time.run(Seconds(60));
  EXPECT_EQ(c.nodes[1]->outcomes.size(), 1U);  // What the device says later is nobody's business.
}

TEST(Fencer, AnAdministratorsWordAboutAMemberIsNotBelieved) {
  TestCluster c(3, device("pdu", {}));
  c.nodes[1]->fencer->confirm("n3", "root");
  c.time.run(Seconds(1));
  EXPECT_TRUE(c.nodes[1]->outcomes.empty());
}

TEST(Fencer, AJoinerGetsTheHistory) {
  TestCluster c(3, device("pdu", {}));
  c.view({1, 2});
  c.fence(1, c.request("n3"));
  c.time.run(Seconds(5));
  c.boot(3, 2);
  EXPECT_TRUE(c.nodes[3]->fencer->history().empty());
  c.view({1, 2, 3});
  c.time.run(Seconds(1));
  ASSERT_EQ(c.nodes[3]->fencer->history().size(), 1U);
  EXPECT_EQ(c.nodes[3]->fencer->history()[0].executed_by, "n1");
  EXPECT_TRUE(c.nodes[3]->outcomes.empty());  // It is history, no news.
  EXPECT_EQ(c.nodes[1]->fencer->history().size(), 1U);
}

TEST(Fencer, MessagesThatTheRingDoesNotTakeAreSentLater) {
  TestCluster c(3, device("pdu", {}));
  c.view({1, 2});
  c.refuse_messages = true;
  c.fence(1, c.request("n3"));
  c.time.run(Seconds(2));
  EXPECT_TRUE(c.plant.calls.empty());
  c.refuse_messages = false;
  c.time.run(Seconds(2));
  ASSERT_EQ(c.answers.size(), 1U);
  EXPECT_TRUE(c.answers[0].succeeded);
}

TEST(Fencer, WhoAsksGetsAnAnswerEvenWhenNoMessageGoesOut) {
  TestCluster c(3, device("pdu", {}));
  c.view({1, 2});
  c.refuse_messages = true;
  c.fence(1, c.request("n3"));
  c.time.run(Milliseconds(23900));
  EXPECT_TRUE(c.answers.empty());
  c.time.run(Milliseconds(200));
  ASSERT_EQ(c.answers.size(), 1U);
  EXPECT_FALSE(c.answers[0].succeeded);
}

TEST(Fencer, GarbageFromAPeerChangesNothing) {
  TestCluster c(3, device("pdu", {}));
  for (const char* text : {"", "\x01", "\x03garbage", "\xff\xff\xff\xff"}) {
    c.nodes[1]->fencer->on_message(NodeId{2}, as_bytes(text));
  }
  c.time.run(Seconds(1));
  EXPECT_TRUE(c.nodes[1]->outcomes.empty());
  EXPECT_TRUE(c.plant.calls.empty());
}

TEST(Fencer, UnfencingIsDoneByTheTargetItself) {
  TestCluster c(3, device("scsi", {{"provides", "unfencing"}}));
  c.fence(1, c.request("n3", "on"));
  c.time.run(Seconds(5));
  EXPECT_EQ(c.plant.calls, Calls{"n3 scsi on n3"});
  ASSERT_EQ(c.answers.size(), 1U);
  EXPECT_TRUE(c.answers[0].succeeded);
}

TEST(Fencer, AnActionThatNobodyKnowsIsRefused) {
  TestCluster c(2, device("pdu", {}));
  c.fence(1, c.request("n2", "explode"));
  c.time.run(Seconds(1));
  ASSERT_EQ(c.answers.size(), 1U);
  EXPECT_FALSE(c.answers[0].succeeded);
  EXPECT_TRUE(c.plant.calls.empty());
}

TEST(FenceTest, RunsTheConfiguredCommandWithoutAShell) {
  TestCluster c(3, device("t", {{"command", "/bin/power --lab x %a %n"}}, "fence_test"));
  c.view({1, 2});
  c.fence(1, c.request("n3", "reboot"));
  c.time.run(Seconds(5));
  EXPECT_EQ(c.plant.calls, Calls{"n1 --lab x reboot n3"});
  ASSERT_EQ(c.answers.size(), 1U);
  EXPECT_TRUE(c.answers[0].succeeded);
}

TEST(Devices, StartMonitorAndStopAreAnsweredAsAnAgentWould) {
  TestCluster c(2, device("pdu", {}) + device("gone", {}, "fence_absent") +
                       device("bad", {{"pcmk_host_check", "maybe"}}) +
                       device("t", {{"command", "/bin/power %a"}}, "fence_test") +
                       device("u", {{"command", "/bin/absent %a"}}, "fence_test"));
  const auto perform = [&](const std::string& id, const std::string& task) {
    int rc = -1;
    c.nodes[1]->fencer->device_operation(id, task, Seconds(20), [&](int r, const std::string&) { rc = r; });
    c.time.run(Seconds(5));
    return rc;
  };
  namespace ocf = lrmd::ocf;
  EXPECT_EQ(perform("pdu", "monitor"), ocf::kNotRunning);
  EXPECT_EQ(perform("pdu", "start"), ocf::kOk);
  EXPECT_EQ(perform("pdu", "monitor"), ocf::kOk);
  EXPECT_EQ(perform("pdu", "stop"), ocf::kOk);
  EXPECT_EQ(perform("pdu", "monitor"), ocf::kNotRunning);
  EXPECT_EQ(perform("pdu", "promote"), ocf::kUnimplemented);
  EXPECT_EQ(perform("gone", "start"), ocf::kNotInstalled);
  EXPECT_EQ(perform("bad", "start"), ocf::kNotConfigured);
  EXPECT_EQ(perform("nobody", "start"), ocf::kNotConfigured);
  EXPECT_EQ(perform("t", "start"), ocf::kOk);
  EXPECT_EQ(perform("u", "start"), ocf::kNotConfigured);
  EXPECT_EQ(c.nodes[1]->fencer->types(),
            (std::vector<std::string>{"fence_fake", "fence_plain", "fence_test"}));
}

TEST(Devices, MetadataIsTheAgentsOwn) {
  TestCluster c(1, "");
  std::map<std::string, Result<std::string>> got;
  for (const char* type : {"fence_fake", "fence_test", "fence_absent", "../sh"}) {
    c.nodes[1]->fencer->metadata(type,
                                 [&got, type](Result<std::string> r) { got.emplace(type, std::move(r)); });
  }
  c.time.run(Seconds(1));
  ASSERT_EQ(got.size(), 4U);
  EXPECT_TRUE(got.at("fence_fake"));
  EXPECT_NE(got.at("fence_test")->find("<parameter name=\"command\""), std::string::npos);
  EXPECT_EQ(got.at("fence_absent").error().code, Errc::kNotFound);
  EXPECT_EQ(got.at("../sh").error().code, Errc::kInvalidArgument);
}

}  // namespace
}  // namespace systole::stonith
