// Colocation: from constraints to scores, in both directions and through chains.
#include <fmt/format.h>

#include <algorithm>

#include "pengine/engine.h"

namespace systole::pengine::engine {
namespace {

// The order in which constraints are looked at: more important resources, then wider ones, first.
int compare_side(const Resource* a, const Resource* b) {
  if (a == b) return 0;
  if (a->priority != b->priority) return a->priority > b->priority ? -1 : 1;
  if (a->variant != b->variant) return a->variant > b->variant ? -1 : 1;
  if (is_clone(a) && a->promotable != b->promotable) return a->promotable ? -1 : 1;
  return a->id.compare(b->id) < 0 ? -1 : a->id == b->id ? 0 : 1;
}

bool by_dependent(const Colocation* a, const Colocation* b) {
  return compare_side(a->dependent, b->dependent) < 0;
}
bool by_primary(const Colocation* a, const Colocation* b) { return compare_side(a->primary, b->primary) < 0; }

void insert_sorted(std::vector<Colocation*>& list, Colocation* col, bool dependent) {
  auto at = std::lower_bound(list.begin(), list.end(), col, dependent ? by_dependent : by_primary);
  list.insert(at, col);
}

Role colocation_role(std::string_view text) {
  const Role role = role_from(text);
  return role == Role::kStarted ? Role::kUnknown : role;
}

}  // namespace

namespace {
// Two that must not meet: one gives its role up on a node before the other takes its own there.
void order_against(Cluster& c, Resource* first, Role first_role, Resource* then, Role then_role) {
  std::vector<const char*> losing, gaining;
  if (first_role == Role::kPromoted)
    losing = {"demote"};
  else if (first_role == Role::kUnpromoted)
    losing = {"stop", "promote"};
  else
    losing = {"stop"};
  if (then_role == Role::kPromoted)
    gaining = {"promote"};
  else if (then_role == Role::kUnpromoted)
    gaining = {"start", "demote"};
  else
    gaining = {"start"};
  for (const char* a : losing)
    for (const char* b : gaining) order_tasks(c, first, a, then, b, kIfRequiredOnSameNode);
}
}  // namespace

void new_colocation(Cluster& c, std::string id, std::string attribute, int score, Resource* dependent,
                    Resource* primary, Role dependent_role, Role primary_role, bool influence) {
  if (score == 0 || !dependent || !primary || dependent == primary) return;
  Colocation& col = c.colocation_store.emplace_back();
  col.id = std::move(id);
  col.explicit_ = !col.id.starts_with("#");
  col.attribute = attribute.empty() ? "#uname" : std::move(attribute);
  col.score = score;
  col.dependent = dependent;
  col.primary = primary;
  col.dependent_role = dependent_role;
  col.primary_role = primary_role;
  col.influence = influence;
  insert_sorted(dependent->this_with, &col, false);
  insert_sorted(primary->with_this, &col, true);
  c.colocations.push_back(&col);
  if (score <= -kInfinity) {
    order_against(c, dependent, dependent_role, primary, primary_role);
    order_against(c, primary, primary_role, dependent, dependent_role);
  }
}

namespace {

struct RefSet {
  std::string id, role, score_text;
  bool sequential = true;
  std::vector<Resource*> refs;
};

bool influence_of(const std::string& text, const Resource* r) {
  return text.empty() ? r->critical : is_true(text);
}

void inside_set(Cluster& c, const RefSet& set, int score, const std::string& influence) {
  if (!set.score_text.empty()) score = parse_score(set.score_text);
  if (score == 0 || !set.sequential) return;
  const Role role = colocation_role(set.role);
  Resource* with = nullptr;
  for (std::size_t i = 0; i < set.refs.size(); ++i) {
    Resource* r = set.refs[i];
    if (score > 0) {
      if (with) new_colocation(c, set.id, "", score, r, with, role, role, influence_of(influence, r));
      with = r;
    } else {
      for (std::size_t j = 0; j < i; ++j)
        new_colocation(c, set.id, "", score, r, set.refs[j], role, role, influence_of(influence, r));
    }
  }
}

void between_sets(Cluster& c, const std::string& id, const std::string& attribute, const RefSet& a,
                  const RefSet& b, int score, const std::string& influence) {
  const Role ra = colocation_role(a.role), rb = colocation_role(b.role);
  std::vector<Resource*> dependents = a.refs, primaries = b.refs;
  if (a.sequential && !a.refs.empty()) dependents = {a.refs.front()};
  if (b.sequential && !b.refs.empty()) primaries = {b.refs.back()};
  for (Resource* d : dependents)
    for (Resource* p : primaries)
      new_colocation(c, id, attribute, score, d, p, ra, rb, influence_of(influence, d));
}

}  // namespace

void unpack_colocation(Cluster& c, pugi::xml_node xml) {
  const std::string id = xml.attribute("id").value(), influence = xml.attribute("influence").value();
  const std::string attribute = xml.attribute("node-attribute").value();
  const int score = parse_score(xml.attribute("score").value());
  if (*xml.attribute("rsc").value()) {
    const std::string rsc = xml.attribute("rsc").value(), with = xml.attribute("with-rsc").value();
    RefSet a{id + "-0", xml.attribute("rsc-role").value(), "", false, resolve(c, rsc, id)};
    RefSet b{id + "-1", xml.attribute("with-rsc-role").value(), "", false, resolve(c, with, id)};
    if (a.refs.empty())
      c.error(fmt::format("Ignoring constraint '{}' because resource '{}' does not exist", id, rsc));
    else if (b.refs.empty())
      c.error(fmt::format("Ignoring constraint '{}' because resource '{}' does not exist", id, with));
    else
      between_sets(c, id, attribute, a, b, score, influence);
    return;
  }
  std::optional<RefSet> last;
  for (auto set_xml : xml.children("resource_set")) {
    RefSet set;
    set.id = set_xml.attribute("id").value();
    set.role = set_xml.attribute("role").value();
    set.score_text = set_xml.attribute("score").value();
    set.sequential = !is_false(set_xml.attribute("sequential").value());
    for (auto ref : set_xml.children("resource_ref")) {
      const auto list = resolve(c, ref.attribute("id").value(), id);
      if (list.empty())
        c.error(fmt::format("Ignoring resource '{}' in set of constraint '{}' because it does not exist",
                            ref.attribute("id").value(), id));
      for (Resource* r : list) set.refs.push_back(r);
    }
    inside_set(c, set, score, influence);
    if (last) between_sets(c, id, "", *last, set, score, influence);
    last = std::move(set);
  }
}

bool has_influence(const Colocation& col, const Resource* r) {
  if (!r) r = col.primary;
  // Moving a connection is cheap, moving its container is not.
  if (col.dependent->is_remote_connection && is_bundled(col.dependent) && !r->failed &&
      r->running_on.size() == 1)
    return false;
  return col.influence || r->running_on.empty();
}

// --- Which constraints concern a resource, its ancestors' included ---

namespace {

void add_all(std::vector<Colocation*>& out, const std::vector<Colocation*>& list, bool dependent,
             bool only_explicit) {
  for (auto* col : list) {
    if (only_explicit && !col->explicit_) continue;
    auto at = std::lower_bound(out.begin(), out.end(), col, dependent ? by_dependent : by_primary);
    out.insert(at, col);
  }
}

bool is_replica_container(const Resource* bundle, const Resource* r) {
  return r->replica && r->replica->container == r && r->parent == bundle;
}

// Bundle-wide constraints reach the bundle, its containers, and, for roles, the inner instances.
bool bundle_concerns(const Resource* bundle, const Resource* origin) {
  if (origin == bundle || is_replica_container(bundle, origin)) return true;
  const Resource* inner = bundle->bundle_child;
  if (!inner || !inner->promotable || top(origin) != inner) return false;
  if (origin == inner) return inner->added_promoted_constraints;
  return !origin->provisional;
}

void gather(const Resource* r, const Resource* origin, bool with, std::vector<Colocation*>& out) {
  const auto& own = with ? r->with_this : r->this_with;
  switch (r->variant) {
    case Variant::kPrimitive:
      if (r == origin) {
        add_all(out, own, with, false);
        if (r->parent) gather(r->parent, origin, with, out);
      } else {
        add_all(out, own, with, true);
      }
      return;
    case Variant::kClone:
      add_all(out, own, with, false);
      if (r->parent) gather(r->parent, origin, with, out);
      return;
    case Variant::kBundle:
      if (bundle_concerns(r, origin)) add_all(out, own, with, false);
      return;
    case Variant::kGroup:
      break;
  }
  if (r->children.empty()) return;
  const Resource* relevant = with ? r->children.back() : r->children.front();
  if (origin == r || origin == relevant) {
    add_all(out, own, with, false);
    if (r->parent) gather(r->parent, origin, with, out);
    for (const auto* member : r->children)
      if (member != origin) gather(member, origin, with, out);
    return;
  }
  if (with) return;
  // The chain through earlier members breaks at an unmanaged one.
  for (const auto* member : r->children) {
    if (member == origin) break;
    if (member->managed) continue;
    for (auto* col : own)
      if (col->score >= kInfinity) insert_sorted(out, col, false);
    break;
  }
}

}  // namespace

std::vector<Colocation*> this_with_colocations(const Resource* r) {
  std::vector<Colocation*> out;
  gather(r, r, false, out);
  return out;
}

std::vector<Colocation*> with_this_colocations(const Resource* r) {
  std::vector<Colocation*> out;
  gather(r, r, true, out);
  return out;
}

// --- Effect on the dependent ---

Influence colocation_affects(const Resource* dependent, const Resource* primary, const Colocation& col,
                             bool preview) {
  if (!preview && primary->provisional) return Influence::kNone;
  const Resource* d_role = dependent;
  const Resource* p_role = primary;
  auto for_role = [](const Resource* r) {
    // A bundle's container has the role of what is inside.
    if (r->replica && r->replica->container == r && r->replica->child)
      return static_cast<const Resource*>(r->replica->child);
    return r;
  };
  d_role = for_role(dependent);
  p_role = for_role(primary);
  if (col.dependent_role >= Role::kUnpromoted && d_role->parent && d_role->parent->promotable &&
      !d_role->provisional)
    return Influence::kRole;
  if (!preview && !dependent->provisional) return Influence::kNone;
  if (col.dependent_role != Role::kUnknown && col.dependent_role != d_role->next_role)
    return Influence::kNone;
  if (col.primary_role != Role::kUnknown && col.primary_role != p_role->next_role) return Influence::kNone;
  return Influence::kScores;
}

namespace {

std::string attribute_at(const Node* node, const std::string& name, const Resource* r, bool assigned) {
  if (!node) return {};
  if (name == "#uname") return node->name;
  const Node* from = node;
  if (r && is_guest(node) && meta_or(r->meta, "container-attribute-target", "") == "host") {
    const Resource* container = node->remote->container;
    const Node* host = assigned ? container->assigned : current_node(container);
    if (host) from = host;
  }
  auto it = from->attributes.find(name);
  return it == from->attributes.end() ? std::string{} : it->second;
}

bool has_attribute(const Node* node, const std::string& name) {
  return name == "#uname" || node->attributes.contains(name);
}

bool any_available(const Places& places) {
  return std::any_of(places.begin(), places.end(),
                     [](const Place& p) { return node_available(p, true, false); });
}

void apply_to_scores(Resource* dependent, Resource* primary, const Colocation& col) {
  std::string value;
  bool known = false;
  if (primary->assigned) {
    value = attribute_at(primary->assigned, col.attribute, primary, true);
    known = has_attribute(primary->assigned, col.attribute);
  } else if (col.score < 0) {
    return;
  }
  Places work = dependent->allowed;
  for (auto& p : work) {
    if (!primary->assigned) {
      p.score = add_scores(-col.score, p.score);
      continue;
    }
    const bool equal = known == has_attribute(p.node, col.attribute) &&
                       compare_numeric(attribute_at(p.node, col.attribute, dependent, true), value) == 0;
    if (equal) {
      if (col.score < kInfinity) p.score = add_scores(col.score, p.score);
    } else if (col.score >= kInfinity) {
      p.score = -kInfinity;
    }
  }
  if (col.score <= -kInfinity || col.score >= kInfinity || any_available(work))
    dependent->allowed = std::move(work);
}

void apply_to_priority(Resource* dependent, Resource* primary, const Colocation& col) {
  const Resource* p_role =
      primary->replica && primary->replica->container == primary && primary->replica->child
          ? primary->replica->child
          : primary;
  if (!primary->assigned || !dependent->assigned) return;
  const std::string a = attribute_at(dependent->assigned, col.attribute, dependent, true);
  const std::string b = attribute_at(primary->assigned, col.attribute, primary, true);
  if (a != b) {
    if (col.score >= kInfinity && col.dependent_role == Role::kPromoted) dependent->priority = -kInfinity;
    return;
  }
  if (col.primary_role != Role::kUnknown && col.primary_role != p_role->next_role) return;
  const int factor = col.dependent_role == Role::kUnpromoted ? -1 : 1;
  dependent->priority = add_scores(factor * col.score, dependent->priority);
}

void with_clone(Cluster& c, Resource* dependent, Resource* primary, const Colocation& col);
void with_bundle(Cluster& c, Resource* dependent, Resource* primary, const Colocation& col);

}  // namespace

void apply_colocation(Cluster& c, Resource* dependent, Resource* primary, const Colocation& col,
                      bool for_dependent) {
  if (for_dependent) {
    if (is_group(dependent)) {
      if (!dependent->children.empty()) apply_colocation(c, dependent->children.front(), primary, col, true);
      return;
    }
    // Clones and bundles ask for themselves instance by instance.
    if (!is_primitive(dependent)) return;
    apply_colocation(c, dependent, primary, col, false);
    return;
  }
  switch (primary->variant) {
    case Variant::kPrimitive: {
      const Influence effect = colocation_affects(dependent, primary, col, false);
      if (effect == Influence::kRole)
        apply_to_priority(dependent, primary, col);
      else if (effect == Influence::kScores)
        apply_to_scores(dependent, primary, col);
      return;
    }
    case Variant::kGroup:
      if (!primary->provisional && !primary->children.empty())
        apply_colocation(c, dependent, primary->children.back(), col, false);
      return;
    case Variant::kClone:
      with_clone(c, dependent, primary, col);
      return;
    case Variant::kBundle:
      with_bundle(c, dependent, primary, col);
      return;
  }
}

namespace {

bool matches_role(const Resource* r, Role role) {
  return role == Role::kUnknown || role_of(r, false) == role;
}

// The score with which an instance holds its node: for a group, that of its first member.
int held_score(const Resource* r) {
  while (!is_primitive(r) && !r->children.empty()) r = r->children.front();
  return r->assigned_score;
}

// Keep only nodes where the primary's instances are; those count with what the instances like them.
void intersect(Resource* dependent, const std::string& attribute, const std::map<std::string, int>& held) {
  for (auto& p : dependent->allowed) {
    auto it = held.find(attribute_at(p.node, attribute, nullptr, true));
    p.score = it == held.end() ? -kInfinity : add_scores(p.score, it->second);
  }
}

bool dependent_interleaves(const Resource* dependent) {
  const Resource* outer = top(dependent);
  if (is_bundled(dependent) && is_bundle(dependent->parent)) outer = dependent->parent;
  return (is_clone(outer) && outer->interleave);
}

void with_clone(Cluster& c, Resource* dependent, Resource* primary, const Colocation& col) {
  if (primary->provisional) return;
  const Resource* outer = top(dependent);
  bool interleave = false;
  if (primary->promotable && col.primary_role != Role::kUnknown) {
    if (dependent->provisional) {
      // Only the wanted roles count: handled below by where they are.
      std::vector<Node*> nodes;
      for (auto* instance : primary->children) {
        Node* n = node_of(instance, Where::kAssigned);
        if (n && role_of(instance, false) == col.primary_role && !contains(nodes, n)) nodes.push_back(n);
      }
      std::set<std::string> values;
      for (Node* n : nodes) values.insert(attribute_at(n, col.attribute, primary, true));
      if (col.score >= kInfinity) {
        std::map<std::string, int> held;
        for (auto* instance : primary->children) {
          Node* n = node_of(instance, Where::kAssigned);
          if (n && role_of(instance, false) == col.primary_role)
            held[attribute_at(n, col.attribute, primary, true)] = held_score(instance);
        }
        intersect(dependent, col.attribute, held);
      } else if (!values.empty()) {
        // Scores of the instances are spread over the nodes that match.
        std::map<std::string, int> sum;
        for (auto* instance : primary->children) {
          Node* n = node_of(instance, Where::kAssigned);
          if (n && role_of(instance, false) == col.primary_role)
            ++sum[attribute_at(n, col.attribute, primary, true)];
        }
        Places work = dependent->allowed;
        for (auto& p : work) {
          auto it = sum.find(attribute_at(p.node, col.attribute, nullptr, true));
          if (it == sum.end()) continue;
          for (int i = 0; i < 1; ++i) p.score = add_scores(p.score, col.score);
        }
        if (col.score <= -kInfinity || any_available(work)) dependent->allowed = std::move(work);
      }
      return;
    }
    // Roles of instances that are placed already: the primary's instance on the same node decides.
    Resource* match = nullptr;
    for (auto* instance : primary->children) {
      Node* n = node_of(instance, Where::kAssigned);
      if (n && dependent->assigned &&
          attribute_at(n, col.attribute, nullptr, true) ==
              attribute_at(dependent->assigned, col.attribute, nullptr, true) &&
          role_of(instance, false) == col.primary_role) {
        match = instance;
        break;
      }
    }
    if (match) {
      const int factor = col.dependent_role == Role::kUnpromoted ? -1 : 1;
      dependent->priority = add_scores(dependent->priority, factor * col.score);
    } else if (col.score >= kInfinity && col.dependent_role == Role::kPromoted) {
      dependent->priority = -kInfinity;
    }
    return;
  }
  if (dependent_interleaves(dependent)) {
    const int node_max = is_clone(outer) ? outer->clone_node_max : 1;
    interleave = node_max == primary->clone_node_max || node_max == 1;
    if (!interleave)
      c.error(fmt::format(
          "Cannot interleave {} and {} because they do not support the same number of instances per node",
          outer->id, primary->id));
  }
  if (interleave) {
    const Resource* instance = find_compatible_instance(dependent, primary, Role::kUnknown, false);
    if (instance) {
      apply_colocation(c, dependent, const_cast<Resource*>(instance), col, false);
    } else if (col.score >= kInfinity) {
      finalize_assignment(c, dependent, nullptr, true, true);
    }
    return;
  }
  if (col.score >= kInfinity) {
    std::map<std::string, int> held;
    for (auto* instance : primary->children) {
      Node* n = node_of(instance, Where::kAssigned);
      if (n && matches_role(instance, col.primary_role))
        held[attribute_at(n, col.attribute, nullptr, true)] = 0;
    }
    intersect(dependent, col.attribute, held);
    return;
  }
  for (auto* instance : primary->children) apply_colocation(c, dependent, instance, col, false);
}

void with_bundle(Cluster& c, Resource* dependent, Resource* primary, const Colocation& col) {
  if (primary->provisional) return;
  if (dependent_interleaves(dependent) ||
      (is_bundled(dependent) && dependent->parent && is_bundle(dependent->parent))) {
    const Resource* instance = find_compatible_instance(dependent, primary, Role::kUnknown, false);
    if (instance)
      apply_colocation(c, dependent, const_cast<Resource*>(instance), col, false);
    else if (col.score >= kInfinity)
      finalize_assignment(c, dependent, nullptr, true, true);
    return;
  }
  std::vector<Node*> nodes;
  for (auto& replica : primary->replicas) {
    if (col.score < kInfinity) {
      apply_colocation(c, dependent, replica.container, col, false);
      continue;
    }
    Node* chosen = replica.container->assigned;
    if (!chosen) continue;
    if (col.primary_role >= Role::kPromoted && (!replica.child || replica.child->next_role < Role::kPromoted))
      continue;
    if (!contains(nodes, chosen)) nodes.push_back(chosen);
  }
  if (col.score >= kInfinity) {
    std::map<std::string, int> held;
    for (Node* n : nodes) held[attribute_at(n, col.attribute, nullptr, true)] = 0;
    intersect(dependent, col.attribute, held);
  }
}

// The best score of any node of the source that shares the attribute's value.
int best_matching(const Colocation& col, const Resource* source, const std::string& value) {
  int best = -kInfinity;
  for (const auto& p : source->allowed) {
    if (p.score <= best || !node_available(p, false, false)) continue;
    if (attribute_at(p.node, col.attribute, source, false) == value) best = p.score;
  }
  return best;
}

bool allowed_on_one(const Resource* r) {
  int n = 0;
  for (const auto& p : r->allowed)
    if (p.score >= 0 && ++n > 1) return false;
  return n == 1;
}

// Marks a node that would have become negative, until the whole chain has been seen.
constexpr int kUnusable = -100 * kInfinity;

void add_matching(Places& nodes, const Resource* source, const Resource* target, const Colocation& col,
                  double factor, bool only_positive) {
  const bool by_name = col.attribute == "#uname";
  for (auto& p : nodes) {
    int score = -kInfinity;
    if (by_name) {
      const Place* s = source->allowed.find(p.node);
      if (s && node_available(*s, false, false)) score = s->score;
    } else {
      score = best_matching(col, source, attribute_at(p.node, col.attribute, target, false));
    }
    if (factor < 0 && score < 0 && !allowed_on_one(source)) continue;
    if (p.score == kUnusable) continue;
    const double exact = factor * score;
    int delta = static_cast<int>(exact < 0 ? exact - 0.5 : exact + 0.5);
    if (delta == 0 && score != 0) delta = factor > 0 ? 1 : factor < 0 ? -1 : 0;
    const int sum = add_scores(delta, p.score);
    if (only_positive && sum < 0) {
      if (p.score > 0) {
        p.score = kUnusable;
        continue;
      }
      if (p.score == 0) continue;
    }
    p.score = sum;
  }
}

}  // namespace

void add_colocated_scores(Cluster& c, Resource* source, const Resource* target, const std::string& log_id,
                          Places& nodes, const Colocation& col, double factor, unsigned flags) {
  if (source->detect_loop) return;
  if (is_group(source)) {
    if (source->children.empty()) return;
    source->detect_loop = true;
    Resource* member = (flags & kThisWith) ? source->children.back() : source->children.front();
    add_colocated_scores(c, member, target, log_id, nodes, col, factor, flags);
    source->detect_loop = false;
    return;
  }
  source->detect_loop = true;
  Places work = nodes;
  add_matching(work, source, target, col, factor, (flags & kOnlyPositive) != 0);
  if (work.empty()) {
    source->detect_loop = false;
    return;
  }
  if (any_available(work)) {
    const auto list = (flags & kThisWith) ? this_with_colocations(source) : with_this_colocations(source);
    flags |= kAvoidNegatives;
    for (auto* next : list) {
      Resource* other = nullptr;
      if (flags & kThisWith) {
        other = next->primary;
      } else {
        if (!has_influence(*next, nullptr)) continue;
        other = next->dependent;
      }
      add_colocated_scores(c, other, target, log_id, work, *next,
                           factor * next->score / static_cast<double>(kInfinity), flags);
    }
  } else if (flags & kAvoidNegatives) {
    source->detect_loop = false;
    return;
  }
  if (flags & kOnlyPositive)
    for (auto& p : work)
      if (p.score == kUnusable) p.score = 1;
  nodes = std::move(work);
  source->detect_loop = false;
}

}  // namespace systole::pengine::engine
