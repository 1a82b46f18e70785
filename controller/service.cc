#include "controller/service.h"

#include <set>

#include "controller/attributes.h"
#include "controller/cluster_properties.h"
#include "controller/node_states.h"
#include "controller/properties.h"
#include "controller/ring_report.h"
#include "ipc/systole.pb.h"

namespace systole::controller {
namespace {

using ipc::Request;
using ipc::Response;

constexpr std::uint32_t kDefaultTimeoutMs = 30'000;
constexpr std::uint32_t kTimeoutMostMs = 86'400'000;

cib::Op::Kind to_kind(ipc::CibRequest::Kind kind) {
  switch (kind) {
    case ipc::CibRequest::CREATE:
      return cib::Op::Kind::kCreate;
    case ipc::CibRequest::MODIFY:
      return cib::Op::Kind::kModify;
    case ipc::CibRequest::REPLACE:
      return cib::Op::Kind::kReplace;
    case ipc::CibRequest::DELETE:
      return cib::Op::Kind::kDelete;
    case ipc::CibRequest::DELETE_ALL:
      return cib::Op::Kind::kDeleteAll;
    case ipc::CibRequest::PATCH:
      return cib::Op::Kind::kPatch;
    case ipc::CibRequest::UPGRADE:
      return cib::Op::Kind::kUpgrade;
    case ipc::CibRequest::ERASE:
      return cib::Op::Kind::kErase;
    case ipc::CibRequest::BUMP:
      return cib::Op::Kind::kBump;
    default:
      return cib::Op::Kind::kQuery;
  }
}

cib::Op to_op(const ipc::CibRequest& body, const std::string& user, const std::string& client) {
  cib::Op op;
  op.kind = to_kind(body.kind());
  op.section = body.section();
  op.xpath = body.xpath();
  op.xml = body.xml();
  op.allow_create = body.allow_create();
  op.force = body.force();
  op.no_children = body.no_children();
  op.node_path = body.node_path();
  op.user = user;
  // The cluster's own names mark changes of its own.
  op.client = is_reserved_client(client) ? "user-" + client : client;
  return op;
}

void add_outcome(Response& response, const stonith::Outcome& outcome) {
  ipc::FenceOutcome& f = *response.add_fencing();
  f.set_target(outcome.request.target);
  f.set_action(outcome.request.action);
  f.set_succeeded(outcome.succeeded);
  f.set_device(outcome.device);
  f.set_executed_by(outcome.executed_by);
  f.set_origin(outcome.request.origin);
  f.set_reason(outcome.reason);
  f.set_completed(epoch_seconds(outcome.completed));
}

void set_error(Response& response, const Error& error) {
  response.set_error(static_cast<int>(error.code) + 1);
  response.set_message(error.message);
}

}  // namespace

struct Service::State : std::enable_shared_from_this<Service::State> {
  State(Ports p, Logger l, Node& n, std::function<void(Connection, const Response&)> s)
      : ports(p), log(std::move(l)), node(n), send(std::move(s)) {}

  // One request: answered once, by whoever is first. Copies share it.
  class Reply {
   public:
    Reply(std::shared_ptr<State> service, Connection to, const Request& request)
        : shared_(std::make_shared<Shared>(Shared{std::move(service), to, request.id(), 0, false})) {
      const std::uint32_t asked = request.timeout_ms() == 0 ? kDefaultTimeoutMs : request.timeout_ms();
      timeout_ = Milliseconds(std::min(asked, kTimeoutMostMs));
    }
    // For what is not answered at once.
    void arm() const {
      shared_->timer = shared_->service->ports.timers->after(timeout_, [reply = *this] {
        reply.shared_->timer = 0;
        reply(fail(Errc::kTimeout, "no result within {} s; it may still come",
                   std::chrono::duration_cast<Seconds>(reply.timeout_).count()));
      });
    }
    Milliseconds timeout() const { return timeout_; }
    void operator()(Response response) const {
      Shared& s = *shared_;
      if (std::exchange(s.answered, true)) return;
      s.service->ports.timers->cancel(s.timer);
      if (s.service->over) return;
      response.set_id(s.id);
      s.service->send(s.to, response);
    }
    void operator()(tl::unexpected<Error> error) const {
      Response response;
      set_error(response, error.value());
      (*this)(std::move(response));
    }
    void operator()(const Result<void>& result) const {
      Response response;
      if (!result) set_error(response, result.error());
      (*this)(std::move(response));
    }

