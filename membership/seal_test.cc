// Sealing, the key file and the ring's state on disk.
#include "membership/seal.h"

#include <gtest/gtest.h>

#include "membership/key.h"
#include "membership/life.h"
#include "membership/memory_files.h"

namespace systole::membership {
namespace {

constexpr NodeId kOne{1}, kTwo{2}, kMe{9};

class SealTest : public ::testing::Test {
 protected:
  Bytes key = Bytes(128, 0x5a);
  CountingRandom random;
  Opener opener{{kMe, Incarnation{1}}, "web", {kOne}};
  void SetUp() override { opener.set_keys({key}); }
  Sealer make(std::uint64_t incarnation, std::string cluster = "web", NodeId id = kOne) {
    return Sealer(key, std::move(cluster), {id, Incarnation{incarnation}}, random);
  }
  static Bytes copy(ByteView view) { return {view.begin(), view.end()}; }
};

TEST_F(SealTest, OpensWhatWasSealed) {
  Sealer sealer = make(5);
  const auto opened = opener.unseal(sealer.seal(as_bytes("token")));
  EXPECT_EQ(opened.refusal, Refusal::kNone);
  EXPECT_EQ(opened.from, (NodeLife{kOne, Incarnation{5}}));
  EXPECT_EQ(as_text(opened.frame), "token");
  EXPECT_EQ(opener.unseal(sealer.seal({})).refusal, Refusal::kNone);
}

TEST_F(SealTest, EveryChangedByteAndEveryTruncationIsRefused) {
  Sealer sealer = make(5);
  const Bytes datagram = copy(sealer.seal(as_bytes("a frame of some bytes")));
  for (std::size_t i = 0; i < datagram.size(); ++i) {
    Bytes changed = datagram;
    changed[i] ^= 0x10;
    EXPECT_NE(opener.unseal(changed).refusal, Refusal::kNone) << i;
    EXPECT_NE(opener.unseal(ByteView(datagram).first(i)).refusal, Refusal::kNone) << i;
  }
  EXPECT_EQ(opener.unseal(datagram).refusal, Refusal::kNone);  // None of it spoilt the genuine one.
}

TEST_F(SealTest, AnotherKeyClusterOrNodeIsRefused) {
  Sealer other_cluster = make(5, "db");
  EXPECT_EQ(opener.unseal(other_cluster.seal(as_bytes("x"))).refusal, Refusal::kCluster);
  Sealer stranger = make(5, "web", kTwo);
  EXPECT_EQ(opener.unseal(stranger.seal(as_bytes("x"))).refusal, Refusal::kUnknownPeer);
  Sealer other_key(Bytes(128, 1), "web", {kOne, Incarnation{5}}, random);
  const auto refused = opener.unseal(other_key.seal(as_bytes("x")));
  EXPECT_EQ(refused.refusal, Refusal::kKey);
  EXPECT_EQ(refused.key, key_fingerprint(Bytes(128, 1)));
}

TEST_F(SealTest, AnOtherVersionIsNamed) {
  Sealer sealer = make(5);
  Bytes datagram = copy(sealer.seal(as_bytes("x")));
  ++datagram[0];
  const auto refused = opener.unseal(datagram);
  EXPECT_EQ(refused.refusal, Refusal::kVersion);
  EXPECT_EQ(refused.version, datagram[0]);
}

TEST_F(SealTest, OnlyTheFirstCopyOfAFrameCountsWhicheverLinkItCameBy) {
  Sealer sealer = make(5);
  const Bytes datagram = copy(sealer.seal(as_bytes("x")));
  EXPECT_EQ(opener.unseal(datagram, 1).refusal, Refusal::kNone);
  EXPECT_EQ(opener.unseal(datagram, 0).refusal, Refusal::kDuplicate);
  EXPECT_EQ(opener.unseal(datagram, 1).refusal, Refusal::kReplay);
}

TEST_F(SealTest, EachChannelHasCountersOfItsOwn) {
  Sealer sealer = make(5);
  const Bytes ring = copy(sealer.seal(as_bytes("ring"))),
              beat = copy(sealer.seal(as_bytes("beat"), link_channel(3)));
  const auto opened = opener.unseal(beat, 3);
  EXPECT_EQ(opened.refusal, Refusal::kNone);
  EXPECT_EQ(opened.channel, link_channel(3));
  EXPECT_EQ(opener.unseal(beat, 3).refusal, Refusal::kReplay);
  EXPECT_EQ(opener.unseal(ring, 3).refusal, Refusal::kNone);
}

TEST_F(SealTest, ItsOwnFramesAndThoseOfAnotherHostWithItsIdAreTold) {
  Sealer own = make(1, "web", kMe), twin = make(2, "web", kMe);
  EXPECT_EQ(opener.unseal(own.seal(as_bytes("x"))).refusal, Refusal::kReflected);
  EXPECT_EQ(opener.unseal(twin.seal(as_bytes("x"))).refusal, Refusal::kTwin);
}

TEST_F(SealTest, TwoKeysAreValidDuringARotationAndTheOldOneNotAfterIt) {
  const Bytes next(128, 7);
  Sealer before = make(5);
  EXPECT_EQ(opener.unseal(before.seal(as_bytes("x"))).refusal, Refusal::kNone);
  opener.set_keys({key, next});
  Sealer after(next, "web", {kOne, Incarnation{5}}, random, 2);
  const Bytes late = copy(before.seal(as_bytes("late"))), later = copy(before.seal(as_bytes("later")));
  EXPECT_EQ(opener.unseal(after.seal(as_bytes("x"))).refusal, Refusal::kNone);
  EXPECT_EQ(opener.unseal(late).refusal, Refusal::kNone);  // On its way while its sender changed keys.
  opener.set_keys({next});
  EXPECT_EQ(opener.unseal(later).refusal, Refusal::kKey);
  EXPECT_EQ(opener.unseal(after.seal(as_bytes("x"))).refusal, Refusal::kNone);
  // A session of the same life that was over cannot begin again.
  Sealer earlier(next, "web", {kOne, Incarnation{5}}, random, 1);
  EXPECT_EQ(opener.unseal(earlier.seal(as_bytes("x"))).refusal, Refusal::kOldLife);
}

TEST_F(SealTest, AReplayIsRefusedAndReorderingIsNot) {
  Sealer sealer = make(5);
  std::vector<Bytes> datagrams;
  for (int i = 0; i < 12000; ++i) datagrams.push_back(copy(sealer.seal(as_bytes("x"))));
  EXPECT_EQ(opener.unseal(datagrams[10]).refusal, Refusal::kNone);
  EXPECT_EQ(opener.unseal(datagrams[3]).refusal, Refusal::kNone);
  EXPECT_EQ(opener.unseal(datagrams[3]).refusal, Refusal::kReplay);
  EXPECT_EQ(opener.unseal(datagrams[10]).refusal, Refusal::kReplay);
  EXPECT_EQ(opener.unseal(datagrams[900]).refusal, Refusal::kNone);
  EXPECT_EQ(opener.unseal(datagrams[4]).refusal, Refusal::kNone);
  EXPECT_EQ(opener.unseal(datagrams[11999]).refusal, Refusal::kNone);
  EXPECT_EQ(opener.unseal(datagrams[5]).refusal, Refusal::kReplay);  // Older than the window.
  EXPECT_EQ(opener.unseal(datagrams[900]).refusal, Refusal::kReplay);
  EXPECT_EQ(opener.unseal(datagrams[11000]).refusal, Refusal::kNone);
}

TEST_F(SealTest, AnOlderLifePlayedBackIsRefused) {
  Sealer old = make(5);
  const Bytes first = copy(old.seal(as_bytes("old"))), second = copy(old.seal(as_bytes("old")));
  EXPECT_EQ(opener.unseal(first).refusal, Refusal::kNone);
  Sealer now = make(6);
  EXPECT_EQ(opener.unseal(now.seal(as_bytes("new"))).refusal, Refusal::kNone);
  EXPECT_EQ(opener.unseal(second).refusal, Refusal::kOldLife);
  EXPECT_EQ(opener.unseal(now.seal(as_bytes("new"))).refusal, Refusal::kNone);
}

TEST_F(SealTest, TwoLivesOfOneNodeHaveDifferentKeys) {
  Sealer a = make(5), b = make(5);
  EXPECT_NE(copy(a.seal(as_bytes("same"))), copy(b.seal(as_bytes("same"))));
}

TEST(KeyFile, IsRefusedWithARemedyWhenItIsNoSecret) {
  MemoryFiles files;
  const auto message = [&](Errc code) {
    const auto key = load_key(files, "/etc/corosync/authkey");
    EXPECT_FALSE(key);
    EXPECT_EQ(key.error().code, code) << key.error().message;
    return key.error().message;
  };
  EXPECT_NE(message(Errc::kNotFound).find("systole-keygen"), std::string::npos);
  auto& file = files.files["/etc/corosync/authkey"];
  file = {{}, 0400};
  EXPECT_NE(message(Errc::kInvalidConfig).find("empty"), std::string::npos);
  file = {Bytes(127), 0400};
  EXPECT_NE(message(Errc::kInvalidConfig).find("too short"), std::string::npos);
  file = {Bytes(kMaxKey + 1), 0400};
  EXPECT_NE(message(Errc::kInvalidConfig).find("is it a key"), std::string::npos);
  for (const unsigned mode : {0440U, 0404U, 0644U, 0420U, 0410U}) {
    file = {Bytes(256), mode};
    EXPECT_NE(message(Errc::kDenied).find("chmod 0400"), std::string::npos);
  }
  file = {Bytes(128), 0600};
  EXPECT_TRUE(load_key(files, "/etc/corosync/authkey"));
}

TEST(KeyFile, HeartbeatsAuthkeysAreReadToo) {
  MemoryFiles files;
  const auto load = [&](const std::string& text) {
    files.files["/etc/ha.d/authkeys"] = {to_bytes(text), 0600};
    return load_key(files, "/etc/ha.d/authkeys");
  };
  const std::string two = "# keys\nauth 2\n1 md5 an-old-secret-of-ours\n2 sha1  a-secret-long-enough\n";
  EXPECT_EQ(load(two).value(), to_bytes("a-secret-long-enough"));
  EXPECT_NE(load("auth 1\n1 crc\n").error().message.find("crc"), std::string::npos);
  EXPECT_NE(load("auth 1\n1 sha1 short\n").error().message.find("5 bytes"), std::string::npos);
  EXPECT_NE(load("auth 3\n1 sha1 a-secret-long-enough\n").error().message.find("key 3"), std::string::npos);
  EXPECT_NE(load("auth 1\n1 sha1\n").error().message.find("1 sha1 SECRET"), std::string::npos);
}

TEST(KeyFile, ARotatedKeyTakesThePlaceOfTheOldOneAndEndsTheNext) {
  MemoryFiles files;
  files.files["/key"] = {Bytes(128, 1), 0400};
  ASSERT_TRUE(store_key(files, std::string("/key") + kNextKey, Bytes(128, 2)));
  ASSERT_TRUE(store_key(files, "/key", Bytes(128, 2)));
  EXPECT_EQ(load_key(files, "/key").value(), Bytes(128, 2));
  EXPECT_FALSE(files.files.contains(std::string("/key") + kNextKey));
  EXPECT_FALSE(store_key(files, "/key", Bytes(3)));
  EXPECT_EQ(load_key(files, "/key").value(), Bytes(128, 2));
}

TEST(KeyFile, ANewOneIsRandomPrivateAndNeverReplacesAnother) {
  MemoryFiles files;
  CountingRandom random;
  ASSERT_TRUE(generate_key(files, random, "/key"));
  EXPECT_EQ(files.files["/key"].mode, 0400U);
  EXPECT_EQ(load_key(files, "/key")->size(), kNewKey);
  const auto again = generate_key(files, random, "/key");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::kExists);
}

class FixedClock : public Clock {
 public:
  Time now() const override { return {}; }
  WallTime wall() const override { return WallTime(Milliseconds(ms)); }
  std::int64_t ms = 5000;
};

TEST(RingStateTest, EveryLifeIsGreaterAndNoRingSequenceComesAgain) {
  MemoryFiles files;
  FixedClock clock;
  auto first = RingState::begin_life(files, clock, "/state", kOne, Logger()).value();
  EXPECT_EQ(raw(first.self().incarnation), 5000U);
  ASSERT_TRUE(first.use(first.ring_sequence() + 3));
  ASSERT_TRUE(first.use(1000));
  clock.ms = 10;  // The clock went back.
  auto second = RingState::begin_life(files, clock, "/state", kOne, Logger()).value();
  EXPECT_EQ(raw(second.self().incarnation), 5001U);
  EXPECT_GE(second.ring_sequence(), 1000U);
  clock.ms = 9000;
  const auto third = RingState::begin_life(files, clock, "/state", kOne, Logger()).value();
  EXPECT_EQ(raw(third.self().incarnation), 9000U);
  EXPECT_GT(third.ring_sequence(), second.ring_sequence());
}

TEST(RingStateTest, ADamagedFileIsKeptAsideAndAFullDiskIsAnError) {
  FixedClock clock;
  for (const char* text :
       {"", "nonsense", "systole-ring 1 5", "systole-ring 1 5 x\n", "systole-ring 2 5 6\n"}) {
    MemoryFiles files;
    files.files["/state/ring-1"] = {to_bytes(text), 0640};
    EXPECT_TRUE(RingState::begin_life(files, clock, "/state", kOne, Logger())) << text;
    EXPECT_TRUE(files.files.contains("/state/ring-1.damaged")) << text;
  }
  MemoryFiles files;
  files.full = true;
  EXPECT_FALSE(RingState::begin_life(files, clock, "/state", kOne, Logger()));
  files.full = false;
  auto state = RingState::begin_life(files, clock, "/state", kOne, Logger()).value();
  files.full = true;
  EXPECT_TRUE(state.use(state.ring_sequence() + 1));  // Reserved ahead.
  EXPECT_FALSE(state.use(state.ring_sequence() + 1000));
}

}  // namespace
}  // namespace systole::membership
