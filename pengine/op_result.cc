#include "pengine/op_result.h"

#include <fmt/format.h>

#include <algorithm>

#include "pengine/engine.h"
#include "pengine/history.h"
#include "pengine/parameters.h"

namespace systole::pengine::engine {
namespace {

struct Entry {
  Cluster& c;
  Resource* r;
  Node& node;
  const HistoryOp& op;
  std::string task;
  int rc, status, expected;
};

void set_active(Resource* r) { r->role = top(r)->promotable ? Role::kUnpromoted : Role::kStarted; }

const std::vector<Cluster::ResourceHistory*>* history_on(Cluster& c, const Resource* r, const Node* node) {
  auto it = c.history_of.find(history_id(r));
  if (it == c.history_of.end()) return nullptr;
  auto at = it->second.find(node);
  return at == it->second.end() ? nullptr : &at->second;
}

const HistoryOp* find_op_on(Cluster& c, const Resource* r, const Node* node, std::string_view task,
                            const std::string& source, const std::string& target, int rc) {
  const auto* list = history_on(c, r, node);
  if (!list) return nullptr;
  for (const auto* h : *list)
    for (const auto& op : h->ops) {
      if (op.task != task) continue;
      if (!source.empty() && op.migrate_source != source) continue;
      if (!target.empty() && op.migrate_target != target) continue;
      if (rc >= 0 && (op.rc != rc)) continue;
      return &op;
    }
  return nullptr;
}

// Newer by call id on one node; across nodes only time tells.
bool newer(const HistoryOp& a, const HistoryOp& b, bool same) {
  if (same) return compare_history(a, b) > 0;
  return a.last_change > b.last_change;
}

bool non_monitor_after(Cluster& c, const Resource* r, const Node* node, const HistoryOp& op, bool same) {
  const auto* list = history_on(c, r, node);
  if (!list) return false;
  for (const auto* h : *list)
    for (const auto& other : h->ops) {
      if (other.xml == op.xml || other.task == "monitor" || other.task == "notify") continue;
      if (newer(other, op, same)) return true;
    }
  return false;
}

bool not_running_after(Cluster& c, const Resource* r, const Node* node, const HistoryOp& op, bool same) {
  const HistoryOp* monitor = find_op_on(c, r, node, "monitor", "", "", kNotRunning);
  return monitor && newer(*monitor, op, same);
}

bool newer_state(Cluster& c, const Resource* r, const Node* node, const HistoryOp* to, const HistoryOp* from,
                 const std::string& source) {
  const bool on_source = node && node->name == source;
  const HistoryOp* op = on_source ? (to ? to : from) : (from ? from : to);
  const bool same = on_source ? to != nullptr : from != nullptr;
  if (!op || !node) return false;
  return non_monitor_after(c, r, node, *op, same) || not_running_after(c, r, node, *op, same);
}

bool unknown_on(Cluster& c, const Resource* r, const Node* node) {
  const auto* list = history_on(c, r, node);
  if (!list) return true;
  for (const auto* h : *list)
    for (const auto& op : h->ops)
      if (op.rc != 193) return false;
  return true;
}

void migrate_to_succeeded(Entry& e) {
  Cluster& c = e.c;
  const std::string &source = e.op.migrate_source, &target = e.op.migrate_target;
  if (source.empty() || target.empty() || source != e.node.name) return;
  Node *source_node = c.find_node(source), *target_node = c.find_node(target);
  const bool source_newer = non_monitor_after(c, e.r, source_node, e.op, true);
  const HistoryOp* from =
      target_node ? find_op_on(c, e.r, target_node, "migrate_from", source, target, -1) : nullptr;
  if (from && source_newer) return;
  const bool target_state = newer_state(c, e.r, target_node, &e.op, from, source);
  const bool source_state = newer_state(c, e.r, source_node, &e.op, from, source);
  if (source_state && target_state) return;
  if (from && from->rc == kOk && from->status == kExecDone) {
    e.r->role = Role::kStopped;
    e.r->dangling_migrations.push_back(&e.node);
    return;
  }
  e.r->role = Role::kStarted;
  const bool on_target = !target_state && target_node && target_node->online;
  if (from && from->status != kExecPending) {
    if (on_target) {
      add_running(c, e.r, target_node, true);
    } else {
      e.r->failed = e.r->stop_if_failed = true;
      e.r->migratable = false;
    }
    return;
  }
  if (on_target) {
    add_running(c, e.r, target_node, false);
    if (source_node && source_node->online) {
      e.r->partial_target = target_node;
      e.r->partial_source = source_node;
    }
  } else if (!source_state) {
    e.r->failed = e.r->stop_if_failed = true;
    e.r->migratable = false;
  }
}

void migrate_to_failed(Entry& e) {
  const std::string &source = e.op.migrate_source, &target = e.op.migrate_target;
  if (source.empty() || target.empty()) return;
  e.r->role = Role::kStarted;
  Node* target_node = e.c.find_node(target);
  const HistoryOp* from =
      target_node ? find_op_on(e.c, e.r, target_node, "migrate_from", source, target, -1) : nullptr;
  if (!unknown_on(e.c, e.r, target_node) && !newer_state(e.c, e.r, target_node, &e.op, from, source)) {
    if (target_node && target_node->online) add_running(e.c, e.r, target_node, false);
  } else if (!non_monitor_after(e.c, e.r, e.c.find_node(source), e.op, true)) {
    e.r->dangling_migrations.insert(e.r->dangling_migrations.begin(), &e.node);
  }
}

void migrate_from_failed(Entry& e) {
  const std::string &source = e.op.migrate_source, &target = e.op.migrate_target;
  if (source.empty() || target.empty()) return;
  e.r->role = Role::kStarted;
  Node* source_node = e.c.find_node(source);
  const HistoryOp* to =
      source_node ? find_op_on(e.c, e.r, source_node, "migrate_to", source, target, -1) : nullptr;
  if (!unknown_on(e.c, e.r, source_node) && !newer_state(e.c, e.r, source_node, to, &e.op, source) &&
      source_node && source_node->online)
    add_running(e.c, e.r, source_node, true);
}

void update_state(Entry& e, int rc, const HistoryOp* last_failure, OnFail* on_fail) {
  Resource* r = e.r;
  bool clear = false;
  if (rc == kNotInstalled || (!is_bundled(r) && mask_probe_failure(e.op))) {
    r->role = Role::kStopped;
  } else if (rc == kNotRunning) {
    r->role = Role::kStopped;
    clear = true;
  } else if (e.task == "monitor") {
    if (last_failure && e.op.key == last_failure->key) clear = true;
    if (r->role < Role::kStarted) set_active(r);
  } else if (e.task == "start") {
    r->role = Role::kStarted;
    clear = true;
  } else if (e.task == "stop") {
    r->role = Role::kStopped;
    clear = true;
  } else if (e.task == "promote") {
    r->role = Role::kPromoted;
    clear = true;
  } else if (e.task == "demote") {
    if (*on_fail == OnFail::kDemote) clear = true;
    r->role = Role::kUnpromoted;
  } else if (e.task == "migrate_from") {
    r->role = Role::kStarted;
    clear = true;
  } else if (e.task == "migrate_to") {
    migrate_to_succeeded(e);
  } else if (r->role < Role::kStarted) {
    set_active(r);
  }
  if (!clear) return;
  switch (*on_fail) {
    case OnFail::kStop:
    case OnFail::kBan:
    case OnFail::kFence:
    case OnFail::kStandby:
      break;
    case OnFail::kBlock:
    case OnFail::kIgnore:
    case OnFail::kDemote:
    case OnFail::kRestart:
    case OnFail::kRestartContainer:
      *on_fail = OnFail::kIgnore;
      set_next_role(r, Role::kUnknown, "clear past failures");
      break;
    case OnFail::kResetRemote:
      if (r->remote_reconnect_ms == 0) {
        *on_fail = OnFail::kIgnore;
        set_next_role(r, Role::kUnknown, "clear past failures and reset remote");
      }
      break;
  }
}

void record_failure(Entry& e) {
  if (e.node.shutdown && !e.node.online) return;
  for (const auto& f : e.c.failed_ops)
    if (f.op.key == e.op.key && f.node == &e.node) return;
  FailedOp f;
  f.op = e.op;
  f.op.status = e.status;
  f.op.rc = e.op.rc;
  f.node = &e.node;
  f.resource = e.r;
  e.c.failed_ops.push_back(std::move(f));
}

void block_if_unrecoverable(Entry& e) {
  if (e.task != "stop" || can_fence(e.c, &e.node)) return;
  e.r->blocked = true;
}

void remap(Entry& e, OnFail* on_fail, bool expired) {
  const int original = e.rc;
  if (e.rc == kDegraded) e.rc = kOk;
  if (e.rc == kDegradedPromoted) e.rc = kRunningPromoted;
  if (e.rc != original && !expired) record_failure(e);
  if (!is_bundled(e.r) && mask_probe_failure(e.op) && (e.status != kExecDone || e.rc != kNotRunning)) {
    e.status = kExecDone;
    e.rc = kNotRunning;
  }
  if (e.status == kExecNoFenceDevice || e.status == kExecNoSecrets) {
    e.status = kExecErrorHard;
    return;
  }
  if (e.status != kExecDone && e.status != kExecError) return;
  const bool probe = is_probe_op(e.op);
  if (e.expected < 0) {
    if (e.rc != kOk && e.rc != kNotRunning && e.rc != kRunningPromoted) e.status = kExecError;
    e.expected = kOk;
  } else {
    e.status = e.rc == e.expected ? kExecDone : kExecError;
  }
  switch (e.rc) {
    case kOk:
      if (probe && e.expected == kNotRunning) e.status = kExecDone;
      break;
    case kNotRunning:
      if (probe || e.expected == kNotRunning || !e.r->managed) {
        e.status = kExecDone;
        e.r->role = Role::kStopped;
        *on_fail = OnFail::kIgnore;
        set_next_role(e.r, Role::kUnknown, "not running");
      }
      break;
    case kRunningPromoted:
      if (probe && e.rc != e.expected) e.status = kExecDone;
      if (!expired || e.rc == e.expected) e.r->role = Role::kPromoted;
      break;
    case kFailedPromoted:
      if (!expired) e.r->role = Role::kPromoted;
      e.status = kExecError;
      break;
    case kNotConfigured:
      e.status = kExecErrorFatal;
      break;
    case kUnimplemented:
      if (e.op.interval_ms == 0) {
        if (!expired) block_if_unrecoverable(e);
        e.status = kExecErrorHard;
      } else {
        e.status = kExecNotSupported;
      }
      break;
    case kNotInstalled:
    case kInsufficient:
    case kInvalidParam:
      if (!expired) block_if_unrecoverable(e);
      e.status = kExecErrorHard;
      break;
    default:
      if (e.status == kExecDone) e.status = kExecError;
  }
}

// Clearing the failure of a connection waits for the fencing of its node.
bool timeout_does_not_count(const Entry& e) {
  if (e.r->remote_reconnect_ms == 0 || !e.c.config.fencing || e.op.interval_ms == 0 || e.op.task != "monitor")
    return false;
  const Node* node = e.c.find_node(e.r->id);
  return node && !node->remote_was_fenced;
}

bool check_expiry(Entry& e) {
  bool expired = false;
  const bool last_failure = e.op.id.size() > 15 && e.op.id.ends_with("_last_failure_0");
  int unexpired = 0;
  std::string why;
  const std::int64_t now = epoch_seconds(e.c.now);
  if (e.r->failure_timeout_s > 0 && e.op.last_change > 0) {
    if (now >= e.op.last_change + e.r->failure_timeout_s && !timeout_does_not_count(e)) expired = true;
    std::int64_t when = 0;
    unexpired = fail_count(e.c, &e.node, e.r, kFailEffective, &when, &e.op);
    when += e.r->failure_timeout_s;
    if (unexpired > 0 && now < when) {
      const WallTime t{Seconds(when)};
      if (!e.c.recheck_by || t < *e.c.recheck_by) e.c.recheck_by = t;
    }
  }
  if (expired) {
    if (fail_count(e.c, &e.node, e.r, 0, nullptr, &e.op) > 0) {
      if (unexpired == 0)
        why = "it expired";
      else
        expired = false;
    } else if (last_failure && e.r->remote_reconnect_ms > 0) {
      why = "reconnect interval is set";
    }
  }
  if (!expired && last_failure && parameters_changed_since(e.c, e.r, &e.node, e.op))
    why = "resource parameters have changed";
  if (!why.empty()) clear_fail_count(e.c, e.r, &e.node, why);
  if (expired && e.op.interval_ms == 0 && e.op.task == "monitor") {
    switch (e.rc) {
      case kOk:
      case kNotRunning:
      case kRunningPromoted:
      case kDegraded:
      case kDegradedPromoted:
        expired = false;
        break;
      default:
        break;
    }
  }
  return expired;
}

void pending(Entry& e) {
  if (e.task == "start") {
    e.r->start_pending = true;
    set_active(e.r);
  } else if (e.task == "promote") {
    e.r->role = Role::kPromoted;
  } else if (e.task == "migrate_to" && e.node.unclean) {
    if (Node* target = e.c.find_node(e.op.migrate_target)) stop_action(e.c, e.r, target, false);
  }
  if (!e.r->pending_task.empty()) return;
  if (!is_probe_op(e.op)) {
    e.r->pending_task = e.op.interval_ms > 0 && e.op.task == "monitor" ? "recurring-monitor" : e.op.task;
    e.r->pending_node = &e.node;
  }
}

void failure(Entry& e, OnFail strategy, Role fail_role, const HistoryOp** last_failure, OnFail* on_fail) {
  *last_failure = &e.op;
  record_failure(e);
  if (*on_fail < strategy) *on_fail = strategy;
  Resource* r = e.r;
  if (e.task == "stop") {
    add_location_score(e.c, r, &e.node, -kInfinity);
  } else if (e.task == "migrate_to") {
    migrate_to_failed(e);
  } else if (e.task == "migrate_from") {
    migrate_from_failed(e);
  } else if (e.task == "promote") {
    r->role = Role::kPromoted;
  } else if (e.task == "demote") {
    if (strategy == OnFail::kBlock) {
      r->role = Role::kPromoted;
      set_next_role(r, Role::kStopped, "demote with on-fail=block");
    } else if (e.rc == kNotRunning) {
      r->role = Role::kStopped;
    } else {
      r->role = Role::kUnpromoted;
    }
  }
  if (is_probe_op(e.op) && e.rc == kNotInstalled)
    r->role = Role::kStopped;
  else if (r->role < Role::kStarted)
    set_active(r);
  if (fail_role != Role::kStarted && fail_role != Role::kUnknown && r->next_role < fail_role)
    set_next_role(r, fail_role, "failure");
  if (fail_role == Role::kStopped) {
    Resource* parent = r->parent;
    Resource* whom = is_anonymous_clone(top(r)) ? top(r) : r;
    (void)parent;
    for (auto& place : whom->allowed) add_location_score(e.c, whom, place.node, -kInfinity);
  }
}

}  // namespace

void apply_op(Cluster& c, Resource* r, Node& node, const HistoryOp& recorded, const HistoryOp** last_failure,
              OnFail* on_fail) {
  if (recorded.task.empty() || recorded.status < kExecPending || recorded.status > kExecMax) return;
  if (recorded.status == kExecCancelled) return;
  Entry e{c, r, node, recorded, recorded.task, recorded.rc, recorded.status, recorded.target_rc};
  Resource* whole = r->unique ? r : top(r);
  if (recorded.task == "notify") return;
  const bool expired = check_expiry(e);
  remap(e, on_fail, expired);
  if (expired && e.status != kExecDone && e.status != kExecPending) return;
  switch (e.status) {
    case kExecPending:
      pending(e);
      return;
    case kExecDone:
      update_state(e, e.rc, *last_failure, on_fail);
      return;
    case kExecNotConnected:
      if (is_guest_or_remote(&node) && node.remote && node.remote->managed) {
        node.remote->failed = node.remote->stop_if_failed = true;
      }
      break;
    default:
      break;
  }
  Role fail_role = Role::kUnknown;
  const OpDef* op = find_op(r, recorded.task, recorded.interval_ms, true);
  const Meta meta = op_meta(c, r, &node, recorded.task, recorded.interval_ms, op);
  OnFail strategy = on_fail_of(c, r, recorded.task, recorded.interval_ms, meta, &fail_role);
  if (e.status == kExecNotInstalled) {
    if (strategy == OnFail::kIgnore) *on_fail = std::max(*on_fail, OnFail::kBan);
    add_location_score(c, whole, &node, -kInfinity);
    failure(e, strategy, fail_role, last_failure, on_fail);
    return;
  }
  if (strategy == OnFail::kIgnore || (strategy == OnFail::kRestartContainer && recorded.task == "stop")) {
    update_state(e, e.expected, *last_failure, on_fail);
    r->failure_ignored = true;
    record_failure(e);
    if (strategy == OnFail::kRestartContainer && *on_fail <= OnFail::kRestart) *on_fail = strategy;
    return;
  }
  failure(e, strategy, fail_role, last_failure, on_fail);
  if (e.status == kExecErrorHard)
    add_location_score(c, whole, &node, -kInfinity);
  else if (e.status == kExecErrorFatal)
    add_location_score(c, whole, nullptr, -kInfinity);
}

}  // namespace systole::pengine::engine
