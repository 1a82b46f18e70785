#include "membership/corosync_node.h"

#include <corosync/cfg.h>
#include <corosync/cpg.h>
#include <corosync/quorum.h>
#include <corosync/votequorum.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstring>

#include "membership/cpg_group.h"

namespace systole::membership {
namespace {

constexpr Duration kRetry = Milliseconds(500);  // Until Corosync answers; the group's time too.
constexpr int kBatch = 64;                      // Events taken from Corosync in one turn of the loop.

}  // namespace

struct CorosyncNode::State : GroupOutput {
  explicit State(Parts p)
      : parts(std::move(p)),
        self(parts.state.self()),
        group(self, parts.state.ring_sequence(), *this, parts.log),
        cpg_socket(context()),
        quorum_socket(context()) {}

  boost::asio::io_context& context() {
    return *static_cast<boost::asio::io_context*>(parts.runtime->io_context());
  }
  Time now() const { return parts.runtime->clock().now(); }

  void connect();
  bool open();
  bool join();
  bool own_id_fits();
  void close();
  void watch(boost::asio::posix::stream_descriptor& socket, bool cpg);
  void dispatch(bool cpg);
  void engine_lost(const char* what);
  void read_quorum(RingId ring, bool quorate);
  std::vector<RingStatus::Link> read_links();
  void tick();
  void offer_space();

  // GroupOutput
  bool send(ByteView frame) override;
  bool store_sequence(std::uint64_t sequence) override;
  void rejoin() override;
  void transitional(const View& surviving) override;
  void view(const View& view, const Quorum& quorum) override;
  void quorum(const Quorum& quorum) override;
  void message(NodeId sender, ByteView message) override;

  Parts parts;
  NodeLife self;
  CpgGroup group;
  Handler handler;
  bool running = false;
  bool connected = false;
  bool said_waiting = false;
  bool congested = false;
  bool space_wanted = false;
  bool rejoin_posted = false;
  bool cpg_watched = false;
  std::vector<RingStatus::Link> links;  // As of the last tick.

  cpg_handle_t cpg = 0;
  quorum_handle_t quorum_handle = 0;
  votequorum_handle_t votes = 0;
  corosync_cfg_handle_t cfg = 0;
  cpg_name name{};
  boost::asio::posix::stream_descriptor cpg_socket, quorum_socket;
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);
};

namespace {

CorosyncNode::State& state_of(cpg_handle_t handle) {
  void* context = nullptr;
  cpg_context_get(handle, &context);
  return *static_cast<CorosyncNode::State*>(context);
}

void on_deliver(cpg_handle_t handle, const cpg_name*, std::uint32_t node, std::uint32_t pid, void* bytes,
                std::size_t size) {
  auto& s = state_of(handle);
  s.group.message(s.now(), {NodeId{node}, pid}, {static_cast<const std::uint8_t*>(bytes), size});
}

void on_members(cpg_handle_t handle, const cpg_name*, const cpg_address* members, std::size_t count,
                const cpg_address*, std::size_t, const cpg_address*, std::size_t) {
  auto& s = state_of(handle);
  std::vector<GroupMember> list;
  for (std::size_t i = 0; i < count; ++i) list.push_back({NodeId{members[i].nodeid}, members[i].pid});
  s.group.members(s.now(), {s.self.node, static_cast<std::uint32_t>(::getpid())}, std::move(list));
}

void on_ring(cpg_handle_t handle, cpg_ring_id ring, std::uint32_t, const std::uint32_t*) {
  state_of(handle).group.totem_ring({ring.seq, NodeId{ring.nodeid}});
}

void on_quorum(quorum_handle_t handle, std::uint32_t quorate, quorum_ring_id ring, std::uint32_t,
               const std::uint32_t*) {
  const void* context = nullptr;
  quorum_context_get(handle, &context);
  auto* const state = static_cast<CorosyncNode::State*>(const_cast<void*>(context));
  state->read_quorum({ring.seq, NodeId{ring.nodeid}}, quorate != 0);
}

void on_nodes(quorum_handle_t, quorum_ring_id, std::uint32_t, const std::uint32_t*, std::uint32_t,
              const std::uint32_t*, std::uint32_t, const std::uint32_t*) {}

}  // namespace

