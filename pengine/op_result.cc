#include "pengine/op_result.h"

#include <fmt/format.h>

#include <algorithm>

#include "pengine/because.h"
#include "pengine/engine.h"
#include "pengine/history.h"
#include "pengine/parameters.h"

namespace systole::pengine::engine {
namespace {

struct Entry {
  Cluster& c;
  Resource* r;
  Node& node;
  HistoryOp& op;
  std::string_view task;
  int rc, status, expected;
};

void set_active(Resource* r) { r->role = top(r)->promotable ? Role::kUnpromoted : Role::kStarted; }

void update_state(Entry& e, int rc, const HistoryOp* last_failure, OnFail* on_fail) {
  Resource* r = e.r;
  bool clear = false;
  if (rc == kNotInstalled || (!is_bundled(r) && mask_probe_failure(e.op))) {
    r->role = Role::kStopped;
  } else if (rc == kNotRunning) {
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
    migrate_to_succeeded(e.c, r, e.node, e.op);
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
  if (!e.node.online) return;
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
  e.r->managed = false;
  e.r->blocked = true;
}

void remap(Entry& e, OnFail* on_fail, bool expired) {
  const int original = e.rc;
  if (e.rc == kDegraded) e.rc = kOk;
  if (e.rc == kDegradedPromoted) e.rc = kRunningPromoted;
  if (e.rc != original && !expired && (!e.node.shutdown || e.node.online)) record_failure(e);
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
  e.status = e.expected >= 0 && e.rc == e.expected ? kExecDone : kExecError;
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

// Clearing the failures of a connection waits for its node's fencing, if there is one.
void clear_failures(Entry& e, const std::string& why) {
  Action* clear = clear_fail_count(e.c, e.r, &e.node, why);
  if (!e.c.config.fencing || e.r->remote_reconnect_ms <= 0) return;
  if (Node* remote = e.c.find_node(e.r->id))
    order_actions(fence_op(e.c, remote, nullptr, true, "", false), clear, kFirstImpliesThen);
}

bool check_expiry(Entry& e) {
  // What is not installed stays so until someone says otherwise.
  if (e.status == kExecNotInstalled) return false;
  bool expired = false;
  const bool last_failure = e.op.id.size() > 15 && e.op.id.ends_with("_last_failure_0");
  int unexpired = 0;
  std::string why;
  const std::int64_t now = epoch_seconds(e.c.now);
  if (e.r->failure_timeout_s > 0 && e.op.last_change > 0) {
    e.r->by_time = true;
    if (now >= e.op.last_change + e.r->failure_timeout_s && !timeout_does_not_count(e)) expired = true;
    std::int64_t when = 0;
    unexpired = fail_count(e.c, &e.node, e.r, kFailEffective, &when, &e.op);
    when += e.r->failure_timeout_s + 1;
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
  if (!why.empty()) clear_failures(e, why);
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

// The failure of this very operation has been recorded since it began: it is not pending any more.
bool failed_since(const Entry& e, const HistoryOp* last_failure) {
  return last_failure && e.op.task == last_failure->task && e.op.interval_ms == last_failure->interval_ms &&
         e.op.last_change >= 0 && last_failure->last_change >= e.op.last_change;
}

void pending(Entry& e, const HistoryOp* last_failure) {
  if (failed_since(e, last_failure)) return;
  if (e.task == "start") {
    e.r->start_pending = true;
    set_active(e.r);
  } else if (e.task == "promote") {
    e.r->role = Role::kPromoted;
  } else if (e.task == "migrate_to" && e.node.unclean) {
    if (Node* target = e.c.find_node(e.op.migrate_target())) stop_action(e.c, e.r, target, false);
  }
  if (!e.r->pending_task.empty()) return;
  if (!is_probe_op(e.op)) {
    e.r->pending_task = std::string(e.op.task);
    e.r->pending_node = &e.node;
  }
}

void failure(Entry& e, OnFail strategy, Role fail_role, const HistoryOp** last_failure, OnFail* on_fail) {
  *last_failure = &e.op;
  // In an opt-in cluster an agent may well be missing where its resources are not meant to run.
  if (e.c.config.symmetric || e.rc != kNotInstalled) record_failure(e);
  if (*on_fail < strategy) *on_fail = strategy;
  Resource* r = e.r;
  if (e.task == "stop") {
    add_location_score(e.c, r, &e.node, -kInfinity);
  } else if (e.task == "migrate_to") {
    migrate_to_failed(e.c, r, e.node, e.op);
  } else if (e.task == "migrate_from") {
    migrate_from_failed(e.c, r, e.node, e.op);
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
    Resource* whom = is_anonymous_clone(top(r)) ? top(r) : r;
    whom->allowed.clear();
    for (Node* n : e.c.nodes) whom->allowed.add(Place{n, -kInfinity, n->base_discovery, 0});
  }
}

// True when the expired failure needs no more attention.
bool ignore_expired(Entry& e) {
  if (!is_bundled(e.r) && mask_probe_failure(e.op) && e.op.rc != e.expected) {
    if (e.r->role <= Role::kStopped) e.r->role = Role::kUnknown;
    return true;
  }
  if (e.rc == e.expected) return false;
  if (e.op.interval_ms == 0) return true;
  if (!e.node.online || e.node.unclean) return false;
  // No parameters have this digest: the operation will be started anew.
  e.op.restart_digest = "calculated-failure-timeout";
  return true;
}

// A probe says that the resource cannot even be looked for there: it is not running, and may not be.
void masked_probe(Entry& e, const HistoryOp* last_failure, OnFail* on_fail) {
  update_state(e, e.expected, last_failure, on_fail);
  record_failure(e);
  add_location_score(e.c, e.r->unique ? e.r : top(e.r), &e.node, -kInfinity);
}

// Does it say anything of whether and how the resource is active?
bool affects_state(std::string_view task) {
  for (std::string_view t :
       {"monitor", "start", "stop", "promote", "demote", "migrate_to", "migrate_from", "asyncmon"})
    if (t == task) return true;
  return false;
}

}  // namespace

void apply_op(Cluster& c, Resource* r, Node& node, HistoryOp& recorded, const HistoryOp** last_failure,
              OnFail* on_fail) {
  if (!affects_state(recorded.task) || recorded.status < kExecPending || recorded.status > kExecMax ||
      recorded.status == kExecCancelled || recorded.rc < 0 || recorded.rc > 255)
    return;
  Entry e{c, r, node, recorded, recorded.task, recorded.rc, recorded.status, recorded.target_rc};
  Resource* whole = r->unique ? r : top(r);
  const Because why(c, whole, Cause::kFailure, recorded.key, node.name);
  const bool expired = check_expiry(e);
  remap(e, on_fail, expired);
  if (expired && ignore_expired(e)) return;
  if (!is_bundled(r) && mask_probe_failure(recorded)) {
    masked_probe(e, *last_failure, on_fail);
    return;
  }
  switch (e.status) {
    case kExecPending:
      pending(e, *last_failure);
      return;
    case kExecDone:
      update_state(e, e.rc, *last_failure, on_fail);
      return;
    case kExecNotConnected:
      if (is_guest_or_remote(&node) && node.remote && node.remote->managed)
        node.remote->failed = node.remote->stop_if_failed = true;
      break;
    default:
      break;
  }
  Role fail_role = Role::kUnknown;
  const OpDef* op = find_op(r, recorded.task, recorded.interval_ms, true);
  const std::string task(recorded.task);
  const Meta meta = op_meta(c, r, &node, task, recorded.interval_ms, op);
  OnFail strategy = on_fail_of(c, r, task, recorded.interval_ms, meta, &fail_role);
  if (e.status == kExecNotInstalled) {
    if (strategy == OnFail::kIgnore) *on_fail = OnFail::kBan;
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
