// Several replicas over a bus that orders messages, with disks that can fail.
#include "cib/replica.h"

#include "cib/replica_test_bus.h"

namespace systole::cib {
namespace {

TEST(Replica, AChangeReachesAllMembersAndIsAcknowledgedByTheirDisks) {
  TestBus bus(3);
  bus.view({1, 2, 3});
  bus.run();
  ASSERT_TRUE(bus.node(1).replica->synced());
  Result<Applied> answer = fail(Errc::kTimeout, "no answer");
  bus.hold_disks = true;
  bus.node(2).replica->submit(make_primitive("a"), [&](Result<Applied> r) { answer = std::move(r); });
  bus.run();
  EXPECT_FALSE(answer);  // Applied everywhere, on no disk yet.
  EXPECT_EQ(bus.node(1).replica->document().digest(), bus.node(3).replica->document().digest());
  bus.node(1).journal.release();
  bus.run();
  EXPECT_FALSE(answer);  // One disk of three.
  bus.node(3).journal.release();
  bus.run();
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_TRUE(answer->changed_configuration);
}

TEST(Replica, AChangeThatRestsOnAnothersWaitsForTheDiskThatNobodyHadAskedAbout) {
  TestBus bus(3);
  bus.view({1, 2, 3});
  bus.run();
  bus.hold_disks = true;
  Op same = counting_change();
  same.xml =
      "<cluster_property_set id=\"s\"><nvpair id=\"s-n\" name=\"n\" value=\"7\"/></cluster_property_set>";
  const auto& first = bus.submit(1, same);
  while (bus.order_one(1) || bus.world.step()) {
  }
  bus.node(1).journal.release();
  while (bus.order_one(1) || bus.world.step()) {
  }
  EXPECT_FALSE(first);  // One disk of three.
  const auto& second = bus.submit(2, same);
  while (bus.order_one(1) || bus.order_one(2) || bus.world.step()) {
  }
  EXPECT_FALSE(second);
  bus.node(2).journal.release();
  while (bus.order_one(1) || bus.order_one(2) || bus.world.step()) {
  }
  EXPECT_TRUE(first && *first);  // Without a moment's wait: no timer has fired.
  EXPECT_TRUE(second && *second);
}

TEST(Replica, AMembersWordBesideTheOrderAcknowledgesAtOnce) {
  TestBus bus(3, true);
  bus.view({1, 2, 3});
  bus.run();
  const auto& answer = bus.submit(1, make_primitive("a"));
  bus.hold_disks = true;
  ASSERT_TRUE(bus.order_one(1));
  bus.node(1).journal.release();
  while (bus.world.step()) {
  }
  EXPECT_FALSE(answer);  // One disk of three.
  bus.node(2).journal.release();
  while (bus.world.step()) {
  }
  EXPECT_FALSE(answer);
  ASSERT_TRUE(bus.tell_one());
  EXPECT_TRUE(answer && *answer);
}

TEST(Replica, AWordBesideTheOrderThatIsLostIsSaidAgainInOrder) {
  TestBus bus(3, true);
  bus.view({1, 2, 3});
  bus.run();
  const auto& answer = bus.submit(1, make_primitive("a"));
  ASSERT_TRUE(bus.order_one(1));
  while (bus.world.step() || bus.tell_one(true)) {
  }
  EXPECT_FALSE(answer);
  bus.run();
  EXPECT_TRUE(answer && *answer);
}

// Everything that is on its way is there, and no time has passed.
void at_once(TestBus& bus, const std::vector<unsigned>& senders) {
  for (bool busy = true; busy;) {
    busy = bus.world.step();
    for (const unsigned sender : senders) busy = bus.order_one(sender) || busy;
  }
}

TEST(Replica, EachOthersJournalSpeaksToTheAuthorWithoutATimer) {
  TestBus bus(5, true);
  bus.view({1, 2, 3, 4, 5});
  bus.run();
  const auto& answer = bus.submit(3, make_primitive("a"));
  at_once(bus, {3});
  EXPECT_EQ(bus.words_from(), (std::vector<unsigned>{1, 2, 4, 5}));
  bus.tell_one();
  EXPECT_FALSE(answer);
  bus.tell_one();
  EXPECT_TRUE(answer && *answer);
}

TEST(Replica, AloneItsOwnDiskIsEnough) {
  TestBus bus(1, true);
  bus.view({1});
  bus.run();
  const auto& answer = bus.submit(1, make_primitive("a"));
  at_once(bus, {1});
  EXPECT_TRUE(answer && *answer);
}

TEST(Replica, TheAuthorsOwnDiskMayBeTheLast) {
  TestBus bus(3, true);
  bus.view({1, 2, 3});
  bus.run();
  bus.hold_disks = true;
  const auto& answer = bus.submit(1, make_primitive("a"));
  at_once(bus, {1});
  bus.node(2).journal.release();
  bus.tell_one();
  at_once(bus, {1});
  EXPECT_FALSE(answer);
  bus.node(1).journal.release();
  at_once(bus, {1});
  EXPECT_TRUE(answer && *answer);
}

TEST(Replica, AWordOfAnotherViewAcknowledgesNothing) {
  TestBus bus(3, true);
  bus.view({1, 2, 3});
  bus.run();
  bus.hold_disks = true;
  const auto& answer = bus.submit(1, make_primitive("a"));
  ASSERT_TRUE(bus.order_one(1));
  bus.node(2).journal.release();
  while (bus.world.step()) {
  }
  bus.view({1, 3});
  while (bus.order_one(1) || bus.order_one(3) || bus.world.step()) {
  }
  bus.node(1).journal.release();
  bus.tell_one();  // Of 2's disk, which is no part of this view's majority.
  while (bus.order_one(1) || bus.order_one(3) || bus.world.step()) {
  }
  EXPECT_FALSE(answer);
  bus.node(3).journal.release();
  bus.run();
  EXPECT_TRUE(answer && *answer);
}

TEST(Replica, AJoiningNodeTakesTheNewerDocument) {
  TestBus bus(3);
  bus.view({1, 2});
  bus.run();
  bus.submit(1, make_primitive("a"));
  bus.run();
  bus.view({1, 2, 3});
  bus.run();
  EXPECT_EQ(bus.digest(3), bus.digest(1));
  EXPECT_EQ(bus.node(1).joined, std::vector<NodeId>{NodeId{3}});
  EXPECT_EQ(bus.node(3).joined, std::vector<NodeId>{NodeId{3}});
}

TEST(Replica, ARestartedNodeJoinsThoughItsConfigurationIsTheSame) {
  TestBus bus(2);
  bus.view({1, 2});
  bus.run();
  bus.submit(1, make_primitive("a"));
  bus.run();
  bus.crash(2);
  bus.start(2);
  EXPECT_EQ(bus.node(2).replica->document().configuration_digest(),
            bus.node(1).replica->document().configuration_digest());
  bus.view({1, 2});
  bus.run();
  EXPECT_EQ(bus.node(1).joined, std::vector<NodeId>{NodeId{2}});
}

TEST(Replica, ALoneNodeIsItsOwnMajority) {
  TestBus bus(1);
  bus.view({1});
  bus.run();
  const auto& answer = bus.submit(1, make_primitive("a"));
  bus.run();
  ASSERT_TRUE(answer.value()) << answer->error().message;
}

TEST(Replica, AStatusChangeNeedsNoDisk) {
  TestBus bus(2);
  bus.view({1, 2});
  bus.run();
  bus.hold_disks = true;
  const auto& answer = bus.submit(1, status_change("1", "online"));
  bus.run();
  ASSERT_TRUE(answer && *answer);
  EXPECT_TRUE((*answer)->changed_status);
}

TEST(Replica, ARefusedChangeIsAnErrorForItsSubmitterAndNothingForOthers) {
  TestBus bus(2);
  bus.view({1, 2});
  bus.run();
  bus.submit(1, make_primitive("a"));
  const auto& answer = bus.submit(2, make_primitive("a"));
  bus.run();
  ASSERT_TRUE(answer);
  ASSERT_FALSE(*answer);
  EXPECT_EQ(answer->error().code, Errc::kExists);
  EXPECT_EQ(bus.digest(1), bus.digest(2));
}

TEST(Replica, AQueryAnswersAtOnceEvenWithoutAView) {
  TestBus bus(1);
  const auto& answer = bus.submit(1, Op{});
  ASSERT_TRUE(answer && *answer);
  EXPECT_NE((*answer)->answer.find("<configuration"), std::string::npos);
}

TEST(Replica, WhatIsSubmittedBeforeTheAgreementWaitsForIt) {
  TestBus bus(2);
  const auto& early = bus.submit(1, make_primitive("a"));
  bus.run();
  EXPECT_FALSE(early);
  bus.view({1, 2});
  const auto& during = bus.submit(2, make_primitive("b"));
  bus.run();
  EXPECT_TRUE(early && *early);
  EXPECT_TRUE(during && *during);
  EXPECT_EQ(bus.digest(1), bus.digest(2));
}

TEST(Replica, AnOperationWhoseViewEndsIsAppliedOnceInTheNext) {
  TestBus bus(3);
  bus.view({1, 2, 3});
  bus.run();
  Op start = counting_change();
  start.xml.replace(start.xml.find("value++"), 7, "1");
  bus.submit(1, start);
  bus.run();
  const auto& answer = bus.submit(1, counting_change());
  bus.view({1, 2});  // What was sent is ordered in the new view, before and after it is agreed.
  bus.run();
  ASSERT_TRUE(answer && *answer) << answer->error().message;
  EXPECT_EQ(bus.counter(1), "2");
  EXPECT_EQ(bus.counter(2), "2");
}

TEST(Replica, ALoserOfASplitGivesWayAndIsKeptWithANote) {
  TestBus bus(3);
  bus.view({1, 2, 3});
  bus.run();
  bus.view({1, 2});
  bus.view({3});
  bus.run();
  bus.submit(1, make_primitive("a"));
  bus.submit(1, make_primitive("b"));
  bus.submit(3, make_primitive("c"));
  bus.run();
  bus.view({1, 2, 3});
  bus.run();
  EXPECT_EQ(bus.digest(3), bus.digest(1));
  EXPECT_EQ(bus.resources(3), "a b ");
  EXPECT_EQ(bus.node(1).joined, std::vector<NodeId>{NodeId{3}});
  const auto& disk = bus.node(3).journal.disk;
  const auto loser = std::find_if(disk.begin(), disk.end(), [](const JournalEntry& e) {
    return e.note.find("gave way") != std::string::npos;
  });
  ASSERT_NE(loser, disk.end());
  EXPECT_NE(loser->document.find("id=\"c\""), std::string::npos);
}

TEST(Replica, WhatAMajorityAcknowledgedBeatsAHigherVersionOfAMinority) {
  TestBus bus(3);
  bus.view({1, 2, 3}, true);
  bus.run();
  bus.view({1, 2}, true);
  bus.view({3});
  bus.run();
  bus.submit(1, make_primitive("a"));
  for (const char* id : {"c", "d", "e"}) bus.submit(3, make_primitive(id));
  bus.run();
  ASSERT_GT(bus.node(3).replica->version(), bus.node(1).replica->version());
  bus.view({1, 2, 3}, true);
  bus.run();
  EXPECT_EQ(bus.resources(3), "a ");
  EXPECT_EQ(bus.digest(3), bus.digest(1));
}

TEST(Replica, AMajoritysDocumentBeatsAMinoritysAfterARestartToo) {
  TestBus bus(3);
  bus.view({1, 2, 3}, true);
  bus.run();
  bus.view({1, 2}, true);
  bus.view({3});
  bus.run();
  bus.submit(1, make_primitive("a"));
  for (const char* id : {"c", "d", "e"}) bus.submit(3, make_primitive(id));
  bus.run();
  for (const unsigned id : {1U, 2U, 3U}) {
    bus.crash(id);
    bus.start(id);
  }
  bus.view({1, 2, 3}, true);
  bus.run();
  EXPECT_EQ(bus.resources(3), "a ");
}

// What a lone member makes of the rest of an ending view is not the majority's, though that view was quorate.
TEST(Replica, WhatAMinorityMakesOfAnEndingViewIsNotTheMajoritys) {
  TestBus bus(3);
  bus.view({1, 2, 3}, true);
  bus.run();
  bus.transitional({1, 2});
  bus.transitional({3});
  bus.submit(1, make_primitive("a"));
  ASSERT_TRUE(bus.order_one(1, {1, 2}));
  for (const char* id : {"c", "d", "e"}) {
    bus.submit(3, make_primitive(id));
    ASSERT_TRUE(bus.order_one(3, {3}));
  }
  while (bus.world.step()) {
  }
  ASSERT_EQ(bus.resources(3), "c d e ");
  for (const unsigned id : {1U, 2U, 3U}) {  // The power fails before the next view.
    bus.crash(id);
    bus.start(id);
  }
  bus.view({1, 2, 3}, true);
  bus.run();
  EXPECT_EQ(bus.resources(3), "a ");
}

TEST(Replica, TheSameVersionWithOtherContentIsDecidedAlikeByAll) {
  TestBus bus(3);
  for (const unsigned n : {1U, 2U, 3U}) bus.view({n});
  bus.run();
  bus.submit(1, make_primitive("a"));
  bus.submit(2, make_primitive("b"));
  bus.submit(3, make_primitive("b"));
  bus.run();
  bus.view({1, 2, 3});
  bus.run();
  EXPECT_EQ(bus.digest(1), bus.digest(2));
  EXPECT_EQ(bus.digest(1), bus.digest(3));
  EXPECT_EQ(bus.resources(1), "b ");  // Most have it.
}

TEST(Replica, ABigDocumentGoesInParts) {
  TestBus bus(2);
  bus.view({1});
  bus.run();
  Op op = make_primitive("big");
  op.xml =
      "<primitive id=\"big\" class=\"lsb\" type=\"x\" description=\"" + std::string(3 << 20, 'x') + "\"/>";
  const auto& answer = bus.submit(1, op);
  bus.run();
  ASSERT_TRUE(answer && *answer) << answer->error().message;
  bus.view({1, 2});
  bus.run();
  EXPECT_EQ(bus.digest(1), bus.digest(2));
  EXPECT_LT(bus.longest_frame, membership::Membership::kMaxMessage);
}

TEST(Replica, WaitsWhileTheRingTakesNothing) {
  TestBus bus(2);
  bus.view({1, 2});
  bus.run();
  bus.refuse_sending = true;
  const auto& answer = bus.submit(1, make_primitive("a"));
  bus.run();
  EXPECT_FALSE(answer);
  bus.refuse_sending = false;
  bus.run();
  EXPECT_TRUE(answer && *answer);
}

TEST(Replica, AFullDiskAtOneMemberDoesNotHoldTheOthersUp) {
  TestBus bus(3);
  bus.view({1, 2, 3});
  bus.run();
  bus.node(1).journal.full = true;
  const auto& answer = bus.submit(1, make_primitive("a"));
  bus.run();
  ASSERT_TRUE(answer && *answer) << answer->error().message;
  EXPECT_TRUE(bus.logged(1, "no space left"));
}

TEST(Replica, WithoutAMajorityOfDisksTheSubmitterIsToldWhatThatMeans) {
  TestBus bus(3);
  bus.view({1, 2, 3});
  bus.run();
  bus.node(2).journal.full = bus.node(3).journal.full = true;
  const auto& answer = bus.submit(1, make_primitive("a"));
  bus.run();
  ASSERT_TRUE(answer);
  ASSERT_FALSE(*answer);
  EXPECT_EQ(answer->error().code, Errc::kIo);
  EXPECT_NE(answer->error().message.find("in effect"), std::string::npos) << answer->error().message;
  EXPECT_NE(answer->error().message.find("no space left"), std::string::npos);
  EXPECT_EQ(bus.resources(2), "a ");

  bus.node(2).journal.full = bus.node(3).journal.full = false;  // Space returns: written without being asked.
  bus.run();
  EXPECT_TRUE(bus.node(2).journal.has(bus.node(2).replica->version(),
                                      bus.node(2).replica->document().configuration_digest()));
  const auto& later = bus.submit(1, make_primitive("b"));
  bus.run();
  EXPECT_TRUE(later && *later);
}

TEST(Replica, WhatChangesWhileADiskIsWrittenAgainIsWrittenToo) {
  TestBus bus(3);
  bus.view({1, 2, 3});
  bus.run();
  auto& journal = bus.node(1).journal;
  journal.full = true;
  bus.submit(2, make_primitive("a"));
  bus.run();
  journal.full = false;
  bus.hold_disks = true;  // What is written again stays on its way…
  bus.run();
  bus.submit(2, make_primitive("b"));  // …when this comes.
  bus.run();
  bus.hold_disks = false;
  for (unsigned id : {1U, 2U, 3U}) bus.node(id).journal.release();
  bus.run();
  EXPECT_TRUE(
      journal.has(bus.node(1).replica->version(), bus.node(1).replica->document().configuration_digest()));
}

TEST(Replica, ADivergedReplicaIsFoundAndRepairedFromTheMajority) {
  TestBus bus(3);
  bus.view({1, 2, 3});
  bus.run();
  // Node 3 alone changes its status without a message: what a bug would do.
  ASSERT_TRUE(bus.node(1).replica->apply_local(status_change("9", "online")));
  ASSERT_TRUE(bus.node(2).replica->apply_local(status_change("9", "online")));
  ASSERT_TRUE(bus.node(3).replica->apply_local(status_change("9", "offline")));
  const auto& answer = bus.submit(1, make_primitive("a"));
  bus.run();
  EXPECT_TRUE(answer && *answer);
  EXPECT_EQ(bus.digest(3), bus.digest(1));
  EXPECT_EQ(bus.digest(2), bus.digest(1));
  EXPECT_NE(bus.node(3).replica->document().serialize().find("crmd=\"online\""), std::string::npos);
  EXPECT_EQ(bus.node(1).joined, std::vector<NodeId>{NodeId{3}});
  EXPECT_TRUE(bus.logged(1, "diverged") || bus.logged(3, "diverged"));
}

TEST(Replica, ReplacingTheWholeCibKeepsWhatIsKnownOfRunningResources) {
  TestBus bus(1);
  bus.view({1});
  bus.run();
  bus.submit(1, status_change("1", "online"));
  bus.run();
  Op op;
  op.kind = Op::Kind::kReplace;
  op.force = true;
  op.xml = Document::empty().serialize();
  bus.submit(1, op);
  op = Op{};
  op.kind = Op::Kind::kErase;
  const auto& erased = bus.submit(1, op);
  bus.run();
  ASSERT_TRUE(erased && *erased) << erased->error().message;
  EXPECT_NE(bus.node(1).replica->document().serialize().find("node_state id=\"1\""), std::string::npos);
}

TEST(Replica, ANodeThatLeavesAnswersWhatStillWaits) {
  TestBus bus(1);
  const auto& answer = bus.submit(1, make_primitive("a"));
  bus.crash(1);
  ASSERT_TRUE(answer);
  ASSERT_FALSE(*answer);
  EXPECT_EQ(answer->error().code, Errc::kUnavailable);
}

TEST(Replica, GarbageFromTheRingIsDroppedWithAWord) {
  TestBus bus(1);
  bus.view({1});
  bus.run();
  for (const char* garbage : {"", "W", "W\x09", "P", "X123", "W\x01\x02\x03", "P0123456789ab"})
    bus.node(1).replica->on_message(NodeId{1}, as_bytes(garbage));
  EXPECT_TRUE(bus.node(1).replica->synced());
  const auto& answer = bus.submit(1, make_primitive("a"));
  bus.run();
  EXPECT_TRUE(answer && *answer);
}

}  // namespace
}  // namespace systole::cib
