// The ring's parts, each alone: codec, packing, packet store, gathering.
#include <gtest/gtest.h>

#include "membership/codec.h"
#include "membership/gather.h"
#include "membership/memory_files.h"
#include "membership/packet_store.h"
#include "membership/packing.h"
#include "membership/wire.h"

namespace systole::membership {
namespace {

NodeLife life(std::uint32_t id, std::uint64_t incarnation = 1) {
  return {NodeId{id}, Incarnation{incarnation}};
}

std::vector<Bytes> one_of_each() {
  std::vector<Bytes> frames(11);
  encode_data(frames[0], {7, NodeId{1}}, {9, NodeId{2}, Packet::kSafe, to_bytes("payload")});
  Token token;
  token.ring = {7, NodeId{1}};
  token.number = 3;
  token.seq = 20;
  token.aru = 10;
  token.aru_by = NodeId{2};
  token.missing = {{11, 3}, {15, 1}};
  encode(frames[1], token);
  encode(frames[2],
         Join{1, 6, {{life(1), Opinion::kCandidate | Opinion::kHeard}, {life(2), Opinion::kFailed}}});
  encode(frames[3], Heartbeat{2, {7, NodeId{1}}, true, {{life(3), Opinion::kHeard}}});
  encode(frames[4], CommitRequest{{8, NodeId{1}}, {life(1), life(2)}});
  const CommitMember member{life(2),     {7, NodeId{1}}, 10, 9, {true, true, 3, {6, NodeId{1}}, NodeId{2}},
                            {NodeId{4}}, {NodeId{3}}};
  encode(frames[5], CommitReply{{8, NodeId{1}}, member});
  encode(frames[6], CommitInfo{{8, NodeId{1}}, {member, member}});
  encode(frames[7], Want{{7, NodeId{1}}});
  encode(frames[8], Probe{77}, FrameType::kProbe);
  encode_goodbye(frames[9]);
  encode_aside(frames[10], as_bytes("aside"));
  return frames;
}

// Every decoder on these bytes; how many took them.
int decoded(ByteView f) {
  return static_cast<int>(decode_data(f).has_value()) + decode_token(f).has_value() +
         decode_join(f).has_value() + decode_heartbeat(f).has_value() + decode_commit_request(f).has_value() +
         decode_commit_reply(f).has_value() + decode_commit_info(f).has_value() + decode_want(f).has_value() +
         decode_probe(f).has_value() + decode_aside(f).has_value();
}

TEST(Wire, EachFrameIsReadByItsDecoderAlone) {
  const auto frames = one_of_each();
  for (std::size_t i = 0; i < frames.size(); ++i) EXPECT_EQ(decoded(frames[i]), i == 9 ? 0 : 1) << i;
  const auto token = decode_token(frames[1]);
  EXPECT_EQ(token->missing, (std::vector<Token::Range>{{11, 3}, {15, 1}}));
  EXPECT_EQ(decode_commit_info(frames[6])->members[1].obligations, std::vector<NodeId>{NodeId{4}});
  EXPECT_EQ(as_text(decode_data(frames[0])->payload), "payload");
}

TEST(Wire, TruncatedOrLengthenedFramesAreRefused) {
  for (const Bytes& frame : one_of_each()) {
    if (frame_type(frame) == FrameType::kGoodbye || frame_type(frame) == FrameType::kAside) continue;
    for (std::size_t i = 0; i < frame.size(); ++i) {
      if (frame_type(frame) == FrameType::kData && i >= kDataOverhead - 8)
        break;  // Its payload has any length.
      EXPECT_EQ(decoded(ByteView(frame).first(i)), 0) << static_cast<int>(frame[0]) << " at " << i;
    }
    Bytes longer = frame;
    longer.push_back(0);
    EXPECT_EQ(decoded(longer), frame_type(frame) == FrameType::kData ? 1 : 0) << static_cast<int>(frame[0]);
  }
}

TEST(Wire, RandomChangesNeverCrashADecoder) {
  CountingRandom random;
  const auto frames = one_of_each();
  for (int i = 0; i < 50000; ++i) {
    Bytes frame = frames[random.below(frames.size())];
    for (std::uint64_t n = 0; n <= random.below(4); ++n) {
      frame[random.below(frame.size())] = static_cast<std::uint8_t>(random.below(256));
    }
    decoded(frame);
  }
}

TEST(Wire, AnOldPacketTravelsInsideANewOneButNeverNested) {
  const Packet packet{5, NodeId{3}, Packet::kSafe, to_bytes("old")};
  const Bytes inside = encapsulate({4, NodeId{1}}, packet);
  const auto back = decode_encapsulated(inside);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->seq, 5U);
  EXPECT_EQ(as_text(back->payload), "old");
  EXPECT_FALSE(decode_encapsulated(encapsulate({4, NodeId{1}}, {5, NodeId{3}, Packet::kOldRing, {}})));
}

PacketPtr packet(std::uint64_t seq, Bytes payload = {}, NodeId sender = NodeId{1}) {
  return std::make_shared<const Packet>(Packet{seq, sender, 0, std::move(payload)});
}

TEST(Packing, MessagesOfAllSizesComeBackInOrder) {
  CountingRandom random;
  for (const std::size_t budget : {80U, 400U, 1300U, 60000U}) {
    SendQueue queue(64 << 20);
    std::vector<Bytes> sent, received;
    for (int i = 0; i < 200; ++i) {
      Bytes message(random.below(5) == 0 ? random.below(3 * budget) : random.below(60));
      random.fill(message);
      sent.push_back(message);
      queue.push({message, random.below(4) == 0, false});
    }
    Reassembly reassembly;
    std::uint64_t seq = 0;
    while (!queue.empty()) {
      bool safe = false;
      Bytes payload = queue.take(budget, safe);
      EXPECT_LE(payload.size(), budget);
      reassembly.take(packet(++seq, std::move(payload)), [&](NodeId, ByteView m, bool, const auto&) {
        received.emplace_back(m.begin(), m.end());
      });
    }
    EXPECT_EQ(sent, received) << budget;
  }
}

TEST(Packing, SmallMessagesShareAPacketUnlessTheirDeliveryDiffers) {
  SendQueue queue(1 << 20);
  for (int i = 0; i < 10; ++i) queue.push({Bytes(64), false, false});
  queue.push({Bytes(64), true, false});
  bool safe = true;
  EXPECT_EQ(queue.take(1300, safe).size(), 10U * 67);
  EXPECT_FALSE(safe);
  EXPECT_EQ(queue.take(1300, safe).size(), 67U);
  EXPECT_TRUE(safe);
}

TEST(Packing, APartlySentMessageStartsAgainInANewRing) {
  SendQueue queue(1 << 20);
  queue.push({Bytes(1000, 'a'), false, false});
  bool safe = false;
  queue.take(400, safe);
  queue.rewind();
  Reassembly reassembly;
  std::size_t got = 0;
  for (std::uint64_t seq = 1; !queue.empty(); ++seq) {
    reassembly.take(packet(seq, queue.take(400, safe)),
                    [&](NodeId, ByteView m, bool, const auto&) { got = m.size(); });
  }
  EXPECT_EQ(got, 1000U);
}

TEST(Packing, MalformedChunksAndLostBeginningsDeliverNothing) {
  Reassembly reassembly;
  CountingRandom random;
  std::size_t delivered = 0;
  const auto deliver = [&](NodeId, ByteView, bool, const auto&) { ++delivered; };
  reassembly.take(packet(1, {2, 3, 0, 'a', 'b', 'c'}), deliver);  // The last part of nothing.
  reassembly.take(packet(2, {3, 200, 0, 'a'}), deliver);          // Longer than the packet.
  EXPECT_EQ(delivered, 0U);
  for (std::uint64_t i = 3; i < 20000; ++i) {
    Bytes junk(random.below(30));
    random.fill(junk);
    reassembly.take(packet(i, junk), deliver);
  }
}

TEST(PacketStoreTest, TellsWhatIsMissingForgetsWhatIsStableAndHasABound) {
  PacketStore store;
  EXPECT_TRUE(store.insert(packet(1)));
  EXPECT_TRUE(store.insert(packet(3)));
  EXPECT_FALSE(store.insert(packet(3)));
  EXPECT_EQ(store.aru(), 1U);
  EXPECT_EQ(store.high(), 3U);
  EXPECT_TRUE(store.insert(packet(2)));
  EXPECT_EQ(store.aru(), 3U);
  store.discard(2);
  EXPECT_EQ(store.get(2), nullptr);
  EXPECT_FALSE(store.insert(packet(2)));
  EXPECT_FALSE(store.insert(packet(2 + PacketStore::kWindow + 1)));
  EXPECT_TRUE(store.insert(packet(2 + PacketStore::kWindow)));
  EXPECT_FALSE(store.insert(packet(0)));
  EXPECT_FALSE(store.insert(packet(~0ULL)));
}

Join join_of(const std::vector<NodeLife>& candidates, const std::vector<NodeLife>& failed,
             std::uint64_t sequence = 0) {
  Join join{1, sequence, {}};
  for (const NodeLife& l : candidates) join.nodes.push_back({l, Opinion::kCandidate});
  for (const NodeLife& l : failed) join.nodes.push_back({l, Opinion::kFailed});
  return join;
}

TEST(GatherTest, AgreesWhenAllActiveCandidatesHaveTheSameSets) {
  Gather gather(life(1), {});
  EXPECT_TRUE(gather.agreed());  // Alone.
  gather.add(life(2), {});
  gather.add(life(3), {});
  EXPECT_FALSE(gather.agreed());
  gather.merge(life(2), join_of({life(1), life(2), life(3)}, {}, 5), {});
  gather.merge(life(3), join_of({life(1), life(2), life(3)}, {}, 9), {});
  EXPECT_TRUE(gather.agreed());
  EXPECT_EQ(gather.highest_ring_sequence(), 9U);
  gather.fail(life(3), {});
  EXPECT_FALSE(gather.agreed());
  gather.merge(life(2), join_of({life(1), life(2), life(3)}, {life(3)}, 5), {});
  EXPECT_TRUE(gather.agreed());
  EXPECT_EQ(gather.active(), (std::vector<NodeLife>{life(1), life(2)}));
}

TEST(GatherTest, WhoeverFailsUsIsFailedAndItsOtherOpinionsDoNotCount) {
  Gather gather(life(1), {});
  gather.add(life(2), {});
  gather.add(life(3), {});
  EXPECT_TRUE(gather.merge(life(2), join_of({life(1), life(2), life(3)}, {life(1), life(3)}), {}));
  EXPECT_TRUE(gather.has_failed(life(2)));
  EXPECT_FALSE(gather.has_failed(life(3)));
  EXPECT_FALSE(gather.fail(life(1), {}));  // Never itself.
}

TEST(GatherTest, ALaterLifeTakesThePlaceOfAnEarlierOne) {
  Gather gather(life(1), {});
  gather.add(life(2, 5), {});
  EXPECT_FALSE(gather.add(life(2, 4), {}));
  EXPECT_TRUE(gather.add(life(2, 6), {}));
  EXPECT_FALSE(gather.is_candidate(life(2, 5)));
  EXPECT_TRUE(gather.is_candidate(life(2, 6)));
}

}  // namespace
}  // namespace systole::membership