   private:
    struct Shared {
      std::shared_ptr<State> service;
      Connection to;
      std::uint64_t id;
      Timers::Id timer;
      bool answered;
    };
    std::shared_ptr<Shared> shared_;
    Milliseconds timeout_{};
  };

  struct Subscriber {
    std::uint64_t id = 0;  // Of the request.
    bool cib = false, view = false, fencing = false;
  };

  void cib(const ipc::CibRequest& body, const std::string& user, const std::string& client,
           const Reply& reply);
  void status(const ipc::StatusRequest& body, const Reply& reply);
  void attribute(const ipc::AttributeRequest& body, const Reply& reply);
  void query_attribute(const ipc::AttributeRequest& body, const std::string& on, const Reply& reply);
  void agent(const ipc::AgentRequest& body, const Reply& reply);
  void fence(const ipc::FenceRequest& body, const std::string& user, const Reply& reply);
  void control(const ipc::ControlRequest& body, const Reply& reply);
  void shutdown(const std::string& target, const Reply& reply);
  void cleanup(const ipc::CleanupRequest& body, const Reply& reply);
  void history(const ipc::HistoryRequest& body, const Reply& reply);
  void observe();
  void count_joins(const membership::View& view);
  template <typename Wanted, typename Fill>
  void tell(Wanted wanted, Fill fill);

