// What a colocation does to its dependent: to the scores of its nodes while places are chosen, to its
// promotion priority while roles are.
#include <fmt/format.h>

#include <algorithm>

#include "pengine/engine.h"

namespace systole::pengine::engine {
namespace {

// A bundle's container has the role of what is inside.
const Resource* for_role(const Resource* r) {
  if (r->replica && r->replica->container == r && r->replica->child) return r->replica->child;
  return r;
}

bool blocked_anywhere(const Resource* r) {
  return r->blocked || std::any_of(r->children.begin(), r->children.end(), blocked_anywhere);
}

bool equal_values(const std::optional<std::string>& a, const std::optional<std::string>& b) {
  return a.has_value() == b.has_value() && (!a || same_text(*a, *b));
}

}  // namespace

std::optional<std::string> colocation_value(const Node* node, const std::string& name, const Resource* r) {
  const Node* from = node;
  if (is_guest(node)) {
    // What is inside a bundle is colocated with the bundle's containers, never with the bundle's nodes.
    const Resource* bundle = r && is_bundled(r) ? top(r, true) : nullptr;
    const bool inside = bundle && top(r) == bundle->bundle_child && is_bundled(node->remote);
    if (inside || (r && meta_or(r->meta, "container-attribute-target", "") == "host")) {
      from = node->remote->container->assigned;
      if (!from) return std::nullopt;
    }
  }
  if (name == "#uname") return from->name;
  auto it = from->attributes.find(name);
  if (it == from->attributes.end()) return std::nullopt;
  return it->second;
}

Influence colocation_affects(const Resource* dependent, const Resource* primary, const Colocation& col,
                             bool preview) {
  if (!preview && primary->provisional) return Influence::kNone;
  const Resource *d_role = for_role(dependent), *p_role = for_role(primary);
  if (col.dependent_role >= Role::kUnpromoted && d_role->parent && top(d_role)->promotable &&
      !d_role->provisional)
    return Influence::kRole;
  if (!preview && !dependent->provisional) return Influence::kNone;
  if (col.dependent_role != Role::kUnknown && col.dependent_role != d_role->next_role)
    return Influence::kNone;
  if (col.primary_role != Role::kUnknown && col.primary_role != p_role->next_role) return Influence::kNone;
  return Influence::kScores;
}

namespace {

bool any_available(const Places& places) {
  return std::any_of(places.begin(), places.end(),
                     [](const Place& p) { return node_available(p, true, false); });
}

void apply_to_scores(Resource* dependent, const Resource* primary, const Colocation& col) {
  std::optional<std::string> value;
  if (primary->assigned)
    value = colocation_value(primary->assigned, col.attribute, primary);
  else if (col.score < 0)
    return;
  Places work = dependent->allowed;
  for (auto& p : work) {
    if (!primary->assigned) {
      p.score = add_scores(-col.score, p.score);
    } else if (equal_values(colocation_value(p.node, col.attribute, dependent), value)) {
      // A mandatory one is a requirement, not a preference.
      if (col.score < kInfinity) p.score = add_scores(col.score, p.score);
    } else if (col.score >= kInfinity) {
      p.score = -kInfinity;
    }
  }
  if (col.score <= -kInfinity || col.score >= kInfinity || any_available(work))
    dependent->allowed = std::move(work);
}

// Returns what was added.
int apply_to_priority(Resource* dependent, const Resource* primary, const Colocation& col) {
  if (!primary->assigned || !dependent->assigned) return 0;
  const auto a = colocation_value(dependent->assigned, col.attribute, dependent);
  const auto b = colocation_value(primary->assigned, col.attribute, primary);
  int delta = 0;
  if (!equal_values(a, b)) {
    if (col.score < kInfinity || col.dependent_role != Role::kPromoted) return 0;
    delta = -kInfinity;
  } else if (col.primary_role != Role::kUnknown && col.primary_role != for_role(primary)->next_role) {
    return 0;
  } else {
    delta = col.dependent_role == Role::kUnpromoted ? -col.score : col.score;
  }
  dependent->priority = add_scores(delta, dependent->priority);
  return delta;
}

// Only nodes where the primary will be are left; `primaries` holds them with what is to be added there.
void intersect(Resource* dependent, const std::map<const Node*, int>& primaries) {
  for (auto& p : dependent->allowed) {
    auto it = primaries.find(p.node);
    p.score = it == primaries.end() ? -kInfinity : add_scores(p.score, it->second);
  }
}

// The score with which an instance holds its node: for a group, that of its first member.
int held_score(const Resource* r) {
  while (!is_primitive(r) && !r->children.empty()) r = r->children.front();
  return r->assigned_score;
}

int max_per_node(const Resource* r) {
  return is_clone(r) ? r->clone_node_max : is_bundle(r) ? r->replicas_per_host : 1;
}

bool can_interleave(Cluster& c, const Colocation& col) {
  const Resource *dependent = col.dependent, *primary = col.primary;
  if (dependent->variant <= Variant::kGroup || !is_true(meta_or(dependent->meta, "interleave", "")))
    return false;
  if (max_per_node(dependent) == max_per_node(primary)) return true;
  c.error(fmt::format(
      "Cannot interleave {} and {} because they do not support the same number of instances per node",
      dependent->id, primary->id));
  return false;
}

// Places the dependent where instances of the clone in the wanted role are.
void place_with_promotable(Resource* dependent, const Resource* primary, const Colocation& col) {
  std::map<const Node*, int> primaries;
  for (const auto* instance : primary->children) {
    const Node* node = node_of(instance, Where::kAssigned);
    if (!node || role_of(instance, false) != col.primary_role) continue;
    primaries[node] = held_score(instance);
    if (col.score >= kInfinity) continue;
    const auto value = colocation_value(node, col.attribute, primary);
    for (auto& p : dependent->allowed)
      if (equal_values(colocation_value(p.node, col.attribute, dependent), value))
        p.score = add_scores(p.score, col.score);
  }
  // Of promoted with promoted only the roles are bound: unpromoted instances may be elsewhere.
  if (col.score >= kInfinity &&
      (col.dependent_role != Role::kPromoted || col.primary_role != Role::kPromoted))
    intersect(dependent, primaries);
}

int promote_with_promotable(Cluster& c, Resource* dependent, const Resource* primary, const Colocation& col) {
  int delta = 0;
  if (find_compatible_instance(c, dependent, primary, col.primary_role, false))
    delta = col.score;
  else if (col.score >= kInfinity)
    delta = -kInfinity;
  dependent->priority = add_scores(dependent->priority, delta);
  return delta;
}

int with_clone(Cluster& c, Resource* dependent, Resource* primary, const Colocation& col) {
  if (primary->provisional) return 0;
  if (primary->promotable && col.primary_role != Role::kUnknown) {
    if (dependent->provisional) {
      place_with_promotable(dependent, primary, col);
      return 0;
    }
    if (col.dependent_role == Role::kPromoted) return promote_with_promotable(c, dependent, primary, col);
  }
  if (can_interleave(c, col)) {
    const Resource* instance = find_compatible_instance(c, dependent, primary, Role::kUnknown, false);
    if (instance) return apply_colocation(c, dependent, const_cast<Resource*>(instance), col, true);
    if (col.score >= kInfinity) finalize_assignment(c, dependent, nullptr, true, true);
    return 0;
  }
  if (col.score >= kInfinity) {
    std::map<const Node*, int> primaries;
    for (const auto* instance : primary->children)
      if (const Node* node = node_of(instance, Where::kAssigned); node && !blocked_anywhere(instance))
        primaries[node] = 0;
    intersect(dependent, primaries);
    return 0;
  }
  int sum = 0;
  for (auto* instance : primary->children)
    sum = add_scores(sum, apply_colocation(c, dependent, instance, col, false));
  return sum;
}

// The node itself, or what a bundle's node runs on.
const Node* host_of(const Node* node) {
  if (node && is_guest(node) && is_bundled(node->remote)) return node->remote->container->assigned;
  return node;
}

Resource* container_on(const Resource* bundle, const Node* node) {
  for (const auto& replica : bundle->replicas)
    if (replica.container->assigned == node && !replica.container->blocked) return replica.container;
  return nullptr;
}

Resource* compatible_container(Cluster& c, const Resource* dependent, const Resource* bundle) {
  if (const Node* node = host_of(node_of(dependent, Where::kAssigned))) return container_on(bundle, node);
  dependent->by_count = true;
  for (const auto& p : sorted_nodes(c, dependent->allowed, nullptr))
    if (const Node* node = host_of(p.node))
      if (Resource* container = container_on(bundle, node)) return container;
  return nullptr;
}

int with_bundle(Cluster& c, Resource* dependent, Resource* primary, const Colocation& col) {
  if (primary->provisional) return 0;
  if (col.dependent->variant > Variant::kGroup) {
    if (Resource* container = compatible_container(c, dependent, primary))
      return apply_colocation(c, dependent, container, col, true);
    if (col.score >= kInfinity) finalize_assignment(c, dependent, nullptr, true, true);
    return 0;
  }
  int sum = 0;
  std::map<const Node*, int> primaries;
  for (auto& replica : primary->replicas) {
    if (col.score < kInfinity) {
      sum = add_scores(sum, apply_colocation(c, dependent, replica.container, col, false));
      continue;
    }
    const Node* chosen = replica.container->assigned;
    if (!chosen || replica.container->blocked) continue;
    if (col.primary_role >= Role::kPromoted && (!replica.child || replica.child->next_role < Role::kPromoted))
      continue;
    primaries[chosen] = 0;
  }
  if (col.score >= kInfinity) intersect(dependent, primaries);
  return sum;
}

}  // namespace

int apply_colocation(Cluster& c, Resource* dependent, Resource* primary, const Colocation& col,
                     bool for_dependent) {
  if (for_dependent) {
    if (is_group(dependent)) {
      if (dependent->children.empty()) return 0;
      if (!dependent->members_together) {
        if (col.score < kInfinity)
          for (auto* member : dependent->children) apply_colocation(c, member, primary, col, true);
        else
          c.error(fmt::format("{}: Cannot perform mandatory colocation between non-colocated group and {}",
                              dependent->id, primary->id));
        return 0;
      }
      // The others follow their first member.
      const int delta = apply_colocation(c, dependent->children.front(), primary, col, true);
      dependent->priority = add_scores(dependent->priority, delta);
      return delta;
    }
    // Clones and bundles ask for themselves instance by instance.
    if (!is_primitive(dependent)) return 0;
  }
  switch (primary->variant) {
    case Variant::kPrimitive: {
      const Influence effect = colocation_affects(dependent, primary, col, false);
      if (effect == Influence::kRole) return apply_to_priority(dependent, primary, col);
      if (effect == Influence::kScores) apply_to_scores(dependent, primary, col);
      return 0;
    }
    case Variant::kGroup:
      if (primary->provisional || primary->children.empty()) return 0;
      if (!primary->members_together) {
        if (col.score < kInfinity)
          for (auto* member : primary->children) apply_colocation(c, dependent, member, col, false);
        else
          c.error(fmt::format("{}: Cannot perform mandatory colocation with non-colocated group {}",
                              dependent->id, primary->id));
        return 0;
      }
      // All of the group must be up for a mandatory one; its beginning is enough for a preference.
      return apply_colocation(c, dependent,
                              col.score >= kInfinity ? primary->children.back() : primary->children.front(),
                              col, false);
    case Variant::kClone:
      return with_clone(c, dependent, primary, col);
    case Variant::kBundle:
      return with_bundle(c, dependent, primary, col);
  }
  return 0;
}

}  // namespace systole::pengine::engine
