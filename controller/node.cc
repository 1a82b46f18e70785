// Node: the wiring of one node, its joining and its leaving.
#include "controller/node.h"

#include "controller/attributes.h"
#include "controller/node_state.h"
#include "controller/node_states.h"
#include "controller/properties.h"

namespace systole::controller {
namespace {

// A stopping node that sees no DC for this long stops its resources by itself.
constexpr Duration kNoDcPatience = Seconds(3);
// And in any case after this (Pacemaker's shutdown-escalation).
constexpr Duration kShutdownMost = std::chrono::minutes(20);
constexpr Duration kStopHere = Seconds(60);
constexpr Duration kStopFenced = Seconds(10);  // When the others take this node for dead already.
constexpr Milliseconds kRetry{100};

std::string own_name(const Node::Parts& parts) {
  const auto* node = parts.config.find(parts.self.node);
  return node != nullptr ? node->name : fmt::format("node{}", raw(parts.self.node));
}

Bytes serialized(const wire::Message& message) {
  Bytes bytes(message.ByteSizeLong());
  message.SerializeToArray(bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

}  // namespace

Node::State::State(Parts p)
    : parts(std::move(p)),
      name(own_name(parts)),
      log(parts.log.named("controller")),
      bus(*parts.membership, log),
      replica(parts.ports, parts.log.named("cib"), parts.self, name, *parts.journal,
              {[this](Bytes m) { return bus.multicast(Channel::kCib, std::move(m)); },
               [this](const cib::Change& c) { on_change(c); },
               [this](const membership::View& v, const std::vector<NodeId>& joined) { on_synced(v, joined); },
               [this](NodeId member, Bytes m) { bus.tell(Channel::kCib, member, std::move(m)); }}),
      executor(parts.ports, parts.log.named("lrmd"), parts.paths, name),
      fencer(parts.ports, parts.log.named("stonith"), parts.paths, parts.self, name,
             {[this](Bytes m) { return bus.multicast(Channel::kFencer, std::move(m)); },
              [this](const stonith::Outcome& o) { on_outcome(o); }}),
      runner(parts.ports, log, parts.self, name, replica, executor, fencer,
             {[this](cib::Op op, cib::Replica::Done done) { replica.submit(std::move(op), std::move(done)); },
              [this](const wire::ActionResult& result) {
                wire::Message message;
                *message.mutable_result() = result;
                if (const auto sent = send(message); !sent)
                  log.error("a result is lost: {}", sent.error().message);
              }}),
      ring_changes(*parts.membership, *parts.ports.random, log, parts.self.node, parts.ring_host,
                   [this](const membership::ClusterConfig& config) { parts.config = config; }),
      engine(parts.ports, log, parts.self, parts.config, parts.cores, replica, *parts.scheduler,
             {[this](cib::Op op, cib::Replica::Done done) { replica.submit(std::move(op), std::move(done)); },
              [this](const wire::Message& m, membership::Delivery d) { return send(m, d); },
              [this](stonith::Request r, std::function<void(const stonith::Outcome&)> done) {
                fencer.fence(std::move(r), std::move(done));
              },
              [this] { answer_idle(); }}) {
  bus.receive(Channel::kCib, [this](NodeId s, ByteView m) { replica.on_message(s, m); });
  bus.receive_told(Channel::kCib, [this](NodeId s, ByteView m) { replica.on_told(s, m); });
  bus.receive(Channel::kFencer, [this](NodeId s, ByteView m) { fencer.on_message(s, m); });
  bus.receive(Channel::kController, [this](NodeId s, ByteView m) { on_message(s, m); });
}

Node::State::~State() { *alive = false; }

Result<void> Node::State::send(const wire::Message& message, membership::Delivery delivery) {
  return bus.multicast(Channel::kController, serialized(message), delivery);
}

// --- Views and changes ------------------------------------------------------------------------------------

void Node::State::on_view(const membership::View& installed, const membership::Quorum& judged) {
  if (left) return;
  save_attributes();
  view = installed;
  quorum = judged;
  idle_queries.clear();  // Asked again once synced.
  std::vector<std::string> names;
  for (const NodeLife& member : view.members) {
    const auto* node = parts.config.find(member.node);
    names.push_back(node != nullptr ? node->name : fmt::format("node{}", raw(member.node)));
  }
  log.notice("view {}.{}: {} ({} quorum)", view.id.sequence, raw(view.id.representative),
             fmt::join(names, " "), quorum.quorate ? "with" : "without");
  engine.on_view(view, quorum.quorate);
  fencer.on_view(view, names);
  replica.on_view(view, has_majority());
  for (const auto& observer : view_observers) observer(view);
}

void Node::State::on_quorum(const membership::Quorum& judged) {
  quorum = judged;
  log.notice("this partition {} quorum", quorum.quorate ? "has" : "has no");
  engine.on_quorum(quorum.quorate);
  replica.on_quorum(has_majority());
}

// On a later turn: what is submitted from within would be sent twice.
void Node::State::on_synced(const membership::View& at, const std::vector<NodeId>& joined) {
  parts.ports.timers->post([this, watch = alive, at, joined] {
    if (!*watch || left || at != view || !replica.synced()) return;
    fencer.configure(replica.document());
    engine.on_synced(view, joined);
    check_join();
    for (const auto& [id, unused] : waiting_idle) ask_idle(id);
  });
}

void Node::State::on_change(const cib::Change& change) {
  if (change.configuration) fencer.configure(replica.document());
  engine.on_change(change);
  if (change.status) {
    check_join();
    check_shutdown();
  }
  for (const auto& observer : change_observers) observer(change);
}

void Node::State::on_outcome(const stonith::Outcome& outcome) {
  for (const auto& observer : fencing_observers) observer(outcome);
  engine.on_outcome(outcome);
  const bool me = outcome.succeeded && outcome.request.action != "on" &&
                  outcome.request.life.node == parts.self.node &&
                  outcome.request.life.incarnation == parts.self.incarnation;
  if (!me) return;
  log.critical(
      "this node was fenced by {} with {} and is still alive: it stops everything and leaves; check the "
      "device",
      outcome.request.origin, outcome.device);
  stop_here("this node counts as down", kStopFenced);
}

// --- Joining ----------------------------------------------------------------------------------------------

// What this node's life had as attributes while it was a member: another partition's document does not know.
void Node::State::save_attributes() {
  if (!replica.synced()) return;
  const pugi::xml_node own = node_state(replica.document(), parts.self.node);
  if (std::string_view(own.attribute("join").value()) != "member") return;
  const pugi::xml_node attributes = own.child("transient_attributes");
  saved_attributes = attributes ? cib::to_xml(attributes) : std::string();
}

void Node::State::check_join() {
  if (refreshing || left || !replica.synced()) return;
  const pugi::xml_node own = node_state(replica.document(), parts.self.node);
  if (std::string_view(own.attribute("join").value()) != "pending" ||
      std::to_string(raw(parts.self.incarnation)) != own.attribute("incarnation").value()) {
    return;
  }
  refreshing = true;
  cib::Op op = own_state(name, parts.self, runner.history().to_lrm(std::to_string(raw(parts.self.node))),
                         saved_attributes);
  op.when = parts.ports.clock->wall();
  replica.submit(std::move(op), [this, watch = alive](const Result<cib::Applied>& applied) {
    if (!*watch) return;
    refreshing = false;
    if (applied) return;
    log.warning("this node could not say what runs on it, and tries again: {}", applied.error().message);
    parts.ports.timers->after(kRetry, [this, watch] {
      if (*watch) check_join();
    });
  });
}

// --- Leaving ----------------------------------------------------------------------------------------------

bool Node::State::has_dc() const {
  return replica.synced() && !dc_name().empty() &&
         std::string_view(node_state(replica.document(), parts.self.node).attribute("join").value()) ==
             "member";
}

std::string Node::State::dc_name() const {
  const auto dc = dc_of(view);
  if (!dc || !replica.synced()) return {};
  if (std::to_string(raw(*dc)) != replica.document().root().attribute("dc-uuid").value()) return {};
  const auto* node = parts.config.find(*dc);
  return node != nullptr ? node->name : std::string();
}

void Node::State::shutdown() {
  if (std::exchange(stopping, true)) return;
  log.notice("asked to stop: the DC moves what runs here");
  stop_asked = dc_seen = parts.ports.clock->now();
  ask_to_stop();
  // Nothing ever ran here, and nobody is there to ask: nothing to wait for.
  if (!has_dc() && runner.history().empty()) return leave();
  watch_shutdown();
}

void Node::State::ask_to_stop() {
  const std::string when = std::to_string(epoch_seconds(parts.ports.clock->wall()));
  auto op = attribute_op(replica.document(), parts.config, name, "shutdown", when, false);
  if (!op) return;
  op->when = parts.ports.clock->wall();
  replica.submit(std::move(*op), [this, watch = alive](const Result<cib::Applied>& applied) {
    if (*watch && !applied) log.error("the wish to stop could not be recorded: {}", applied.error().message);
  });
}

// Somebody asked for it from another node.
void Node::State::check_shutdown() {
  if (stopping || left || !replica.synced()) return;
  const auto asked = attribute_value(replica.document(), name, "shutdown", false);
  if (!asked || *asked == "0" || !has_dc()) return;
  stopping = true;
  log.notice("asked to stop from another node: the DC moves what runs here");
  stop_asked = dc_seen = parts.ports.clock->now();
  watch_shutdown();
}

void Node::State::watch_shutdown() {
  if (stopping_here || left) return;
  const Time now = parts.ports.clock->now();
  if (has_dc()) dc_seen = now;
  if (now - dc_seen > kNoDcPatience) return go_unasked("there is no DC");
  if (now - stop_asked > kShutdownMost) return go_unasked("the DC did not let it go in time");
  // The document that had the wish may have given way to another one.
  const auto wish = attribute_value(replica.document(), name, "shutdown", false);
  if (replica.synced() && (!wish || *wish == "0")) ask_to_stop();
  parts.ports.timers->after(Seconds(1), [this, watch = alive] {
    if (*watch) watch_shutdown();
  });
}

// In maintenance mode nothing is touched, not even now.
void Node::State::go_unasked(const char* why) {
  if (!property_is(replica.document(), "maintenance-mode", false)) return stop_here(why, kStopHere);
  log.warning("this node leaves ({}); what it runs goes on: the cluster is in maintenance mode", why);
  leave();
}

void Node::State::stop_here(const char* why, Duration deadline) {
  if (std::exchange(stopping_here, true)) return;
  log.warning("this node stops its resources by itself: {}", why);
  runner.stop_all(deadline, [this, watch = alive] {
    if (*watch) leave();
  });
}

void Node::State::leave() {
  if (std::exchange(left, true)) return;
  log.notice("this node leaves the cluster");
  parts.membership->leave();
  parts.ports.timers->post([this, watch = alive] {
    if (*watch && parts.stopped) parts.stopped();
  });
}

// --- Node -------------------------------------------------------------------------------------------------

Node::Node(Parts parts) : state_(std::make_unique<State>(std::move(parts))) {}
Node::~Node() = default;

Result<void> Node::start() {
  State& s = *state_;
  if (auto started = s.replica.start(); !started) return started;
  s.fencer.configure(s.replica.document());
  membership::Membership::Handler handler;
  handler.view = [&s](const membership::View& v, const membership::Quorum& q) { s.on_view(v, q); };
  handler.quorum = [&s](const membership::Quorum& q) { s.on_quorum(q); };
  handler.message = [&s](NodeId sender, ByteView m) {
    if (!s.left) s.bus.on_message(sender, m);
  };
  handler.told = [&s](NodeId sender, ByteView m) {
    if (!s.left) s.bus.on_told(sender, m);
  };
  handler.space = [&s] { s.bus.on_space(); };
  handler.transitional = [&s](const membership::View& surviving) { s.replica.on_transitional(surviving); };
  if (s.ring_changes.possible())
    handler.prepare = [&s](const membership::RingChange& change) { s.ring_changes.prepare(change); };
  handler.changed = [&s](const membership::RingChange& change, const Result<void>& outcome) {
    s.ring_changes.changed(change, outcome);
  };
  s.parts.membership->start(std::move(handler));
  return {};
}

void Node::shutdown() { state_->shutdown(); }
void Node::reload_ring(std::function<void(Result<void>)> done) {
  state_->ring_changes.reload(std::move(done));
}
void Node::rotate_key(std::function<void(Result<void>)> done) {
  state_->ring_changes.rotate_key(std::move(done));
}
cib::Replica& Node::cib() { return state_->replica; }
lrmd::Executor& Node::executor() { return state_->executor; }
stonith::Fencer& Node::fencer() { return state_->fencer; }
membership::Membership& Node::membership() { return *state_->parts.membership; }
cib::Journal& Node::journal() { return *state_->parts.journal; }
const membership::ClusterConfig& Node::config() const { return state_->parts.config; }
const membership::View& Node::view() const { return state_->view; }
const membership::Quorum& Node::quorum() const { return state_->quorum; }
const std::string& Node::name() const { return state_->name; }

NodeStatus Node::status() const {
  const State& s = *state_;
  return {s.dc_name(), s.stopping ? "S_STOPPING" : s.engine.state(), s.replica.synced(), s.stopping};
}

void Node::set_attribute(const std::string& node, const std::string& attribute, const std::string& value,
                         bool permanent, std::function<void(Result<void>)> done) {
  State& s = *state_;
  auto op = attribute_op(s.replica.document(), s.parts.config, node, attribute, value, permanent);
  if (!op) return done(fail(op.error()));
  op->when = s.parts.ports.clock->wall();
  s.replica.submit(std::move(*op), [done = std::move(done)](const Result<cib::Applied>& applied) {
    if (applied) {
      done({});
    } else {
      done(fail(applied.error()));
    }
  });
}

void Node::cleanup(const Cleanup& what, std::function<void(Result<void>)> done) {
  State& s = *state_;
  if (!s.replica.synced()) return done(fail(Errc::kUnavailable, "the cluster is just forming: try again"));
  wire::Message message;
  wire::Cleanup& c = *message.mutable_cleanup();
  c.set_id(s.next_id++);
  c.set_resource(what.resource);
  c.set_node(what.node);
  c.set_failures_only(what.failures_only);
  c.set_operation(what.operation);
  c.set_interval_ms(static_cast<std::uint32_t>(what.interval.count()));
  if (auto sent = s.send(message); !sent) return done(std::move(sent));
  s.waiting_cleanup.emplace(c.id(), std::move(done));
}

void Node::recheck() {
  wire::Message message;
  message.mutable_recheck();
  if (const auto sent = state_->send(message); !sent) state_->log.error("{}", sent.error().message);
}

void Node::when_idle(std::function<void()> done) {
  State& s = *state_;
  const std::uint64_t id = s.next_id++;
  s.waiting_idle.emplace(id, std::move(done));
  if (s.replica.synced()) s.ask_idle(id);
}

void Node::on_change(std::function<void(const cib::Change&)> observer) {
  state_->change_observers.push_back(std::move(observer));
}
void Node::on_view(std::function<void(const membership::View&)> observer) {
  state_->view_observers.push_back(std::move(observer));
}
void Node::on_fencing(std::function<void(const stonith::Outcome&)> observer) {
  state_->fencing_observers.push_back(std::move(observer));
}

}  // namespace systole::controller