// Until it holds: a Corosync that starts later than this node, or anew, is found.
void CorosyncNode::State::connect() {
  if (!running || connected) return;
  connected = open();
  if (!connected) {
    close();
    if (!std::exchange(said_waiting, true))
      parts.log.warning(
          "waiting for Corosync on this host: start it (corosync -f, systemctl start corosync), let this "
          "user in (/etc/corosync/uidgid.d), or remove provider: corosync");
    return;
  }
  said_waiting = false;
  parts.log.notice("in Corosync's group {}", std::string_view(name.value, name.length));
  watch(cpg_socket, true);
  watch(quorum_socket, false);
}

bool CorosyncNode::State::open() {
  cpg_model_v1_data_t model{};
  model.model = CPG_MODEL_V1;
  model.cpg_deliver_fn = on_deliver;
  model.cpg_confchg_fn = on_members;
  model.cpg_totem_confchg_fn = on_ring;
  model.flags = CPG_MODEL_V1_DELIVER_INITIAL_TOTEM_CONF;
  if (cpg_model_initialize(&cpg, CPG_MODEL_V1, reinterpret_cast<cpg_model_data_t*>(&model), this) != CS_OK) {
    cpg = 0;
    return false;
  }
  quorum_model_v1_data_t quorum_model{};
  quorum_model.model = QUORUM_MODEL_V1;
  quorum_model.quorum_notify_fn = on_quorum;
  quorum_model.nodelist_notify_fn = on_nodes;
  std::uint32_t type = 0;
  if (quorum_model_initialize(&quorum_handle, QUORUM_MODEL_V1,
                              reinterpret_cast<quorum_model_data_t*>(&quorum_model), &type, this) != CS_OK) {
    quorum_handle = 0;
    return false;
  }
  votequorum_callbacks_t none{};
  if (votequorum_initialize(&votes, &none) != CS_OK)
    votes = 0;  // Another quorum provider: quorate or not is enough.
  if (corosync_cfg_initialize(&cfg, nullptr) != CS_OK) cfg = 0;  // Links are not shown then.
  int cpg_fd = -1, quorum_fd = -1;
  if (cpg_fd_get(cpg, &cpg_fd) != CS_OK || quorum_fd_get(quorum_handle, &quorum_fd) != CS_OK) return false;
  cpg_socket.assign(cpg_fd);
  quorum_socket.assign(quorum_fd);
  return own_id_fits() && quorum_trackstart(quorum_handle, CS_TRACK_CURRENT | CS_TRACK_CHANGES) == CS_OK &&
         join();
}

bool CorosyncNode::State::join() {
  const std::string group_name = "systole:" + parts.config.totem.cluster_name;
  name.length = static_cast<std::uint32_t>(std::min<std::size_t>(group_name.size(), CPG_MAX_NAME_LENGTH - 1));
  std::memcpy(name.value, group_name.data(), name.length);
  return cpg_join(cpg, &name) == CS_OK;
}

bool CorosyncNode::State::own_id_fits() {
  unsigned id = 0;
  if (cpg_local_get(cpg, &id) != CS_OK) return false;
  if (id == raw(self.node)) return true;
  if (!said_waiting)
    parts.log.error(
        "Corosync runs here as node {}, but corosync.conf says that this host is node {}: mend the "
        "nodelist, or restart Corosync if it read an older file",
        id, raw(self.node));
  return false;
}

void CorosyncNode::State::close() {
  // The descriptors belong to the libraries.
  if (cpg_socket.is_open()) cpg_socket.release();
  if (quorum_socket.is_open()) quorum_socket.release();
  if (cpg != 0) cpg_finalize(std::exchange(cpg, 0));
  if (quorum_handle != 0) quorum_finalize(std::exchange(quorum_handle, 0));
  if (votes != 0) votequorum_finalize(std::exchange(votes, 0));
  if (cfg != 0) corosync_cfg_finalize(std::exchange(cfg, 0));
}

