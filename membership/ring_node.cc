#include "membership/ring_node.h"

#include "membership/codec.h"
#include "membership/ring_change_wire.h"

namespace systole::membership {
namespace {

constexpr Duration kTimerSlack = Milliseconds(5);  // See arm().
constexpr Duration kTellDelay = Seconds(30);       // At most once in this time.

// Internal messages: [ type u8 | fields ].
enum Internal : std::uint8_t {
  kSetExpectedVotes = 1,  // votes u32
  kDeviceVote = 2,        // ring, flags u8: 1 casts, 2 master_wins
  kRecalculate = 3,       // ring
  // 4 to 6: ring_changes.cc
};

// One copy of tokens and packets is enough; everything else forms memberships.
Links::Way way_of(ByteView frame) {
  const auto type = frame_type(frame);
  return type == FrameType::kData    ? Links::Way::kBatch
         : type == FrameType::kToken ? Links::Way::kBest
                                     : Links::Way::kAll;
}

}  // namespace

RingParameters ring_parameters(const ClusterConfig& config) {
  const TotemOptions& t = config.totem;
  RingParameters p;
  for (const ConfiguredNode& node : config.nodes) p.nodes.push_back(node.id);
  const auto beyond_two = static_cast<std::int64_t>(config.nodes.size() > 2 ? config.nodes.size() - 2 : 0);
  p.token = t.token + t.token_coefficient * beyond_two;
  p.token_retransmit = t.token_retransmit
                           ? Duration(*t.token_retransmit)
                           : Duration(p.token * 10 / (10 * t.token_retransmits_before_loss_const + 2));
  p.hold = std::min<Duration>(t.hold, p.token / 4);
  p.join = t.join;
  p.consensus = t.consensus ? Duration(*t.consensus) : p.token * 6 / 5;
  p.heartbeat = std::min<Duration>(t.merge, p.token / 4);
  p.fail_recv_const = t.fail_recv_const;
  p.seqno_unchanged_const = t.seqno_unchanged_const;
  p.window_size = t.window_size;
  p.max_messages = t.max_messages;
  return p;
}

RingNode::RingNode(Parts parts)
    : parts_(std::move(parts)),
      self_(parts_.state.self()),
      judge_(parts_.config),
      ring_(ring_parameters(parts_.config), self_, parts_.state.ring_sequence(), *this,
            parts_.log.named("totem")),
      key_(parts_.key),
      next_key_(parts_.next_key) {
  tell_facts();
}

RingNode::~RingNode() {
  *alive_ = false;
  for (const Timers::Id id : {timer_, hold_timer_, window_timer_, vote_timer_, change_timer_, key_timer_})
    parts_.ports.timers->cancel(id);
}

Result<std::unique_ptr<RingNode>> RingNode::create(Parts parts) {
  std::unique_ptr<RingNode> node(new RingNode(std::move(parts)));
  const Parts& p = node->parts_;
  std::vector<Bytes> keys{p.key};
  if (!p.next_key.empty()) keys.push_back(p.next_key);
  auto links =
      Links::create({p.ports, p.log, p.config, node->self_, keys},
                    {[n = node.get()](NodeLife from, ByteView frame) { n->received(from, frame); },
                     [n = node.get()](NodeId peer, bool everywhere) { n->refused(peer, everywhere); },
                     [n = node.get()] { n->settled(); }});
  if (!links) return fail(links.error());
  node->links_ = std::move(*links);
  node->line_ = std::make_unique<NextLine>(
      p.lines, *p.ports.clock, p.log,
      NextLine::Handler{[n = node.get()](NodeId peer) { return n->links_->best(peer); },
                        [n = node.get()](NodeId peer) { n->refused(peer, false); },
                        [n = node.get()] { n->settled(); }});
  node->line_->configure(p.config, node->self_.node);
  node->adapt_packing();
  return node;
}

void RingNode::start(Handler handler) {
  handler_ = std::move(handler);
  running_ = true;
  parts_.ports.timers->post([this, alive = alive_] {
    if (!*alive || !running_) return;
    ring_.start(parts_.ports.clock->now());
    after_step();
  });
}

Result<void> RingNode::multicast(Bytes message, Delivery delivery) {
  if (message.size() > kMaxMessage) {
    return fail(Errc::kInvalidArgument,
                "a message of {} bytes is too large to send: at most {} bytes are possible", message.size(),
                kMaxMessage);
  }
  if (!running_) return fail(Errc::kUnavailable, "cannot send: this node is not in the ring");
  if (!has_room(message.size())) {
    return fail(Errc::kUnavailable, "cannot send now: the ring's queue is full");
  }
  ring_.enqueue({std::move(message), delivery == Delivery::kSafe, false});
  post_kick();
  return {};
}

void RingNode::tell(NodeId member, Bytes message) {
  if (!running_ || message.size() > kMaxTold) return;
  Bytes frame;
  encode_aside(frame, message);
  send(member, frame);
}

bool RingNode::has_room(std::size_t size) {
  if (ring_.has_room(size)) return true;
  space_wanted_ = true;
  return false;
}

Result<void> RingNode::set_expected_votes(unsigned votes) {
  if (auto may = may_set_expected_votes(quorum_, votes); !may) return may;
  Bytes message;
  Writer w(message);
  w.u8(kSetExpectedVotes);
  w.u32(votes);
  return send_internal(std::move(message));
}

Result<void> RingNode::set_device_vote(const RingId& view, const QuorumDeviceVote& vote) {
  if (view != judge_.view().id) return {};
  Timers& timers = *parts_.ports.timers;
  timers.cancel(vote_timer_);
  vote_timer_ = 0;
  if (vote.casts && vote.holds.count() > 0) {
    vote_timer_ = timers.after(vote.holds, [this, view] {
      vote_timer_ = 0;
      parts_.log.warning("the quorum device has not renewed its vote for view {}: it counts no more",
                         view.sequence);
      if (running_) (void)set_device_vote(view, {});
    });
  }
  const std::pair said(view, std::pair(vote.casts, vote.master_wins));
  if (std::exchange(vote_said_, said) == said) return {};
  Bytes message;
  Writer w(message);
  w.u8(kDeviceVote);
  w.ring(view);
  w.u8(static_cast<std::uint8_t>((vote.casts ? 1 : 0) | (vote.master_wins ? 2 : 0)));
  return send_internal(std::move(message));
}

Result<void> RingNode::send_internal(Bytes message, bool safe) {
  if (!running_) return fail(Errc::kUnavailable, "cannot tell the others: this node is not in the ring");
  ring_.enqueue({std::move(message), safe, true});
  post_kick();
  return {};
}

// One kick for all that is sent in this turn of the loop, so that it is packed together.
void RingNode::post_kick() {
  if (kick_posted_) return;
  kick_posted_ = true;
  parts_.ports.timers->post([this, alive = alive_] {
    if (!*alive) return;
    kick_posted_ = false;
    if (!running_) return;
    ring_.kick(parts_.ports.clock->now());
    after_step();
  });
}

void RingNode::leave() {
  if (!running_) return;
  running_ = false;
  ring_.leave(parts_.ports.clock->now());
  links_->flush();
  line_->stop();
  events_.clear();
  for (const Timers::Id id : {timer_, hold_timer_, window_timer_, vote_timer_, change_timer_, key_timer_})
    parts_.ports.timers->cancel(id);
  timer_ = hold_timer_ = window_timer_ = vote_timer_ = change_timer_ = key_timer_ = 0;
}

void RingNode::received(NodeLife from, ByteView frame) {
  if (!running_) return;
  ring_.receive(parts_.ports.clock->now(), from, frame);
  if (const auto aside = decode_aside(frame)) told(from, *aside);
}

void RingNode::told(NodeLife from, ByteView message) {
  const auto& members = ring_.view().members;
  const bool member = std::find(members.begin(), members.end(), from) != members.end();
  if (member && running_ && handler_.told) handler_.told(from.node, message);
}

void RingNode::settled() {
  if (running_) after_step();
}

void RingNode::refused(NodeId peer, bool everywhere) {
  if (!running_) return;
  ring_.refused(parts_.ports.clock->now(), peer, everywhere);
  after_step();
}

void RingNode::send(NodeId to, ByteView frame) { links_->send(to, frame, way_of(frame)); }
void RingNode::broadcast(const std::vector<NodeId>& to, ByteView frame) {
  links_->broadcast(to, frame, way_of(frame));
}
void RingNode::resend(NodeId to, ByteView frame) { links_->send(to, frame, Links::Way::kAgain); }
void RingNode::rebroadcast(const std::vector<NodeId>& to, ByteView frame) {
  links_->broadcast(to, frame, Links::Way::kAgain);
}

// Packets that pass uncut on every path in use, also when they travel in another packet during recovery.
void RingNode::adapt_packing() {
  if (frame_budget_ == links_->frame_budget()) return;
  frame_budget_ = links_->frame_budget();
  ring_.set_packet_payload(frame_budget_ - 2 * kDataOverhead);
}

bool RingNode::store_sequence(std::uint64_t ring_sequence) {
  const auto stored = parts_.state.use(ring_sequence);
  if (!stored) parts_.log.error("{}", stored.error().message);
  return stored.has_value();
}

// A path that is down may have the line's end lost on its way.
bool RingNode::line_stands(NodeId peer) const {
  const auto link = line_->stands(peer);
  return link && links_->up(peer, *link);
}

void RingNode::after_step() {
  links_->flush();
  adapt_packing();
  drain();
  if (running_ && std::exchange(line_view_, ring_.counters().views) != ring_.counters().views)
    line_->follow(ring_.next());
  if (!next_key_.empty() && links_->heard_other_key()) adopt_key();
  arm();
}

void RingNode::drain() {
  if (draining_) return;
  draining_ = true;
  while (running_ && !events_.empty() && !held_view_) {
    Delivered delivered = std::move(events_.front());
    events_.pop_front();
    hand_over(delivered);
  }
  if (running_ && space_wanted_ && ring_.half_empty()) {
    space_wanted_ = false;
    if (handler_.space) handler_.space();
  }
  draining_ = false;
}

void RingNode::hand_over(Delivered& delivered) {
  if (auto* message = std::get_if<Delivered::Message>(&delivered.event)) {
    if (message->internal) {
      internal_message(message->sender, message->bytes);
    } else if (handler_.message) {
      handler_.message(message->sender, message->bytes);
    }
  } else if (auto* transitional = std::get_if<Delivered::Transitional>(&delivered.event)) {
    conclude(fail(Errc::kUnavailable, "the view changed meanwhile: try again"));
    if (handler_.transitional) handler_.transitional(transitional->surviving);
  } else if (auto* installed = std::get_if<Delivered::Installed>(&delivered.event)) {
    install(installed->view, installed->facts);
  }
}

// The device's word on a view that waits for it overtakes what waits behind that view.
void RingNode::deliver(Delivered delivered) {
  if (held_view_) {
    const auto* message = std::get_if<Delivered::Message>(&delivered.event);
    if (message != nullptr && message->internal) {
      internal_message(message->sender, message->bytes);
      return;
    }
    // The view is over: it will not hear from the device any more.
    if (std::holds_alternative<Delivered::Transitional>(delivered.event)) end_hold();
  }
  events_.push_back(std::move(delivered));
}

void RingNode::install(const View& view, const ViewFacts& facts) {
  quorum_ = judge_.judge(view, facts);
  tell_facts();
  // Who is quorate without the device's vote need not wait for it.
  const bool hold = !judge_.device_has_spoken() && handler_.ask_device && !quorum_.quorate;
  if (handler_.ask_device) handler_.ask_device(view, quorum_);
  if (hold) {
    held_view_ = view;
    hold_timer_ = parts_.ports.timers->after(parts_.config.quorum.device.sync_timeout, [this] {
      hold_timer_ = 0;
      parts_.log.warning("the quorum device has said nothing of view {} for {} ms: going on without it",
                         held_view_ ? held_view_->id.sequence : 0,
                         parts_.config.quorum.device.sync_timeout.count());
      end_hold();
      after_step();
    });
    return;
  }
  arm_window();
  if (handler_.view) handler_.view(view, quorum_);
}

void RingNode::end_hold() {
  if (!held_view_) return;
  parts_.ports.timers->cancel(hold_timer_);
  hold_timer_ = 0;
  const View view = std::move(*held_view_);
  held_view_.reset();
  arm_window();
  if (handler_.view) handler_.view(view, quorum_);
}

void RingNode::internal_message(NodeId sender, ByteView message) {
  Reader r(message);
  const std::uint8_t type = r.u8();
  if (type == kSetExpectedVotes) {
    const std::uint32_t votes = r.u32();
    if (!r.done() || !judge_.set_expected_votes(votes)) return;
  } else if (type == kDeviceVote || type == kRecalculate) {
    const RingId ring = r.ring();
    const std::uint8_t flags = type == kDeviceVote ? r.u8() : 0;
    if (!r.done() || ring != judge_.view().id) return;
    if (type == kDeviceVote) judge_.set_device_vote(sender, {(flags & 1) != 0, (flags & 2) != 0});
    if (type == kRecalculate) judge_.recalculate();
  } else {
    if (auto change = decode_proposal(message)) on_proposal(sender, std::move(*change));
    if (const auto answer = decode_prepared(message)) on_prepared(sender, answer->id, answer->problem);
    return;
  }
  judge_again();
}

void RingNode::judge_again() {
  const Quorum before = quorum_;
  quorum_ = judge_.again();
  tell_facts();
  if (held_view_) {
    if (judge_.device_has_spoken() || quorum_.quorate) end_hold();
  } else if (quorum_ != before && handler_.quorum) {
    handler_.quorum(quorum_);
  }
}

// last_man_standing: every member's window ends about now; the first message of them all recalculates.
void RingNode::arm_window() {
  Timers& timers = *parts_.ports.timers;
  timers.cancel(window_timer_);
  window_timer_ = 0;
  const auto window = judge_.window();
  if (!window) return;
  window_timer_ = timers.after(*window, [this, ring = judge_.view().id] {
    window_timer_ = 0;
    Bytes message;
    Writer w(message);
    w.u8(kRecalculate);
    w.ring(ring);
    // Safe: all members have it, or none goes by it beyond this view.
    if (running_ && judge_.window()) (void)send_internal(std::move(message), true);
  });
}

// One timer for the protocol's next deadline. Deadlines mostly move away: on a busy ring a timer that rings
// early is cheaper than one that is set anew with each token, on an idle one setting it is cheaper than the
// wake.
void RingNode::arm() {
  if (!running_) return;
  const Time now = parts_.ports.clock->now();
  links_->beat_early(now);
  const Time at = std::min({ring_.deadline(), links_->deadline(), line_->deadline()});
  if (timer_ != 0 && timer_at_ <= at && (at - timer_at_ < kTimerSlack || now - timer_set_at_ < kTimerSlack))
    return;
  Timers& timers = *parts_.ports.timers;
  timers.cancel(timer_);
  timer_at_ = at;
  timer_set_at_ = now;
  timer_ = timers.after(at - now, [this] {
    timer_ = 0;
    if (!running_) return;
    const Time rung = parts_.ports.clock->now();
    note_delay(rung - timer_at_, rung);
    links_->advance(rung);
    line_->advance(rung);
    if (ring_.deadline() <= rung) ring_.advance(rung);
    after_step();
  });
}

// A loop that ran late did not hear its peers in that time: what it takes for their silence may be its own.
void RingNode::note_delay(Duration late, Time now) {
  worst_delay_ = std::max(worst_delay_, late);
  if (late < parts_.config.totem.token / 4) return;
  ++delays_;
  if (delay_told_at_ && now - *delay_told_at_ < kTellDelay) return;
  delay_told_at_ = now;
  parts_.log.warning(
      "the ring's loop ran {} ms late: this host is overloaded, or the process or its machine was stopped. A "
      "token of {} "
      "ms bears less than that",
      std::chrono::duration_cast<Milliseconds>(late).count(), parts_.config.totem.token.count());
}

RingStatus RingNode::status() const {
  RingStatus s;
  s.state = running_ ? ring_.state() : RingStatus::State::kStopped;
  s.view = ring_.view();
  s.quorum = quorum_;
  s.counters = ring_.counters();
  s.token_rotation = ring_.rotation();
  s.worst_delay = worst_delay_;
  s.delays = delays_;
  const Time now = parts_.ports.clock->now();
  for (const auto& [id, peer] : ring_.peers().all()) {
    s.peers.push_back({peer.life, std::ranges::find(s.view.members, peer.life) != s.view.members.end(),
                       ring_.peers().heard(peer, now), ring_.peers().hears_us(peer),
                       ring_.flaps().departures(id, now), ring_.flaps().quarantine(id, now)});
  }
  links_->add_to(s);
  s.key.next = next_key_.empty() ? 0 : key_fingerprint(next_key_);
  s.key.phase = !next_key_.empty() ? "receive-only" : !old_key_.empty() ? "both" : "settled";
  if (change_ && change_->what.kind == RingChange::Kind::kKey)
    s.key.waiting_for.assign(change_->waiting_for.begin(), change_->waiting_for.end());
  return s;
}

}  // namespace systole::membership
