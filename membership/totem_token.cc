// TotemRing's ordering: the token's visit, packets, acknowledgement, flow control, delivery (Totem §3, §5).
#include <algorithm>

#include "base/mutation.h"
#include "membership/totem_ring.h"

namespace systole::membership {
namespace {

constexpr std::uint64_t kMaxUnacknowledged = PacketStore::kWindow / 2;  // Packets between aru and seq.
constexpr Duration kCallInterval = Milliseconds(4);
constexpr Duration kFastestRetransmit = Milliseconds(5);
constexpr unsigned kWindowGrowth = 16;  // Times what is configured, at most.
constexpr Duration kLinger = Milliseconds(2);
// Of who lingers again and again: what it sends puts off the others' resends.
constexpr Duration kLongestVisit = Milliseconds(5);

}  // namespace

void TotemRing::on_data(NodeLife from, const DataView& data) {
  Ring* ring = state_ == State::kRecovery ? new_ring_.get() : ring_.get();
  if (state_ == State::kCommit || data.ring != ring->id || !ring->contains(from)) return;
  if (data.sender != self_.node && !std::count(ring->others.begin(), ring->others.end(), data.sender)) return;
  if (ring->store.get(data.seq) != nullptr) return;
  auto packet = std::make_shared<Packet>();
  packet->seq = data.seq;
  packet->sender = data.sender;
  packet->flags = data.flags;
  packet->payload.assign(data.payload.begin(), data.payload.end());
  const Packet& taken = *packet;
  if (!ring->store.insert(packet)) return;
  // Somebody beyond us had the token since.
  if (data.seq > ring->token_seq && retransmit_at_) retransmit_at_ = now_ + retransmit_after_;
  if (state_ == State::kRecovery && taken.old_ring()) take_old_packet(taken);
  if (state_ == State::kOperational) deliver_ready(*ring);
}

void TotemRing::on_token(NodeLife from, Token token) {
  Ring* ring = token_ring();
  if (ring == nullptr || token.ring != ring->id || token.number <= ring->last_token || !ring->contains(from))
    return;
  // A token knows of all that was sent before it, and nobody sends further than a window beyond what all
  // have.
  if (token.seq < ring->store.high() || token.seq < ring->token_seq ||
      token.seq > ring->store.stable() + 2 * PacketStore::kWindow) {
    ++counters_.frames_refused_malformed;
    return;
  }
  take_token(*ring, std::move(token));
}

void TotemRing::take_token(Ring& ring, Token token) {
  ++counters_.tokens;
  ring.last_token = token.number;
  if (ring.sent_aru != 0 || ring.token_seq != 0) {
    // A rotation that needed another try tells little of how long one takes (Karn, 1987): in full it would
    // make the next loss last longer. A little, because it may have become slower than the resending.
    const Duration taken = now_ - token_seen_;
    const Duration rotation = token_resent_ ? std::min(taken, 2 * rotation_) : taken;
    if (last_idle_ == 0) rotation_ = rotation_ == Duration{} ? rotation : (7 * rotation_ + rotation) / 8;
  }
  token_seen_ = now_;
  token_lost_at_ = now_ + parameters_.token;
  retransmit_at_.reset();
  call_at_.reset();
  visit_at_ = now_;
  ring.visit_sent = 0;
  if (token.window == 0) token.window = static_cast<std::uint16_t>(std::min(parameters_.window_size, 4096U));
  ring.window = token.window;
  // What this node passed on as aru, and nobody lowered in a whole rotation, every member has.
  ring.safe = std::max(ring.safe, std::min({ring.sent_aru, token.aru, ring.store.aru()}));
  if (is_deaf(ring, token)) return;
  if (may_hold(ring, token)) {
    held_ = std::move(token);
    held_until_ = now_ + parameters_.hold;
    deliver_ready(ring);
    return;
  }
  pass_token(ring, std::move(token));
}

bool TotemRing::may_hold(const Ring& ring, const Token& token) const {
  const NodeId home = token.home == NodeId{} ? ring.members.front().node : token.home;
  return state_ == State::kOperational && home == self_.node && queue_.empty() && !wanted_ &&
         token.missing.empty() && token.seq == token.aru && token.seq == ring.token_seq &&
         token.idle >= parameters_.seqno_unchanged_const;
}

// After something was sent, in this visit or just before the last rotation, nobody waits, and nothing waits
// for the token to go round.
bool TotemRing::may_linger(const Ring& ring, const Token& token) const {
  return state_ == State::kOperational && token.home == self_.node && now_ - sent_at_ < kLinger &&
         queue_.empty() && !wanted_ && !congested_ && token.missing.empty() && token.backlog == 0 &&
         token.congested == NodeId{} && ring.safe + ring.window / 2 >= token.seq &&
         now_ - visit_at_ < kLongestVisit;
}

// The representative widens the window while it is used up; whoever lacks packets narrows it.
void TotemRing::adapt_window(Ring& ring, Token& token) {
  if (ring.members.front() != self_ || 4 * token.fcc < 3 * token.window) return;
  const unsigned most = std::min<unsigned>(kWindowGrowth * parameters_.window_size, kMaxUnacknowledged / 2);
  token.window =
      static_cast<std::uint16_t>(std::min(token.window + token.window / 4 + 1U, std::max(most, 1U)));
}

void TotemRing::pass_token(Ring& ring, Token token) {
  const bool recovering = state_ == State::kRecovery;
  const bool quiet =
      token.seq == ring.token_seq && token.aru == token.seq && token.missing.empty() && !recovering;
  if (ring.members.front() == self_) token.idle = quiet ? std::min(token.idle + 1, 1000U) : 0;
  if (recovering) token.idle = 0;

  ring.visit_sent += retransmit_missing(ring, token);
  const unsigned allowed = std::max(allowance(ring, token), ring.visit_sent) - ring.visit_sent;
  const unsigned fresh =
      recovering ? send_old_packets(token, allowed) : send_new_packets(ring, token, allowed);
  ring.visit_sent += fresh;
  update_aru(ring, token);
  if (add_missing(ring, token) && now_ - ring.shrunk_at > 4 * rotation_) {
    token.window = static_cast<std::uint16_t>(
        std::max<unsigned>(token.window / 2, std::min<unsigned>(token.window, parameters_.window_size)));
    ring.shrunk_at = now_;
  }
  token.fcc = token.fcc - std::min(token.fcc, ring.sent_packets) + ring.visit_sent;
  ring.sent_packets = ring.visit_sent;
  adapt_window(ring, token);
  if (fresh > 0 && !recovering) {
    token.home = self_.node;
    sent_at_ = now_;
  }
  const std::uint32_t backlog = recovering
                                    ? static_cast<std::uint32_t>(recovery_.to_send.size() - recovery_.sent)
                                    : queue_.packets(parameters_.packet_payload);
  token.backlog = token.backlog - std::min(token.backlog, ring.sent_backlog) + backlog;
  ring.sent_backlog = backlog;
  if (token.congested == NodeId{} && congested_) token.congested = self_.node;
  if (token.congested == self_.node && !congested_) token.congested = NodeId{};
  const bool ready = recovering && recovery_visit(ring, token);
  if (recovering) skip_old_packets(ring);
  if (may_linger(ring, token)) {
    deliver_ready(ring);
    if (ring.delivered == ring.store.high()) {  // A safe message needs the token's rotation.
      held_ = std::move(token);
      held_until_ = sent_at_ + kLinger;
      return;
    }
  }
  wanted_ = false;
  forward(ring, token);
  if (ready) {
    install();
  } else if (!recovering) {
    deliver_ready(ring);
  }
}

// Sends what others lack and this node has.
unsigned TotemRing::retransmit_missing(Ring& ring, Token& token) {
  unsigned sent = 0;
  std::vector<Token::Range> left;
  const auto keep = [&](std::uint64_t seq) {
    if (!left.empty() && left.back().first + left.back().count == seq && left.back().count < 60000) {
      ++left.back().count;
    } else {
      left.push_back({seq, 1});
    }
  };
  for (const Token::Range& range : token.missing) {
    const std::uint64_t first = std::max(range.first, ring.store.stable() + 1);
    const std::uint64_t last =
        std::min(range.first + range.count, ring.store.stable() + PacketStore::kWindow + 1);
    for (std::uint64_t seq = first; seq < last; ++seq) {
      const Packet* packet = ring.store.get(seq);
      if (packet == nullptr || sent >= ring.window) {
        keep(seq);
        continue;
      }
      frame_.clear();
      encode_data(frame_, ring.id, *packet);
      output_.rebroadcast(ring.others, frame_);
      ++counters_.retransmits;
      ++sent;
    }
  }
  if (left.size() > kMaxMissingRanges) left.resize(kMaxMissingRanges);
  token.missing = std::move(left);
  return sent;
}

// How many packets this visit may send: the ring's window shared by backlog, and never so many that memory or
// sequence windows overflow.
unsigned TotemRing::allowance(const Ring& ring, const Token& token) const {
  if (token.congested != NodeId{} && state_ == State::kOperational) return 0;
  const std::uint64_t outstanding = token.seq - std::min(token.seq, token.aru);
  if (outstanding >= kMaxUnacknowledged) return 0;
  const unsigned others_sent = token.fcc - std::min(token.fcc, ring.sent_packets);
  unsigned allowed = ring.window - std::min(ring.window, others_sent);
  const std::uint64_t mine = queue_.packets(parameters_.packet_payload);
  const std::uint64_t others = token.backlog - std::min(token.backlog, ring.sent_backlog);
  if (state_ == State::kOperational && others > 0) {
    unsigned most =
        std::max(1U, ring.window * parameters_.max_messages / std::max(1U, parameters_.window_size));
    if (others + mine > ring.window)
      most = std::min(most, std::max(1U, static_cast<unsigned>(ring.window * mine / (others + mine))));
    allowed = std::min(allowed, most);
  }
  const std::uint64_t end = ring.store.stable() + PacketStore::kWindow;
  return static_cast<unsigned>(
      std::min<std::uint64_t>({allowed, kMaxUnacknowledged - outstanding, end - std::min(end, token.seq)}));
}

void TotemRing::originate(Ring& ring, Bytes payload, bool safe, std::uint8_t flags, std::uint64_t seq) {
  auto packet = std::make_shared<Packet>();
  packet->seq = seq;
  packet->sender = self_.node;
  packet->flags = static_cast<std::uint8_t>(flags | (safe ? Packet::kSafe : 0));
  packet->payload = std::move(payload);
  if (!ring.others.empty()) {
    frame_.clear();
    encode_data(frame_, ring.id, *packet);
    output_.broadcast(ring.others, frame_);
  }
  const bool fresh = ring.store.insert(std::move(packet));
  check(fresh, "a new sequence number is in the window");
}

unsigned TotemRing::send_new_packets(Ring& ring, Token& token, unsigned allowed) {
  unsigned sent = 0;
  for (; sent < allowed && !queue_.empty(); ++sent) {
    bool safe = false;
    Bytes payload = queue_.take(parameters_.packet_payload, safe);
    originate(ring, std::move(payload), safe, 0, ++token.seq);
  }
  return sent;
}

void TotemRing::update_aru(const Ring& ring, Token& token) const {
  const std::uint64_t mine = ring.store.aru();
  if (mine < token.aru) {
    token.aru = mine;
    token.aru_by = self_.node;
  } else if (token.aru_by == self_.node || token.aru_by == NodeId{}) {
    token.aru = std::min(mine, token.seq);
    token.aru_by = token.aru == token.seq ? NodeId{} : self_.node;
  }
}

// Adds what this node lacks to what others lack. False: it lacks nothing.
bool TotemRing::add_missing(const Ring& ring, Token& token) const {
  const std::uint64_t last = std::min(token.seq, ring.store.stable() + PacketStore::kWindow);
  if (ring.store.aru() >= last) return false;
  std::set<std::uint64_t> lacking;
  for (const Token::Range& range : token.missing) {
    for (std::uint64_t i = 0; i < range.count; ++i) lacking.insert(range.first + i);
  }
  for (std::uint64_t seq = ring.store.aru() + 1; seq <= last; ++seq) {
    if (ring.store.get(seq) == nullptr) lacking.insert(seq);
  }
  token.missing.clear();
  for (const std::uint64_t seq : lacking) {
    if (!token.missing.empty() && token.missing.back().first + token.missing.back().count == seq &&
        token.missing.back().count < 60000) {
      ++token.missing.back().count;
    } else if (token.missing.size() < kMaxMissingRanges) {
      token.missing.push_back({seq, 1});
    } else {
      break;
    }
  }
  return true;
}

// A member that takes part in the token's rotation and yet receives nothing is excluded.
bool TotemRing::is_deaf(Ring& ring, const Token& token) {
  if (token.aru == token.seq || token.aru_by == NodeId{} || token.aru != ring.stuck_aru) {
    ring.stuck_aru = token.aru;
    ring.stuck_rotations = 0;
    return false;
  }
  if (++ring.stuck_rotations < parameters_.fail_recv_const || token.aru_by == self_.node) return false;
  for (const NodeLife& life : ring.members) {
    if (life.node != token.aru_by) continue;
    enter_gather("a member receives nothing", {}, {life});
    return true;
  }
  return false;
}

void TotemRing::forward(Ring& ring, Token& token) {
  ++token.number;
  ring.token_seq = token.seq;
  ring.sent_aru = token.aru;
  ring.last_token = token.number;
  last_idle_ = token.idle;
  ring.home = token.home;
  const bool may_rest = token.idle + 1 >= parameters_.seqno_unchanged_const;
  // Where nothing happens, the token wakes everybody: heartbeats that are nearly due go in that wake, before
  // it.
  if (may_rest && heartbeat_at_ - now_ <= parameters_.heartbeat / 5) send_heartbeats();
  last_token_frame_.clear();
  encode(last_token_frame_, token);
  output_.send(ring.next, last_token_frame_);
  retransmit_after_ = may_rest ? parameters_.token_retransmit : fastest_retransmit();
  retransmit_at_ = now_ + retransmit_after_;
  token_resent_ = false;
  knock_at_ = now_ + knock_interval();  // This was one.
}

void TotemRing::deliver_packet(Ring& ring, const PacketPtr& packet) {
  if (packet->old_ring()) return;
  ring.reassembly.take(packet, [this](NodeId sender, ByteView bytes, bool internal, const auto& owner) {
    ++counters_.messages_delivered;
    if (sender == self_.node) ++counters_.messages_sent;
    output_.deliver({Delivered::Message{sender, bytes, internal, owner}});
  });
}

void TotemRing::deliver_ready(Ring& ring) {
  for (;;) {
    const PacketPtr packet = ring.store.share(ring.delivered + 1);
    if (!packet && ring.delivered < ring.store.high() && mutation("gap-skipped")) {
      ++ring.delivered;
      continue;
    }
    if (!packet || (packet->safe() && packet->seq > ring.safe && !mutation("deliver-before-safe"))) break;
    deliver_packet(ring, packet);
    ++ring.delivered;
  }
  ring.store.discard(std::min(ring.safe, ring.delivered));
}

// In RECOVERY: packets that only carried older ones need not be kept once every member has them.
void TotemRing::skip_old_packets(Ring& ring) {
  for (; ring.delivered < ring.safe; ++ring.delivered) {
    const Packet* packet = ring.store.get(ring.delivered + 1);
    if (packet == nullptr || !packet->old_ring()) break;
  }
  ring.store.discard(ring.delivered);
}

// A ring of one needs no token.
void TotemRing::drain_alone() {
  Ring& ring = *ring_;
  while (!queue_.empty()) {
    bool safe = false;
    Bytes payload = queue_.take(parameters_.packet_payload, safe);
    originate(ring, std::move(payload), safe, 0, ring.store.high() + 1);
    ring.safe = ring.store.aru();
    deliver_ready(ring);
  }
}

void TotemRing::kick(Time now) {
  now_ = now;
  if (state_ != State::kOperational) return;
  if (ring_->others.empty()) {
    drain_alone();
  } else if (held_) {
    Token token = std::move(*held_);
    held_.reset();
    pass_token(*ring_, std::move(token));
  } else if (!queue_.empty() && !call_at_) {
    call_token(false);
  }
}

// The token is not resting, or shall not: its loss must be seen as soon as that of a busy one.
void TotemRing::expect_token() {
  if (!retransmit_at_) return;
  retransmit_after_ = std::min(retransmit_after_, fastest_retransmit());
  retransmit_at_ = std::min(*retransmit_at_, now_ + retransmit_after_);
}

Duration TotemRing::fastest_retransmit() const {
  return std::clamp<Duration>(4 * rotation_, kFastestRetransmit, parameters_.token_retransmit);
}

// Something is to be sent and the token may rest, or linger at who sent last without knowing of it. `again`:
// there was no answer, so the token may be lost on the way to its rest, and whoever passed it on must know.
void TotemRing::call_token(bool again) {
  call_at_ = now_ + kCallInterval;
  expect_token();
  const bool may_rest = last_idle_ + 1 >= parameters_.seqno_unchanged_const;
  if (!may_rest && ring_->sent_backlog > 0) return;
  const Packet* last = ring_->store.get(ring_->store.high());
  NodeId home = last != nullptr ? last->sender : ring_->home;
  if (home == NodeId{}) home = ring_->members.front().node;
  if (home == self_.node && !again) return;  // It comes here anyway.
  frame_.clear();
  encode(frame_, Want{ring_->id});
  if (again) {
    output_.broadcast(ring_->others, frame_);
  } else {
    output_.send(home, frame_);
  }
}

void TotemRing::advance_token() {
  Ring& ring = *token_ring();
  if (ring.others.empty()) return;
  if (state_ == State::kRecovery && recovery_.deadline <= now_) {
    enter_gather("recovery took too long", {}, {});
    return;
  }
  if (held_) {
    if (held_until_ <= now_) kick(now_);
    return;
  }
  if (token_lost_at_ <= now_) {
    ++counters_.token_losses;
    enter_gather("the token is lost", {}, {});
    return;
  }
  if (retransmit_at_ && *retransmit_at_ <= now_) {
    output_.resend(ring.next, last_token_frame_);
    token_resent_ = true;
    retransmit_after_ = std::min(2 * retransmit_after_, parameters_.token_retransmit);
    retransmit_at_ = now_ + retransmit_after_;
  }
  if (call_at_ && *call_at_ <= now_) {
    call_at_.reset();
    if (state_ == State::kOperational && !queue_.empty()) call_token(true);
  }
}

}  // namespace systole::membership
