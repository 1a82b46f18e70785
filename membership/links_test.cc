// The links' parts, each by itself; together they are tested in sim/ring_links_test.cc.
#include <gtest/gtest.h>

#include "membership/config.h"
#include "membership/parts.h"
#include "membership/path.h"
#include "membership/replay_window.h"

namespace systole::membership {
namespace {

Bytes pattern(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 31 + i / 256);
  return bytes;
}

TEST(Parts, ComeTogetherInAnyOrderAndOnce) {
  const Bytes frame = pattern(5000);
  const auto parts = cut_into_parts(frame, 7, 1000);
  ASSERT_EQ(parts.size(), 6U);
  Assembly assembly;
  for (std::size_t i = parts.size(); i-- > 1;) {
    EXPECT_LE(parts[i].size(), 1000U);
    EXPECT_TRUE(assembly.take(*decode_part(parts[i])).empty());
    EXPECT_TRUE(assembly.take(*decode_part(parts[i])).empty());
  }
  const ByteView whole = assembly.take(*decode_part(parts[0]));
  EXPECT_EQ(Bytes(whole.begin(), whole.end()), frame);
}

TEST(Parts, MemoryIsBoundedAndOddOnesEndTheirFrame) {
  Assembly assembly;
  const Bytes piece(1000);
  for (std::uint32_t frame = 1; frame < 10000; ++frame)
    EXPECT_TRUE(assembly.take({frame, 0, 2, piece}).empty());
  EXPECT_TRUE(assembly.take({1, 1, 2, piece}).empty());     // Its first part was given up.
  EXPECT_TRUE(assembly.take({9999, 1, 3, piece}).empty());  // Says three now.
  EXPECT_TRUE(assembly.take({9999, 1, 2, piece}).empty());
  EXPECT_FALSE(assembly.take({9999, 0, 2, piece}).empty());
  EXPECT_TRUE(cut_into_parts(pattern(70000), 1, 1000).empty());
  EXPECT_FALSE(decode_part(Bytes{35, 0, 0, 0, 0, 2, 2, 1}));  // Part 2 of 2, counted from 0.
}

TEST(ReplayWindow, KnowsWhatCameAndByWhichLink) {
  ReplayWindow window(64);
  EXPECT_EQ(window.judge(0, 0), ReplayWindow::kReplay);
  window.mark(10, 1);
  EXPECT_EQ(window.judge(10, 1), ReplayWindow::kReplay);
  EXPECT_EQ(window.judge(10, 0), ReplayWindow::kOtherLink);
  EXPECT_EQ(window.judge(9, 0), ReplayWindow::kNew);
  window.mark(1000, 0);
  EXPECT_EQ(window.judge(10, 0), ReplayWindow::kReplay);
  EXPECT_EQ(window.judge(936, 0), ReplayWindow::kReplay);
  EXPECT_EQ(window.judge(937, 0), ReplayWindow::kNew);
}

class PathTest : public ::testing::Test {
 protected:
  Path path{{"10.0.0.2", 5405}, PathSize(1500, Seconds(30))};
  PathTimes times{Milliseconds(100), Milliseconds(300), 2, 16};
  Time now{Seconds(10)};
  std::uint64_t number = 0;
  // The peer's beat, which heard ours of `ago` before.
  bool beat(Duration ago, std::uint16_t lost = 0) {
    const auto stamp = static_cast<std::uint64_t>((now - ago).time_since_epoch().count());
    const Beat::Echo echo{NodeId{1}, stamp, 0, lost};
    return path.beat({++number, static_cast<std::uint64_t>(now.time_since_epoch().count()), false, {echo}},
                     &echo, times, now);
  }
};

TEST_F(PathTest, IsUpByProofOfBothDirectionsOnly) {
  EXPECT_FALSE(path.beat({++number, 5, false, {}}, nullptr, times, now));  // It does not hear us.
  EXPECT_FALSE(path.up());
  EXPECT_TRUE(beat(Milliseconds(2)));
  EXPECT_TRUE(path.up());
  EXPECT_EQ(path.latency(), Milliseconds(2));
  now += Milliseconds(301);
  EXPECT_TRUE(path.expire(times, now));
  EXPECT_FALSE(path.up());
  EXPECT_FALSE(beat(Milliseconds(2)));  // One proof is not enough after a loss.
  now += Milliseconds(100);
  EXPECT_TRUE(beat(Milliseconds(4)));
  EXPECT_EQ(path.ups(), 2U);
  EXPECT_EQ(path.downs(), 1U);
  EXPECT_EQ(path.samples(), 3U);
  EXPECT_EQ(path.latency_min(), Milliseconds(2));
  EXPECT_EQ(path.latency_max(), Milliseconds(4));
}

TEST_F(PathTest, AnOldOrFutureEchoProvesNothing) {
  EXPECT_FALSE(beat(Milliseconds(400)));
  EXPECT_FALSE(beat(-Milliseconds(5)));
  EXPECT_FALSE(path.up());
}

TEST_F(PathTest, LossIsThatOfTheWorseDirection) {
  for (int i = 0; i < 64; ++i) {
    now += Milliseconds(100);
    if (i % 4 == 0) ++number;  // One in five does not come.
    beat(Milliseconds(1), 3);
  }
  EXPECT_NEAR(path.loss(), 0.2, 0.02);
  for (int i = 0; i < 64; ++i) {
    now += Milliseconds(100);
    beat(Milliseconds(1), 32);
  }
  EXPECT_EQ(path.loss(), 0.5);
}

// A network that carries packets up to `carries`; what the path's size is after a while.
std::uint16_t found(PathSize& size, std::uint16_t carries, Time& now, Duration span) {
  for (const Time end = now + span; now < end; now += Milliseconds(10)) {
    while (const auto probe = size.probe(now, Milliseconds(1))) {
      if (*probe > carries) break;
      size.answered(*probe, now);
    }
  }
  return size.size();
}

TEST(PathSize, ClimbsToWhatPassesAndFallsWhenLessDoes) {
  Time now{Seconds(1)};
  PathSize size(PathSize::kMost, Seconds(30));
  EXPECT_EQ(size.size(), 1280);
  size.ask(now);
  EXPECT_EQ(found(size, 1500, now, Seconds(1)), 1500);
  EXPECT_EQ(found(size, 9000, now, Seconds(31)), 9000);
  size.doubt(now);
  EXPECT_EQ(found(size, 1400, now, Seconds(1)), 1400);
  size.doubt(now);
  EXPECT_EQ(found(size, 600, now, Seconds(2)), 576);
  EXPECT_EQ(found(size, 100, now, Seconds(100)), 576);  // Never less.
}

TEST(PathSize, ConfigurationIsTheMost) {
  Time now{Seconds(1)};
  PathSize size(1492, Seconds(30)), unasked(8000, Seconds(0));
  size.ask(now);
  EXPECT_EQ(found(size, 9000, now, Seconds(40)), 1492);
  EXPECT_EQ(unasked.size(), 8000);
  EXPECT_EQ(found(unasked, 1000, now, Seconds(40)), 8000);
}

ClusterConfig two_links(const std::string& interface) {
  return parse_corosync_conf(
             "totem {\ntransport: udp\ninterface {\nlinknumber: 1\n" + interface +
             "}\n}\nnodelist {\nnode {\nnodeid: 1\nring0_addr: 10.0.0.1\nring1_addr: 10.1.0.1\n}\n"
             "node {\nnodeid: 2\nring0_addr: 10.0.0.2\nring1_addr: 10.1.0.2\n}\n}\n")
      .value();
}

TEST(Bindings, ByAddressOrByNetwork) {
  const std::vector<Interface> host{
      {"127.0.0.1", 8}, {"10.0.0.1", 24}, {"10.1.0.77", 16}, {"fe80::1%eth0", 64}};
  auto by_address = two_links("");
  ASSERT_TRUE(resolve_bindings(by_address, NodeId{1}, host));
  EXPECT_EQ(by_address.local_address(NodeId{1}, 0), "10.0.0.1");
  EXPECT_EQ(by_address.local.at(0).broadcast, "10.0.0.255");
  EXPECT_EQ(by_address.local_address(NodeId{1}, 1), "10.1.0.1");  // Not there: binding will say so.
  auto by_network = two_links("bindnetaddr: 10.1.0.0\n");
  ASSERT_TRUE(resolve_bindings(by_network, NodeId{1}, host));
  EXPECT_EQ(by_network.local_address(NodeId{1}, 1), "10.1.0.77");
  EXPECT_EQ(by_network.local.at(1).broadcast, "10.1.255.255");
  auto nowhere = two_links("bindnetaddr: 192.168.7.0\n");
  const auto refused = resolve_bindings(nowhere, NodeId{1}, host);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("10.1.0.77/16"), std::string::npos);
}

TEST(Bindings, GroupsByAddressByClusterNameOrByBroadcast) {
  EXPECT_EQ(two_links("mcastaddr: 239.1.2.3\n").group_address(1), "239.1.2.3");
  auto named = two_links("");
  named.totem.cluster_name = "a";
  const std::string a = named.group_address(0);
  EXPECT_EQ(a.substr(0, 8), "239.192.");
  EXPECT_NE(named.group_address(1), a);
  named.totem.cluster_name = "b";
  EXPECT_NE(named.group_address(0), a);
  EXPECT_EQ(two_links("broadcast: yes\n").transport_of(1), Transport::kBroadcast);
}

}  // namespace
}  // namespace systole::membership
