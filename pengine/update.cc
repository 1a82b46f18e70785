// Orderings take effect: what one action being required, optional or impossible means for others.
#include <fmt/format.h>
#include <algorithm>

#include "pengine/engine.h"

namespace systole::pengine::engine {
namespace {

enum : unsigned { kChangedFirst = 1, kChangedThen = 2, kDisable = 4 };
enum class Filter : std::uint8_t { kOptional, kRunnable, kBoth };

const char* plain_task(const std::string& task) {
  if (task == "stopped") return "stop";
  if (task == "running") return "start";
  if (task == "demoted") return "demote";
  if (task == "promoted") return "promote";
  return nullptr;
}

// The operation that an action of a collective stands for: the one notified about, and, when the members are
// primitives, the one that is complete ("running" is "start").
std::string original_task(const Action* a, bool fold) {
  std::string task = a->task;
  if (task == "notify" || task == "notified")
    if (const auto op = meta_of(a->meta, "notify_key_operation")) task = *op;
  if (fold)
    if (const char* plain = plain_task(task)) return plain;
  return task;
}

void because(Action* target, const Action* reason, const char* change) {
  if (target->resource == reason->resource || !target->reason.empty()) return;
  target->reason = reason->resource ? fmt::format("{} {} {}", change, reason->resource->id, reason->task)
                                    : fmt::format("{} {}", change, reason->task);
}

void clear_optional(Action* a, const Action* reason) {
  if (!a->optional) return;
  a->optional = false;
  because(a, reason, "required");
}
void clear_runnable_because(Action* a, const Action* reason) {
  if (!a->runnable) return;
  a->runnable = false;
  because(a, reason, "unrunnable");
}
void clear_migratable(Action* a, const Action* reason) {
  if (!a->migratable) return;
  a->migratable = false;
  because(a, reason, "unmigrateable");
}

// Of groups: mandatory if any member's is; complete only if every member's is.
ActionFlags group_flags(Cluster& c, Action* a, const Node* node) {
  ActionFlags f{true, true, true};
  for (auto* member : a->resource->children) {
    const std::string task = original_task(a, is_primitive(member));
    Action* m = find_action(member->actions, "", task, node);
    if (m) {
      const ActionFlags mf = action_flags(c, m, node);
      if (f.optional && !mf.optional) {
        f.optional = false;
        a->optional = false;
      }
      if (task != a->task && f.runnable && !mf.runnable) {
        f.runnable = false;
        a->runnable = false;
      }
    } else if (task != "stop" && task != "demote") {
      f.runnable = false;
    }
  }
  return f;
}

// The actions of the instances that the collective's stands for.
void find_instance_actions(const Action* a, InstanceActions& found) {
  found.any.clear();
  found.by_node.clear();
  const Resource* r = a->resource;
  std::vector<Resource*> containers;
  const std::vector<Resource*>* instances = &r->children;
  if (is_bundle(r)) {
    const bool inside =
        a->task.starts_with("promote") || a->task.starts_with("demote") || a->task.starts_with("notif");
    if (inside && r->bundle_child) {
      instances = &r->bundle_child->children;
    } else {
      containers = instances_of(r);
      instances = &containers;
    }
  }
  found.none = instances->empty();
  if (found.none) return;
  const std::string task = original_task(a, is_bundle(r) || is_primitive(instances->front()));
  for (auto* instance : *instances) {
    const auto first = static_cast<std::ptrdiff_t>(found.by_node.size());
    bool newest = true;
    for (std::size_t i = instance->actions.size(); i-- > 0;) {
      Action* ia = instance->actions[i];
      if (ia->task != task) continue;
      if (newest) found.any.push_back(ia);
      newest = false;
      if (!ia->node || !is_primitive(instance)) continue;
      const int slot = ia->node->slot;
      if (std::none_of(found.by_node.begin() + first, found.by_node.end(),
                       [slot](const auto& entry) { return entry.first == slot; }))
        found.by_node.emplace_back(slot, ia);
    }
  }
  std::stable_sort(found.by_node.begin(), found.by_node.end(),
                   [](const auto& x, const auto& y) { return x.first < y.first; });
}

ActionFlags collective_flags(Cluster& c, Action* a, const InstanceActions& instances, const Node* node) {
  if (instances.none) return {true, false, true};
  ActionFlags f{true, true, true};
  bool any = false;
  const auto count = [&](Action* ia) {
    const ActionFlags mf = action_flags(c, ia, node);
    if (f.optional && !mf.optional) {
      f.optional = false;
      a->optional = false;
    }
    any |= mf.runnable;
  };
  if (node && !instances.any.empty() && is_primitive(instances.any.front()->resource)) {
    auto at = std::lower_bound(instances.by_node.begin(), instances.by_node.end(), node->slot,
                               [](const auto& entry, int slot) { return entry.first < slot; });
    for (; at != instances.by_node.end() && at->first == node->slot; ++at) count(at->second);
  } else {
    for (Action* ia : instances.any) count(ia);
  }
  if (!any) {
    f.runnable = false;
    if (!node) a->runnable = false;
  }
  return f;
}

bool runs_only_on(const Resource* r, const Node* node) {
  return node && r->running_on.size() == 1 && r->running_on.front() == node;
}

// An order in one direction only: what cannot go first keeps the second from happening.
void asymmetric(Action* first, Action* then) {
  const Resource* r = then->resource;
  if (!r || first->runnable) return;
  if (then->optional) {
    const Role role = role_of(r, true);
    if (role == Role::kStopped && then->task == "stop") return;
    if (role >= Role::kStarted && then->task == "start" && runs_only_on(r, then->node)) return;
  }
  clear_optional(then, first);
  clear_runnable_because(then, first);
}

// A stop before a start, of one resource or of two members of a group.
void restart_order(Action* first, Action* then, bool optional_counts, bool runnable_counts) {
  const bool restart = optional_counts && !then->optional;
  // What should restart but cannot start stops all the same.
  const bool stop = runnable_counts && !then->runnable && then->resource && then->resource->managed &&
                    first->resource == then->resource;
  if (!restart && !stop) return;
  if (first->runnable || !then->optional) clear_optional(first, then);
  if (!then->migratable) clear_migratable(first, then);
  if (!first->optional && !first->runnable) clear_runnable_because(then, first);
}

unsigned update_primitive(Cluster& c, Action* first, Action* then, ActionFlags flags, Filter filter,
                          std::uint32_t type) {
  const bool optional_counts = filter != Filter::kRunnable, runnable_counts = filter != Filter::kOptional;
  const bool to = then->optional, tr = then->runnable, tm = then->migratable, tp = then->pseudo;
  const bool fo = first->optional, fr = first->runnable, fm = first->migratable;
  if (type & kAsymmetric) asymmetric(first, then);
  if ((type & kThenImpliesFirst) && !to) {
    if (optional_counts && !flags.optional) clear_optional(first, then);
    if (flags.migratable && !then->migratable) clear_migratable(first, then);
  }
  if ((type & kPromotedThenImpliesFirst) && optional_counts && !then->optional && then->resource &&
      then->resource->role == Role::kPromoted) {
    clear_optional(first, then);
    if (!then->migratable) clear_migratable(first, then);
  }
  if ((type & kUnmigratableThenBlocks) && optional_counts) {
    if (!then->migratable || !then->runnable) clear_runnable_because(first, then);
    if (!then->optional) clear_optional(first, then);
  }
  if ((type & kFirstElseThen) && optional_counts && !first->runnable) {
    clear_migratable(then, first);
    then->pseudo = false;
  }
  if ((type & kUnrunnableFirstBlocks) && runnable_counts && then->runnable && !flags.runnable) {
    clear_runnable_because(then, first);
    clear_migratable(then, first);
  }
  if ((type & kFirstImpliesThen) && optional_counts && then->optional && !flags.optional &&
      !first->migratable)
    clear_optional(then, first);
  if (type & kIntermediateStop) restart_order(first, then, optional_counts, runnable_counts);
  unsigned changed = 0;
  if (to != then->optional || tr != then->runnable || tm != then->migratable || tp != then->pseudo) {
    changed |= kChangedThen;
    if (then->resource && then->resource->parent) update_for_orderings(c, then);
  }
  if (fo != first->optional || fr != first->runnable || fm != first->migratable) changed |= kChangedFirst;
  return changed;
}

// The action of one instance that stands for the collective's. Of a bundle it is that of what is inside, but
// for a stop that goes first and for all that comes second except changes of role.
Action* instance_action(const Action* a, const Resource* instance, const std::string& task, const Node* node,
                        bool first) {
  const Resource* r = instance;
  if (instance->replica && instance->replica->container == instance && instance->replica->child) {
    const bool role = a->task.starts_with("promote") || a->task.starts_with("demote");
    const bool down = a->task == "stop" || a->task == "stopped";
    if ((first && !down) || (!first && role)) {
      r = instance->replica->child;
      node = nullptr;  // It is on the bundle's own node.
    }
  }
  return find_action(r->actions, "", task, node);
}

bool can_interleave(const Action* first, const Action* then) {
  const Resource *f = first->resource, *t = then->resource;
  if (!f || !t || f == t) return false;
  if (f->variant < Variant::kClone || t->variant < Variant::kClone) return false;
  const bool down = then->key.ends_with("_stop_0") || then->key.ends_with("_demote_0");
  return is_true(meta_or((down ? f : t)->meta, "interleave", ""));
}

unsigned update_actions(Cluster& c, Resource* by, Action* first, Action* then, const Node* node,
                        ActionFlags flags, Filter filter, std::uint32_t type);

unsigned interleave(Cluster& c, Action* first, Action* then, const Node* node, Filter filter,
                    std::uint32_t type) {
  unsigned changed = 0;
  const bool current = first->key.ends_with("_stopped_0") || first->key.ends_with("_demoted_0");
  const auto& members = first->resource->children;
  const bool fold = is_bundle(first->resource) || (!members.empty() && is_primitive(members.front()));
  const std::string task = original_task(first, fold);
  for (auto* then_instance : instances_of(then->resource)) {
    auto* first_instance = const_cast<Resource*>(
        find_compatible_instance(c, then_instance, first->resource, Role::kUnknown, current));
    if (!first_instance) {
      if (!current && (type & (kUnrunnableFirstBlocks | kFirstImpliesThen)) &&
          finalize_assignment(c, then_instance, nullptr, true, true))
        changed |= kChangedThen;
      continue;
    }
    Action* f = instance_action(first, first_instance, task, node, true);
    Action* t = instance_action(then, then_instance, then->task, node, false);
    if (!f || !t) continue;
    if (order_actions(f, t, type)) changed |= kChangedFirst | kChangedThen;
    changed |= update_actions(c, then_instance, f, t, node, action_flags(c, f, node), filter, type);
  }
  return changed;
}

// Nothing would come of it, whatever the second action is: no need to look at every instance's.
bool without_effect(const Action* first, ActionFlags flags, std::uint32_t type) {
  switch (type) {
    case kOrdered:
    case kMinRunnable:
      return true;
    case kFirstImpliesThen:
      return flags.optional;
    case kThenImpliesFirst:
      return flags.optional && !flags.migratable;
    case kUnrunnableFirstBlocks:
      return flags.runnable;
    case kFirstElseThen:
    case kAsymmetric:
      return first->runnable;
    default:
      return false;
  }
}

unsigned update_actions(Cluster& c, Resource* by, Action* first, Action* then, const Node* node,
                        ActionFlags flags, Filter filter, std::uint32_t type) {
  if (without_effect(first, flags, type) && !can_interleave(first, then)) return 0;
  auto plain = [&](Action* t) { return update_primitive(c, first, t, flags, filter, type); };
  Resource* r = then->resource;
  if (!r) return plain(then);
  const Resource* chooser = by ? by : r;
  if (chooser->variant >= Variant::kClone) {
    if (can_interleave(first, then)) return interleave(c, first, then, node, filter, type);
    unsigned changed = plain(then);
    if (r->variant < Variant::kClone) return changed;
    for (auto* instance : instances_of(r)) {
      Action* t = find_action(instance->actions, "", then->task, node);
      if (!t) continue;
      if (!action_flags(c, t, node).runnable) continue;
      const unsigned ic = update_actions(c, instance, first, t, node, flags, filter, type);
      changed |= ic;
      if (ic & kChangedThen)
        for (std::size_t i = t->after.size(); i-- > 0;) update_for_orderings(c, t->after[i].action);
    }
    return changed;
  }
  if (chooser->variant == Variant::kGroup) {
    unsigned changed = plain(then);
    if (is_group(r))
      for (auto* member : r->children)
        if (Action* t = find_action(member->actions, "", then->task, node))
          changed |= update_actions(c, member, first, t, node, flags, filter, type);
    return changed;
  }
  return plain(then);
}

ActionFlags flags_with_node(Cluster& c, Action* a, const Node* node) {
  ActionFlags f = action_flags(c, a, nullptr);
  if (is_clone(a->resource) && node) {
    // Only activity on the node counts, but a clone that can run anywhere can run.
    const bool anywhere = f.runnable;
    f = action_flags(c, a, node);
    f.runnable |= anywhere;
  }
  return f;
}

// One ordering, each kind of effect in turn.
unsigned apply_effects(Cluster& c, Action* first, Action* then, const Node* node, ActionFlags ff,
                       ActionFlags tf, Relation& rel) {
  unsigned changed = 0;
  std::uint32_t type = rel.flags;
  if (type & kFirstImpliesSameNodeThen) {
    type = (type & ~kFirstImpliesSameNodeThen) | kFirstImpliesThen;
    rel.flags = type;
    node = first->node;
  }
  Resource* t = then->resource;
  const ActionFlags only_optional{.optional = ff.optional, .runnable = false};
  if (type & kFirstImpliesThen) {
    if (t)
      changed |= update_actions(c, t, first, then, node, only_optional, Filter::kOptional, kFirstImpliesThen);
    else if (!ff.optional && then->optional) {
      then->optional = false;
      changed |= kChangedThen;
    }
  }
  if ((type & kIntermediateStop) && t)
    changed |= update_actions(c, t, first, then, node, ff, Filter::kBoth, kIntermediateStop);
  if (type & kThenImpliesFirst) {
    if (first->resource)
      changed |=
          update_actions(c, first->resource, first, then, node, ff, Filter::kOptional, kThenImpliesFirst);
    else if (!ff.optional && first->runnable) {
      first->runnable = false;
      changed |= kChangedFirst;
    }
  }
  if ((type & kPromotedThenImpliesFirst) && t)
    changed |=
        update_actions(c, t, first, then, node, only_optional, Filter::kOptional, kPromotedThenImpliesFirst);
  if (type & kMinRunnable) {
    if (t) {
      changed |= update_actions(c, t, first, then, node, ff, Filter::kRunnable, kMinRunnable);
    } else if (ff.runnable) {
      ++then->runnable_before;
      if (then->runnable_before >= then->required_runnable_before && !then->runnable) {
        then->runnable = true;
        changed |= kChangedThen;
      }
    }
  }
  if ((type & kNestedRemoteProbe) && t) {
    if (!ff.runnable && first->resource && !first->resource->running_on.empty()) {
      rel.flags = kNone;
      return changed | kDisable;
    }
    changed |= update_actions(c, t, first, then, node, ff, Filter::kRunnable, kUnrunnableFirstBlocks);
  }
  if (type & kUnrunnableFirstBlocks) {
    if (t)
      changed |= update_actions(c, t, first, then, node, ff, Filter::kRunnable, kUnrunnableFirstBlocks);
    else if (!ff.runnable && then->runnable) {
      then->runnable = false;
      changed |= kChangedThen;
    }
  }
  if ((type & kUnmigratableThenBlocks) && t)
    changed |= update_actions(c, t, first, then, node, ff, Filter::kOptional, kUnmigratableThenBlocks);
  if ((type & kFirstElseThen) && t)
    changed |= update_actions(c, t, first, then, node, ff, Filter::kOptional, kFirstElseThen);
  if ((type & kOrdered) && t)
    changed |= update_actions(c, t, first, then, node, ff, Filter::kRunnable, kOrdered);
  if ((type & kAsymmetric) && t)
    changed |= update_actions(c, t, first, then, node, ff, Filter::kRunnable, kAsymmetric);
  if (first->runnable && (type & kFirstImpliesThenGraphed) && !ff.optional) then->always_in_graph = true;
  if ((type & kThenImpliesFirstGraphed) && !tf.optional) first->always_in_graph = true;
  if ((type & (kFirstImpliesThen | kThenImpliesFirst | kIntermediateStop)) && first->resource &&
      first->task == "stop" && !first->resource->managed && first->resource->blocked && !first->runnable &&
      then->runnable) {
    then->runnable = false;
    changed |= kChangedThen;
  }
  return changed;
}

bool is_ancestor(const Resource* child, const Resource* parent) {
  if (!parent || !child) return false;
  for (const Resource* p = child->parent; p; p = p->parent)
    if (p == parent) return true;
  return false;
}

// Others wait for the whole of a collective: for "running", not "start"; and where it notifies, for its
// instances having heard of it.
Action* for_ordering(Action* a) {
  Resource* r = a->resource;
  if (!r || is_primitive(r)) return a;
  const std::string_view task = a->task;
  const std::string_view whole = task == "start" || task == "running"      ? "running"
                                 : task == "stop" || task == "stopped"     ? "stopped"
                                 : task == "promote" || task == "promoted" ? "promoted"
                                 : task == "demote" || task == "demoted"   ? "demoted"
                                                                           : "";
  if (whole.empty() || a->interval_ms > 0 || a->key.find("notify") != std::string::npos) return a;
  const bool notifies = r->notify && (is_clone(r) || is_bundled(r));
  const std::string key =
      notifies ? fmt::format("{}_confirmed-post_notify_{}_0", r->id, whole) : op_key(r->id, whole, 0);
  Action* n = find_action(r->actions, key, "", nullptr);
  return n ? n : a;
}

}  // namespace

ActionFlags action_flags(Cluster& c, Action* a, const Node* node) {
  Resource* r = a->resource;
  if (!r || is_primitive(r)) return {a->optional, a->runnable, a->pseudo, a->migratable};
  if (is_group(r)) return group_flags(c, a, node);
  if (!a->instances) a->instances = std::make_unique<InstanceActions>();
  InstanceActions& instances = *a->instances;
  if (instances.as_of != Action::changes) {
    find_instance_actions(a, instances);
    instances.as_of = Action::changes;
  }
  InstanceActions::Known& known = instances.known[node ? 1 : 0];
  if (known.as_of != Flag::changes || known.node != node) {
    known.flags = collective_flags(c, a, instances, node);
    known.node = node;
    known.as_of = Flag::changes;
  }
  return known.flags;
}

void update_for_orderings(Cluster& c, Action* then) {
  if (++c.update_depth > 2000) {
    --c.update_depth;
    c.update_again.push_back(then);
    return;
  }
  unsigned changed = 0;
  const bool was_optional = then->optional, was_runnable = then->runnable;
  if (then->min_runnable) {
    then->runnable_before = 0;
    if (then->required_runnable_before == 0) then->required_runnable_before = 1;
    then->runnable = false;
  }
  // The newest first, and none that is added meanwhile: that is for the next round.
  for (std::size_t i = then->before.size(); i-- > 0;) {
    Relation rel = then->before[i];
    Action* first = rel.action;
    if (rel.flags == kNone) continue;
    const Node *first_node = first->node, *then_node = then->node;
    if (is_group(first->resource) && first->task == "start")
      first_node = node_of(first->resource, Where::kAssigned);
    if (is_group(then->resource) && then->task == "start")
      then_node = node_of(then->resource, Where::kAssigned);
    if ((rel.flags & kIfOnSameNode) && first_node && then_node && first_node != then_node) {
      then->before[i].flags = kNone;
      continue;
    }
    changed &= ~kChangedFirst;
    if (first->resource && (rel.flags & kThenCancelsFirst) && !then->optional) {
      first->optional = true;
      if (first->task == "reload-agent") first->resource->reload = false;
    }
    if (first->resource && then->resource && first->resource != then->resource &&
        !is_ancestor(then->resource, first->resource))
      first = for_ordering(first);
    const ActionFlags ff = flags_with_node(c, first, then_node), tf = flags_with_node(c, then, first_node);
    if (first == rel.action) {
      Relation effect = rel;
      changed |= apply_effects(c, first, then, then->node, ff, tf, effect);
      if (effect.flags != rel.flags) then->before[i].flags = effect.flags;
    } else if (order_actions(first, then, rel.flags)) {
      changed |= kChangedThen | kDisable;
    }
    if (changed & kDisable) {
      changed &= ~kDisable;
      if (first != rel.action) then->before[i].flags = kNone;
    }
    if (changed & kChangedFirst) {
      for (std::size_t j = first->after.size(); j-- > 0;) update_for_orderings(c, first->after[j].action);
      update_for_orderings(c, first);
    }
  }
  if (then->min_runnable) {
    if (was_runnable != then->runnable || was_optional != then->optional)
      changed |= kChangedThen;
    else
      changed &= ~kChangedThen;
  }
  if (changed & kChangedThen) {
    if (was_runnable && !then->runnable) block_colocation_dependents(c, then);
    update_for_orderings(c, then);
    for (std::size_t j = then->after.size(); j-- > 0;) update_for_orderings(c, then->after[j].action);
  }
  --c.update_depth;
}

namespace {

void mark_blocked(Cluster& c, Resource* r, const char* task, const Resource* because_of) {
  for (Action* a : std::vector<Action*>(r->actions)) {
    if (!a->runnable || a->task != task) continue;
    a->runnable = false;
    set_reason(a, "colocation with " + because_of->id, false);
    block_colocation_dependents(c, a);
    update_for_orderings(c, a);
  }
  for (auto* child : r->children) mark_blocked(c, child, task, because_of);
}

// All of the resource's actions that do the task, without interval. None may be made meanwhile.
template <class Visit>
void each_of(const Resource* r, Task task, Visit visit) {
  for (Action* a : r->actions)
    if (is_op_key(a->key, r->id, task)) visit(a);
}

void order_after(Action* first, const Ordering& o) {
  std::uint32_t flags = o.flags;
  if (first->resource == o.then_rsc && first->migration_abort) flags &= ~kFirstImpliesThen;
  if (o.then)
    order_actions(first, o.then, flags);
  else
    each_of(o.then_rsc, o.then_task, [&](Action* then) { order_actions(first, then, flags); });
}

// The order's first action has to be there even if nothing else asks for it, but for what cannot happen.
Action* first_in_spite(Cluster& c, const Ordering& o) {
  if (o.first_rsc == o.then_rsc) return nullptr;
  const Role role = role_of(o.first_rsc, true);
  if (role == Role::kStopped && o.first_task == "stop") return nullptr;
  if (role == Role::kUnpromoted && o.first_task == "demote") return nullptr;
  const std::string task(o.first_task);
  return make_action(c, o.first_rsc, op_key(o.first_rsc->id, task, 0), task, nullptr, true);
}

void apply_ordering(Cluster& c, const Ordering& o) {
  const auto first_is = [&](Action* first) {
    if (o.then_rsc)
      order_after(first, o);
    else if (o.then)
      order_actions(first, o.then, o.flags);
  };
  if (o.first) return first_is(o.first);
  if (!o.first_rsc) return;
  bool any = false;
  each_of(o.first_rsc, o.first_task, [&](Action* first) {
    any = true;
    first_is(first);
  });
  if (any) return;
  if (Action* first = first_in_spite(c, o)) first_is(first);
}

}  // namespace

void block_colocation_dependents(Cluster& c, Action* a) {
  if (a->runnable || !a->resource) return;
  const bool is_start = a->task == "start";
  if (!is_start && a->task != "promote") return;
  Resource* r = top(a->resource);
  if (r->parent) r = r->parent;
  for (auto* child : r->children) {
    const Action* ca = find_action(child->actions, "", a->task, nullptr);
    if (!ca || ca->runnable) return;
  }
  for (const auto* col : with_this_colocations(r)) {
    if (col->score < kInfinity) continue;
    if (!is_start && col->primary_role != Role::kPromoted) continue;
    mark_blocked(c, col->dependent, col->dependent_role == Role::kPromoted ? "promote" : "start",
                 a->resource);
  }
}

void apply_orderings(Cluster& c) {
  // As they were made: what only a later one brings into being is none of an earlier one's business.
  for (std::size_t i = 0; i < c.orderings.size(); ++i) apply_ordering(c, c.orderings[i]);
  auto drain = [&] {
    for (int guard = 0; !c.update_again.empty() && guard < 100000; ++guard) {
      Action* a = c.update_again.back();
      c.update_again.pop_back();
      update_for_orderings(c, a);
    }
    c.update_again.clear();
  };
  for (std::size_t i = c.actions.size(); i-- > 0;) block_colocation_dependents(c, c.actions[i]);
  order_probes(c);
  for (std::size_t i = c.actions.size(); i-- > 0;) update_for_orderings(c, c.actions[i]);
  drain();
  disable_invalid_orderings(c);
}

}  // namespace systole::pengine::engine
