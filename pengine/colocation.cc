// Colocation constraints: reading them, and which of them concern a resource, its ancestors' included.
#include <fmt/format.h>

#include <algorithm>

#include "base/mutation.h"
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
  if (mutation("apart-dropped") && score <= -kInfinity) return;
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
  bool sequential = true, with_previous = true;
  std::vector<Resource*> refs;
};

bool influence_of(const std::string& text, const Resource* r) {
  return is_true(text) || (!is_false(text) && r->critical);
}

void inside_set(Cluster& c, const RefSet& set, int score, const std::string& influence) {
  if (!set.score_text.empty()) score = parse_score(set.score_text);
  if (score == 0 || !set.sequential) return;
  const Role role = colocation_role(set.role);
  Resource* with = nullptr;
  for (std::size_t i = 0; i < set.refs.size(); ++i) {
    Resource* r = set.refs[i];
    if (score > 0) {
      if (with)
        new_colocation(c, set.id, "", score, set.with_previous ? r : with, set.with_previous ? with : r, role,
                       role, influence_of(influence, r));
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
    RefSet a{id + "-0", xml.attribute("rsc-role").value(), "", false, true, resolve(c, rsc, id)};
    RefSet b{id + "-1", xml.attribute("with-rsc-role").value(), "", false, true, resolve(c, with, id)};
    if (a.refs.empty())
      c.error(fmt::format("Ignoring constraint '{}' because resource '{}' does not exist", id, rsc));
    else if (b.refs.empty())
      c.error(fmt::format("Ignoring constraint '{}' because resource '{}' does not exist", id, with));
    else if (!c.find_resource(rsc) && !c.find_resource(with))
      c.error(fmt::format("Ignoring constraint '{}' because two templates or tags cannot be colocated", id));
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
    // Anything but "group" (an old attribute) turns the direction round.
    const std::string_view ordering = set_xml.attribute("ordering").value();
    set.with_previous = ordering.empty() || same_text(ordering, "group");
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

}  // namespace systole::pengine::engine
