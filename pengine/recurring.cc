// Recurring operations: scheduled where the resource will be active (or stopped), cancelled where not.
#include <fmt/format.h>

#include <algorithm>

#include "pengine/engine.h"

namespace systole::pengine::engine {
namespace {

std::vector<Action*> exact(const Resource* r, const std::string& key, const Node* node) {
  std::vector<Action*> out;
  for (Action* a : r->actions)
    if (a->key == key && a->node == node && a->task != "cancel") out.push_back(a);
  return out;
}

Action* new_cancel(Cluster& c, Resource* r, const std::string& task, std::int64_t interval_ms, Node* node) {
  Action* a = make_action(c, r, op_key(r->id, task, interval_ms), "cancel", node, false);
  a->cancel_task = task;
  a->optional = false;
  a->meta["operation"] = task;
  a->meta["interval"] = std::to_string(interval_ms);
  return a;
}

void for_active(Cluster& c, Resource* r, Action* start, Node* node, const OpDef& op, const std::string& key) {
  if (op.role == Role::kStopped) return;
  bool optional = true;
  const auto matches = exact(r, key, node);
  if (matches.empty())
    optional = false;
  else {
    for (const Action* a : matches)
      if (a->reschedule) optional = false;
    if (optional) optional = !start || start->optional;
  }
  const bool default_role = op.role == Role::kUnknown;
  const bool mismatch = default_role ? r->next_role == Role::kPromoted : op.role != r->next_role;
  if (mismatch) {
    if (!optional || matches.empty()) return;
    Action* cancel = new_cancel(c, r, op.name, op.interval_ms, node);
    const char* after = nullptr;
    if (r->role == Role::kUnpromoted || r->role == Role::kStarted)
      after = r->next_role == Role::kPromoted ? "promote" : r->next_role == Role::kStopped ? "stop" : nullptr;
    else if (r->role == Role::kPromoted)
      after = r->next_role == Role::kUnpromoted ? "demote"
              : r->next_role == Role::kStopped  ? "stop"
                                                : nullptr;
    if (after) new_ordering(c, r, "", cancel, r, after, nullptr, kUnrunnableFirstBlocks);
    return;
  }
  Action* mon = make_action(c, r, key, op.name, node, optional);
  if (!start || !start->runnable)
    mon->runnable = false;
  else if (!node || !node->online || node->unclean)
    mon->runnable = false;
  if (r->next_role == Role::kPromoted) mon->meta["op_target_rc"] = "8";
  if (!r->managed) return;
  constexpr std::uint32_t kAfter = kFirstImpliesThen | kUnrunnableFirstBlocks;
  new_ordering(c, r, "start", nullptr, nullptr, "", mon, kAfter);
  new_ordering(c, r, "reload-agent", nullptr, nullptr, "", mon, kAfter);
  if (r->next_role == Role::kPromoted)
    new_ordering(c, r, "promote", nullptr, nullptr, "", mon, kOrdered | kUnrunnableFirstBlocks);
  else if (r->role == Role::kPromoted)
    new_ordering(c, r, "demote", nullptr, nullptr, "", mon, kOrdered | kUnrunnableFirstBlocks);
}

void cancel_if_running(Cluster& c, Resource* r, Node* node, const OpDef& op, const std::string& key) {
  if (exact(r, key, node).empty()) return;
  Action* cancel = new_cancel(c, r, op.name, op.interval_ms, node);
  if (r->next_role == Role::kStarted || r->next_role == Role::kUnpromoted)
    new_ordering(c, r, "", cancel, r, "start", nullptr, kUnrunnableFirstBlocks);
}

void for_inactive(Cluster& c, Resource* r, Node* node, const OpDef& op, const std::string& key) {
  if (op.role != Role::kStopped || !r->unique) return;
  for (Node* other : c.nodes) {
    if (other == node) {
      cancel_if_running(c, r, node, op, key);
      continue;
    }
    Action* mon = make_action(c, r, key, op.name, other, !exact(r, key, other).empty());
    mon->meta["op_target_rc"] = "7";
    if (r->managed)
      for (Action* probe : actions_of(r, other, "monitor", false)) order_actions(probe, mon, kOrdered);
    for (Action* stop : actions_of(r, other, "stop", true)) {
      if (!stop->optional) mon->optional = mon->optional && stop->optional;
      if (!stop->runnable) mon->runnable = false;
      if (r->managed)
        new_ordering(c, r, "stop", stop, nullptr, "", mon, kFirstImpliesThen | kUnrunnableFirstBlocks);
    }
    if (!other->online || other->unclean) mon->runnable = false;
  }
}

}  // namespace

void create_recurring(Cluster& c, Resource* r) {
  if (r->blocked || c.config.maintenance) return;
  Node* node = r->assigned;
  Action* start = nullptr;
  if (node && node->maintenance) return;
  if (node && (r->next_role != Role::kStopped || !r->managed)) start = start_action(c, r, node, true);
  for (const OpDef* op : r->ops) {
    if (op->interval_ms <= 0) continue;
    if (op->name == "start" || op->name == "stop" || op->name == "promote" || op->name == "demote" ||
        op->name == "migrate_to" || op->name == "migrate_from" || op->name == "reload" ||
        op->name == "reload-agent") {
      c.error(fmt::format("Ignoring {} because {} action cannot be recurring", op->id, op->name));
      continue;
    }
    // None of several with one name and interval is taken: which would it be?
    const auto same = std::count_if(r->ops.begin(), r->ops.end(), [&](const OpDef* o) {
      return o->name == op->name && o->interval_ms == op->interval_ms;
    });
    if (same > 1) {
      c.error(fmt::format("Operation {} is a duplicate (name + interval combination is used more than once)",
                          op->id));
      continue;
    }
    const Meta m = op_meta(c, r, nullptr, op->name, op->interval_ms, op);
    if (!op->enabled || is_false(meta_or(m, "enabled", "true"))) continue;
    const std::string key = op_key(r->id, op->name, op->interval_ms);
    if (start) for_active(c, r, start, node, *op, key);
    for_inactive(c, r, node, *op, key);
  }
}

void cancel_recurring(Cluster& c, Resource* r, const std::string& call_id, const std::string& task,
                      std::int64_t interval_ms, const Node* node, const char* reason) {
  Action* a = new_cancel(c, r, task, interval_ms, const_cast<Node*>(node));
  a->meta["call-id"] = call_id;
  set_reason(a, reason, true);
  new_ordering(c, r, "stop", nullptr, r, "", a, kOrdered);
}

void reschedule_recurring(Cluster& c, Resource* r, const std::string& task, std::int64_t interval_ms,
                          Node* node) {
  Action* a = make_action(c, r, op_key(r->id, task, interval_ms), task, node, true);
  a->reschedule = true;
}

}  // namespace systole::pengine::engine
