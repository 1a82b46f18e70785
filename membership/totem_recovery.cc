// TotemRing in RECOVERY: the members that come from one old ring exchange its packets on the new ring until
// all have the same, then each delivers them and installs the new ring (Totem §6, extended virtual
// synchrony).
#include <algorithm>

#include "membership/totem_ring.h"

namespace systole::membership {

void TotemRing::enter_recovery(const CommitInfo& info) {
  std::vector<NodeLife> members;
  for (const CommitMember& m : info.members) members.push_back(m.life);
  new_ring_ = make_ring(info.ring, members);
  recovery_ = {};
  recovery_.infos = info.members;
  recovery_.deadline = now_ + 5 * parameters_.token;
  std::uint64_t low = ring_->store.aru();
  for (const CommitMember& m : info.members) {
    if (m.old_ring != ring_->id || !ring_->contains(m.life)) continue;
    recovery_.survivors.push_back(m.life);
    recovery_.deliver_from.insert(m.life.node);
    recovery_.deliver_from.insert(m.obligations.begin(), m.obligations.end());
    recovery_.high_delivered = std::max(recovery_.high_delivered, m.high_delivered);
    low = std::min(low, m.aru);
  }
  for (std::uint64_t seq = low + 1; seq <= ring_->store.high(); ++seq) {
    if (ring_->store.get(seq) != nullptr && recovery_.survivors.size() > 1) recovery_.to_send.push_back(seq);
  }
  state_ = State::kRecovery;
  commit_.reset();
  last_info_ = info;
  held_.reset();
  retransmit_at_.reset();
  call_at_.reset();
  wanted_ = false;
  token_lost_at_ = now_ + parameters_.token;
  token_seen_ = now_;
  last_idle_ = 0;
  if (members.size() == 1) {
    install();
  } else if (info.ring.representative == self_.node) {
    send_commit_info(new_ring_->others);
    Token token;
    token.ring = info.ring;
    token.number = 1;
    take_token(*new_ring_, std::move(token));
  }
}

// A packet of the old ring, sent on the new one by somebody who had it.
void TotemRing::take_old_packet(const Packet& packet) {
  const auto old = decode_encapsulated(packet.payload);
  if (!old) {
    ++counters_.frames_refused_malformed;
    return;
  }
  if (old->ring != ring_->id || state_ != State::kRecovery) return;  // Other members' old ring.
  recovery_.seen.insert(old->seq);
  auto copy = std::make_shared<Packet>();
  copy->seq = old->seq;
  copy->sender = old->sender;
  copy->flags = old->flags;
  copy->payload.assign(old->payload.begin(), old->payload.end());
  ring_->store.insert(std::move(copy));
}

unsigned TotemRing::send_old_packets(Token& token, unsigned allowed) {
  unsigned sent = 0;
  while (recovery_.sent < recovery_.to_send.size() && sent < allowed) {
    const std::uint64_t seq = recovery_.to_send[recovery_.sent++];
    const Packet* packet = ring_->store.get(seq);
    if (packet == nullptr || recovery_.seen.contains(seq)) continue;
    originate(*new_ring_, encapsulate(ring_->id, *packet), false, Packet::kOldRing, ++token.seq);
    ++sent;
  }
  const bool more = recovery_.sent < recovery_.to_send.size();
  if (more && token.retransmitting == NodeId{}) token.retransmitting = self_.node;
  if (!more && token.retransmitting == self_.node) token.retransmitting = NodeId{};
  return sent;
}

// One visit of the token. True when the new ring is to be installed. Two consecutive visits that find nobody
// with packets to send prove that all have been sent; one rotation later everybody knows that.
bool TotemRing::recovery_visit(const Ring& ring, const Token& token) {
  if (token.retransmitting != NodeId{}) {
    recovery_.quiet_visits = 0;
    return false;
  }
  ++recovery_.quiet_visits;
  if (recovery_.quiet_visits == 2) recovery_.install_seq = token.seq;
  if (recovery_.quiet_visits >= 2 && ring.store.aru() >= recovery_.install_seq) {
    // From now on another member may install the ring and deliver with us in mind.
    obligations_ = recovery_.deliver_from;
  }
  return recovery_.quiet_visits >= 3 && ring.safe >= recovery_.install_seq;
}

void TotemRing::deliver_old_ring() {
  Ring& old = *ring_;
  // Still in the old view: what a survivor has delivered there, and what agreed order allows to all alike.
  for (;;) {
    const PacketPtr packet = old.store.share(old.delivered + 1);
    if (!packet || (packet->safe() && packet->seq > recovery_.high_delivered)) break;
    deliver_packet(old, packet);
    ++old.delivered;
  }
  if (installed_any_) output_.deliver({Delivered::Transitional{{old.id, recovery_.survivors}}});
  // Then what the survivors have among themselves: beyond a gap only from those that had the same gap.
  bool gap = false;
  for (std::uint64_t seq = old.delivered + 1; seq <= old.store.high(); ++seq) {
    const PacketPtr packet = old.store.share(seq);
    gap |= packet == nullptr;
    if (packet && (!gap || recovery_.deliver_from.contains(packet->sender))) deliver_packet(old, packet);
  }
}

void TotemRing::install() {
  deliver_old_ring();
  ViewFacts facts;
  std::set<NodeId> left_well;
  for (const CommitMember& m : recovery_.infos) {
    facts.add(m.quorum);
    left_well.insert(m.left_well.begin(), m.left_well.end());
  }
  facts.left_well.assign(left_well.begin(), left_well.end());
  left_well_.clear();
  const std::unique_ptr<Ring> before = std::exchange(ring_, std::move(new_ring_));
  recovery_ = {};
  obligations_.clear();
  queue_.rewind();
  state_ = State::kOperational;
  installed_any_ = true;
  ++counters_.views;
  view_ = {ring_->id, ring_->members};
  departed_.clear();
  for (const NodeLife& life : before->members) {
    if (!ring_->contains(life) && !left_well.contains(life.node)) departed_.push_back(life.node);
  }
  output_.deliver({Delivered::Installed{view_, facts}});
  if (next_parameters_) take_parameters(*std::exchange(next_parameters_, {}));
  heartbeat_at_ = now_;  // Others see at once who is where.
  deliver_ready(*ring_);
  if (ring_->others.empty()) drain_alone();
}

}  // namespace systole::membership
