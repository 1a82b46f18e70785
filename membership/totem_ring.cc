// TotemRing's common part: dispatch of frames, heartbeats, what is known of peers, deadlines.
#include "membership/totem_ring.h"

#include <algorithm>

#include "base/mutation.h"

namespace systole::membership {
namespace {

constexpr Duration kAnswerInterval = Milliseconds(5);  // At most one extra heartbeat per peer in this time.
constexpr Duration kProbeInterval = Milliseconds(5);   // After a refused datagram.
constexpr unsigned kProbes = 4;
constexpr unsigned kRefusals = 2;

}  // namespace

bool TotemRing::Ring::contains(NodeLife life) const {
  return std::binary_search(members.begin(), members.end(), life);
}

TotemRing::TotemRing(RingParameters parameters, NodeLife self, std::uint64_t ring_sequence,
                     RingOutput& output, Logger log)
    : parameters_(std::move(parameters)),
      self_(self),
      ring_sequence_(ring_sequence),
      output_(output),
      log_(std::move(log)),
      peers_(self, parameters_.nodes, parameters_.token),
      queue_(parameters_.queue_bytes) {
  take_parameters(parameters_);
  // Until the first view: a ring of this node alone, whose id no other node can have.
  ring_ = make_ring({ring_sequence, self.node}, {self});
}

void TotemRing::take_parameters(RingParameters parameters) {
  parameters.packet_payload = parameters_.packet_payload;  // That of the paths.
  parameters.seqno_unchanged_const = std::max(parameters.seqno_unchanged_const, 3U);
  parameters_ = std::move(parameters);
  everyone_.clear();
  for (const NodeId id : parameters_.nodes) {
    if (id != self_.node) everyone_.push_back(id);
  }
  std::vector<NodeId> keep = everyone_;  // A member that is not configured any more is one until it leaves.
  if (ring_) keep.insert(keep.end(), ring_->others.begin(), ring_->others.end());
  peers_.configure(keep, parameters_.token);
}

void TotemRing::set_parameters(RingParameters parameters) {
  if (state_ == State::kOperational) {
    take_parameters(std::move(parameters));
  } else {
    next_parameters_ = std::move(parameters);
  }
}

std::unique_ptr<TotemRing::Ring> TotemRing::make_ring(RingId id, std::vector<NodeLife> members) const {
  auto ring = std::make_unique<Ring>();
  ring->id = id;
  ring->members = std::move(members);
  const auto me = std::find(ring->members.begin(), ring->members.end(), self_);
  check(me != ring->members.end(), "a node is a member of its own ring");
  ring->next = (me + 1 == ring->members.end() ? ring->members.begin() : me + 1)->node;
  for (const NodeLife& life : ring->members) {
    if (life != self_) ring->others.push_back(life.node);
  }
  return ring;
}

void TotemRing::start(Time now) {
  now_ = now;
  heartbeat_at_ = now + parameters_.heartbeat;
  enter_gather("start", {}, {}, parameters_.join);
}

void TotemRing::leave(Time now) {
  now_ = now;
  if (state_ == State::kStopped) return;
  // What only this node may have goes out once more: nobody can ask for it later.
  unsigned sent = 0;
  for (std::uint64_t seq = ring_->safe + 1; seq <= ring_->store.high() && sent < parameters_.window_size;
       ++seq) {
    const Packet* packet = ring_->store.get(seq);
    if (packet == nullptr || packet->sender != self_.node || state_ != State::kOperational) continue;
    frame_.clear();
    encode_data(frame_, ring_->id, *packet);
    output_.broadcast(ring_->others, frame_);
    ++sent;
  }
  frame_.clear();
  encode_goodbye(frame_);
  for (int i = 0; i < 3; ++i) output_.broadcast(everyone_, frame_);
  state_ = State::kStopped;
  held_.reset();
}

void TotemRing::receive(Time now, NodeLife from, ByteView frame) {
  now_ = now;
  if (state_ == State::kStopped) return;
  Peer* peer = peers_.find(from.node);
  if (peer == nullptr || from.incarnation <= peer->gone || from.incarnation < peer->life.incarnation) return;
  const bool news = !peers_.heard(*peer, now);
  if (from.incarnation > peer->life.incarnation) note_life(*peer, from);
  peer->heard_at = now;
  peer->check.reset();
  // Others should know soon that we hear it; soon, not at once: a whole cluster may be starting.
  if (news) heartbeat_at_ = std::min(heartbeat_at_, std::max(now, heartbeat_sent_at_ + pace()));
  dispatch(from, *peer, frame);
  if (state_ != State::kStopped && heartbeat_at_ <= now_) advance(now_);
}

void TotemRing::dispatch(NodeLife from, Peer& peer, ByteView frame) {
  bool good = false;
  const auto with = [&](auto decoded, auto&& handle) {
    good = decoded.has_value();
    if (good) handle(*decoded);
  };
  switch (frame_type(frame).value_or(FrameType{})) {
    case FrameType::kData:
      with(decode_data(frame), [&](DataView& d) { on_data(from, d); });
      break;
    case FrameType::kToken:
      with(decode_token(frame), [&](Token& t) { on_token(from, std::move(t)); });
      break;
    case FrameType::kJoin:
      with(decode_join(frame), [&](Join& j) { on_join(from, peer, j); });
      break;
    case FrameType::kHeartbeat:
      with(decode_heartbeat(frame), [&](Heartbeat& h) { on_heartbeat(peer, h); });
      break;
    case FrameType::kCommitRequest:
      with(decode_commit_request(frame), [&](CommitRequest& c) { on_commit_request(from, c); });
      break;
    case FrameType::kCommitReply:
      with(decode_commit_reply(frame), [&](CommitReply& c) { on_commit_reply(from, c); });
      break;
    case FrameType::kCommitInfo:
      with(decode_commit_info(frame), [&](CommitInfo& c) { on_commit_info(from, c); });
      break;
    case FrameType::kWant:
      with(decode_want(frame), [&](Want& w) { on_want(from, w); });
      break;
    case FrameType::kGoodbye:
      good = true;
      on_goodbye(peer);
      break;
    case FrameType::kProbe:
      with(decode_probe(frame), [&](Probe& p) {
        frame_.clear();
        encode(frame_, p, FrameType::kProbeReply);
        output_.send(from.node, frame_);
      });
      break;
    case FrameType::kProbeReply:
      with(decode_probe(frame), [this](Probe&) { pass_knock_on(); });
      break;
    case FrameType::kAside:
      good = true;
      break;
  }
  if (!good) ++counters_.frames_refused_malformed;
}

void TotemRing::note_life(Peer& peer, NodeLife life) {
  const NodeLife old = peer.life;
  peer.life = life;
  peer.report_number = 0;
  peer.report_at.reset();
  peer.hears.clear();
  peer.members.clear();
  peer.operational = peer.gathering = false;
  peer.check.reset();
  if (old.incarnation != Incarnation{}) lost(old, "a later life of it was heard");
}

// `life` is over, or as good as: it cannot be a member any more.
void TotemRing::lost(NodeLife life, const char* why) {
  switch (state_) {
    case State::kStopped:
      return;
    case State::kGather:
      if (gather_.is_candidate(life) && gather_.fail(life, now_)) {
        send_join();
        check_consensus();
      }
      return;
    case State::kCommit:
      if (std::binary_search(commit_->members.begin(), commit_->members.end(), life))
        enter_gather(why, {}, {life});
      return;
    case State::kRecovery:
      if (new_ring_->contains(life)) enter_gather(why, {}, {life});
      return;
    case State::kOperational:
      if (ring_->contains(life)) enter_gather(why, {}, {life});
      return;
  }
}

void TotemRing::on_goodbye(Peer& peer) {
  peer.gone = peer.life.incarnation;
  if (ring_->contains(peer.life)) left_well_.insert(peer.life.node);
  lost(peer.life, "it said goodbye");
}

void TotemRing::on_heartbeat(Peer& peer, const Heartbeat& heartbeat) {
  if (!peers_.report(peer, heartbeat.number, heartbeat.nodes, now_)) return;
  peer.ring = heartbeat.ring;
  peer.operational = heartbeat.operational;
  peer.gathering = false;
  if (!peers_.hears_us(peer)) answer(peer);
  if (state_ != State::kOperational) return;
  if (ring_->contains(peer.life)) {
    if (heartbeat.operational && heartbeat.ring.sequence > ring_->id.sequence) {
      enter_gather("a member is in another ring", {}, {});
      return;
    }
  }
  look_for_merge();
}

// A heartbeat to one peer that may not know that we hear it.
void TotemRing::answer(Peer& peer) {
  if (peer.answered_at && now_ - *peer.answered_at < kAnswerInterval) return;
  peer.answered_at = now_;
  send_heartbeat(peer.life.node);
}

Bytes TotemRing::heartbeat_frame() {
  Heartbeat heartbeat{++report_number_, ring_->id, state_ == State::kOperational && !refused_sequence_, {}};
  for (const auto& [id, peer] : peers_.all()) {
    Opinion o{peer.life, 0};
    if (peers_.heard(peer, now_)) o.flags |= Opinion::kHeard;
    if (installed_any_ && ring_->contains(peer.life)) o.flags |= Opinion::kMember;
    if (shuns(peer.life)) o.flags |= Opinion::kShunned;
    if (o.flags != 0) heartbeat.nodes.push_back(o);
  }
  Bytes out;
  encode(out, heartbeat);
  return out;
}

void TotemRing::send_heartbeats() {
  heartbeat_at_ = now_ + parameters_.heartbeat;
  heartbeat_sent_at_ = now_;
  output_.broadcast(everyone_, heartbeat_frame());
}

void TotemRing::send_heartbeat(NodeId to) { output_.send(to, heartbeat_frame()); }

// Whether the ring of `peer` and ours hear each other completely. `group` gets the nodes of its ring.
bool TotemRing::mergeable(const Peer& peer, std::vector<NodeLife>& group) const {
  group = {peer.life};
  if (peer.operational) {
    for (const NodeId id : peer.members) {
      const Peer* other = peers_.find(id);
      if (id == self_.node || other == &peer) continue;
      if (other == nullptr || ring_->contains(other->life) || shuns(other->life)) return false;
      group.push_back(other->life);
    }
  }
  for (const NodeLife& theirs : group) {
    for (const NodeLife& ours : ring_->members) {
      if (!peers_.hears(ours.node, theirs.node, now_) || !peers_.hears(theirs.node, ours.node, now_))
        return false;
    }
  }
  return true;
}

void TotemRing::set_quorate(bool quorate) {
  quorate_ = quorate;
  for (const NodeId node : std::exchange(departed_, {})) {
    if (!quorate) continue;
    const Duration quarantine = flaps_.departed(node, now_);
    if (quarantine == Duration{}) continue;
    log_.warning(
        "node {} has left the ring {} times lately: it is not admitted for {} s, unless there is no quorum "
        "without it",
        raw(node), flaps_.departures(node, now_), std::chrono::duration_cast<Seconds>(quarantine).count());
  }
}

void TotemRing::look_for_merge() {
  if (refused_sequence_ || mutation("rings-do-not-merge")) return;
  for (const auto& [id, peer] : peers_.all()) {
    if (ring_->contains(peer.life) || !peers_.mutual(peer, now_) || shuns(peer.life) || peer.shuns_us)
      continue;
    if (peer.report_at && *peer.report_at < gathered_at_)
      continue;                                          // Silent since we last asked: it would be again.
    if (!peer.operational && !peer.gathering) continue;  // On its way into a ring: let it arrive.
    std::vector<NodeLife> group;
    if (!mergeable(peer, group)) continue;
    enter_gather("another ring is in reach", group, {});
    return;
  }
}

// A process that ends says nothing, but its host refuses what comes next. So that something comes soon, each
// member of an idle ring knocks at the one after it: a cost that does not grow with their number. Unless it
// has a line to that one (next_line.h), which costs nothing.
bool TotemRing::knocks() const {
  return state_ == State::kOperational && !ring_->others.empty() && !output_.line_stands(ring_->next);
}

void TotemRing::knock(Duration until_next) {
  knock_at_ = now_ + until_next;
  frame_.clear();
  encode(frame_, Probe{}, FrameType::kProbeReply);  // Asks for no answer.
  output_.send(ring_->next, frame_);
}

// Who has just been knocked at knocks at the next one if it would soon do so anyway: one wake serves both.
// Its own clock runs a little longer, so that one and the same member begins each round.
void TotemRing::pass_knock_on() {
  const Duration interval = knock_interval();
  if (knocks() && knock_at_ - now_ <= interval / 2) knock(interval + interval / 4);
}

void TotemRing::refused(Time now, NodeId id, bool everywhere) {
  now_ = now;
  Peer* peer = peers_.find(id);
  if (peer == nullptr || state_ == State::kStopped || peer->life.incarnation <= peer->gone) return;
  const bool matters = state_ == State::kGather     ? gather_.is_candidate(peer->life)
                       : state_ == State::kRecovery ? new_ring_->contains(peer->life)
                       : state_ == State::kCommit
                           ? std::binary_search(commit_->members.begin(), commit_->members.end(), peer->life)
                           : ring_->contains(peer->life);
  if (!matters) return;
  if (!peer->check) peer->check = Peer::Check{now, now, 0, 0};
  if (everywhere) ++peer->check->refusals;
  run_checks();
}

// Probes each peer whose port refused, over all links. Only its silence, and more refusals on every link that
// works, are a verdict: a process that is stopped or slow is silent too, but its port is open.
void TotemRing::run_checks() {
  for (auto& [id, peer] : peers_.all()) {
    if (!peer.check || peer.check->next > now_) continue;
    Peer::Check& running = *peer.check;
    if (running.probes < kProbes) {
      ++running.probes;
      running.next = now_ + kProbeInterval;
      frame_.clear();
      encode(frame_, Probe{static_cast<std::uint64_t>(now_.time_since_epoch().count())}, FrameType::kProbe);
      output_.send(id, frame_);
      continue;
    }
    const bool gone = running.refusals >= kRefusals;
    peer.check.reset();
    if (gone) {
      lost(peer.life, "its port is closed");
      return;
    }
  }
}

std::optional<NodeLife> TotemRing::next() const {
  if (ring_->others.empty()) return {};
  return *std::ranges::find(ring_->members, ring_->next, &NodeLife::node);
}

TotemRing::Ring* TotemRing::token_ring() const {
  if (state_ == State::kOperational) return ring_.get();
  return state_ == State::kRecovery ? new_ring_.get() : nullptr;
}

void TotemRing::on_want(NodeLife from, const Want& want) {
  if (state_ != State::kOperational || want.ring != ring_->id || !ring_->contains(from)) return;
  wanted_ = true;
  if (held_) {
    kick(now_);
  } else {
    expect_token();
  }
}

void TotemRing::advance(Time now) {
  now_ = now;
  if (state_ == State::kStopped) return;
  if (refused_sequence_ && state_ == State::kOperational && disk_retry_at_ <= now_) {
    disk_retry_at_ = now_ + kRetryDisk;
    (void)disk_works();
  }
  if (heartbeat_at_ <= now_) send_heartbeats();
  run_checks();
  if (knocks() && knock_at_ <= now_) knock(knock_interval());
  switch (state_) {
    case State::kGather:
      advance_gather();
      break;
    case State::kCommit:
      advance_commit();
      break;
    case State::kRecovery:
    case State::kOperational:
      advance_token();
      break;
    case State::kStopped:
      break;
  }
}

Time TotemRing::deadline() const {
  if (state_ == State::kStopped) return Time::max();
  Time next = knocks() ? std::min(heartbeat_at_, knock_at_) : heartbeat_at_;
  const auto at = [&](Time t) { next = std::min(next, t); };
  for (const auto& [id, peer] : peers_.all()) {
    if (peer.check) at(peer.check->next);
  }
  if (state_ == State::kGather) {
    at(next_join_);
    if (gather_until_ > now_) at(gather_until_);
    if (commit_retry_) at(*commit_retry_);
  } else if (state_ == State::kCommit) {
    at(commit_->next_send);
    at(commit_->deadline);
  } else if (token_ring()->others.empty()) {
    return next;
  } else {
    if (held_) {
      at(held_until_);
    } else {
      at(token_lost_at_);
      if (retransmit_at_) at(*retransmit_at_);
      if (call_at_) at(*call_at_);
    }
    if (state_ == State::kRecovery) at(recovery_.deadline);
  }
  return next;
}

std::string TotemRing::gather_text() const {
  std::string text;
  for (const auto& [id, candidate] : gather_.candidates()) {
    text += fmt::format("{}{}{}", text.empty() ? "" : " ", raw(id),
                        gather_.has_failed(candidate.life) ? "(failed)"
                        : gather_.agrees(candidate.life)   ? ""
                                                           : "?");
  }
  return text;
}

}  // namespace systole::membership
