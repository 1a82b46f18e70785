// Clones: assigning instances, and the actions of the clone as a whole.
#include <fmt/format.h>

#include <algorithm>

#include "pengine/because.h"
#include "pengine/engine.h"
#include "pengine/merge_sort.h"

namespace systole::pengine::engine {
namespace {

// The clone's (or bundle's) own entry for the node.
Place* parent_place(Resource* r, const Node* node) {
  if (!node) return nullptr;
  return r->parent ? r->parent->allowed.find(node) : r->allowed.find(node);
}

bool any_failed(const Resource* r) {
  if (r->failed) return true;
  return std::any_of(r->children.begin(), r->children.end(), any_failed);
}

int instance_number(const Resource* r) {
  return r->instance >= 0 ? r->instance : r->replica ? r->replica->offset : 0;
}

// What colocations say of the node where the instance is.
int colocated_score(Cluster& c, Resource* r, Node* node) {
  Places nodes;
  nodes.add(Place{node, 0, Discovery::kAlways, 0});
  for (auto* col : this_with_colocations(r))
    add_colocated_scores(c, col->primary, r, r->id, nodes, *col, factor_of(*col), 0);
  for (auto* col : with_this_colocations(r))
    if (has_influence(*col, r))
      add_colocated_scores(c, col->dependent, r, r->id, nodes, *col, factor_of(*col), kOnlyPositive);
  const Place* p = nodes.find(node);
  return p ? p->score : 0;
}

}  // namespace

// Which of two instances gets its node first; negative: a.
int compare_instances(Cluster& c, Resource* a, Resource* b) {
  unsigned na = 0, nb = 0;
  Node *node_a = active_node(a, &na), *node_b = active_node(b, &nb);
  if (na > 0 && nb > 0 && na != nb) return na < nb ? -1 : 1;
  auto allowed = [](Resource* r, Node*& n) {
    if (!n) return true;
    const Place* p = r->allowed.find(n);
    if (p && p->score >= 0) return true;
    n = nullptr;
    return false;
  };
  const bool ok_a = allowed(a, node_a), ok_b = allowed(b, node_b);
  if (ok_a != ok_b) return ok_a ? -1 : 1;
  if (a->priority != b->priority) return a->priority > b->priority ? -1 : 1;
  if (!node_a && !node_b) return 0;
  if (!node_a) return 1;
  if (!node_b) return -1;
  const bool can_a = node_available(node_a, 0, false, false), can_b = node_available(node_b, 0, false, false);
  if (can_a != can_b) return can_a ? -1 : 1;
  const Place *pa = parent_place(a, node_a), *pb = parent_place(b, node_b);
  if (!pa && !pb) return 0;
  if (!pa) return 1;
  if (!pb) return -1;
  if (pa->count != pb->count) return pa->count < pb->count ? -1 : 1;
  const bool fa = any_failed(a), fb = any_failed(b);
  if (fa != fb) return fa ? 1 : -1;
  const int sa = colocated_score(c, a, node_a), sb = colocated_score(c, b, node_b);
  if (sa != sb) return sa > sb ? -1 : 1;
  return instance_number(a) - instance_number(b);
}

namespace {

void ban_unavailable(Resource* instance, int max_per_node) {
  for (auto& p : instance->allowed) {
    bool ban = instance->removed || !node_available(p, false, false);
    if (!ban) {
      const Place* parent = instance->parent->allowed.find(p.node);
      ban = !parent || parent->score < 0 || parent->count >= max_per_node;
    }
    if (!ban) continue;
    p.score = -kInfinity;
    for (auto* child : instance->children)
      if (Place* own = child->allowed.find(p.node)) own->score = -kInfinity;
  }
}

struct SavedPlaces {
  Cluster& c;
  std::size_t reasons = reasons_so_far(c);
  std::vector<std::pair<Resource*, Places>> all = {};
  void save(Resource* r) {
    all.emplace_back(r, r->allowed);
    for (auto* child : r->children) save(child);
  }
  void restore() {
    for (auto& [r, p] : all) {
      r->allowed = p;
      forget_reasons(c, reasons, r);
    }
  }
};

Node* assign_one(Cluster& c, Resource* instance, const Node* prefer, int max_per_node) {
  if (instance->assigning) return nullptr;
  {
    const Because why(c, instance, Cause::kInstances);
    ban_unavailable(instance, max_per_node);
  }
  // Without a preference it is final; with one it is an attempt that can be undone.
  Node* chosen = assign(c, instance, prefer, prefer == nullptr);
  if (Place* p = parent_place(instance, chosen)) ++p->count;
  return chosen;
}

// Leaves the instance where it is, if enough others remain for the nodes that are better.
bool assign_early(Cluster& c, Resource* instance, Node* current, int max_per_node, int available) {
  const Place* p = instance->allowed.find(current);
  if (!p || !node_available(*p, true, false)) return false;
  SavedPlaces original{c};
  original.save(instance);
  const Places parent_original = instance->parent->allowed;
  Node* chosen = nullptr;
  for (int reserved = 0; reserved < available; ++reserved) {
    chosen = assign_one(c, instance, current, max_per_node);
    if (chosen == current) break;
    original.restore();
    if (!chosen) {
      instance->provisional = true;  // A group's members are not tried again.
      break;
    }
    // One more is set aside for that node; its count stays in the parent's table for the next attempt.
    unassign(instance);
    chosen = nullptr;
  }
  instance->parent->allowed = parent_original;
  if (!chosen) return false;
  if (Place* place = parent_place(instance, chosen)) ++place->count;
  return true;
}

Node* preferred_node(Resource* instance, int optimal) {
  if (instance->running_on.empty() || !instance->provisional || instance->failed) return nullptr;
  Node* node = current_node(instance);
  if (!node || !node_available(node, node->base_score, true, false)) return nullptr;
  const Place* p = parent_place(instance, node);
  if (p && p->count >= optimal) return nullptr;
  return node;
}

}  // namespace

void assign_instances(Cluster& c, Resource* collective, const std::vector<Resource*>& instances,
                      int max_total, int max_per_node) {
  int available = 0;
  for (auto& p : collective->allowed) {
    p.count = 0;
    if (node_available(p, false, false)) ++available;
  }
  const int optimal = available > 0 ? std::max(1, max_total / available) : 1;
  int assigned = 0;
  for (auto* instance : instances) {
    if (assigned >= max_total) break;
    Node* current = preferred_node(instance, optimal);
    if (current && assign_early(c, instance, current, max_per_node, max_total - assigned)) ++assigned;
  }
  for (auto* instance : instances) {
    if (!instance->provisional) continue;
    if (assigned >= max_total) {
      const Because why(c, instance, Cause::kInstances, "clone-max");
      ban_everywhere(c, instance);
    } else if (assign_one(c, instance, nullptr, max_per_node)) {
      ++assigned;
    }
  }
}

Node* assign_clone(Cluster& c, Resource* r, const Node* prefer, bool stop_if_fail) {
  if (!r->provisional || r->assigning) return nullptr;
  r->assigning = true;
  if (r->promotable) add_promotion_scores(c, r);
  for (auto* col : this_with_colocations(r)) assign(c, col->primary, prefer, stop_if_fail);
  for (auto* col : with_this_colocations(r))
    if (has_influence(*col, nullptr))
      add_colocated_scores(c, col->dependent, r, r->id, r->allowed, *col, factor_of(*col),
                           kAvoidNegatives | kOnlyPositive);
  show_scores(c, r, r->allowed, "pcmk__clone_assign");
  merge_sort(r->children, [&](Resource* a, Resource* b) { return compare_instances(c, a, b); });
  assign_instances(c, r, r->children, r->clone_max, r->clone_node_max);
  if (r->promotable) set_instance_roles(c, r);
  r->provisional = false;
  r->assigning = false;
  return nullptr;
}

// --- Actions ---

namespace {

struct State {
  bool starting = false, stopping = false, restarting = false, active = false;
};

void check_state(const Resource* r, State& state) {
  if (!r->children.empty()) {
    for (const auto* child : r->children) check_state(child, state);
    return;
  }
  bool starting = false, stopping = false;
  if (!r->running_on.empty()) state.active = true;
  for (const Action* a : r->actions) {
    if (a->task == "start") {
      if (!a->optional && a->runnable) starting = true;
    } else if (a->task == "stop") {
      if (!a->optional && (a->pseudo || a->runnable)) stopping = true;
    }
  }
  state.starting |= starting;
  state.stopping |= stopping;
  state.restarting |= starting && stopping;
}

}  // namespace

void create_instance_actions(Cluster& c, Resource* r, const std::vector<Resource*>& instances) {
  State state;
  for (auto* instance : instances) {
    create_actions(c, instance);
    check_state(instance, state);
  }
  pseudo_action(c, r, "start", !state.starting, true);
  Action* started = pseudo_action(c, r, "running", !state.starting, false);
  started->priority = kInfinity;
  if (state.active || state.starting) started->runnable = true;
  Action* stop = pseudo_action(c, r, "stop", !state.stopping, true);
  Action* stopped = pseudo_action(c, r, "stopped", !state.stopping, true);
  stopped->priority = kInfinity;
  if (!state.restarting) stop->migratable = true;
}

namespace {

Action* only_required(const Resource* r, const char* task) {
  Action* match = nullptr;
  for (Action* a : actions_of(r, nullptr, task, false)) {
    if (a->optional) continue;
    if (match) return nullptr;
    match = a;
  }
  return match;
}

// Of an ordered clone, those that do start or stop follow one another, whichever lie between.
void order_instances(Resource* r) {
  std::stable_sort(r->children.begin(), r->children.end(),
                   [](const Resource* a, const Resource* b) { return a->instance < b->instance; });
  Action *last_stop = nullptr, *last_start = nullptr;
  for (const auto* instance : r->children) {
    if (Action* a = only_required(instance, "stop")) {
      order_actions(a, last_stop, kOrdered);
      last_stop = a;
    }
    if (Action* a = only_required(instance, "start")) {
      order_actions(last_start, a, kOrdered);
      last_start = a;
    }
  }
}

}  // namespace

void create_clone_actions(Cluster& c, Resource* r) {
  create_instance_actions(c, r, r->children);
  if (r->ordered) order_instances(r);
  if (r->notify) clone_notifications(c, r);
  if (r->promotable) promotable_actions(c, r);
}

void create_group_actions(Cluster& c, Resource* r) {
  for (auto* member : r->children) create_actions(c, member);
  pseudo_action(c, r, "start", true, true);
  Action* started = pseudo_action(c, r, "running", true, true);
  started->priority = kInfinity;
  pseudo_action(c, r, "stop", true, true);
  Action* stopped = pseudo_action(c, r, "stopped", true, true);
  stopped->priority = kInfinity;
  if (top(r)->promotable) {
    pseudo_action(c, r, "demote", true, true);
    pseudo_action(c, r, "demoted", true, true)->priority = kInfinity;
    pseudo_action(c, r, "promote", true, true);
    pseudo_action(c, r, "promoted", true, true)->priority = kInfinity;
  }
}

void create_actions(Cluster& c, Resource* r) {
  switch (r->variant) {
    case Variant::kPrimitive:
      create_primitive_actions(c, r);
      break;
    case Variant::kGroup:
      create_group_actions(c, r);
      break;
    case Variant::kClone:
      create_clone_actions(c, r);
      break;
    case Variant::kBundle:
      create_bundle_actions(c, r);
      break;
  }
}

// --- Compatible instances, for interleaving ---

namespace {

bool blocked_anywhere(const Resource* r) {
  return r->blocked || std::any_of(r->children.begin(), r->children.end(), blocked_anywhere);
}

bool instance_matches(const Resource* instance, const Node* node, Role role, bool current) {
  if (role != Role::kUnknown && role_of(instance, current) != role) return false;
  const Node* at = node_of(instance, current ? Where::kCurrent : Where::kAssigned);
  return at && at == node && !blocked_anywhere(instance);
}

const Resource* on_node(const Resource* collective, Role role, bool current, const Node* node) {
  if (is_bundle(collective)) {
    for (const auto& replica : collective->replicas)
      if (instance_matches(replica.container, node, role, current)) return replica.container;
    return nullptr;
  }
  for (const auto* instance : collective->children)
    if (instance_matches(instance, node, role, current)) return instance;
  return nullptr;
}

}  // namespace

const Resource* find_compatible_instance(Cluster& c, const Resource* match, const Resource* collective,
                                         Role role, bool current) {
  const Node* node = node_of(match, current ? Where::kCurrent : Where::kAssigned);
  if (node) return on_node(collective, role, current, node);
  match->by_count = true;
  for (const auto& p : sorted_nodes(c, match->allowed, nullptr))
    if (const auto* found = on_node(collective, role, current, p.node)) return found;
  return nullptr;
}

}  // namespace systole::pengine::engine
