// What the configuration changed under running resources: parameters, agents, recurring operations.
#include <algorithm>

#include "pengine/engine.h"
#include "pengine/history.h"
#include "pengine/parameters.h"

namespace systole::pengine::engine {

void reload_resource(Cluster& c, Resource* r, Node* node) {
  if (!r->children.empty()) {
    for (auto* child : r->children) reload_resource(c, child, node);
    return;
  }
  if (!node || !r->managed || r->failed) return;
  if (r->start_pending) {
    stop_action(c, r, node, false);
    return;
  }
  r->reload = true;
  trigger_unfencing(c, r, node, "Device parameters changed (reload)");
  Action* a = make_action(c, r, op_key(r->id, "reload-agent", 0), "reload-agent", node, false);
  set_reason(a, "resource definition change", false);
  new_ordering(c, nullptr, "", a, r, "stop", nullptr, kOrdered | kThenCancelsFirst);
  new_ordering(c, nullptr, "", a, r, "demote", nullptr, kOrdered | kThenCancelsFirst);
}

void schedule_cleanup(Cluster& c, Resource* r, Node* node, bool optional) {
  if (r->failed || !node || node->unclean || !node->online) return;
  make_action(c, r, op_key(r->id, "delete", 0), "delete", node, optional);
  order_tasks(c, r, "stop", r, "delete", optional ? kFirstImpliesThen : kOrdered);
  order_tasks(c, r, "delete", r, "start", optional ? kFirstImpliesThen : kOrdered);
}

namespace {

// The operation has to be done again with what is configured now.
void require_anew(Cluster& c, Resource* r, Node* node, const HistoryOp& op) {
  const std::string task(op.interval_ms > 0 ? op.task : "start");
  Action* required = make_action(c, r, op_key(r->id, task, op.interval_ms), task, nullptr, false);
  set_reason(required, "resource definition change", true);
  trigger_unfencing(c, r, node, "Device parameters changed");
}

// True when the operation's definition is not what it was.
bool check_op(Cluster& c, Resource* r, Node* node, const HistoryOp& op) {
  if (op.interval_ms > 0) {
    const OpDef* def = find_op(r, op.task, op.interval_ms, false);
    if (!def) {
      if (c.config.cancel_removed)
        cancel_recurring(c, r, std::to_string(op.call_id), std::string(op.task), op.interval_ms, node,
                         "orphan");
      return true;
    }
  }
  switch (compare_parameters(c, r, node, op)) {
    case ParameterChange::kNone:
      return false;
    case ParameterChange::kUnknown:  // Nothing says that what it runs with is what is configured.
    case ParameterChange::kReload:
      if (op.interval_ms > 0)
        reschedule_recurring(c, r, std::string(op.task), op.interval_ms, node);
      else if (!op.restart_digest.empty())
        reload_resource(c, r, node);
      else
        require_anew(c, r, node, op);
      return true;
    case ParameterChange::kRestart:
      require_anew(c, r, node, op);
      return true;
  }
  return false;
}

// Is the history that of another agent?
bool of_other_agent(const Definition& now, pugi::xml_node xml) {
  auto differs = [](std::string_view old, const std::string& name) { return !old.empty() && old != name; };
  for (auto a = xml.first_attribute(); a; a = a.next_attribute()) {
    const std::string_view name = a.name();
    if (name == "class"      ? differs(a.value(), now.agent_class)
        : name == "provider" ? differs(a.value(), now.provider)
                             : name == "type" && differs(a.value(), now.type))
      return true;
  }
  return false;
}

bool agent_changed(Cluster& c, Resource* r, Node* node, bool changed, bool active) {
  if (changed) trigger_unfencing(c, r, node, "Device definition changed");
  if (changed && active) {
    stop_action(c, r, node, false);
    r->start_pending = true;
  }
  return changed;
}

void check_history(Cluster& c, Resource* r, Node* node, const ResourceHistory& h, bool other_agent) {
  if (r->removed) {
    // What nobody configures any more leaves no history behind.
    if (!is_anonymous_clone(top(r))) schedule_cleanup(c, r, node, false);
    return;
  }
  if (!contains(r->running_on, node)) {
    if (agent_changed(c, r, node, other_agent, false)) schedule_cleanup(c, r, node, false);
    return;
  }
  if (agent_changed(c, r, node, other_agent, true)) schedule_cleanup(c, r, node, false);
  const auto [start, stop] = active_range(h.ops);
  if (start < stop) return;
  int i = -1;
  for (const auto& op : h.ops) {
    if (++i < start) continue;
    if (op.interval_ms > 0 && (r->maintenance || node->maintenance)) {
      cancel_recurring(c, r, std::to_string(op.call_id), std::string(op.task), op.interval_ms, node,
                       "maintenance mode");
    } else if (op.interval_ms > 0 || op.task == "monitor" || op.task == "start" || op.task == "promote" ||
               op.task == "migrate_from") {
      if (check_op(c, r, node, op) && fail_count(c, node, r, kFailEffective) != 0)
        clear_fail_count(c, r, node, "action definition changed");
    }
  }
}

}  // namespace

namespace {

// An entry speaks of all that go by its name: of an anonymous clone those instances that the history calls
// so.
void find_bearers(Cluster& c) {
  for (auto& [id, all] : c.history_of) {
    all.bearers.clear();
    all.active.clear();
    all.alike = true;
  }
  const auto goes_by = [&](Resource& r, std::string_view name) {
    const auto found = c.history_of.find(name);
    if (found == c.history_of.end()) return;
    HistoryOfId& all = found->second;
    all.bearers.push_back(&r);
    all.alike = all.alike && !r.removed && r.def == all.bearers.front()->def;
    for (const Node* node : r.running_on) all.active.emplace_back(node->slot, &r);
  };
  for (auto& r : c.resource_store) {
    if (!is_primitive(&r)) continue;
    goes_by(r, r.id);
    if (!r.history_name.empty() && r.history_name != r.id) goes_by(r, r.history_name);
  }
  for (auto& [id, all] : c.history_of)
    std::stable_sort(all.active.begin(), all.active.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
}

void check_histories(Cluster& c, bool deferred) {
  find_bearers(c);
  for (Node* node : c.nodes) {
    if (!node->maintenance && !node_available(node, 0, false, false)) continue;
    for (const auto* h : node->history) {
      if (h->ops.empty()) continue;
      const HistoryOfId& all = *h->all;
      if (all.bearers.empty()) continue;
      const Definition* asked = nullptr;
      bool other_agent = false;
      const auto check = [&](Resource* r) {
        // Connections inside bundles wait until their container has a place.
        if ((c.addresses_by_uname && addresses_by_uname(c, r, node)) != deferred) return;
        if (asked != r->def) other_agent = of_other_agent(*(asked = r->def), h->xml);
        check_history(c, r, node, *h, other_agent);
      };
      if (all.alike && !of_other_agent(*all.bearers.front()->def, h->xml)) {
        // Nothing is to be done for those that are elsewhere.
        auto at = std::lower_bound(all.active.begin(), all.active.end(), node->slot,
                                   [](const auto& entry, int slot) { return entry.first < slot; });
        for (; at != all.active.end() && at->first == node->slot; ++at) check(at->second);
      } else {
        for (Resource* r : all.bearers) check(r);
      }
    }
  }
}

}  // namespace

void handle_config_changes(Cluster& c) { check_histories(c, false); }
void check_deferred_changes(Cluster& c) {
  if (c.addresses_by_uname) check_histories(c, true);
}

}  // namespace systole::pengine::engine
