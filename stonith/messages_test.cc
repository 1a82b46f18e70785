#include "stonith/messages.h"

#include <gtest/gtest.h>

namespace systole::stonith {
namespace {

Order example() {
  Order o;
  o.id = {{NodeId{2}, Incarnation{77}}, 5};
  o.attempt = 3;
  o.executor = NodeId{4};
  o.budget = Seconds(9);
  o.request = {
      "n3", {NodeId{3}, Incarnation{99}}, "reboot", Seconds(20), Milliseconds(-1), "controller on n2"};
  o.already_failed = {"a", "b"};
  return o;
}

TEST(Messages, EachKindComesOutAsItWentIn) {
  const auto order = decode(encode(example()));
  ASSERT_TRUE(order);
  const auto& o = std::get<Order>(*order);
  EXPECT_EQ(o.id, example().id);
  EXPECT_EQ(o.attempt, 3U);
  EXPECT_EQ(o.executor, NodeId{4});
  EXPECT_EQ(o.budget, Seconds(9));
  EXPECT_EQ(o.request, example().request);
  EXPECT_EQ(o.already_failed, example().already_failed);

  const auto failed = decode(encode(Failed{o.id, 3, "no route"}));
  ASSERT_TRUE(failed);
  EXPECT_EQ(std::get<Failed>(*failed).reason, "no route");

  const Outcome outcome{o.request, true, "pdu", "n1", "why", WallTime(Seconds(1234))};
  for (const Message& m :
       {Message(Ended{o.id, outcome}), Message(HistoryPage{{{o.id, outcome}, {o.id, outcome}}})}) {
    const auto back = decode(encode(m));
    ASSERT_TRUE(back);
    const auto& got = std::holds_alternative<Ended>(*back)
                          ? std::get<Ended>(*back).outcome
                          : std::get<HistoryPage>(*back).entries.at(1).outcome;
    EXPECT_EQ(got.request, o.request);
    EXPECT_TRUE(got.succeeded);
    EXPECT_EQ(got.device, "pdu");
    EXPECT_EQ(got.executed_by, "n1");
    EXPECT_EQ(got.reason, "why");
    EXPECT_EQ(got.completed, outcome.completed);
  }
  EXPECT_TRUE(std::holds_alternative<Confirmed>(decode(encode(Confirmed{o.id, outcome})).value()));
}

TEST(Messages, EveryTruncationAndAnyTrailingByteIsRefused) {
  Bytes bytes = encode(example());
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(decode(ByteView(bytes).first(size))) << size;
  bytes.push_back(0);
  EXPECT_FALSE(decode(bytes));
}

TEST(Messages, TextsAreCutToTheirBoundWhenWritten) {
  auto o = example();
  o.request.origin.assign(5000, 'x');
  o.already_failed.assign(1000, "y");
  const auto back = decode(encode(o));
  ASSERT_TRUE(back);
  EXPECT_EQ(std::get<Order>(*back).request.origin.size(), 1024U);
  EXPECT_EQ(std::get<Order>(*back).already_failed.size(), 64U);
}

}  // namespace
}  // namespace systole::stonith
