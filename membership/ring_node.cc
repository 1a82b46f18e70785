#include "membership/ring_node.h"

#include "membership/codec.h"

namespace systole::membership {
namespace {

// Internal messages: [ type u8 | fields ].
enum Internal : std::uint8_t {
  kSetExpectedVotes = 1,  // votes u32
  kDeviceVote = 2,        // ring, flags u8: 1 casts, 2 master_wins
  kRecalculate = 3,       // ring
};
constexpr Duration kLatencyProbe = Seconds(1);
constexpr std::size_t kBatch = 60000;    // Bytes of packets sealed until they are sent.
constexpr std::size_t kUdpHeaders = 48;  // IPv6 and UDP; IPv4's are smaller.

std::vector<NodeId> peer_ids(const ClusterConfig& config, NodeId self) {
  std::vector<NodeId> ids;
  for (const ConfiguredNode& node : config.nodes) {
    if (node.id != self) ids.push_back(node.id);
  }
  return ids;
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
  p.packet_payload = t.netmtu - kUdpHeaders - kSealOverhead - 2 * kDataOverhead;
  return p;
}

RingNode::RingNode(Parts parts)
    : parts_(std::move(parts)),
      self_(parts_.state.self()),
      sealer_(parts_.key, parts_.config.totem.cluster_name, self_, *parts_.ports.random),
      opener_(parts_.key, parts_.config.totem.cluster_name, peer_ids(parts_.config, self_.node)),
      judge_(parts_.config),
      ring_(ring_parameters(parts_.config), self_, parts_.state.ring_sequence(), *this,
            parts_.log.named("totem")) {
  tell_facts();
}

RingNode::~RingNode() {
  *alive_ = false;
  for (const Timers::Id id : {timer_, hold_timer_, window_timer_}) parts_.ports.timers->cancel(id);
}

Result<std::unique_ptr<RingNode>> RingNode::create(Parts parts) {
  const NodeId self = parts.state.self().node;
  const ConfiguredNode* own = parts.config.find(self);
  if (own == nullptr || own->addresses.empty()) {
    return fail(Errc::kInvalidConfig,
                "node {} is not in the nodelist of corosync.conf, or has no ring0_addr there", raw(self));
  }
  std::unique_ptr<RingNode> node(new RingNode(std::move(parts)));
  if (auto bound = node->bind_links(); !bound) return fail(bound.error());
  return node;
}

Result<void> RingNode::bind_links() {
  const ClusterConfig& config = parts_.config;
  const ConfiguredNode& own = *config.find(self_.node);
  for (std::size_t i = 0; i < own.addresses.size(); ++i) {
    const std::uint16_t port = config.port_of(static_cast<unsigned>(i));
    for (const ConfiguredNode& node : config.nodes) {
      if (node.id == self_.node) continue;
      auto& remote = peers_[node.id].emplace_back();
      if (i < node.addresses.size()) remote.remote = {node.addresses[i], port};
    }
    Link link{{own.addresses[i], port}, nullptr};
    auto socket = parts_.ports.network->bind(
        link.local, {[this, i](const Endpoint&, ByteView datagram) { received(i, datagram); },
                     [this, i](const Endpoint& peer) { refused(i, peer); },
                     [this] {
                       if (running_) after_step();
                     }});
    if (!socket) return fail(socket.error());
    link.socket = std::move(*socket);
    links_.push_back(std::move(link));
  }
  return {};
}

void RingNode::start(Handler handler) {
  handler_ = std::move(handler);
  running_ = true;
  parts_.ports.timers->post([this, alive = alive_] {
    if (!*alive || !running_) return;
    next_latency_probe_ = parts_.ports.clock->now();
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
  Bytes message;
  Writer w(message);
  w.u8(kDeviceVote);
  w.ring(view);
  w.u8(static_cast<std::uint8_t>((vote.casts ? 1 : 0) | (vote.master_wins ? 2 : 0)));
  return send_internal(std::move(message));
}

Result<void> RingNode::send_internal(Bytes message) {
  if (!running_) return fail(Errc::kUnavailable, "cannot tell the others: this node is not in the ring");
  ring_.enqueue({std::move(message), false, true});
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
  flush();
  events_.clear();
  for (const Timers::Id id : {timer_, hold_timer_, window_timer_}) parts_.ports.timers->cancel(id);
  timer_ = hold_timer_ = window_timer_ = 0;
}

void RingNode::received(std::size_t link, ByteView datagram) {
  if (!running_) return;
  const Opener::Opened opened = opener_.unseal(datagram);
  switch (opened.refusal) {
    case Refusal::kNone:
      break;
    case Refusal::kMalformed:
      ++refused_.frames_refused_malformed;
      return;
    case Refusal::kUnknownPeer:
      ++refused_.frames_refused_unknown_peer;
      return;
    case Refusal::kAuth:
      ++refused_.frames_refused_auth;
      return;
    case Refusal::kReplay:
      ++refused_.frames_refused_replay;
      return;
  }
  const Time now = parts_.ports.clock->now();
  auto& links = peers_[opened.from.node];
  if (link < links.size()) links[link].heard_at = now;
  if (frame_type(opened.frame) == FrameType::kProbeReply)
    on_probe_reply(opened.from.node, link, opened.frame);
  ring_.receive(now, opened.from, opened.frame);
  if (const auto aside = decode_aside(opened.frame)) told(opened.from, *aside);
}

void RingNode::told(NodeLife from, ByteView message) {
  const auto& members = ring_.view().members;
  const bool member = std::find(members.begin(), members.end(), from) != members.end();
  if (member && running_ && handler_.told) handler_.told(from.node, message);
}

bool RingNode::on_probe_reply(NodeId from, std::size_t link, ByteView frame) {
  const auto probe = decode_probe(frame);
  auto& links = peers_[from];
  if (!probe || link >= links.size()) return false;
  const auto now = parts_.ports.clock->now().time_since_epoch().count();
  const Duration taken{now - static_cast<std::int64_t>(probe->stamp)};
  if (taken < Duration{} || taken > Seconds(10)) return false;
  Duration& latency = links[link].latency;
  latency = latency == Duration{} ? taken : (3 * latency + taken) / 4;
  return true;
}

void RingNode::refused(std::size_t link, const Endpoint& endpoint) {
  if (!running_) return;
  for (const auto& [id, links] : peers_) {
    if (link >= links.size() || links[link].remote != endpoint) continue;
    ring_.refused(parts_.ports.clock->now(), id);
    after_step();
    return;
  }
}

bool RingNode::up(const PeerLink& link) const {
  return link.heard_at && parts_.ports.clock->now() - *link.heard_at <= parts_.config.totem.token / 2;
}

std::optional<std::size_t> RingNode::best_link(NodeId to) const {
  const auto found = peers_.find(to);
  if (found == peers_.end()) return {};
  const auto& links = found->second;
  if (links.size() == 1)
    return links[0].remote.address.empty() ? std::nullopt : std::optional<std::size_t>(0);
  std::optional<std::size_t> any;
  for (std::size_t i = 0; i < links.size(); ++i) {
    if (links[i].remote.address.empty()) continue;
    if (up(links[i])) return i;
    if (!any) any = i;
  }
  return any;
}

void RingNode::send_on_all(NodeId to, ByteView frame) {
  const auto found = peers_.find(to);
  if (found == peers_.end()) return;
  for (std::size_t i = 0; i < found->second.size() && i < links_.size(); ++i) {
    const Endpoint& remote = found->second[i].remote;
    // Sealed anew for each link: the second copy of a datagram would count as replayed.
    if (!remote.address.empty()) links_[i].socket->send(remote, sealer_.seal(frame));
  }
}

void RingNode::send(NodeId to, ByteView frame) {
  const NodeId one[] = {to};
  broadcast({one, one + 1}, frame);
}

void RingNode::broadcast(const std::vector<NodeId>& to, ByteView frame) {
  const auto type = frame_type(frame);
  if (links_.size() > 1 && type != FrameType::kData && type != FrameType::kToken) {
    for (const NodeId id : to) send_on_all(id, frame);
    return;
  }
  if (to.empty()) return;
  if (type == FrameType::kData) {
    add_to_batch(to, frame);
    return;
  }
  flush();                                        // A token follows the packets that it tells of.
  const ByteView datagram = sealer_.seal(frame);  // Once for all: the key is the sender's.
  for (const NodeId id : to) {
    const auto link = best_link(id);
    if (link) links_[*link].socket->send(peers_[id][*link].remote, datagram);
  }
}

void RingNode::add_to_batch(const std::vector<NodeId>& to, ByteView frame) {
  if (batch_.count > 0 && batch_.to != to) flush();
  if (batch_.count == 0) batch_.to = to;
  if (batch_.count == batch_.datagrams.size()) batch_.datagrams.emplace_back();
  const ByteView sealed = sealer_.seal(frame);  // Once for all: the key is the sender's.
  batch_.datagrams[batch_.count++].assign(sealed.begin(), sealed.end());
  batch_.bytes += sealed.size();
  if (batch_.bytes >= kBatch) flush();  // Others shall not wait until all are sealed.
}

void RingNode::flush() {
  if (batch_.count == 0) return;
  views_.assign(batch_.datagrams.begin(),
                batch_.datagrams.begin() + static_cast<std::ptrdiff_t>(batch_.count));
  for (std::size_t i = 0; i < links_.size(); ++i) {
    endpoints_.clear();
    for (const NodeId id : batch_.to) {
      if (best_link(id) == i) endpoints_.push_back(peers_[id][i].remote);
    }
    if (!endpoints_.empty()) links_[i].socket->send_all(endpoints_, views_);
  }
  batch_.count = batch_.bytes = 0;
}

bool RingNode::store_sequence(std::uint64_t ring_sequence) {
  const auto stored = parts_.state.use(ring_sequence);
  if (!stored) parts_.log.error("{}", stored.error().message);
  return stored.has_value();
}

void RingNode::probe_latency() {
  const Time now = parts_.ports.clock->now();
  if (now < next_latency_probe_) return;
  next_latency_probe_ = now + kLatencyProbe;
  Bytes frame;
  encode(frame, Probe{static_cast<std::uint64_t>(now.time_since_epoch().count())}, FrameType::kProbe);
  for (const auto& [id, links] : peers_) {
    if (std::any_of(links.begin(), links.end(), [this](const PeerLink& l) { return up(l); }))
      send_on_all(id, frame);
  }
}

void RingNode::after_step() {
  flush();
  probe_latency();
  drain();
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
  if (!judge_.device_has_spoken() && handler_.ask_device) {
    held_view_ = view;
    hold_timer_ = parts_.ports.timers->after(parts_.config.quorum.device_sync_timeout, [this] {
      hold_timer_ = 0;
      parts_.log.warning("the quorum device has said nothing of view {} for {} ms: going on without it",
                         held_view_ ? held_view_->id.sequence : 0,
                         parts_.config.quorum.device_sync_timeout.count());
      end_hold();
      after_step();
    });
    handler_.ask_device(view, quorum_);
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
    return;
  }
  judge_again();
}

void RingNode::judge_again() {
  const Quorum before = quorum_;
  quorum_ = judge_.again();
  tell_facts();
  if (held_view_) {
    if (judge_.device_has_spoken()) end_hold();
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
    if (running_ && judge_.window()) (void)send_internal(std::move(message));
  });
}

// One timer for the protocol's next deadline. Deadlines mostly move away, so a timer that rings early is
// cheaper than one that is set anew with each token.
void RingNode::arm() {
  if (!running_) return;
  const Time at = ring_.deadline();
  if (timer_ != 0 && timer_at_ <= at) return;
  Timers& timers = *parts_.ports.timers;
  timers.cancel(timer_);
  timer_at_ = at;
  timer_ = timers.after(at - parts_.ports.clock->now(), [this] {
    timer_ = 0;
    if (!running_) return;
    const Time now = parts_.ports.clock->now();
    if (ring_.deadline() <= now) ring_.advance(now);
    after_step();
  });
}

RingStatus RingNode::status() const {
  RingStatus s;
  s.state = running_ ? ring_.state() : RingStatus::State::kStopped;
  s.view = ring_.view();
  s.quorum = quorum_;
  s.counters = ring_.counters();
  s.counters.frames_refused_auth = refused_.frames_refused_auth;
  s.counters.frames_refused_replay = refused_.frames_refused_replay;
  s.counters.frames_refused_unknown_peer = refused_.frames_refused_unknown_peer;
  s.counters.frames_refused_malformed += refused_.frames_refused_malformed;
  s.token_rotation = ring_.rotation();
  for (const auto& [id, links] : peers_) {
    for (std::size_t i = 0; i < links.size() && i < links_.size(); ++i) {
      if (links[i].remote.address.empty()) continue;
      s.links.push_back({id, static_cast<int>(i), links_[i].local.address, links[i].remote.address,
                         up(links[i]), links[i].latency});
    }
  }
  return s;
}

}  // namespace systole::membership
