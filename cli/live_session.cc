#include "cli/live_session.h"

#include <optional>

#include "cli/document_session.h"
#include "cli/host.h"
#include "cli/local_agents.h"
#include "ipc/client.h"
#include "ipc/systole.pb.h"

namespace systole::cli {
namespace {

using ipc::Request;
using ipc::Response;

ipc::CibRequest::Kind wire_kind(cib::Op::Kind kind) {
  switch (kind) {
    case cib::Op::Kind::kQuery:
      return ipc::CibRequest::QUERY;
    case cib::Op::Kind::kCreate:
      return ipc::CibRequest::CREATE;
    case cib::Op::Kind::kModify:
      return ipc::CibRequest::MODIFY;
    case cib::Op::Kind::kReplace:
      return ipc::CibRequest::REPLACE;
    case cib::Op::Kind::kDelete:
      return ipc::CibRequest::DELETE;
    case cib::Op::Kind::kDeleteAll:
      return ipc::CibRequest::DELETE_ALL;
    case cib::Op::Kind::kPatch:
      return ipc::CibRequest::PATCH;
    case cib::Op::Kind::kUpgrade:
      return ipc::CibRequest::UPGRADE;
    case cib::Op::Kind::kErase:
      return ipc::CibRequest::ERASE;
    case cib::Op::Kind::kBump:
      return ipc::CibRequest::BUMP;
  }
  return ipc::CibRequest::QUERY;
}

ClusterInfo::Link::Traffic plain(const ipc::Status::Traffic& t) { return {t.packets(), t.bytes()}; }

ClusterInfo plain(const ipc::Status& s) {
  ClusterInfo info;
  for (const auto& n : s.nodes()) {
    info.nodes.push_back({n.id(),
                          n.name(),
                          n.incarnation(),
                          n.votes(),
                          n.member(),
                          n.local(),
                          {n.addresses().begin(), n.addresses().end()},
                          n.joins()});
  }
  for (const auto& l : s.links()) {
    info.links.push_back({l.peer(),
                          l.link(),
                          l.local(),
                          l.remote(),
                          l.up(),
                          l.latency_us(),
                          l.loss(),
                          l.mtu(),
                          l.priority(),
                          l.transport(),
                          l.used(),
                          l.ups(),
                          l.downs(),
                          l.latency_min_us(),
                          l.latency_max_us(),
                          l.latency_samples(),
                          plain(l.tx_data()),
                          plain(l.rx_data()),
                          plain(l.tx_link()),
                          plain(l.rx_link())});
  }
  for (const auto& p : s.peers()) {
    info.peers.push_back(
        {p.id(), p.incarnation(), p.member(), p.heard(), p.hears_us(), p.flaps(), p.quarantine_ms()});
  }
  for (const auto& r : s.refused()) info.refused.push_back({r.sender(), r.reason(), r.frames()});
  info.key = s.key().fingerprint();
  info.next_key = s.key().next();
  info.key_phase = s.key().phase();
  info.key_waiting_for.assign(s.key().waiting_for().begin(), s.key().waiting_for().end());
  for (const auto& [name, value] : s.counters()) info.counters[name] = value;
  info.ring_sequence = s.ring_sequence();
  info.ring_representative = s.ring_representative();
  info.quorate = s.quorate();
  info.two_node = s.two_node();
  info.wait_for_all = s.wait_for_all();
  info.waiting_for_all = s.waiting_for_all();
  info.last_man_standing = s.last_man_standing();
  info.auto_tie_breaker = s.auto_tie_breaker();
  info.allow_downscale = s.allow_downscale();
  info.device_votes = s.device_votes();
  info.device_casts = s.device_casts();
  info.device_master_wins = s.device_master_wins();
  info.votes = s.votes();
  info.expected_votes = s.expected_votes();
  info.threshold = s.threshold();
  info.cluster_name = s.cluster_name();
  info.local_node = s.local_node();
  info.local_id = s.local_id();
  info.dc = s.dc();
  info.dc_version = s.dc_version();
  info.state = s.state();
  info.ring_state = s.ring_state();
  info.synced = s.synced();
  info.shutting_down = s.shutting_down();
  info.token_rotation_us = s.token_rotation_us();
  info.worst_delay_us = s.worst_delay_us();
  info.delays = s.delays();
  info.transport = s.transport();
  for (const auto& [name, value] : s.totem()) info.totem[name] = value;
  return info;
}

std::vector<FenceEvent> plain_events(const Response& response) {
  std::vector<FenceEvent> events;
  for (const auto& f : response.fencing()) {
    events.push_back({f.target(), f.action(), f.device(), f.executed_by(), f.origin(), f.reason(),
                      f.succeeded(), f.completed()});
  }
  return events;
}

class LiveSession : public Session {
 public:
  LiveSession(Paths paths, std::string client) : paths_(std::move(paths)), client_name_(std::move(client)) {}

