#include "membership/wire.h"

#include "membership/codec.h"

namespace systole::membership {
namespace {

void put_type(Writer& w, FrameType type) { w.u8(static_cast<std::uint8_t>(type)); }

Reader open(ByteView frame, FrameType type, bool& right) {
  Reader r(frame);
  right = r.u8() == static_cast<std::uint8_t>(type);
  return r;
}

void put_opinions(Writer& w, const std::vector<Opinion>& nodes) {
  w.u16(static_cast<std::uint16_t>(nodes.size()));
  for (const Opinion& o : nodes) {
    w.life(o.life);
    w.u8(o.flags);
  }
}

std::vector<Opinion> get_opinions(Reader& r) {
  std::vector<Opinion> nodes(r.count(2 * kMaxNodes, 13));
  for (Opinion& o : nodes) {
    o.life = r.life();
    o.flags = r.u8();
  }
  return nodes;
}

void put_member(Writer& w, const CommitMember& m) {
  w.life(m.life);
  w.ring(m.old_ring);
  w.u64(m.aru);
  w.u64(m.high_delivered);
  const bool elected = m.quorum.elected.sequence != 0;
  w.u8(static_cast<std::uint8_t>((m.quorum.seen_all ? 1 : 0) | (m.quorum.quorate ? 2 : 0) |
                                 (elected ? 4 : 0)));
  w.u32(m.quorum.expected_votes);
  w.ring(m.quorum.last_quorate);
  w.node(m.quorum.tie_breaker);
  if (elected) w.ring(m.quorum.elected);
  for (const auto* ids : {&m.obligations, &m.left_well, &m.quorum.electors}) {
    if (ids == &m.quorum.electors && !elected) break;
    w.u16(static_cast<std::uint16_t>(ids->size()));
    for (const NodeId id : *ids) w.node(id);
  }
}

CommitMember get_member(Reader& r) {
  CommitMember m;
  m.life = r.life();
  m.old_ring = r.ring();
  m.aru = r.u64();
  m.high_delivered = r.u64();
  const std::uint8_t flags = r.u8();
  if (flags > 7) r.refuse();
  const bool elected = (flags & 4) != 0;
  m.quorum.seen_all = (flags & 1) != 0;
  m.quorum.quorate = (flags & 2) != 0;
  m.quorum.expected_votes = r.u32();
  m.quorum.last_quorate = r.ring();
  m.quorum.tie_breaker = r.node();
  if (elected) m.quorum.elected = r.ring();
  for (auto* ids : {&m.obligations, &m.left_well, &m.quorum.electors}) {
    if (ids == &m.quorum.electors && !elected) break;
    ids->resize(r.count(kMaxNodes, 4));
    for (NodeId& id : *ids) id = r.node();
  }
  return m;
}

void put_packet(Writer& w, RingId ring, const Packet& packet) {
  w.ring(ring);
  w.u64(packet.seq);
  w.node(packet.sender);
  w.u8(packet.flags);
  w.bytes(packet.payload);
}

std::optional<DataView> get_packet(Reader& r) {
  DataView d;
  d.ring = r.ring();
  d.seq = r.u64();
  d.sender = r.node();
  d.flags = r.u8();
  d.payload = r.rest();
  if (!r.ok() || d.seq == 0 || (d.flags & ~(Packet::kSafe | Packet::kOldRing)) != 0) return {};
  return d;
}

template <typename T>
std::optional<T> finished(const Reader& r, bool right, T&& value) {
  if (!right || !r.done()) return {};
  return std::forward<T>(value);
}

}  // namespace

void encode_data(Bytes& out, RingId ring, const Packet& packet) {
  Writer w(out);
  put_type(w, FrameType::kData);
  put_packet(w, ring, packet);
}

Bytes encapsulate(RingId ring, const Packet& packet) {
  Bytes out;
  out.reserve(packet.payload.size() + kDataOverhead);
  Writer w(out);
  put_packet(w, ring, packet);
  return out;
}

void encode(Bytes& out, const Token& token) {
  Writer w(out);
  put_type(w, FrameType::kToken);
  w.ring(token.ring);
  w.u64(token.number);
  w.u64(token.seq);
  w.u64(token.aru);
  w.node(token.aru_by);
  w.u32(token.fcc);
  w.u32(token.backlog);
  w.u32(token.idle);
  w.u16(token.window);
  w.node(token.home);
  w.node(token.retransmitting);
  w.node(token.congested);
  w.u16(static_cast<std::uint16_t>(token.missing.size()));
  for (const Token::Range& range : token.missing) {
    w.u64(range.first);
    w.u16(range.count);
  }
}

void encode(Bytes& out, const Join& join) {
  Writer w(out);
  put_type(w, FrameType::kJoin);
  w.u64(join.number);
  w.u64(join.ring_sequence);
  put_opinions(w, join.nodes);
}

void encode(Bytes& out, const Heartbeat& heartbeat) {
  Writer w(out);
  put_type(w, FrameType::kHeartbeat);
  w.u64(heartbeat.number);
  w.ring(heartbeat.ring);
  w.u8(heartbeat.operational ? 1 : 0);
  put_opinions(w, heartbeat.nodes);
}

void encode(Bytes& out, const CommitRequest& request) {
  Writer w(out);
  put_type(w, FrameType::kCommitRequest);
  w.ring(request.ring);
  w.u16(static_cast<std::uint16_t>(request.members.size()));
  for (const NodeLife& life : request.members) w.life(life);
}

void encode(Bytes& out, const CommitReply& reply) {
  Writer w(out);
  put_type(w, FrameType::kCommitReply);
  w.ring(reply.ring);
  put_member(w, reply.member);
}

void encode(Bytes& out, const CommitInfo& info) {
  Writer w(out);
  put_type(w, FrameType::kCommitInfo);
  w.ring(info.ring);
  w.u16(static_cast<std::uint16_t>(info.members.size()));
  for (const CommitMember& m : info.members) put_member(w, m);
}

void encode(Bytes& out, const Want& want) {
  Writer w(out);
  put_type(w, FrameType::kWant);
  w.ring(want.ring);
}

void encode(Bytes& out, const Probe& probe, FrameType type) {
  Writer w(out);
  put_type(w, type);
  w.u64(probe.stamp);
}

void encode_goodbye(Bytes& out) {
  Writer w(out);
  put_type(w, FrameType::kGoodbye);
}

void encode_aside(Bytes& out, ByteView message) {
  Writer w(out);
  put_type(w, FrameType::kAside);
  w.bytes(message);
}

std::optional<ByteView> decode_aside(ByteView frame) {
  if (frame_type(frame) != FrameType::kAside) return {};
  return frame.subspan(1);
}

std::optional<FrameType> frame_type(ByteView frame) {
  if (frame.empty() || frame[0] < 1 || frame[0] > static_cast<std::uint8_t>(FrameType::kAside)) return {};
  return static_cast<FrameType>(frame[0]);
}

std::optional<DataView> decode_data(ByteView frame) {
  bool right = false;
  Reader r = open(frame, FrameType::kData, right);
  if (!right) return {};
  return get_packet(r);
}

std::optional<DataView> decode_encapsulated(ByteView payload) {
  Reader r(payload);
  auto packet = get_packet(r);
  if (packet && (packet->flags & Packet::kOldRing) != 0) return {};  // Never nested.
  return packet;
}

std::optional<Token> decode_token(ByteView frame) {
  bool right = false;
  Reader r = open(frame, FrameType::kToken, right);
  Token t;
  t.ring = r.ring();
  t.number = r.u64();
  t.seq = r.u64();
  t.aru = r.u64();
  t.aru_by = r.node();
  t.fcc = r.u32();
  t.backlog = r.u32();
  t.idle = r.u32();
  t.window = r.u16();
  t.home = r.node();
  t.retransmitting = r.node();
  t.congested = r.node();
  t.missing.resize(r.count(kMaxMissingRanges, 10));
  for (Token::Range& range : t.missing) {
    range.first = r.u64();
    range.count = r.u16();
  }
  if (t.aru > t.seq) return {};
  return finished(r, right, std::move(t));
}

std::optional<Join> decode_join(ByteView frame) {
  bool right = false;
  Reader r = open(frame, FrameType::kJoin, right);
  Join j;
  j.number = r.u64();
  j.ring_sequence = r.u64();
  j.nodes = get_opinions(r);
  return finished(r, right, std::move(j));
}

std::optional<Heartbeat> decode_heartbeat(ByteView frame) {
  bool right = false;
  Reader r = open(frame, FrameType::kHeartbeat, right);
  Heartbeat h;
  h.number = r.u64();
  h.ring = r.ring();
  h.operational = r.boolean();
  h.nodes = get_opinions(r);
  return finished(r, right, std::move(h));
}

std::optional<CommitRequest> decode_commit_request(ByteView frame) {
  bool right = false;
  Reader r = open(frame, FrameType::kCommitRequest, right);
  CommitRequest c;
  c.ring = r.ring();
  c.members.resize(r.count(kMaxNodes, 12));
  for (NodeLife& life : c.members) life = r.life();
  return finished(r, right, std::move(c));
}

std::optional<CommitReply> decode_commit_reply(ByteView frame) {
  bool right = false;
  Reader r = open(frame, FrameType::kCommitReply, right);
  CommitReply c;
  c.ring = r.ring();
  c.member = get_member(r);
  return finished(r, right, std::move(c));
}

std::optional<CommitInfo> decode_commit_info(ByteView frame) {
  bool right = false;
  Reader r = open(frame, FrameType::kCommitInfo, right);
  CommitInfo c;
  c.ring = r.ring();
  const std::size_t count = r.count(kMaxNodes, 65);
  for (std::size_t i = 0; i < count && r.ok(); ++i) c.members.push_back(get_member(r));
  return finished(r, right, std::move(c));
}

std::optional<Want> decode_want(ByteView frame) {
  bool right = false;
  Reader r = open(frame, FrameType::kWant, right);
  return finished(r, right, Want{r.ring()});
}

std::optional<Probe> decode_probe(ByteView frame) {
  const auto type = frame_type(frame);
  if (type != FrameType::kProbe && type != FrameType::kProbeReply) return {};
  Reader r(frame.subspan(1));
  return finished(r, true, Probe{r.u64()});
}

}  // namespace systole::membership
