// Actions: made once per (operation key, node), found again, and what makes them runnable.
#include <fmt/format.h>

#include <algorithm>

#include "pengine/engine.h"
#include "pengine/history.h"

namespace systole::pengine::engine {

const OpDef* find_op(const Resource* r, std::string_view task, std::int64_t interval_ms,
                     bool include_disabled) {
  for (const OpDef* op : r->ops)
    if (op->name == task && op->interval_ms == interval_ms && (include_disabled || op->enabled)) return op;
  // Both halves of a live migration may be configured as one.
  if (task == "migrate_to" || task == "migrate_from") return find_op(r, "migrate", 0, include_disabled);
  return nullptr;
}

Meta op_meta(Cluster& c, Resource* r, const Node* node, const std::string& task, std::int64_t interval_ms,
             const OpDef* op) {
  const bool same_for_all = op && op->name == task && op->interval_ms == interval_ms &&
                            !any_rules(op->meta) && !any_rules(c.op_defaults);
  if (same_for_all && op->known_meta) return *op->known_meta;
  Meta meta;
  RuleInput in = rule_input(c, *r);
  in.op_name = &task;
  in.op_interval_ms = interval_ms;
  (void)node;
  if (op) {
    evaluate_sets(op->meta, in, meta);
    for (const auto& [name, value] : op->attributes)
      if (name != "id") meta.emplace(name, value);
  }
  evaluate_sets(c.op_defaults, in, meta);
  meta.erase("id");
  meta.erase("name");
  if (op && interval_ms == 0) meta.erase("interval");
  if (same_for_all) op->known_meta = meta;
  return meta;
}

namespace {

// What the configuration asks for; empty when that is not allowed for the operation.
std::string on_fail_value(Cluster& c, Resource* r, const std::string& task, std::int64_t interval_ms,
                          const Meta& meta) {
  const std::string value = meta_or(meta, "on-fail", "");
  if (task == "stop") {
    if (!same_text(value, "standby") && !same_text(value, "stop") && !same_text(value, "demote"))
      return value;
    c.error(fmt::format(
        "Resetting 'on-fail' for {} stop action to default value because '{}' is not allowed for stop", r->id,
        value));
    return {};
  }
  if (task == "demote" && value.empty()) {
    // As what the promoted instance's own monitor asks for.
    for (const OpDef* op : r->ops) {
      if (!op->enabled || op->name != "monitor" || op->role != Role::kPromoted || op->interval_ms == 0)
        continue;
      const Meta m = op_meta(c, r, nullptr, op->name, op->interval_ms, op);
      const std::string v = meta_or(m, "on-fail", "");
      if (!v.empty() && !same_text(v, "demote")) return v;
    }
    return {};
  }
  if (task == "lrm_delete") return "ignore";
  if (!same_text(value, "demote")) return value;
  const OpDef* op = find_op(r, task, interval_ms, true);
  if (task == "promote" || (task == "monitor" && op && op->role == Role::kPromoted && interval_ms > 0))
    return value;
  c.error(fmt::format(
      "Resetting 'on-fail' for {} {} action to default value because 'demote' is not allowed for it", r->id,
      task));
  return {};
}

std::optional<OnFail> on_fail_named(Cluster& c, const Resource* r, const std::string& task,
                                    const std::string& value) {
  if (same_text(value, "block")) return OnFail::kBlock;
  if (same_text(value, "standby")) return OnFail::kStandby;
  if (same_text(value, "ignore") || same_text(value, "nothing")) return OnFail::kIgnore;
  if (same_text(value, "migrate")) return OnFail::kBan;
  if (same_text(value, "stop")) return OnFail::kStop;
  if (same_text(value, "restart")) return OnFail::kRestart;
  if (same_text(value, "demote")) return OnFail::kDemote;
  if (same_text(value, "restart-container"))
    return r->container ? std::optional(OnFail::kRestartContainer) : std::nullopt;
  if (same_text(value, "fence")) {
    if (c.config.fencing) return OnFail::kFence;
    c.error("Specifying on-fail=fence for " + r->id +
            " and disabling fencing makes no sense: stopping the resource instead");
    return OnFail::kStop;
  }
  if (!value.empty()) c.error(fmt::format("Ignoring invalid on-fail={} for {} of {}", value, task, r->id));
  return std::nullopt;
}

}  // namespace

OnFail on_fail_of(Cluster& c, Resource* r, const std::string& task, std::int64_t interval_ms,
                  const Meta& meta, Role* fail_role) {
  auto named = on_fail_named(c, r, task, on_fail_value(c, r, task, interval_ms, meta));
  // A connection that breaks takes its node with it; one that cannot be made does not.
  const bool breaks = r->is_remote_connection && is_remote(c.find_node(r->id)) && task != "start" &&
                      !(task == "monitor" && interval_ms == 0);
  if (breaks && !r->managed) named.reset();
  OnFail result = OnFail::kRestart;
  if (named)
    result = *named;
  else if (r->container)
    result = OnFail::kRestartContainer;
  else if (breaks)
    result = r->managed ? OnFail::kResetRemote : OnFail::kStop;
  else if (task == "stop")
    result = c.config.fencing ? OnFail::kFence : OnFail::kBlock;
  if (!fail_role) return result;
  const Role configured = role_from(meta_or(meta, "role_after_failure", ""));
  if (result == OnFail::kStop || (result == OnFail::kResetRemote && r->remote_reconnect_ms > 0))
    *fail_role = Role::kStopped;
  else if (configured != Role::kUnknown)
    *fail_role = configured;
  else
    *fail_role = task == "promote" ? Role::kUnpromoted : Role::kStarted;
  return result;
}

namespace {

Requires needs_of(const Resource* r, std::string_view task) {
  if (task != "start" && task != "promote") return Requires::kNothing;
  if (r->needs_fencing) return Requires::kFencing;
  return r->needs_quorum ? Requires::kQuorum : Requires::kNothing;
}

Config::NoQuorum effective_policy(Cluster& c, Resource* r) {
  using Q = Config::NoQuorum;
  if (c.config.have_quorum) return Q::kIgnore;
  if (c.config.no_quorum != Q::kDemote) return c.config.no_quorum;
  if (r->role == Role::kPromoted || r->role == Role::kUnpromoted) {
    if (r->next_role > Role::kUnpromoted) set_next_role(r, Role::kUnpromoted, "no-quorum-policy=demote");
    return Q::kIgnore;
  }
  return Q::kStop;
}

// All that is known of it is that a probe went wrong: it may be active, and then somewhere else too.
bool known_by_failed_probe(const Cluster& c, const Resource* r) {
  return std::any_of(c.failed_ops.begin(), c.failed_ops.end(), [r](const FailedOp& f) {
    return f.resource == r && f.op.task == "monitor" && f.op.interval_ms == 0;
  });
}

void update_runnable(Cluster& c, Action* a) {
  Resource* r = a->resource;
  if (!r || a->pseudo) return;
  Node* node = a->node;
  if (!node) {
    a->runnable = false;
  } else if (!a->on_dc && !node->online && (!is_guest(node) || node->remote_requires_reset)) {
    a->runnable = false;
    if (r->managed && a->task == "stop" && !node->unclean)
      fence_node(c, node, "resource actions are unrunnable", false);
  } else if (!a->on_dc && node->pending) {
    a->runnable = false;
  } else if (a->needs == Requires::kNothing) {
    a->reason.clear();
    a->runnable = !(is_guest(node) && !can_fence(c, node));
  } else {
    switch (effective_policy(c, r)) {
      case Config::NoQuorum::kStop:
        a->runnable = false;
        set_reason(a, "no quorum", true);
        break;
      case Config::NoQuorum::kFreeze:
        // Beyond Pacemaker, which restarts what only a failed probe calls active: freezing starts nothing
        // anew.
        if (!is_active(r, true) || r->next_role > r->role ||
            (a->task == "start" && known_by_failed_probe(c, r))) {
          a->runnable = false;
          set_reason(a, "no quorum", true);
        }
        break;
      default:
        a->runnable = true;
    }
  }
}

std::int64_t key_interval(const std::string& key) {
  const auto at = key.rfind('_');
  if (at == std::string::npos) return 0;
  return std::max<std::int64_t>(0, parse_int(std::string_view(key).substr(at + 1)).value_or(0));
}

void fill(Action* a) {
  Resource* r = a->resource;
  if (!r) return;
  a->interval_ms = key_interval(a->key);
  a->needs = needs_of(r, a->task);
}

}  // namespace

Action* make_action(Cluster& c, Resource* r, const std::string& key, const std::string& task, Node* node,
                    bool optional) {
  Action* a = nullptr;
  if (r) {
    for (Action* old : r->actions) {
      if (old->task != task || old->key != key) continue;
      if (node && old->node && old->node != node) continue;
      if (!node && old->node) {
        // Without a node any will do.
      }
      if (node && !old->node) {
        old->node = node;
        ++Flag::changes;
        ++Action::changes;
      }
      a = old;
      break;
    }
  }
  if (!a) {
    a = &c.action_store.emplace_back();
    a->id = static_cast<int>(c.actions.size()) + 1;
    a->resource = r;
    a->node = node;
    a->task = task;
    a->key = key;
    a->optional = true;
    fill(a);
    c.actions.push_back(a);
    if (r) r->actions.push_back(a);
    ++Flag::changes;
    ++Action::changes;
  }
  // Of an unmanaged resource only recurring monitors go on.
  if (r && a->node && !a->pseudo && !r->managed && a->interval_ms == 0) {
    a->optional = true;
  } else if (!optional) {
    a->optional = false;
  }
  update_runnable(c, a);
  if (r && task == "stop") r->restarting = r->restarting;
  return a;
}

Action* pseudo_action(Cluster& c, Resource* r, const std::string& task, bool optional, bool runnable) {
  Action* a = make_action(c, r, op_key(r->id, task, 0), task, nullptr, optional);
  a->pseudo = true;
  a->runnable = runnable;
  return a;
}

Action* find_action(const std::vector<Action*>& actions, std::string_view key, std::string_view task,
                    const Node* node) {
  for (std::size_t i = actions.size(); i-- > 0;) {  // The newest first.
    Action* a = actions[i];
    if (!key.empty() && a->key != key) continue;
    if (!task.empty() && a->task != task) continue;
    if (!node || a->node == node) return a;
  }
  return nullptr;
}

std::vector<Action*> actions_of(const Resource* r, const Node* node, std::string_view task, bool need_node) {
  std::vector<Action*> out;
  for (Action* a : r->actions) {
    if (!is_op_key(a->key, r->id, task)) continue;
    if (node && a->node && a->node != node) continue;
    if (node && !a->node) {
      if (need_node) continue;
    }
    if (need_node && !a->node) continue;
    out.push_back(a);
  }
  return out;
}

Action* start_action(Cluster& c, Resource* r, Node* n, bool o) {
  return make_action(c, r, op_key(r->id, "start", 0), "start", n, o);
}
Action* stop_action(Cluster& c, Resource* r, Node* n, bool o) {
  return make_action(c, r, op_key(r->id, "stop", 0), "stop", n, o);
}
Action* promote_action(Cluster& c, Resource* r, Node* n, bool o) {
  return make_action(c, r, op_key(r->id, "promote", 0), "promote", n, o);
}
Action* demote_action(Cluster& c, Resource* r, Node* n, bool o) {
  return make_action(c, r, op_key(r->id, "demote", 0), "demote", n, o);
}

void set_reason(Action* a, const std::string& reason, bool overwrite) {
  if (a->reason.empty() || overwrite) a->reason = reason;
}

void clear_runnable(Action* a) { a->runnable = false; }
void require_action(Action* a) { a->optional = false; }

namespace {
// Is there an order between the two that has any of these flags? Whole clones have long lists, but hardly
// ever both of them: the shorter one is searched.
bool ordered_already(const Action* first, const Action* then, std::uint32_t flags) {
  if (then->before.size() <= first->after.size())
    return std::any_of(then->before.begin(), then->before.end(), [&](const Relation& r) {
      return r.action == first && (first->after[r.twin].flags & flags) != 0;
    });
  return std::any_of(first->after.begin(), first->after.end(),
                     [&](const Relation& r) { return r.action == then && (r.flags & flags) != 0; });
}
}  // namespace

bool order_actions(Action* first, Action* then, std::uint32_t flags) {
  if (flags == 0 || !first || !then || first == then || ordered_already(first, then, flags)) return false;
  then->before.push_back({first, flags, static_cast<std::uint32_t>(first->after.size())});
  first->after.push_back({then, flags, static_cast<std::uint32_t>(then->before.size() - 1)});
  return true;
}

Action* clear_fail_count(Cluster& c, Resource* r, Node* node, const std::string& why) {
  Action* a = make_action(c, r, op_key(r->id, "clear_failcount", 0), "clear_failcount", node, false);
  a->meta["op_no_wait"] = "true";
  a->optional = false;
  set_reason(a, why, true);
  return a;
}

// --- Fail counts ---

namespace {

// "fail-count-NAME[:N][#OP_INTERVAL]": does it speak of this resource?
bool speaks_of(std::string_view attribute, std::string_view prefix, const std::string& name, bool unique) {
  if (!attribute.starts_with(prefix)) return false;
  attribute.remove_prefix(prefix.size());
  if (!attribute.starts_with(name)) return false;
  attribute.remove_prefix(name.size());
  if (!unique && attribute.starts_with(":")) {
    attribute.remove_prefix(1);
    while (!attribute.empty() && attribute.front() >= '0' && attribute.front() <= '9')
      attribute.remove_prefix(1);
  }
  return attribute.empty() || attribute.front() == '#';
}

std::string fail_name(const Resource* r) {
  const std::string& name = history_id(r);
  if (r->unique) return name;
  const auto colon = name.rfind(':');
  if (colon == std::string::npos) return name;
  return name.substr(0, colon);
}

// With on-fail=block the failure stays whatever time passes.
bool blocks_expiry(Cluster& c, const Node* node, Resource* r, const HistoryOp* recorded) {
  for (const OpDef* op : r->ops) {
    const Meta m = op_meta(c, r, nullptr, op->name, op->interval_ms, op);
    if (meta_or(m, "on-fail", "") != "block") continue;
    if (recorded) {
      if (recorded->task == op->name && recorded->interval_ms == op->interval_ms) return true;
      continue;
    }
    for (const auto* h : histories_of(c, history_id(r), node))
      for (const auto& o : h->ops)
        if (o.id.ends_with("_last_failure_0") && o.task == op->name && o.interval_ms == op->interval_ms)
          return true;
  }
  return false;
}

}  // namespace

bool any_failures(const Node* node) {
  for (const std::string_view prefix : {"fail-count-", "last-failure-"})
    if (auto it = node->attributes.lower_bound(prefix);
        it != node->attributes.end() && it->first.starts_with(prefix))
      return true;
  return false;
}

int fail_count(Cluster& c, const Node* node, Resource* r, unsigned flags, std::int64_t* last_failure,
               const HistoryOp* op) {
  if (last_failure) *last_failure = 0;
  if (!any_failures(node)) return 0;
  const std::string name = fail_name(r);
  int count = 0;
  std::int64_t last = 0;
  const std::string_view prefix = "fail-count-", time_prefix = "last-failure-";
  const auto from = node->attributes.lower_bound("fail-count-" + name);
  for (auto it = from; it != node->attributes.end() && it->first.starts_with("fail-count-" + name); ++it)
    if (speaks_of(it->first, prefix, name, r->unique)) count = add_scores(count, parse_score(it->second));
  for (auto it = node->attributes.lower_bound("last-failure-" + name);
       it != node->attributes.end() && it->first.starts_with("last-failure-" + name); ++it)
    if (speaks_of(it->first, time_prefix, name, r->unique))
      last = std::max(last, parse_int(it->second).value_or(0));
  if (last_failure) *last_failure = last;
  if (count > 0 && r->failure_timeout_s > 0) r->by_time = true;
  if ((flags & kFailEffective) && count > 0 && last > 0 && r->failure_timeout_s > 0 &&
      !blocks_expiry(c, node, r, op) && epoch_seconds(c.now) > last + r->failure_timeout_s)
    count = 0;
  if ((flags & kFailFillers) && !r->fillers.empty() && !is_bundled(r)) {
    for (Resource* f : r->fillers) {
      if (is_bundled(f)) continue;
      std::int64_t filler_last = 0;
      count = add_scores(count, fail_count(c, node, f, flags & ~kFailFillers, &filler_last, op));
      if (last_failure && filler_last > *last_failure) *last_failure = filler_last;
    }
  }
  return count;
}

// Has the resource failed too often there? `failed` is what must leave: the whole clone or the resource.
bool threshold_reached(Cluster& c, Resource* r, const Node* node, Resource** failed) {
  if (r->migration_threshold == 0) return false;
  Resource* whom = r;
  if (is_group(r) || is_bundle(r)) return false;
  if (!r->unique && is_clone(top(r))) whom = top(r);
  if (is_bundled(r) && r->replica && r->replica->child == r) {
  }
  const int count = fail_count(c, node, r, kFailEffective | kFailFillers);
  if (count <= 0) return false;
  if (failed) *failed = whom;
  if (r->failure_ignored) return false;
  const int threshold = r->migration_threshold;
  return count >= threshold && !(threshold >= kInfinity && count < kInfinity);
}

}  // namespace systole::pengine::engine