  Place place() const override { return Place::kLive; }
  std::string name() const override { return "live"; }

  Result<std::string> cib(cib::Op op, bool dry_run) override {
    Request request;
    ipc::CibRequest& body = *request.mutable_cib();
    body.set_kind(wire_kind(op.kind));
    body.set_section(std::move(op.section));
    body.set_xpath(std::move(op.xpath));
    body.set_xml(std::move(op.xml));
    body.set_allow_create(op.allow_create);
    body.set_force(op.force);
    body.set_no_children(op.no_children);
    body.set_node_path(op.node_path);
    body.set_dry_run(dry_run);
    auto response = call(std::move(request));
    if (!response) return fail(response.error());
    return std::move(*response->mutable_text());
  }

  Result<cib::Document> document() override {
    const auto xml = cib({}, false);
    if (!xml) return fail(xml.error());
    return cib::Document::parse(*xml);
  }

  Result<ClusterInfo> info(bool ring) override {
    Request request;
    request.mutable_status()->set_ring(ring);
    const auto response = call(std::move(request));
    if (!response) return fail(response.error());
    return plain(response->status());
  }

  Result<std::string> local_node() override {
    const auto now = info(false);
    if (!now) return fail(now.error());
    return now->local_node;
  }

  Result<void> wait_idle(Duration timeout) override {
    return control(ipc::ControlRequest::WAIT_IDLE, "", 0, timeout);
  }
  Result<void> shutdown(const std::string& node) override {
    return control(ipc::ControlRequest::SHUTDOWN, node, 0, Seconds(1200));
  }
  Result<void> recheck() override { return control(ipc::ControlRequest::RECHECK, "", 0, Seconds(30)); }
  Result<void> reprobe(const std::string& node) override {
    return control(ipc::ControlRequest::REPROBE, node, 0, Seconds(60));
  }
  Result<void> set_expected_votes(unsigned votes) override {
    return control(ipc::ControlRequest::SET_EXPECTED_VOTES, "", votes, Seconds(30));
  }

  Result<void> reload_ring() override { return control(ipc::ControlRequest::RELOAD, "", 0, Seconds(60)); }
  Result<void> rotate_key() override { return control(ipc::ControlRequest::ROTATE_KEY, "", 0, Seconds(60)); }

  Result<std::vector<JournalVersion>> history(unsigned most) override {
    Request request;
    request.mutable_history()->set_most(most);
    const auto response = call(std::move(request));
    if (!response) return fail(response.error());
    std::vector<JournalVersion> versions;
    for (const auto& v : response->journal()) {
      versions.push_back({v.version(), v.author(), v.note(), v.patch(), v.when()});
    }
    return versions;
  }

  // Read from the document: what is there is what every node agrees on.
  Result<std::vector<AttributeValue>> attributes(const std::string& name, const std::string& given) override {
    std::string node = given;
    if (node.empty()) {
      auto local = local_node();
      if (!local) return fail(local.error());
      node = std::move(*local);
    }
    cib::Op op;
    op.section = "status";
    const auto xml = cib(std::move(op), false);
    if (!xml) return fail(xml.error());
    const auto status = cib::Document::parse("<cib>" + *xml + "</cib>");
    if (!status) return fail(status.error());
    return transient_attributes(*status, name, node);
  }

  Result<void> set_attribute(const std::string& node, const std::string& name, const std::string& value,
                             Milliseconds dampen) override {
    Request request;
    ipc::AttributeRequest& body = *request.mutable_attribute();
    body.set_kind(ipc::AttributeRequest::SET);
    body.set_node(node);
    body.set_name(name);
    body.set_value(value);
    body.set_dampen_ms(static_cast<std::uint32_t>(dampen.count()));
    return done(call(std::move(request)));
  }

  Result<void> delete_attribute(const std::string& node, const std::string& name) override {
    Request request;
    ipc::AttributeRequest& body = *request.mutable_attribute();
    body.set_kind(ipc::AttributeRequest::DELETE);
    body.set_node(node);
    body.set_name(name);
    return done(call(std::move(request)));
  }

  Result<void> cleanup(const Cleanup& what) override {
    Request request;
    ipc::CleanupRequest& body = *request.mutable_cleanup();
    body.set_resource(what.resource);
    body.set_node(what.node);
    body.set_refresh(what.refresh);
    body.set_operation(what.operation);
    body.set_interval(what.interval);
    return done(call(std::move(request), Seconds(60)));
  }

  Result<std::vector<FenceEvent>> fence(const std::string& target, const std::string& action,
                                        Milliseconds timeout) override {
    Request request;
    ipc::FenceRequest& body = *request.mutable_fence();
    body.set_kind(ipc::FenceRequest::FENCE);
    body.set_target(target);
    body.set_action(action);
    body.set_timeout_ms(static_cast<std::uint32_t>(timeout.count()));
    const auto response = call(std::move(request), timeout * 2);
    if (!response) return fail(response.error());
    return plain_events(*response);
  }

