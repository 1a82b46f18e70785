// Primitives: the actions that take a resource from its present to its next role and node, live migration
// included.
#include "pengine/engine.h"

namespace systole::pengine::engine {
namespace {

bool is_expected_node(const Resource* r, const Node* node) {
  return r->stop_unexpected && r->restarting && r->next_role > Role::kStopped && r->assigned == node;
}

void stop(Cluster& c, Resource* r, bool optional) {
  const auto where = r->running_on;
  for (Node* current : where) {
    if (is_expected_node(r, current)) continue;
    if (r->partial_target) {
      if (current == r->partial_target && current == r->assigned) continue;
      optional = false;
    }
    Action* a = stop_action(c, r, current, optional);
    if (!r->assigned)
      set_reason(a, "node availability", true);
    else if (r->restarting && r->stop_unexpected)
      set_reason(a, "being multiply active", true);
    if (!r->managed) a->runnable = false;
    if (c.config.remove_after_stop) schedule_cleanup(c, r, current, optional);
    if (r->needs_unfencing) {
      Action* on = fence_op(c, current, "on", true, "", false);
      order_actions(a, on, kThenImpliesFirst);
    }
  }
}

void start(Cluster& c, Resource* r, Node* node, bool optional) {
  Action* a = start_action(c, r, node, true);
  if (node) order_vs_unfencing(c, r, node, a, kFirstImpliesThen);
  if (a->runnable && !optional) a->optional = false;
  if (is_expected_node(r, node)) a->pseudo = true;
}

void promote(Cluster& c, Resource* r, Node* node, bool optional) {
  bool runnable = true;
  for (Action* s : actions_of(r, node, "start", true))
    if (!s->runnable) runnable = false;
  if (runnable) {
    Action* a = promote_action(c, r, node, optional);
    if (is_expected_node(r, node)) a->pseudo = true;
  } else {
    for (Action* a : actions_of(r, node, "promote", true)) a->runnable = false;
  }
}

void demote(Cluster& c, Resource* r, bool optional) {
  for (Node* current : std::vector<Node*>(r->running_on))
    if (!is_expected_node(r, current)) demote_action(c, r, current, optional);
}

// One step of the way, and what it takes.
Role next_step(Role from, Role to) {
  using R = Role;
  switch (from) {
    case R::kUnknown:
      return to == R::kUnknown ? R::kUnknown : R::kStopped;
    case R::kStopped:
      return to == R::kStarted ? R::kStarted : to >= R::kUnpromoted ? R::kUnpromoted : R::kStopped;
    case R::kStarted:
      return to <= R::kStopped ? R::kStopped : to;
    case R::kUnpromoted:
      return to <= R::kStarted ? R::kStopped : to;
    case R::kPromoted:
      return to == R::kPromoted ? R::kPromoted : to == R::kUnknown ? R::kStopped : R::kUnpromoted;
  }
  return R::kStopped;
}

void take_step(Cluster& c, Resource* r, Role from, Role to, Node* node, bool optional) {
  if (from == to) return;
  if (from == Role::kPromoted) {
    demote(c, r, optional);
  } else if (to == Role::kPromoted) {
    promote(c, r, node, optional);
  } else if (to == Role::kStopped) {
    stop(c, r, optional);
  } else if (from == Role::kStopped || from == Role::kUnknown) {
    start(c, r, node, optional);
  }
}

void restart_actions(Cluster& c, Resource* r, Node* current, bool need_stop, bool need_promote) {
  Role role = r->role;
  r->restarting = true;
  int guard = 0;
  while (role != Role::kStopped && ++guard < 8) {
    const Role next = next_step(role, Role::kStopped);
    take_step(c, r, role, next, current, !need_stop);
    role = next;
  }
  while (r->role <= r->next_role && role != r->role && !r->blocked && ++guard < 16) {
    const Role next = next_step(role, r->role);
    bool required = need_stop;
    if (next == Role::kPromoted && need_promote) required = true;
    take_step(c, r, role, next, r->assigned, !required);
    if (next == role) break;
    role = next;
  }
  r->restarting = false;
}

void transition_actions(Cluster& c, Resource* r) {
  Role role = r->role;
  int guard = 0;
  while (role != r->next_role && ++guard < 8) {
    const Role next = next_step(role, r->next_role);
    take_step(c, r, role, next, r->assigned, false);
    if (next == role) break;
    role = next;
  }
}

void abort_dangling(Cluster& c, Resource* r, Node* node) {
  Action* a = stop_action(c, r, node, false);
  a->migration_abort = true;
  if (c.config.remove_after_stop) schedule_cleanup(c, r, node, false);
}

}  // namespace

bool can_migrate(Cluster&, Resource* r, Node* current) {
  if (!r->migratable || !r->managed || r->failed || r->start_pending) return false;
  if (!current || current->unclean) return false;
  return r->assigned && node_available(r->assigned, 0, false, false) && !r->assigned->unclean;
}

void create_migration_actions(Cluster& c, Resource* r, Node* current) {
  Action* started = start_action(c, r, r->assigned, true);
  Action* stopped = stop_action(c, r, current, true);
  Action* to = nullptr;
  if (!r->partial_target) to = make_action(c, r, op_key(r->id, "migrate_to", 0), "migrate_to", current, true);
  Action* from = make_action(c, r, op_key(r->id, "migrate_from", 0), "migrate_from", r->assigned, true);
  started->migratable = stopped->migratable = true;
  started->pseudo = true;
  from->migratable = true;
  if (!to) {
    from->needs = started->needs;
    order_tasks(c, r, "monitor", r, "migrate_from", kOrdered);
  } else {
    to->migratable = true;
    to->needs = started->needs;
    order_tasks(c, r, "monitor", r, "migrate_to", kOrdered);
    order_tasks(c, r, "migrate_to", r, "migrate_from", kOrdered | kUnmigratableThenBlocks);
  }
  order_tasks(c, r, "migrate_from", r, "stop", kOrdered | kUnmigratableThenBlocks);
  order_tasks(c, r, "migrate_from", r, "start", kOrdered | kUnmigratableThenBlocks | kFirstElseThen);
  for (Action* a : {to, from}) {
    if (!a) continue;
    a->meta["migrate_source"] = current->name;
    a->meta["migrate_target"] = r->assigned->name;
    if (a == to && !r->is_remote_connection) a->meta["record-pending"] = "true";
  }
}

void create_primitive_actions(Cluster& c, Resource* r) {
  bool need_stop = false, need_promote = false, moving = false, migrate = false, multiply = false;
  if (r->next_role == Role::kUnknown)
    set_next_role(r, r->assigned ? Role::kStarted : Role::kStopped, "default");
  unsigned all = 0, clean = 0;
  Node* current = active_node(r, &all, &clean);
  for (Node* n : r->dangling_migrations) abort_dangling(c, r, n);
  if (current && r->assigned && current != r->assigned && r->next_role >= Role::kStarted) {
    moving = true;
    migrate = can_migrate(c, r, current);
    need_stop = true;
  }
  if (r->partial_source && r->partial_target && migrate && all == 2 && current == r->partial_source &&
      r->assigned == r->partial_target) {
    // The migration goes on.
  } else if (r->partial_source || r->partial_target) {
    need_stop = true;
    r->partial_source = r->partial_target = nullptr;
    migrate = false;
  } else if (r->needs_fencing) {
    multiply = all > 1;
  } else {
    multiply = clean > 1;
  }
  r->stop_unexpected = false;
  if (multiply) {
    if (r->multiple == Multiple::kStopStart) need_stop = true;
    if (r->multiple == Multiple::kStopUnexpected) need_stop = r->stop_unexpected = true;
  }
  if (r->start_pending && r->assigned) start_action(c, r, r->assigned, true)->always_in_graph = true;
  if (moving) {
    // The rest is about staying.
  } else if (r->failed) {
    if (r->stop_if_failed)
      need_stop = true;
    else if (r->next_role == Role::kPromoted)
      need_promote = true;
  } else if (r->blocked) {
    need_stop = true;
  } else if (r->role > Role::kStarted && current && r->assigned) {
    if (!start_action(c, r, r->assigned, true)->optional) need_stop = true;
  }
  restart_actions(c, r, current, need_stop, need_promote);
  transition_actions(c, r);
  create_recurring(c, r);
  if (migrate) create_migration_actions(c, r, current);
}

}  // namespace systole::pengine::engine
