// Promotable clones: promotion scores, roles, and the promote and demote actions of the clone.
#include <algorithm>

#include "base/mutation.h"
#include "pengine/because.h"
#include "pengine/engine.h"
#include "pengine/merge_sort.h"

namespace systole::pengine::engine {

int compare_instances(Cluster& c, Resource* a, Resource* b);

namespace {

const Resource* active_instance(const Resource* r, const std::string& def_id, const Node* node) {
  if (is_primitive(r)) return r->def->id == def_id && contains(r->running_on, node) ? r : nullptr;
  for (const auto* child : r->children)
    if (const auto* found = active_instance(child, def_id, node)) return found;
  return nullptr;
}

bool known_anywhere(const Resource* r, const std::string& def_id, const Node* node) {
  if (is_primitive(r)) return r->def->id == def_id && contains(r->known_on, node);
  return std::any_of(r->children.begin(), r->children.end(),
                     [&](const Resource* child) { return known_anywhere(child, def_id, node); });
}

bool score_applies(const Resource* r, const Node* node) {
  const Place* place = r->allowed.find(node);
  if (!place || place->score < 0) return false;
  if (!r->unique) {
    const Resource* parent = top(r);
    const Resource* active = active_instance(parent, r->def->id, node);
    if (active == r) return true;
    if (!active && known_anywhere(parent, r->def->id, node)) return true;
  }
  if (r->running_on.empty() && r->known_on.empty()) return true;
  return contains(r->known_on, node) || contains(r->running_on, node);
}

std::optional<std::string> promotion_attribute(const Resource* r, const Node* node, const std::string& name) {
  const Node* from = node;
  if (is_guest(node) && meta_or(r->meta, "container-attribute-target", "") == "host") {
    const Resource* container = node->remote->container;
    from = r->provisional ? current_node(container) : container->assigned;
    if (!from) return std::nullopt;
  }
  const auto v = meta_of(from->attributes, "master-" + name);
  if (!v) return std::nullopt;
  return std::string(*v);
}

// Sets is_default when nothing says what the instance is worth there.
int promotion_score(const Resource* r, const Node* node, bool* is_default) {
  if (is_default) *is_default = true;
  if (!r->children.empty()) {
    int sum = 0;
    for (const auto* child : r->children) {
      bool child_default = true;
      sum = add_scores(sum, promotion_score(child, node, &child_default));
      if (is_default && !child_default) *is_default = false;
    }
    return sum;
  }
  if (!score_applies(r, node)) return 0;
  // The name is that of the history: agents set the attribute for the instance that they know.
  auto value = promotion_attribute(r, node, history_id(r));
  if (!value && !r->unique) value = promotion_attribute(r, node, r->def->id);
  if (!value) return 0;
  if (is_default) *is_default = false;
  return parse_score(*value);
}

void set_current_unpromoted(Resource* r) {
  if (is_primitive(r)) {
    if (r->role == Role::kStarted) r->role = Role::kUnpromoted;
    return;
  }
  for (auto* child : r->children) set_current_unpromoted(child);
}

void set_next_unpromoted(Resource* r) {
  const bool active = node_of(r, Where::kAssigned) != nullptr;
  set_next_role(r, active ? Role::kUnpromoted : Role::kStopped, "unpromoted instance");
  for (auto* child : r->children) set_next_unpromoted(child);
}

void set_next_promoted(Resource* r) {
  if (r->next_role == Role::kUnknown) set_next_role(r, Role::kPromoted, "promoted instance");
  for (auto* child : r->children) set_next_promoted(child);
}

void apply_promoted_locations(Cluster& c, Resource* instance, const std::vector<Location*>& list,
                              const Node* node) {
  for (const auto* l : list) {
    if (l->role != Role::kPromoted) continue;
    for (const auto& p : l->nodes)
      if (p.node == node) {
        instance->priority = add_scores(instance->priority, p.score);
        note(c, instance, node, Cause::kLocation, p.score, l->id, {}, true);
      }
  }
}

void set_priority(Cluster& c, Resource* clone, Resource* instance) {
  set_current_unpromoted(instance);
  const Node* node = node_of(instance, Where::kAssigned);
  if (!node) return;
  const Role next = role_of(instance, false);
  switch (next) {
    case Role::kStarted:
    case Role::kUnknown: {
      bool is_default = true;
      instance->priority = promotion_score(instance, node, &is_default);
      // Without a score only a location constraint makes it eligible.
      if (is_default) instance->priority = -1;
      note(c, instance, node, Cause::kPromotion, instance->priority, is_default ? "none" : "", {}, true);
      break;
    }
    case Role::kUnpromoted:
    case Role::kStopped:
      instance->priority = -kInfinity;
      break;
    case Role::kPromoted:
      break;
  }
  apply_promoted_locations(c, instance, instance->locations, node);
  apply_promoted_locations(c, instance, clone->locations, node);
  for (auto* col : this_with_colocations(instance)) {
    const int before = instance->priority;
    apply_colocation(c, instance, col->primary, *col, true);
    if (instance->priority != before)
      note(c, instance, node, Cause::kColocation, score_difference(before, instance->priority), col->id,
           col->primary->id, true);
  }
  instance->sort_index = next == Role::kPromoted ? kInfinity : instance->priority;
}

int compare_promotable(Cluster& c, Resource* a, Resource* b) {
  if (a->sort_index != b->sort_index) return a->sort_index > b->sort_index ? -1 : 1;
  const Role ra = role_of(a, true), rb = role_of(b, true);
  if (ra != rb) return ra > rb ? -1 : 1;
  return compare_instances(c, a, b);
}

void sort_instances(Cluster& c, Resource* clone) {
  if (clone->added_promoted_constraints) return;
  clone->added_promoted_constraints = true;
  clone->detect_loop = true;
  for (auto* child : clone->children) {
    Node* node = node_of(child, Where::kAssigned);
    if (!node || child->sort_index < 0) continue;
    if (Place* p = clone->allowed.find(node)) p->score = add_scores(child->sort_index, p->score);
  }
  for (auto* col : this_with_colocations(clone)) {
    // A preference is in the instances' priorities already.
    if (col->dependent_role != Role::kPromoted || col->score < kInfinity) continue;
    add_colocated_scores(c, col->primary, clone, clone->id, clone->allowed, *col, factor_of(*col), 0);
  }
  for (auto* col : with_this_colocations(clone)) {
    if (col->primary_role != Role::kPromoted || !has_influence(*col, nullptr)) continue;
    add_colocated_scores(c, col->dependent, clone, clone->id, clone->allowed, *col, factor_of(*col),
                         kAvoidNegatives | kOnlyPositive);
  }
  require_promotion_tickets(clone);
  for (auto* child : clone->children) {
    Node* node = node_of(child, Where::kAssigned);
    if (!child->managed && child->next_role == Role::kPromoted) {
      child->sort_index = kInfinity;
    } else if (node && child->sort_index >= 0) {
      if (const Place* p = clone->allowed.find(node)) {
        note(c, child, node, Cause::kPromotion, score_difference(child->sort_index, p->score), "", clone->id,
             true);
        child->sort_index = p->score;
      }
    }
  }
  merge_sort(clone->children, [&](Resource* a, Resource* b) { return compare_promotable(c, a, b); });
  clone->detect_loop = false;
}

Place* promotable_place(Resource* r) {
  for (auto* child : r->children)
    if (!promotable_place(child)) return nullptr;
  Node* node = node_of(r, Where::kAssigned);
  if (!node) return nullptr;
  if (!r->managed) {
    if (role_of(r, true) != Role::kPromoted) return nullptr;
  } else if (r->priority < 0) {
    return nullptr;
  } else if (!node_available(node, 0, false, true)) {
    return nullptr;
  }
  Resource* clone = top(r);
  Place* p = clone->allowed.find(node);
  if (!p) return nullptr;
  if (p->count < clone->promoted_node_max || !r->managed) return p;
  return nullptr;
}

}  // namespace

void add_promotion_scores(Cluster& c, Resource* clone) {
  if (clone->with_this_done) return;
  clone->with_this_done = true;
  const Because why(c, clone, Cause::kPromotion);
  for (auto* instance : clone->children)
    for (auto& p : instance->allowed) {
      if (!node_available(p, false, false)) continue;
      const int score = promotion_score(instance, p.node, nullptr);
      if (score > 0) p.score = add_scores(p.score, score);
      instance->priority = std::max(instance->priority, score);
    }
}

void set_instance_roles(Cluster& c, Resource* clone) {
  for (auto& p : clone->allowed) p.count = 0;
  for (auto* instance : clone->children) set_priority(c, clone, instance);
  sort_instances(c, clone);
  int promoted = 0;
  for (auto* instance : clone->children) {
    Node* where = node_of(instance, Where::kAssigned);
    if (c.options.scores)
      c.scores.push_back({"promotion", instance->id, where ? where->name : "none", instance->sort_index});
    Place* chosen = nullptr;
    if (instance->sort_index >= 0 &&
        (promoted < clone->promoted_max || !clone->managed || mutation("promoted-max-ignored")))
      chosen = promotable_place(instance);
    if (!chosen) {
      set_next_unpromoted(instance);
      continue;
    }
    if (role_of(instance, true) < Role::kPromoted && !c.config.have_quorum &&
        c.config.no_quorum == Config::NoQuorum::kFreeze) {
      set_next_unpromoted(instance);
      continue;
    }
    ++chosen->count;
    ++promoted;
    set_next_promoted(instance);
  }
  clone->promoted_assigned = promoted;
}

void promotable_restart_orders(Cluster& c, Resource* r) {
  order_tasks(c, r, "stopped", r, "start", kOrdered);
  order_tasks(c, r, "stopped", r, "promote", kOrdered);
  order_tasks(c, r, "demoted", r, "stop", kOrdered);
  order_tasks(c, r, "demoted", r, "start", kOrdered);
  order_tasks(c, r, "demoted", r, "promote", kOrdered);
  order_tasks(c, r, "running", r, "promote", kOrdered);
  order_tasks(c, r, "demote", r, "demoted", kOrdered);
}

void promotable_constraints(Cluster& c, Resource* clone) {
  promotable_restart_orders(c, clone);
  Resource* previous = nullptr;
  for (auto* instance : clone->children) {
    order_tasks(c, instance, "demote", instance, "promote", kOrdered);
    order_tasks(c, clone, "promote", instance, "promote", kOrdered);
    order_tasks(c, instance, "promote", clone, "promoted", kOrdered);
    if (previous && clone->ordered) order_tasks(c, previous, "promote", instance, "promote", kOrdered);
    order_tasks(c, clone, "demote", instance, "demote", kThenImpliesFirstGraphed);
    order_tasks(c, instance, "demote", clone, "demoted", kFirstImpliesThenGraphed);
    if (previous && clone->ordered) order_tasks(c, instance, "demote", previous, "demote", kOrdered);
    previous = instance;
  }
}

namespace {
void role_changes(const Resource* r, bool& promoting, bool& demoting) {
  for (const auto* child : r->children) role_changes(child, promoting, demoting);
  for (const Action* a : r->actions) {
    if (!is_primitive(r)) break;
    if (a->optional) continue;
    if (a->task == "promote") promoting = true;
    if (a->task == "demote") demoting = true;
  }
}
}  // namespace

void promotable_actions(Cluster& c, Resource* clone) {
  bool promoting = false, demoting = false;
  for (auto* instance : clone->children) role_changes(instance, promoting, demoting);
  pseudo_action(c, clone, "promote", !promoting, true);
  pseudo_action(c, clone, "promoted", !promoting, true)->priority = kInfinity;
  pseudo_action(c, clone, "demote", !demoting, true);
  pseudo_action(c, clone, "demoted", !demoting, true)->priority = kInfinity;
  if (clone->notify) promotable_notifications(c, clone);
  for (auto* instance : clone->children) instance->priority = clone->priority;
}

}  // namespace systole::pengine::engine