  Result<void> confirm_off(const std::string& target) override {
    Request request;
    request.mutable_fence()->set_kind(ipc::FenceRequest::CONFIRM);
    request.mutable_fence()->set_target(target);
    return done(call(std::move(request)));
  }

  Result<std::vector<FenceEvent>> fence_history() override {
    Request request;
    request.mutable_fence()->set_kind(ipc::FenceRequest::HISTORY);
    const auto response = call(std::move(request));
    if (!response) return fail(response.error());
    return plain_events(*response);
  }

  Result<std::vector<std::string>> fence_devices() override {
    Request request;
    request.mutable_fence()->set_kind(ipc::FenceRequest::DEVICES);
    return items(call(std::move(request)));
  }

  Result<std::vector<std::string>> agent_classes() override {
    auto list = agents(ipc::AgentRequest::CLASSES, "", "", "");
    return list || !down(list.error()) ? list : local_classes(paths_);
  }
  Result<std::vector<std::string>> agent_providers(const std::string& agent_class) override {
    auto list = agents(ipc::AgentRequest::PROVIDERS, agent_class, "", "");
    return list || !down(list.error()) ? list : local_providers(paths_, agent_class);
  }
  Result<std::vector<std::string>> agent_types(const std::string& agent_class,
                                               const std::string& provider) override {
    auto list = agents(ipc::AgentRequest::TYPES, agent_class, provider, "");
    return list || !down(list.error()) ? list : local_types(paths_, agent_class, provider);
  }
  Result<std::string> agent_metadata(const std::string& agent_class, const std::string& provider,
                                     const std::string& type) override {
    auto response = call(agent_request(ipc::AgentRequest::METADATA, agent_class, provider, type));
    if (response) return std::move(*response->mutable_text());
    if (!down(response.error())) return fail(response.error());
    return local_metadata(paths_, agent_class, provider, type);
  }

  Result<bool> wait_change(Duration wait) override {
    if (!events_) {
      auto connected = ipc::Client::connect(paths_.socket(), client_name_);
      if (!connected) return fail(connected.error());
      events_.emplace(std::move(*connected));
      Request request;
      request.mutable_subscribe()->set_cib(true);
      request.mutable_subscribe()->set_view(true);
      request.mutable_subscribe()->set_fencing(true);
      if (auto subscribed = events_->call(std::move(request)); !subscribed) {
        events_.reset();
        return fail(subscribed.error());
      }
      return true;
    }
    const auto event = events_->next_event(wait);
    if (event) return true;
    if (event.error().code == Errc::kTimeout) return false;
    events_.reset();
    return fail(event.error());
  }

 private:
  static bool down(const Error& error) {
    return error.code == Errc::kUnavailable || error.code == Errc::kDenied;
  }

  Result<Response> call(Request request, Duration timeout = Seconds(30)) {
    if (!client_) {
      auto connected = ipc::Client::connect(paths_.socket(), client_name_);
      if (!connected) return fail(connected.error());
      client_.emplace(std::move(*connected));
    }
    request.set_client(client_name_);
    request.set_timeout_ms(
        static_cast<std::uint32_t>(std::clamp<std::int64_t>(to_ms(timeout), 1, 86'400'000)));
    auto response = client_->call(std::move(request));
    if (!response && down(response.error())) client_.reset();
    return response;
  }

  static Result<void> done(const Result<Response>& response) {
    if (!response) return fail(response.error());
    return {};
  }

  static Result<std::vector<std::string>> items(const Result<Response>& response) {
    if (!response) return fail(response.error());
    return std::vector<std::string>(response->items().begin(), response->items().end());
  }

  Result<void> control(ipc::ControlRequest::Kind kind, const std::string& node, unsigned value,
                       Duration timeout) {
    Request request;
    request.mutable_control()->set_kind(kind);
    request.mutable_control()->set_node(node);
    request.mutable_control()->set_value(value);
    return done(call(std::move(request), timeout));
  }

  static Request agent_request(ipc::AgentRequest::Kind kind, const std::string& agent_class,
                               const std::string& provider, const std::string& type) {
    Request request;
    ipc::AgentRequest& body = *request.mutable_agent();
    body.set_kind(kind);
    body.set_agent_class(agent_class);
    body.set_provider(provider);
    body.set_type(type);
    return request;
  }

  Result<std::vector<std::string>> agents(ipc::AgentRequest::Kind kind, const std::string& agent_class,
                                          const std::string& provider, const std::string& type) {
    return items(call(agent_request(kind, agent_class, provider, type)));
  }

  Paths paths_;
  std::string client_name_;
  std::optional<ipc::Client> client_, events_;
};

}  // namespace

std::unique_ptr<Session> live_session(const Paths& paths, const std::string& client) {
  return std::make_unique<LiveSession>(paths, client);
}

}  // namespace systole::cli
