#include "controller/actions.h"

#include "controller/digest.h"
#include "controller/messages.pb.h"
#include "controller/properties.h"

namespace systole::controller {
namespace {

constexpr std::string_view kMeta = "CRM_meta_";

std::uint32_t milliseconds(std::int64_t value) {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(value, 0, UINT32_MAX));
}

bool is_infinite(const std::string& offset) { return offset == "INFINITY" || offset == "+INFINITY"; }

std::string target_of(const pengine::Action& action) {
  return action.router_node.empty() ? action.node : action.router_node;
}

}  // namespace

std::string action_attribute(const pengine::Action& action, std::string_view name) {
  const auto found = std::find_if(action.attributes.begin(), action.attributes.end(),
                                  [&](const auto& a) { return a.first == name; });
  return found == action.attributes.end() ? std::string() : found->second;
}

std::int64_t action_number(const pengine::Action& action, std::string_view name, std::int64_t otherwise) {
  return parse_number(action_attribute(action, name)).value_or(otherwise);
}

wire::Action to_wire(const pengine::Action& action, NodeId target, const pengine::Graph& graph,
                     std::uint64_t activation) {
  wire::Action w;
  w.set_id(action.id);
  w.set_node(raw(target));
  w.set_node_name(target_of(action));
  w.set_task(action.task);
  w.set_key(action.key);
  w.set_resource(action.resource);
  w.set_agent_class(action.agent_class);
  w.set_provider(action.provider);
  w.set_type(action.agent_type);
  w.set_interval_ms(milliseconds(action_number(action, "CRM_meta_interval", 0)));
  w.set_timeout_ms(milliseconds(action_number(action, "CRM_meta_timeout", 20'000)));
  w.set_start_delay_ms(milliseconds(action_number(action, "CRM_meta_start_delay", 0)));
  w.set_expected_rc(static_cast<std::int32_t>(action_number(action, "CRM_meta_op_target_rc", 0)));
  w.set_start_failure_is_fatal(is_infinite(graph.failed_start_offset));
  w.set_stop_failure_is_fatal(is_infinite(graph.failed_stop_offset));
  w.set_activation(activation);
  for (const auto& [name, value] : action.attributes) {
    (std::string_view(name).starts_with(kMeta) ? *w.mutable_meta() : *w.mutable_parameters())[name] = value;
  }
  w.set_digest(operation_digest({action.attributes.begin(), action.attributes.end()}));
  if (action.task == "cancel") {
    w.set_kind(wire::Action::CANCEL);
    const std::string task = action_attribute(action, "CRM_meta_operation");
    w.set_task(task.empty() ? "monitor" : task);
  } else if (action.task == "delete" || action.task == "lrm_delete") {
    w.set_kind(wire::Action::DELETE);
  } else if (action.kind == pengine::Action::Kind::kCluster) {
    w.set_kind(wire::Action::SHUTDOWN);
  }
  return w;
}

Duration patience(const pengine::Action& action, const pengine::Graph& graph) {
  return Milliseconds(action_number(action, "CRM_meta_timeout", 20'000)) +
         Milliseconds(action_number(action, "CRM_meta_start_delay", 0)) + graph.cluster_delay;
}

stonith::Request fencing_request(const pengine::Action& action, const NodeLife& life,
                                 const pengine::Graph& graph, const std::string& origin) {
  stonith::Request request;
  request.target = action.node;
  request.life = life;
  request.action = action_attribute(action, "CRM_meta_stonith_action");
  if (request.action.empty()) request.action = "reboot";
  request.timeout = graph.stonith_timeout;
  if (const auto delay = parse_interval(action_attribute(action, "CRM_meta_priority_fencing_delay"))) {
    request.delay = *delay;
  }
  request.origin = origin;
  return request;
}

std::string transition_key(const wire::Action& action, int transition, const std::string& uuid) {
  return to_string(TransitionKey{action.id(), transition, action.expected_rc(), uuid});
}

Recorded pending(const wire::Action& action, const std::string& key, std::int64_t now) {
  Recorded r;
  r.resource = action.resource();
  r.kind = {action.agent_class(), action.provider(), action.type()};
  r.task = action.task();
  r.interval_ms = action.interval_ms();
  r.node = action.node_name();
  r.transition_key = key;
  r.digest = action.digest();
  r.changed = now;
  return r;
}

lrmd::Operation to_operation(const wire::Action& action, const std::string& key) {
  lrmd::Operation op;
  op.resource = action.resource();
  op.agent = {action.agent_class(), action.provider(), action.type()};
  op.task = action.task();
  op.interval = Milliseconds(action.interval_ms());
  op.timeout = Milliseconds(action.timeout_ms());
  op.start_delay = Milliseconds(action.start_delay_ms());
  op.parameters = {action.parameters().begin(), action.parameters().end()};
  op.meta = {action.meta().begin(), action.meta().end()};
  op.transition_key = key;
  op.activation = action.activation();
  return op;
}

Recorded to_recorded(const wire::Action& action, const lrmd::OpResult& result) {
  Recorded r = pending(action, result.transition_key, epoch_seconds(result.changed_at));
  r.call_id = result.call_id;
  r.rc = effective_rc(result.rc);
  r.status = static_cast<int>(result.status);
  r.exit_reason = result.exit_reason;
  r.exec_ms = to_ms(result.exec_time);
  r.queue_ms = to_ms(result.queue_time);
  return r;
}

}  // namespace systole::controller
