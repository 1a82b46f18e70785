// The frames of the ring, as they are inside a sealed datagram, and their codec. Integers are little-endian.
// Decoders are bounded: no count in a frame makes them allocate more than the frame's own size allows, and a
// frame with anything too short, too long or out of range is refused as a whole. They run only on
// authenticated bytes (seal.h), yet trust nothing in them.
//
//   datagram:  [ seal.h: header | sealed( incarnation, frame ) | tag ]
//   frame:     [ type u8 | fields ]
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "membership/facts.h"

namespace systole::membership {

inline constexpr std::size_t kMaxNodes = 128;         // In one nodelist.
inline constexpr std::size_t kMaxMissingRanges = 64;  // In one token.

enum class FrameType : std::uint8_t {
  kData = 1,
  kToken = 2,
  kJoin = 3,
  kHeartbeat = 4,
  kCommitRequest = 5,
  kCommitReply = 6,
  kCommitInfo = 7,
  kWant = 8,
  kGoodbye = 9,
  kProbe = 10,
  kProbeReply = 11,
  kAside = 12,  // Not the protocol's: Membership::tell.
};

// The unit of ordering: it has one sequence number of its ring, and holds chunks of messages (packing.h) or,
// during recovery, one packet of the old ring.
struct Packet {
  enum Flags : std::uint8_t { kSafe = 1, kOldRing = 2 };
  std::uint64_t seq = 0;  // From 1.
  NodeId sender{};        // Who gave it its number; others may retransmit it.
  std::uint8_t flags = 0;
  Bytes payload;
  bool safe() const { return (flags & kSafe) != 0; }
  bool old_ring() const { return (flags & kOldRing) != 0; }
};
using PacketPtr = std::shared_ptr<const Packet>;

struct DataView {  // A data frame, its payload still in the datagram.
  RingId ring;
  std::uint64_t seq = 0;
  NodeId sender{};
  std::uint8_t flags = 0;
  ByteView payload;
};

struct Token {
  RingId ring;
  std::uint64_t number = 0;   // Raised at each hop: tells a new token from a retransmitted one.
  std::uint64_t seq = 0;      // Highest sequence number given so far.
  std::uint64_t aru = 0;      // "All received up to": by every member, once it has gone round.
  NodeId aru_by{};            // Who lowered aru; zero: nobody.
  std::uint32_t fcc = 0;      // Packets sent in the last rotation by all.
  std::uint32_t backlog = 0;  // Packets waiting at all.
  std::uint32_t idle = 0;     // Rotations without anything new.
  std::uint16_t window = 0;   // Packets in one rotation, all members together; zero: as configured.
  NodeId home{};              // Who sent last: the token rests there. Zero: at the representative.
  NodeId retransmitting{};    // Recovery: a member that still has packets of an old ring to send; zero: none.
  NodeId congested{};         // A member that cannot take more now; zero: none.
  struct Range {
    std::uint64_t first = 0;
    std::uint16_t count = 0;
    bool operator==(const Range&) const = default;
  };
  std::vector<Range> missing;  // rtr: what somebody lacks, ascending.
};

// What a node says of another, in joins and heartbeats.
struct Opinion {
  enum Flags : std::uint8_t { kHeard = 1, kMember = 2, kCandidate = 4, kFailed = 8, kShunned = 16 };
  NodeLife life;
  std::uint8_t flags = 0;
  bool heard() const { return (flags & kHeard) != 0; }
  bool member() const { return (flags & kMember) != 0; }
  bool candidate() const { return (flags & kCandidate) != 0; }
  bool failed() const { return (flags & kFailed) != 0; }
  bool shunned() const { return (flags & kShunned) != 0; }  // In quarantine: see flaps.h.
  bool operator==(const Opinion&) const = default;
};

struct Join {
  std::uint64_t number = 0;         // Rises with each join of a life.
  std::uint64_t ring_sequence = 0;  // Highest ring sequence that the sender committed to.
  std::vector<Opinion> nodes;
};

struct Heartbeat {
  std::uint64_t number = 0;
  RingId ring;
  bool operational = false;
  std::vector<Opinion> nodes;
};

struct CommitRequest {
  RingId ring;
  std::vector<NodeLife> members;
};

// What a member brings into the new ring.
struct CommitMember {
  NodeLife life;
  RingId old_ring;
  std::uint64_t aru = 0;             // Of the old ring: received up to here without a gap.
  std::uint64_t high_delivered = 0;  // Of the old ring: delivered to the application up to here.
  QuorumFacts quorum;
  std::vector<NodeId> obligations;  // Senders of whom a past recovery may have delivered after a gap.
  std::vector<NodeId> left_well;    // Who said goodbye to it since its last view.
  bool operator==(const CommitMember&) const = default;
};

struct CommitReply {
  RingId ring;
  CommitMember member;
};

struct CommitInfo {
  RingId ring;
  std::vector<CommitMember> members;
};

struct Want {
  RingId ring;
};

struct Probe {
  std::uint64_t stamp = 0;  // Echoed by the reply.
};

// Encoders append to `out`.
void encode_data(Bytes& out, RingId ring, const Packet& packet);
void encode(Bytes& out, const Token& token);
void encode(Bytes& out, const Join& join);
void encode(Bytes& out, const Heartbeat& heartbeat);
void encode(Bytes& out, const CommitRequest& request);
void encode(Bytes& out, const CommitReply& reply);
void encode(Bytes& out, const CommitInfo& info);
void encode(Bytes& out, const Want& want);
void encode(Bytes& out, const Probe& probe, FrameType type);
void encode_goodbye(Bytes& out);
void encode_aside(Bytes& out, ByteView message);
// The payload of a kOldRing packet: a packet of `ring`.
Bytes encapsulate(RingId ring, const Packet& packet);

// Size of a data frame beyond its payload, and what encapsulate() adds to a payload.
inline constexpr std::size_t kDataOverhead = 34;

std::optional<FrameType> frame_type(ByteView frame);
// Each takes the whole frame, type included; nothing when it is malformed.
std::optional<DataView> decode_data(ByteView frame);
std::optional<Token> decode_token(ByteView frame);
std::optional<Join> decode_join(ByteView frame);
std::optional<Heartbeat> decode_heartbeat(ByteView frame);
std::optional<CommitRequest> decode_commit_request(ByteView frame);
std::optional<CommitReply> decode_commit_reply(ByteView frame);
std::optional<CommitInfo> decode_commit_info(ByteView frame);
std::optional<Want> decode_want(ByteView frame);
std::optional<Probe> decode_probe(ByteView frame);
std::optional<ByteView> decode_aside(ByteView frame);
std::optional<DataView> decode_encapsulated(ByteView payload);

}  // namespace systole::membership