void CorosyncNode::State::watch(boost::asio::posix::stream_descriptor& socket, bool is_cpg) {
  if (is_cpg && std::exchange(cpg_watched, true)) return;
  socket.async_wait(
      boost::asio::posix::stream_descriptor::wait_read,
      [this, &socket, is_cpg, weak = std::weak_ptr(alive)](const boost::system::error_code& error) {
        if (weak.expired()) return;
        if (is_cpg) cpg_watched = false;
        if (error || !connected) return;
        dispatch(is_cpg);
        if (connected && !(is_cpg && congested)) watch(socket, is_cpg);
      });
}

// A batch at a time, so that a flood of messages does not hold up what this node sends.
void CorosyncNode::State::dispatch(bool is_cpg) {
  for (int i = 0; i < kBatch && connected; ++i) {
    const cs_error_t result = is_cpg ? cpg_dispatch(cpg, CS_DISPATCH_ONE_NONBLOCKING)
                                     : quorum_dispatch(quorum_handle, CS_DISPATCH_ALL);
    if (result == CS_ERR_TRY_AGAIN || (result == CS_OK && !is_cpg)) break;
    if (result != CS_OK) return engine_lost("does not answer any more");
  }
  group.pump();
  offer_space();
}

void CorosyncNode::State::engine_lost(const char* what) {
  if (!std::exchange(connected, false)) return;
  parts.log.critical("Corosync on this host {}: this node is alone and has no quorum until it is back", what);
  close();
  group.lost();
}

void CorosyncNode::State::read_quorum(RingId ring, bool quorate) {
  Quorum q;
  q.quorate = quorate;
  votequorum_info info{};
  if (votes != 0 && votequorum_getinfo(votes, raw(self.node), &info) == CS_OK) {
    q.votes = info.total_votes;
    q.expected_votes = info.node_expected_votes;
    q.threshold = info.quorum;
    q.two_node = (info.flags & VOTEQUORUM_INFO_TWONODE) != 0;
    q.wait_for_all = (info.flags & VOTEQUORUM_INFO_WAIT_FOR_ALL) != 0;
    q.waiting_for_all = q.wait_for_all && !quorate && q.votes >= q.threshold;
  }
  group.quorum(ring, q);
}

std::vector<RingStatus::Link> CorosyncNode::State::read_links() {
  std::vector<RingStatus::Link> found;
  for (const ConfiguredNode& node : parts.config.nodes) {
    corosync_cfg_node_status_v1 status{};
    if (cfg == 0 || node.id == self.node ||
        corosync_cfg_node_status_get(cfg, raw(node.id), CFG_NODE_STATUS_V1, &status) != CS_OK)
      continue;
    for (int i = 0; i < CFG_MAX_LINKS; ++i) {
      const auto& link = status.link_status[i];
      if (!link.enabled) continue;
      RingStatus::Link out;
      out.peer = node.id;
      out.link = i;
      out.local = link.src_ipaddr;
      out.remote = link.dst_ipaddr;
      out.up = link.connected != 0;
      found.push_back(std::move(out));
    }
  }
  return found;
}

void CorosyncNode::State::tick() {
  if (!running) return;
  if (!connected) {
    connect();
  } else {
    group.advance(now());
    links = read_links();
  }
  parts.runtime->timers().after(kRetry, [this, weak = std::weak_ptr(alive)] {
    if (!weak.expired()) tick();
  });
}

void CorosyncNode::State::offer_space() {
  if (!space_wanted || !group.has_room(CpgGroup::kQueueBytes / 2)) return;
  space_wanted = false;
  if (handler.space) handler.space();
}

bool CorosyncNode::State::send(ByteView frame) {
  if (!connected) return false;
  iovec part{const_cast<std::uint8_t*>(frame.data()), frame.size()};
  const cs_error_t result = cpg_mcast_joined(cpg, CPG_TYPE_AGREED, &part, 1);
  if (result == CS_OK) return true;
  // Full, or synchronising: asked again when something arrives, and soon in any case.
  parts.runtime->timers().after(Milliseconds(2), [this, weak = std::weak_ptr(alive)] {
    if (!weak.expired()) group.pump();
  });
  return false;
}

