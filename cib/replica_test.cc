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

TEST(Replica, AJoiningNodeTakesTheNewerDocument) {
  TestBus bus(3);
  bus.view({1, 2});
  bus.run();
  bus.node(1).replica->submit(make_primitive("a"), [](Result<Applied>) {});
  bus.run();
  bus.view({1, 2, 3});
  bus.run();
  EXPECT_EQ(bus.node(3).replica->document().digest(), bus.node(1).replica->document().digest());
  EXPECT_EQ(bus.node(1).joined, std::vector<NodeId>{NodeId{3}});
}

}  // namespace
}  // namespace systole::cib
