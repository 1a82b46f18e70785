#include "agents/frames.h"

#include <gtest/gtest.h>

namespace systole::agents {
namespace {

const Mac kOurs{2, 0, 0, 0, 0, 1}, kTheirs{2, 0, 0, 0, 0, 9};
const Address kV4 = parse_address("10.77.0.100").value();
const Address kV6 = parse_address("fd77::100").value();

TEST(Announcements, AreAGratuitousRequestAndReplyForIPv4) {
  const auto frames = announcements(kV4, kOurs);
  ASSERT_EQ(frames.size(), 2U);
  const Bytes request{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0,  1,  0x08, 0x06,
                      0,    1,    8,    0,    6,    4,    0, 1, 2, 0, 0,  0,  0,    1,
                      10,   77,   0,    100,  0,    0,    0, 0, 0, 0, 10, 77, 0,    100};
  EXPECT_EQ(frames[0], request);
  EXPECT_EQ(frames[1][21], 2);  // Reply.
}

TEST(Announcements, AreAnUnsolicitedAdvertisementWithAValidChecksumForIPv6) {
  const auto frames = announcements(kV6, kOurs);
  ASSERT_EQ(frames.size(), 1U);
  const Bytes& f = frames[0];
  ASSERT_EQ(f.size(), 14U + 40U + 32U);
  EXPECT_EQ((Bytes{f.begin(), f.begin() + 6}), (Bytes{0x33, 0x33, 0, 0, 0, 1}));
  EXPECT_EQ(f[21], 255);   // Hop limit.
  EXPECT_EQ(f[54], 136);   // Neighbour advertisement.
  EXPECT_EQ(f[58], 0x20);  // Override.
  std::uint32_t sum = 32 + 58;
  for (std::size_t i = 22; i < f.size(); i += 2) sum += static_cast<std::uint32_t>(f[i]) << 8 | f[i + 1];
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  EXPECT_EQ(sum, 0xffffU);
}

TEST(Probe, ClaimsNothing) {
  const Bytes arp = probe(kV4, kOurs);
  EXPECT_EQ((Bytes{arp.begin() + 28, arp.begin() + 32}), (Bytes{0, 0, 0, 0}));
  EXPECT_FALSE(claimed_by_other(arp, kV4, kTheirs));
  EXPECT_FALSE(claimed_by_other(probe(kV6, kOurs), kV6, kTheirs));
}

TEST(ClaimedByOther, FindsTheHostThatAnswers) {
  for (const Address& address : {kV4, kV6})
    for (const Bytes& frame : announcements(address, kTheirs)) {
      EXPECT_EQ(claimed_by_other(frame, address, kOurs), kTheirs);
      EXPECT_FALSE(claimed_by_other(frame, address, kTheirs))
          << "our own frames come back from some switches";
    }
  EXPECT_FALSE(claimed_by_other(announcements(parse_address("10.77.0.101").value(), kTheirs)[0], kV4, kOurs));
}

TEST(ClaimedByOther, TakesAnyBytes) {
  for (const Address& address : {kV4, kV6})
    for (const Bytes& frame : announcements(address, kTheirs)) {
      // An Ethernet frame may be padded but not cut short of its fields.
      const std::size_t needed = address.v6 ? 14 + 40 + 24 : 14 + 28;
      for (std::size_t size = 0; size < frame.size(); ++size)
        EXPECT_EQ(claimed_by_other(ByteView(frame).first(size), address, kOurs).has_value(), size >= needed)
            << size;
    }
}

}  // namespace
}  // namespace systole::agents