bool CorosyncNode::State::store_sequence(std::uint64_t sequence) {
  const auto stored = parts.state.use(sequence);
  if (!stored) parts.log.error("{}", stored.error().message);
  return stored.has_value();
}

// Not within the call that found it necessary.
void CorosyncNode::State::rejoin() {
  if (std::exchange(rejoin_posted, true)) return;
  parts.runtime->timers().after(kRetry, [this, weak = std::weak_ptr(alive)] {
    if (weak.expired()) return;
    rejoin_posted = false;
    if (!connected) return;
    connected = false;
    close();
    group.lost();
    connect();
  });
}

void CorosyncNode::State::transitional(const View& surviving) {
  if (running && handler.transitional) handler.transitional(surviving);
}
void CorosyncNode::State::view(const View& view, const Quorum& quorum) {
  if (running && handler.view) handler.view(view, quorum);
}
void CorosyncNode::State::quorum(const Quorum& quorum) {
  if (running && handler.quorum) handler.quorum(quorum);
}
void CorosyncNode::State::message(NodeId sender, ByteView message) {
  if (running && handler.message) handler.message(sender, message);
}

CorosyncNode::CorosyncNode(Parts parts) : state_(std::make_unique<State>(std::move(parts))) {}

CorosyncNode::~CorosyncNode() {
  state_->alive.reset();
  state_->connected = false;
  state_->close();
}

void CorosyncNode::start(Handler handler) {
  state_->handler = std::move(handler);
  state_->running = true;
  state_->tick();
}

Result<void> CorosyncNode::multicast(Bytes message, Delivery delivery) {
  State& s = *state_;
  if (message.size() > kMaxMessage)
    return fail(Errc::kInvalidArgument,
                "a message of {} bytes is too large to send: at most {} bytes are possible", message.size(),
                kMaxMessage);
  if (!s.running) return fail(Errc::kUnavailable, "cannot send: this node is not in the group");
  if (!s.group.has_room(message.size())) {
    s.space_wanted = true;
    return fail(Errc::kUnavailable, "cannot send now: the group's queue is full");
  }
  s.group.enqueue(std::move(message), delivery == Delivery::kSafe);
  return {};
}

void CorosyncNode::leave() {
  State& s = *state_;
  s.running = false;
  if (!std::exchange(s.connected, false)) return;
  cpg_leave(s.cpg, &s.name);
  s.close();
}

RingStatus CorosyncNode::status() const {
  RingStatus status;
  status.state = state_->running ? state_->group.state() : RingStatus::State::kStopped;
  status.view = state_->group.view();
  status.quorum = state_->group.quorum();
  status.counters = state_->group.counters();
  status.links = state_->links;
  return status;
}

Result<void> CorosyncNode::set_expected_votes(unsigned votes) {
  if (votes == 0) return fail(Errc::kInvalidArgument, "expected votes must be 1 or more");
  if (state_->votes == 0 || votequorum_setexpected(state_->votes, votes) != CS_OK)
    return fail(Errc::kUnavailable,
                "Corosync did not take {} expected votes: they cannot be fewer than half of those present",
                votes);
  return {};
}

Result<void> CorosyncNode::set_device_vote(const RingId&, const QuorumDeviceVote&) {
  return fail(Errc::kUnsupported, "a quorum device votes in Corosync itself (corosync-qdevice), not here");
}

bool CorosyncNode::has_room(std::size_t size) {
  if (!state_->running || state_->group.has_room(size)) return true;
  state_->space_wanted = true;
  return false;
}

// Events stay with Corosync, whose flow control then holds the senders.
void CorosyncNode::set_congested(bool congested) {
  State& s = *state_;
  if (std::exchange(s.congested, congested) && !congested && s.connected) s.watch(s.cpg_socket, true);
}

}  // namespace systole::membership
