// Live migrations in the history: where a resource is when one of its two halves is missing, failed or
// outdated.
#include <algorithm>

#include "pengine/engine.h"
#include "pengine/history.h"
#include "pengine/op_result.h"

namespace systole::pengine::engine {
namespace {

std::span<ResourceHistory* const> history_on(const Cluster& c, const Resource* r, const Node* node) {
  return histories_of(c, history_id(r), node);
}

// The operation on the node, of a migration the one between the two; with rc >= 0 only if it ended so. Of
// several none is the one.
const HistoryOp* find_op_on(Cluster& c, const Resource* r, const Node* node, std::string_view task,
                            std::string_view source, std::string_view target, int rc) {
  const HistoryOp* found = nullptr;
  for (const auto* h : history_on(c, r, node))
    for (const auto& op : h->ops) {
      if (op.task != task || (!source.empty() && op.migrate_source() != source) ||
          (!target.empty() && op.migrate_target() != target))
        continue;
      if (found) return nullptr;
      found = &op;
    }
  return found && rc >= 0 && (found->rc != rc || found->status != kExecDone) ? nullptr : found;
}

bool non_monitor_after(Cluster& c, const Resource* r, const Node* node, const HistoryOp& op, bool same) {
  for (const auto* h : history_on(c, r, node))
    for (const auto& other : h->ops) {
      if (other.xml == op.xml || !(other.task == "start" || other.task == "stop" ||
                                   other.task == "migrate_to" || other.task == "migrate_from"))
        continue;
      if (compare_history(other, op, same) > 0) return true;
    }
  return false;
}

bool not_running_after(Cluster& c, const Resource* r, const Node* node, const HistoryOp& op, bool same) {
  const HistoryOp* monitor = find_op_on(c, r, node, "monitor", "", "", kNotRunning);
  return monitor && compare_history(*monitor, op, same) > 0;
}

bool newer_state(Cluster& c, const Resource* r, const Node* node, const HistoryOp* to, const HistoryOp* from,
                 std::string_view source) {
  const bool on_source = node && node->name == source;
  const HistoryOp* op = on_source ? (to ? to : from) : (from ? from : to);
  const bool same = on_source ? to != nullptr : from != nullptr;
  if (!op || !node) return false;
  return non_monitor_after(c, r, node, *op, same) || not_running_after(c, r, node, *op, same);
}

// Nothing is known of it there, as after a clean-up: a probe will tell.
bool unknown_on(Cluster& c, const Resource* r, const Node* node) {
  for (const auto* h : history_on(c, r, node))
    for (const auto& op : h->ops)
      if (op.rc != 193) return false;
  return true;
}

void dangling(Resource* r, Node& node) {
  r->role = Role::kStopped;
  r->dangling_migrations.insert(r->dangling_migrations.begin(), &node);
}

void recover_by_restart(Resource* r) {
  r->failed = r->stop_if_failed = true;
  r->migratable = false;
}

}  // namespace

void migrate_to_succeeded(Cluster& c, Resource* r, Node& node, const HistoryOp& op) {
  const std::string_view source = op.migrate_source(), target = op.migrate_target();
  if (source.empty() || target.empty() || !same_text(source, node.name)) return;
  Node* target_node = c.find_node(target);
  const bool newer_on_source = non_monitor_after(c, r, &node, op, true);
  const HistoryOp* from =
      target_node ? find_op_on(c, r, target_node, "migrate_from", source, target, -1) : nullptr;
  if (from && newer_on_source) return;
  const bool newer_on_target = newer_state(c, r, target_node, &op, from, source);
  if (newer_on_source && newer_on_target) return;
  // It arrived, and its stop here is missing.
  if (from && from->rc == kOk && from->status == kExecDone) {
    dangling(r, node);
    return;
  }
  r->role = Role::kStarted;
  const bool on_target = !newer_on_target && target_node && target_node->online;
  if (from && from->status != kExecPending) {
    if (on_target)
      add_running(c, r, target_node, true);
    else
      recover_by_restart(r);
    return;
  }
  if (target_node && target_node->online && unknown_on(c, r, target_node)) return;
  if (on_target) {
    add_running(c, r, target_node, false);
    if (node.online) {
      r->partial_target = target_node;
      r->partial_source = &node;
    }
  } else if (!newer_on_source) {
    recover_by_restart(r);
  }
}

void migrate_to_failed(Cluster& c, Resource* r, Node& node, const HistoryOp& op) {
  const std::string_view source = op.migrate_source(), target = op.migrate_target();
  if (source.empty() || target.empty() || !same_text(source, node.name)) return;
  r->role = Role::kStarted;
  Node* target_node = c.find_node(target);
  const HistoryOp* from =
      target_node ? find_op_on(c, r, target_node, "migrate_from", source, target, kOk) : nullptr;
  if (!unknown_on(c, r, target_node) && !newer_state(c, r, target_node, &op, from, source)) {
    if (target_node && target_node->online) add_running(c, r, target_node, false);
  } else if (!non_monitor_after(c, r, &node, op, true)) {
    r->dangling_migrations.insert(r->dangling_migrations.begin(), &node);
  }
}

void migrate_from_failed(Cluster& c, Resource* r, Node& node, const HistoryOp& op) {
  const std::string_view source = op.migrate_source(), target = op.migrate_target();
  if (source.empty() || target.empty() || !same_text(target, node.name)) return;
  r->role = Role::kStarted;
  Node* source_node = c.find_node(source);
  const HistoryOp* to =
      source_node ? find_op_on(c, r, source_node, "migrate_to", source, target, kOk) : nullptr;
  if (!unknown_on(c, r, source_node) && !newer_state(c, r, source_node, to, &op, source) && source_node &&
      source_node->online)
    add_running(c, r, source_node, true);
}

}  // namespace systole::pengine::engine