  Ports ports;
  Logger log;
  Node& node;
  std::function<void(Connection, const Response&)> send;
  std::map<Connection, std::vector<Subscriber>> subscribers;
  std::vector<Reply> stopping;
  std::map<NodeId, unsigned> joins;  // Into the view, since this node's start.
  membership::View last_view;
  bool over = false;
};

// --- The document -----------------------------------------------------------------------------------------

void Service::State::cib(const ipc::CibRequest& body, const std::string& user, const std::string& client,
                         const Reply& reply) {
  cib::Op op = to_op(body, user, client);
  op.when = ports.clock->wall();
  op.origin = node.name();
  const auto answer = [reply](const Result<cib::Applied>& applied) {
    if (!applied) return reply(fail(applied.error()));
    Response response;
    response.set_text(applied->answer);
    reply(std::move(response));
  };
  if (body.dry_run()) {
    op.keep_status = true;
    cib::Document copy = node.cib().document().clone();
    return answer(cib::apply(copy, op));
  }
  if (op.kind != cib::Op::Kind::kQuery) reply.arm();
  node.cib().submit(std::move(op), answer);
}

void Service::State::history(const ipc::HistoryRequest& body, const Reply& reply) {
  constexpr std::uint32_t kDefault = 50, kMost = 10'000;
  const auto entries = node.journal().history(std::min(body.most() == 0 ? kDefault : body.most(), kMost));
  if (!entries) return reply(fail(entries.error()));
  Response response;
  for (const cib::JournalEntry& entry : *entries) {
    ipc::JournalVersion& v = *response.add_journal();
    v.set_version(cib::to_string(entry.version));
    v.set_author(entry.author);
    v.set_when(epoch_seconds(entry.when));
    v.set_note(entry.note);
    v.set_patch(entry.patch);
  }
  reply(std::move(response));
}

// --- Status -----------------------------------------------------------------------------------------------

void Service::State::status(const ipc::StatusRequest& body, const Reply& reply) {
  Response response;
  ipc::Status& out = *response.mutable_status();
  const membership::View& view = node.view();
  for (const membership::ConfiguredNode& configured : node.config().nodes) {
    ipc::Status::Member& m = *out.add_nodes();
    m.set_id(raw(configured.id));
    m.set_name(configured.name);
    m.set_votes(configured.votes);
    m.set_local(configured.name == node.name());
    for (const std::string& address : configured.addresses) m.add_addresses(address);
    if (const auto known = joins.find(configured.id); known != joins.end()) m.set_joins(known->second);
    if (m.local()) {
      out.set_local_id(m.id());
      out.set_local_node(m.name());
    }
    for (const NodeLife& life : view.members) {
      if (life.node != configured.id) continue;
      m.set_member(true);
      m.set_incarnation(raw(life.incarnation));
    }
  }
  out.set_ring_sequence(view.id.sequence);
  out.set_ring_representative(raw(view.id.representative));
  const membership::Quorum& quorum = node.quorum();
  out.set_quorate(quorum.quorate);
  out.set_votes(quorum.votes);
  out.set_expected_votes(quorum.expected_votes);
  out.set_threshold(quorum.threshold);
  out.set_two_node(quorum.two_node);
  out.set_wait_for_all(quorum.wait_for_all);
  out.set_waiting_for_all(quorum.waiting_for_all);
  out.set_last_man_standing(quorum.last_man_standing);
  out.set_auto_tie_breaker(quorum.auto_tie_breaker);
  out.set_allow_downscale(quorum.allow_downscale);
  out.set_device_votes(quorum.device_votes);
  out.set_device_casts(quorum.device_casts);
  out.set_device_master_wins(node.config().quorum.device.master_wins);
  out.set_cluster_name(node.config().totem.cluster_name);
  const NodeStatus now = node.status();
  out.set_dc(now.dc);
  out.set_dc_version(kDcVersion);
  out.set_state(now.state);
  out.set_synced(now.synced);
  out.set_shutting_down(now.shutting_down);
  const membership::RingStatus ring = node.membership().status();
  out.set_ring_state(ring_state(ring.state));
  if (body.ring()) {
    add_ring(out, ring);
    add_settings(out, node.config());
  }
  reply(std::move(response));
}

// --- Attributes -------------------------------------------------------------------------------------------

void Service::State::attribute(const ipc::AttributeRequest& body, const Reply& reply) {
  const std::string on = body.node().empty() ? node.name() : body.node();
  if (body.kind() == ipc::AttributeRequest::QUERY) return query_attribute(body, on, reply);
  if (body.kind() == ipc::AttributeRequest::SET && body.value().empty()) {
    return reply(
        fail(Errc::kInvalidArgument, "no value given for the attribute {}: delete it instead", body.name()));
  }
  const std::string value = body.kind() == ipc::AttributeRequest::SET ? body.value() : std::string();
  reply.arm();
  const auto set = [this, on, name = body.name(), value, permanent = body.permanent(), reply] {
    node.set_attribute(on, name, value, permanent, [reply](const Result<void>& r) { reply(r); });
  };
  if (body.dampen_ms() == 0 || body.kind() != ipc::AttributeRequest::SET) return set();
  // Dampened: the caller need not wait; the value counts once the time has passed.
  reply(Result<void>());
  ports.timers->after(Milliseconds(std::min(body.dampen_ms(), kTimeoutMostMs)),
                      [this, self = shared_from_this(), set] {
                        if (!over) set();
                      });
}

// Items are "NODE=VALUE".
void Service::State::query_attribute(const ipc::AttributeRequest& body, const std::string& on,
                                     const Reply& reply) {
  Response response;
  for (const auto& [name, value] : attribute_values(node.cib().document(), body.name(), body.permanent())) {
    if (on == "*" || on == name) response.add_items(fmt::format("{}={}", name, value));
  }
  if (response.items_size() == 0) {
    return reply(
        fail(Errc::kNotFound, "no attribute {} is set on {}", body.name(), on == "*" ? "any node" : on));
  }
  if (on != "*") response.set_text(response.items(0).substr(on.size() + 1));
  reply(std::move(response));
}

// --- Agents -----------------------------------------------------------------------------------------------

void Service::State::agent(const ipc::AgentRequest& body, const Reply& reply) {
  Response response;
  const auto add = [&response](const std::vector<std::string>& names) {
    for (const std::string& name : names) response.add_items(name);
  };
  const bool device = body.agent_class() == "stonith";
  switch (body.kind()) {
    case ipc::AgentRequest::CLASSES: {
      std::vector<std::string> classes = node.executor().classes();
      if (std::find(classes.begin(), classes.end(), "stonith") == classes.end())
        classes.emplace_back("stonith");
      add(classes);
      break;
    }
    case ipc::AgentRequest::PROVIDERS:
      add(node.executor().providers(body.agent_class()));
      break;
    case ipc::AgentRequest::TYPES:
      add(device ? node.fencer().types() : node.executor().types(body.agent_class(), body.provider()));
      break;
    case ipc::AgentRequest::METADATA: {
      reply.arm();
      const auto answer = [reply](const Result<std::string>& xml) {
        if (!xml) return reply(fail(xml.error()));
        Response with;
        with.set_text(*xml);
        reply(std::move(with));
      };
      if (device) return node.fencer().metadata(body.type(), answer);
      return node.executor().metadata({body.agent_class(), body.provider(), body.type()}, answer);
    }
    default:
      return reply(fail(Errc::kUnsupported, "this daemon does not know this question about agents"));
  }
  reply(std::move(response));
}

// --- Fencing ----------------------------------------------------------------------------------------------

void Service::State::fence(const ipc::FenceRequest& body, const std::string& user, const Reply& reply) {
  Response response;
  switch (body.kind()) {
    case ipc::FenceRequest::FENCE: {
      stonith::Request request;
      request.target = body.target();
      request.action = body.action().empty() ? "reboot" : body.action();
      if (request.target.empty() ||
          (request.action != "off" && request.action != "reboot" && request.action != "on")) {
        return reply(fail(Errc::kInvalidArgument, "a node to fence and one of off, reboot, on are needed"));
      }
      request.life = known_life(node.cib().document(), request.target);
      if (const auto* configured = node.config().find(request.target)) request.life.node = configured->id;
      if (body.timeout_ms() > 0) request.timeout = Milliseconds(std::min(body.timeout_ms(), kTimeoutMostMs));
      request.origin = "stonith_admin by " + user + " on " + node.name();
      reply.arm();
      return node.fencer().fence(std::move(request), [reply](const stonith::Outcome& outcome) {
        Response with;
        add_outcome(with, outcome);
        if (!outcome.succeeded) {
          set_error(with, Error{Errc::kIo, fmt::format("{} could not be fenced: {}", outcome.request.target,
                                                       outcome.reason)});
        }
        reply(std::move(with));
      });
    }
    case ipc::FenceRequest::CONFIRM:
      if (node.config().find(body.target()) == nullptr) {
        return reply(fail(Errc::kNotFound, "there is no node {} in this cluster", body.target()));
      }
      node.fencer().confirm(body.target(), user);
      break;
    case ipc::FenceRequest::HISTORY:
      for (const stonith::Outcome& outcome : node.fencer().history()) add_outcome(response, outcome);
      break;
    case ipc::FenceRequest::DEVICES:
      for (const std::string& device : node.fencer().devices()) response.add_items(device);
      break;
    default:
      return reply(fail(Errc::kUnsupported, "this daemon does not know this request about fencing"));
  }
  reply(std::move(response));
}

// --- Control ----------------------------------------------------------------------------------------------

void Service::State::control(const ipc::ControlRequest& body, const Reply& reply) {
  switch (body.kind()) {
    case ipc::ControlRequest::SHUTDOWN:
      return shutdown(body.node().empty() ? node.name() : body.node(), reply);
    case ipc::ControlRequest::WAIT_IDLE:
      reply.arm();
      return node.when_idle([reply] { reply(Result<void>()); });
    case ipc::ControlRequest::RECHECK:
      node.recheck();
      return reply(Result<void>());
    case ipc::ControlRequest::SET_EXPECTED_VOTES:
      return reply(node.membership().set_expected_votes(body.value()));
    case ipc::ControlRequest::RELOAD:
      reply.arm();
      return node.reload_ring([reply](const Result<void>& r) { reply(r); });
    case ipc::ControlRequest::ROTATE_KEY:
      reply.arm();
      return node.rotate_key([reply](const Result<void>& r) { reply(r); });
    case ipc::ControlRequest::REPROBE:
      reply.arm();
      return node.cleanup("", body.node(), [reply](const Result<void>& r) { reply(r); });
    default:
      return reply(fail(Errc::kUnsupported, "this daemon does not know this request"));
  }
}

void Service::State::shutdown(const std::string& target, const Reply& reply) {
  reply.arm();
  if (target == node.name()) {
    stopping.push_back(reply);
    return node.shutdown();
  }
  const std::string when = std::to_string(epoch_seconds(ports.clock->wall()));
  node.set_attribute(target, "shutdown", when, false, [reply](const Result<void>& r) { reply(r); });
}

void Service::State::cleanup(const ipc::CleanupRequest& body, const Reply& reply) {
  Node::Cleanup what{body.resource(), body.node(), !body.refresh(), body.operation(), Milliseconds(0)};
  if (!body.interval().empty()) {
    const auto interval = parse_interval(body.interval());
    if (!interval)
      return reply(fail(Errc::kInvalidArgument, "{} is not an interval: 10s, 5min, 500ms…", body.interval()));
    what.interval = *interval;
  }
  if (!what.node.empty() && node.config().find(what.node) == nullptr) {
    return reply(fail(Errc::kNotFound, "there is no node {} in this cluster", what.node));
  }
  reply.arm();
  node.cleanup(what, [reply](const Result<void>& r) { reply(r); });
}

// --- Events -----------------------------------------------------------------------------------------------

template <typename Wanted, typename Fill>
void Service::State::tell(Wanted wanted, Fill fill) {
  if (over || subscribers.empty()) return;
  Response event;
  event.set_event(true);
  fill(event);
  const auto now = subscribers;  // Sending may close a connection.
  for (const auto& [connection, list] : now) {
    for (const Subscriber& s : list) {
      if (!(s.*wanted)) continue;
      event.set_id(s.id);
      send(connection, event);
    }
  }
}

void Service::State::count_joins(const membership::View& view) {
  for (const NodeLife& member : view.members) {
    const auto& before = last_view.members;
    if (std::find(before.begin(), before.end(), member) == before.end()) ++joins[member.node];
  }
  last_view = view;
}

void Service::State::observe() {
  count_joins(node.view());
  const std::weak_ptr<State> weak = weak_from_this();
  node.on_change([weak](const cib::Change& change) {
    const auto self = weak.lock();
    if (!self) return;
    self->tell(&Subscriber::cib, [&change](Response& event) {
      event.set_text(std::string(change.patch));
      event.add_items(change.configuration ? "configuration" : "status");
      event.add_items(cib::to_string(change.after));
    });
  });
  node.on_view([weak](const membership::View& view) {
    const auto self = weak.lock();
    if (!self) return;
    self->count_joins(view);
    self->tell(&Subscriber::view, [&view](Response& event) {
      event.add_items("view");
      for (const NodeLife& member : view.members) event.add_items(std::to_string(raw(member.node)));
    });
  });
  node.on_fencing([weak](const stonith::Outcome& outcome) {
    const auto self = weak.lock();
    if (!self) return;
    self->tell(&Subscriber::fencing, [&outcome](Response& event) { add_outcome(event, outcome); });
  });
}

// --- Service ----------------------------------------------------------------------------------------------

Service::Service(Ports ports, Logger log, Node& node, std::function<void(Connection, const Response&)> send)
    : state_(std::make_shared<State>(ports, std::move(log), node, std::move(send))) {
  state_->observe();
}
Service::~Service() { state_->over = true; }

void Service::request(Connection from, const std::string& user, Request request) {
  State& s = *state_;
  const State::Reply reply(state_, from, request);
  switch (request.body_case()) {
    case Request::kCib:
      return s.cib(request.cib(), user, request.client(), reply);
    case Request::kStatus:
      return s.status(request.status(), reply);
    case Request::kAttribute:
      return s.attribute(request.attribute(), reply);
    case Request::kAgent:
      return s.agent(request.agent(), reply);
    case Request::kFence:
      return s.fence(request.fence(), user, reply);
    case Request::kControl:
      return s.control(request.control(), reply);
    case Request::kCleanup:
      return s.cleanup(request.cleanup(), reply);
    case Request::kHistory:
      return s.history(request.history(), reply);
    case Request::kSubscribe: {
      const ipc::SubscribeRequest& body = request.subscribe();
      auto& list = s.subscribers[from];
      if (list.size() >= 16)
        return reply(fail(Errc::kUnavailable, "this connection has 16 subscriptions already"));
      list.push_back({request.id(), body.cib(), body.view(), body.fencing()});
      return reply(Result<void>());
    }
    case Request::BODY_NOT_SET:
      break;
  }
  reply(fail(Errc::kUnsupported, "this daemon does not know this request: is the tool of another version?"));
}

void Service::closed(Connection connection) { state_->subscribers.erase(connection); }

void Service::stopped() {
  for (const State::Reply& reply : std::exchange(state_->stopping, {})) reply(Result<void>());
}

}  // namespace systole::controller
