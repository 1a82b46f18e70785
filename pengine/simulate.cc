#include "pengine/simulate.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "pengine/digest.h"

namespace systole::pengine {
namespace {

// Marks results that nobody's transition asked for, as in Pacemaker.
constexpr const char* kUuid = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

pugi::xml_node child_with(pugi::xml_node parent, const char* element, const char* attribute,
                          const std::string& value) {
  return parent.find_child([&](pugi::xml_node n) {
    return std::string_view(n.name()) == element && std::string_view(n.attribute(attribute).value()) == value;
  });
}

void set(pugi::xml_node node, const char* name, const std::string& value) {
  pugi::xml_attribute a = node.attribute(name);
  if (!a) a = node.append_attribute(name);
  a = value.c_str();
}

pugi::xml_node child_or_new(pugi::xml_node parent, const char* element) {
  pugi::xml_node child = parent.child(element);
  return child ? child : parent.append_child(element);
}

std::string attribute_of(const Action& action, std::string_view name) {
  for (const auto& [key, value] : action.attributes) {
    if (key == name) return value;
  }
  return "";
}

std::int64_t number(std::string_view text, std::int64_t fallback = 0) {
  std::int64_t value = fallback;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// One executed operation, on its way into the history.
struct Record {
  std::string name, resource, agent_class, provider, type, node, node_id,
      task;  // name: as the history knows it
  std::int64_t interval_ms = 0;
  int rc = 0, target_rc = 0;
  std::string migrate_source, migrate_target, digest;
  bool failed() const { return rc != target_rc; }
};

pugi::xml_node node_state(cib::Document& document, const std::string& node, const std::string& id) {
  pugi::xml_node status = child_or_new(document.root(), "status");
  pugi::xml_node state = child_with(status, "node_state", "uname", node);
  if (!state && !id.empty()) state = child_with(status, "node_state", "id", id);
  if (state) return state;
  state = status.append_child("node_state");
  std::string use = id;
  if (use.empty()) use = child_with(document.section("nodes"), "node", "uname", node).attribute("id").value();
  set(state, "id", use.empty() ? node : use);
  set(state, "uname", node);
  return state;
}

// Newer than all that the resource's history has.
int next_call_id(pugi::xml_node resource) {
  int most = 0;
  for (const pugi::xml_node op : resource.children("lrm_rsc_op"))
    most = std::max(most, op.attribute("call-id").as_int());
  return most + 1;
}

pugi::xml_node history_of(pugi::xml_node state, const Record& r) {
  pugi::xml_node lrm = child_or_new(state, "lrm");
  if (!lrm.attribute("id")) set(lrm, "id", state.attribute("id").value());
  pugi::xml_node resources = child_or_new(lrm, "lrm_resources");
  // Of two entries with one id neither is the one that is meant.
  const auto only = [&](const std::string& id) {
    const pugi::xml_node found = child_with(resources, "lrm_resource", "id", id);
    for (pugi::xml_node next = found.next_sibling("lrm_resource"); next;
         next = next.next_sibling("lrm_resource"))
      if (next.attribute("id").value() == id) return pugi::xml_node();
    return found;
  };
  pugi::xml_node resource = only(r.name);
  if (!resource) resource = only(r.resource);
  if (resource) return resource;
  resource = resources.append_child("lrm_resource");
  set(resource, "id", r.resource);
  set(resource, "class", r.agent_class);
  if (!r.provider.empty()) set(resource, "provider", r.provider);
  set(resource, "type", r.type);
  return resource;
}

// The ids under which a result is kept: a failure stays beside the last operation, a recurring one has its
// own, and so have the halves of a migration, which matter for what happens on other nodes.
std::vector<std::string> entry_ids(const std::string& name, const Record& r, const std::string& key) {
  if (r.task == "migrate_to" || r.task == "migrate_from") return {key};
  if (r.failed()) {
    std::vector<std::string> ids{name + "_last_failure_0"};
    if (r.interval_ms == 0) ids.push_back(name + "_last_0");
    return ids;
  }
  return {r.interval_ms > 0 ? key : name + "_last_0"};
}

void remove_pending(pugi::xml_node resource) {
  for (pugi::xml_node op = resource.child("lrm_rsc_op"); op;) {
    const pugi::xml_node next = op.next_sibling("lrm_rsc_op");
    if (std::string_view(op.attribute("op-status").value()) == "-1") resource.remove_child(op);
    op = next;
  }
}

void record(cib::Document& document, const Record& r, WallTime now, bool keep_pending) {
  pugi::xml_node resource = history_of(node_state(document, r.node, r.node_id), r);
  if (!keep_pending) remove_pending(resource);
  const int call = next_call_id(resource);
  const std::string name = resource.attribute("id").value();
  // What was reloaded is as if it had been started so.
  const bool reload = r.task == "reload" || r.task == "reload-agent";
  const std::string task = !reload ? r.task : r.failed() ? "monitor" : "start";
  const std::string key = fmt::format("{}_{}_{}", name, task, r.interval_ms);
  for (const std::string& op_id : entry_ids(name, r, key)) {
    pugi::xml_node op = child_with(resource, "lrm_rsc_op", "id", op_id);
    if (!op) op = resource.append_child("lrm_rsc_op");
    while (op.remove_attribute(op.first_attribute())) {
    }
    set(op, "id", op_id);
    set(op, "operation_key", key);
    set(op, "operation", task);
    set(op, "crm_feature_set", document.root().attribute("crm_feature_set").as_string("3.20.0"));
    const std::string transition = fmt::format("1:{}:{}:{}", call, r.target_rc, kUuid);
    set(op, "transition-key", transition);
    set(op, "transition-magic", fmt::format("{}:{};{}", r.failed() ? 4 : 0, r.rc, transition));
    set(op, "on_node", r.node);
    set(op, "call-id", std::to_string(call));
    set(op, "rc-code", std::to_string(r.rc));
    set(op, "op-status", r.failed() ? "4" : "0");
    set(op, "interval", std::to_string(r.interval_ms));
    set(op, "last-rc-change", std::to_string(epoch_seconds(now)));
    set(op, "exec-time", "0");
    set(op, "queue-time", "0");
    if (!r.digest.empty()) set(op, "op-digest", r.digest);
    if (!r.migrate_source.empty()) set(op, "migrate_source", r.migrate_source);
    if (!r.migrate_target.empty()) set(op, "migrate_target", r.migrate_target);
  }
}

void count_failure(cib::Document& document, const Record& r, WallTime now) {
  pugi::xml_node state = node_state(document, r.node, r.node_id);
  pugi::xml_node transient = child_or_new(state, "transient_attributes");
  set(transient, "id", state.attribute("id").value());
  pugi::xml_node set_of = child_or_new(transient, "instance_attributes");
  set(set_of, "id", fmt::format("status-{}", state.attribute("id").value()));
  const auto put = [&](const std::string& name, const std::string& value) {
    pugi::xml_node pair = child_with(set_of, "nvpair", "name", name);
    if (!pair) {
      pair = set_of.append_child("nvpair");
      set(pair, "id", fmt::format("status-{}-{}", state.attribute("id").value(), name));
      set(pair, "name", name);
    }
    set(pair, "value", value);
  };
  const std::string op = fmt::format("{}#{}_{}", r.resource, r.task, r.interval_ms);
  const std::string name = "fail-count-" + op;
  const std::string old = child_with(set_of, "nvpair", "name", name).attribute("value").value();
  put(name, r.task == "start" || r.task == "stop" || old == "INFINITY" ? "INFINITY"
                                                                       : std::to_string(number(old) + 1));
  put("last-failure-" + op, std::to_string(epoch_seconds(now)));
}

class Runner {
 public:
  Runner(const cib::Document& before, const Plan& plan, WallTime now, const SimulatedFaults& faults)
      : graph_(plan.graph), now_(now), faults_(faults), result_{{}, before.clone(), true} {
    for (const pugi::xml_node state : before.root().child("status").children("node_state"))
      for (const pugi::xml_node r : state.child("lrm").child("lrm_resources").children("lrm_resource"))
        known_.emplace(r.attribute("id").value());
  }

  Simulation go() {
    std::vector<bool> done(graph_.actions.size()), tried(graph_.actions.size());
    for (bool progress = true; progress;) {
      progress = false;
      for (const Synapse& synapse : graph_.synapses) {
        const auto at = static_cast<std::size_t>(synapse.action);
        const Action& action = graph_.actions[at];
        if (tried[at] || (aborted_ && action.kind != Action::Kind::kPseudo)) continue;
        const bool ready = std::all_of(synapse.inputs.begin(), synapse.inputs.end(),
                                       [&](int input) { return done[static_cast<std::size_t>(input)]; });
        if (!ready) continue;
        tried[at] = progress = true;
        done[at] = execute(action);
        aborted_ = aborted_ || (!done[at] && !faults_.go_on);
        if (done[at] && action.kind != Action::Kind::kPseudo) ++result_.executed;
      }
    }
    for (const Synapse& synapse : graph_.synapses)
      if (!done[static_cast<std::size_t>(synapse.action)]) result_.complete = false;
    return std::move(result_);
  }

 private:
  bool execute(const Action& action) {
    switch (action.kind) {
      case Action::Kind::kPseudo:
        say(fmt::format("Pseudo action:   {}{}", action.key,
                        action.node.empty() ? "" : " on " + action.node));
        return true;
      case Action::Kind::kCluster:
        return execute_cluster(action);
      case Action::Kind::kResource:
        return execute_resource(action);
    }
    return true;
  }

  void say(std::string line) { result_.lines.push_back(std::move(line)); }

  bool execute_cluster(const Action& action) {
    if (action.task == "stonith") {
      const std::string how = attribute_of(action, "CRM_meta_stonith_action");
      if (faults_.unfenceable.contains(action.node)) {
        say(fmt::format("Fencing {} ({}) fails", action.node, how));
        return false;
      }
      say(fmt::format("Fencing {} ({})", action.node, how));
      if (how != "on") fenced(action);
      return true;
    }
    const std::string rsc = action.resource.empty() ? "" : " for " + action.resource;
    say(fmt::format("Cluster action:  {}{} on {}", action.task, rsc, action.node));
    if (action.task == "clear_failcount") clear_failures(action);
    return true;
  }

  void fenced(const Action& action) {
    pugi::xml_node state = node_state(result_.after, action.node, action.node_id);
    set(state, "in_ccm", "false");
    set(state, "crmd", "offline");
    set(state, "join", "down");
    set(state, "expected", "down");
    while (state.remove_child("lrm")) {
    }
    while (state.remove_child("transient_attributes")) {
    }
  }

  void clear_failures(const Action& action) {
    pugi::xml_node state = node_state(result_.after, action.node, action.node_id);
    for (pugi::xml_node set_of : state.child("transient_attributes").children("instance_attributes")) {
      for (pugi::xml_node pair = set_of.child("nvpair"); pair;) {
        const pugi::xml_node next = pair.next_sibling("nvpair");
        const std::string_view name = pair.attribute("name").value();
        if (name.starts_with("fail-count-" + action.resource) ||
            name.starts_with("last-failure-" + action.resource)) {
          set_of.remove_child(pair);
        }
        pair = next;
      }
    }
  }

  // A clone's instance goes by the name that is in any history: the clone's, or its own.
  std::string name_of(const Action& action) const {
    return action.long_id.empty() || known_.contains(action.resource) ? action.resource : action.long_id;
  }

  bool execute_resource(const Action& action) {
    const std::int64_t interval = number(attribute_of(action, "CRM_meta_interval"));
    const std::string name = name_of(action);
    say(fmt::format("Resource action: {:<15} {}{} on {}", name, action.task,
                    interval > 0 && action.task != "delete" ? fmt::format("={}", interval) : "",
                    action.node));
    if (action.task == "delete") {
      if (pugi::xml_node r = history(action); r && !faults_.keep_traces) r.parent().remove_child(r);
      return true;
    }
    if (action.task == "cancel") {
      cancel(action, interval);
      return true;
    }
    if (action.task == "notify" || action.task == "clear_failcount") return true;
    Record r{name,        action.resource, action.agent_class, action.provider, action.agent_type,
             action.node, action.node_id,  action.task,        interval};
    r.target_rc = static_cast<int>(number(attribute_of(action, "CRM_meta_op_target_rc")));
    r.rc = r.target_rc;
    r.digest = operation_digest({action.attributes.begin(), action.attributes.end()});
    r.migrate_source = attribute_of(action, "CRM_meta_migrate_source");
    r.migrate_target = attribute_of(action, "CRM_meta_migrate_target");
    const auto wanted =
        std::find_if(faults_.operations.begin(), faults_.operations.end(), [&](const InjectedOp& op) {
          return (op.resource == r.name || op.resource == r.resource) && op.task == r.task &&
                 op.interval_ms == r.interval_ms && op.node == r.node;
        });
    if (wanted != faults_.operations.end()) r.rc = wanted->rc;
    record(result_.after, r, now_, faults_.keep_traces);
    if (r.failed()) {
      count_failure(result_.after, r, now_);
      ++result_.failed;
    }
    return !r.failed();
  }

  pugi::xml_node history(const Action& action) {
    const auto resources =
        node_state(result_.after, action.node, action.node_id).child("lrm").child("lrm_resources");
    const auto named = child_with(resources, "lrm_resource", "id", name_of(action));
    return named ? named : child_with(resources, "lrm_resource", "id", action.resource);
  }
  void cancel(const Action& action, std::int64_t interval) {
    pugi::xml_node r = history(action);
    std::string task = attribute_of(action, "CRM_meta_operation");
    if (task.empty()) task = "monitor";
    const std::string key = fmt::format("{}_{}_{}", r.attribute("id").value(), task, interval);
    if (pugi::xml_node op = child_with(r, "lrm_rsc_op", "id", key)) r.remove_child(op);
  }

  const Graph& graph_;
  WallTime now_;
  const SimulatedFaults& faults_;
  std::set<std::string, std::less<>> known_;  // Names in the history.
  bool aborted_ = false;                      // Something failed: nothing new is begun.
  Simulation result_;
};

}  // namespace

Simulation simulate(const cib::Document& before, const Plan& plan, WallTime now,
                    const SimulatedFaults& faults) {
  return Runner(before, plan, now, faults).go();
}

Result<InjectedOp> parse_injected_op(std::string_view text) {
  const auto wrong = [&] {
    return fail(Errc::kInvalidArgument,
                "'{}' is not an operation: write RESOURCE_OPERATION_INTERVAL@NODE=RC, as web_start_0@node1=1",
                text);
  };
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos) return wrong();
  const std::size_t equals = text.find('=', at);
  if (equals == std::string_view::npos) return wrong();
  const std::string_view key = text.substr(0, at), code = text.substr(equals + 1);
  const std::size_t last = key.rfind('_');
  if (last == std::string_view::npos || last == 0) return wrong();
  std::size_t task = key.rfind('_', last - 1);
  // migrate_to and migrate_from have the separator in their names.
  for (const std::string_view two : {"_migrate_to", "_migrate_from"}) {
    if (key.substr(0, last).ends_with(two)) task = last - two.size();
  }
  if (task == std::string_view::npos || task == 0) return wrong();
  InjectedOp op;
  op.resource = key.substr(0, task);
  op.task = key.substr(task + 1, last - task - 1);
  op.node = text.substr(at + 1, equals - at - 1);
  const auto interval = key.substr(last + 1);
  const auto a = std::from_chars(interval.data(), interval.data() + interval.size(), op.interval_ms);
  const auto b = std::from_chars(code.data(), code.data() + code.size(), op.rc);
  if (a.ec != std::errc{} || a.ptr != interval.data() + interval.size() || b.ec != std::errc{} ||
      b.ptr != code.data() + code.size())
    return wrong();
  return op;
}

void inject_node(cib::Document& document, const std::string& node, bool up, bool clean) {
  pugi::xml_node state = node_state(document, node, "");
  set(state, "in_ccm", up ? "true" : "false");
  set(state, "crmd", up ? "online" : "offline");
  set(state, "join", up ? "member" : "down");
  set(state, "expected", up || !clean ? "member" : "down");
  if (!up && clean) {
    while (state.remove_child("lrm")) {
    }
    while (state.remove_child("transient_attributes")) {
    }
  }
}

Result<void> inject_op(cib::Document& document, const InjectedOp& op, WallTime now) {
  const pugi::xml_node primitive = document.section("resources").find_node([&](pugi::xml_node n) {
    return std::string_view(n.name()) == "primitive" &&
           op.resource.substr(0, op.resource.find(':')) == n.attribute("id").value();
  });
  if (!primitive) return fail(Errc::kNotFound, "resource {} is not configured", op.resource);
  Record r{op.resource,
           op.resource,
           primitive.attribute("class").value(),
           primitive.attribute("provider").value(),
           primitive.attribute("type").value(),
           op.node,
           "",
           op.task,
           op.interval_ms,
           op.rc};
  record(document, r, now, true);
  if (r.failed()) count_failure(document, r, now);
  return {};
}

void inject_quorum(cib::Document& document, bool quorate) {
  set(document.root(), "have-quorum", quorate ? "1" : "0");
}

void inject_watchdog(cib::Document& document, bool active) {
  pugi::xml_node config = child_or_new(child_or_new(document.root(), "configuration"), "crm_config");
  const char* const value = active ? "true" : "false";
  const auto known = config.select_nodes("cluster_property_set/nvpair[@name='have-watchdog']");
  for (const auto& pair : known) set(pair.node(), "value", value);
  if (!known.empty()) return;
  pugi::xml_node properties = child_or_new(config, "cluster_property_set");
  if (!properties.attribute("id")) set(properties, "id", "cib-bootstrap-options");
  pugi::xml_node pair = properties.append_child("nvpair");
  set(pair, "id", std::string(properties.attribute("id").value()) + "-have-watchdog");
  set(pair, "name", "have-watchdog");
  set(pair, "value", value);
}

void inject_ticket(cib::Document& document, const std::string& ticket, const std::string& attribute,
                   const std::string& value) {
  pugi::xml_node tickets = child_or_new(child_or_new(document.root(), "status"), "tickets");
  pugi::xml_node state = child_with(tickets, "ticket_state", "id", ticket);
  if (!state) {
    state = tickets.append_child("ticket_state");
    set(state, "id", ticket);
  }
  set(state, attribute.c_str(), value);
}

}  // namespace systole::pengine
