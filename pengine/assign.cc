// Assignment: which node each primitive and group gets.
#include <fmt/format.h>

#include <algorithm>

#include "pengine/because.h"
#include "pengine/engine.h"
#include "pengine/merge_sort.h"
#include "pengine/scope.h"

namespace systole::pengine::engine {

bool node_available(const Node* node, int score, bool consider_score, bool consider_guest) {
  if (!node || !node->online || node->pending || node->shutdown || node->unclean || node->standby ||
      node->maintenance)
    return false;
  if (consider_score && score < 0) return false;
  if (consider_guest && is_guest(node) && !node_of(node->remote->container, Where::kAssigned)) return false;
  return true;
}

bool node_available(const Place& place, bool consider_score, bool consider_guest) {
  return node_available(place.node, place.score, consider_score, consider_guest);
}

std::vector<Place> sorted_nodes(Cluster& c, const Places& places, const Node* active) {
  struct Ranked {
    int score;
    const Node* node;
    const Place* place;
  };
  std::vector<Ranked> ranked;
  ranked.reserve(places.size());
  for (const auto& p : places)
    ranked.push_back({node_available(p, false, false) ? p.score : -kInfinity, p.node, &p});
  std::sort(ranked.begin(), ranked.end(), [&](const Ranked& a, const Ranked& b) {
    if (a.score != b.score) return a.score > b.score;
    if (c.config.placement != Config::Placement::kMinimal) {
      if (c.config.placement == Config::Placement::kBalanced)
        if (const int r = compare_capacity(c, a.node, b.node); r != 0) return r < 0;
      if (a.node->assigned_count != b.node->assigned_count)
        return a.node->assigned_count < b.node->assigned_count;
      if (active && a.node != b.node) {
        if (a.node == active) return true;
        if (b.node == active) return false;
      }
    }
    return a.node->name < b.node->name;
  });
  std::vector<Place> list;
  list.reserve(ranked.size());
  for (const auto& r : ranked) list.push_back(*r.place);
  return list;
}

void show_scores(Cluster& c, const Resource* r, const Places& places, const char* function) {
  if (!c.options.scores || r->removed) return;
  std::vector<const Place*> list;
  for (const auto& p : places) list.push_back(&p);
  std::sort(list.begin(), list.end(),
            [](const Place* a, const Place* b) { return compare_numeric(a->node->name, b->node->name) < 0; });
  for (const auto* p : list) c.scores.push_back({function, r->id, p->node->name, p->score});
  // What a resource with children says, its children say too.
  for (const auto* child : r->children) show_scores(c, child, child->allowed, function);
}

void unassign(Resource* r) {
  if (!r->children.empty()) {
    for (auto* child : r->children) unassign(child);
    r->provisional = true;
    return;
  }
  Node* old = r->assigned;
  r->provisional = true;
  if (!old) return;
  r->assigned = nullptr;
  --old->assigned_count;
  release_utilization(old, r);
}

bool finalize_assignment(Cluster& c, Resource* r, Node* node, bool force, bool stop_if_fail) {
  if (!r->children.empty()) {
    bool changed = false;
    for (auto* child : r->children) changed |= finalize_assignment(c, child, node, force, stop_if_fail);
    return changed;
  }
  if (!force && node) {
    const Place* p = r->allowed.find(node);
    const int score = p ? p->score : node->base_score;
    if (score < 0 || (!node_available(node, score, true, false) && !is_guest(node))) {
      if (stop_if_fail) set_next_role(r, Role::kStopped, "node availability");
      node = nullptr;
    }
  }
  const bool changed = r->assigned != node;
  unassign(r);
  r->provisional = false;
  if (!node) {
    if (!stop_if_fail) return changed;
    set_next_role(r, Role::kStopped, "unable to assign");
    for (Action* a : r->actions) {
      if (a->task == "stop")
        a->optional = false;
      else if (a->task == "start")
        a->runnable = false;
      else if (a->interval_ms > 0 && meta_or(a->meta, "op_target_rc", "") != "7")
        a->runnable = false;
    }
    return changed;
  }
  r->assigned = node;
  const Place* place = r->allowed.find(node);
  r->assigned_score = place ? place->score : node->base_score;
  ++node->assigned_count;
  consume_utilization(node, r);
  return changed;
}

namespace {

bool mandatory(const Colocation& col) { return col.score >= kInfinity || col.score <= -kInfinity; }

void apply_this_with(Cluster& c, const Colocation& col, Resource* r) {
  Resource* other = col.primary;
  std::optional<Places> archive;
  if (col.dependent_role >= Role::kPromoted || (col.score < 0 && col.score > -kInfinity))
    archive = r->allowed;
  if (other->provisional) assign(c, other, nullptr, true);
  const Because why(c, r, Cause::kColocation, col.id, other);
  apply_colocation(c, r, other, col, true);
  if (archive && std::none_of(r->allowed.begin(), r->allowed.end(),
                              [](const Place& p) { return node_available(p, true, false); }))
    r->allowed = std::move(*archive);
}

void add_dependent_scores(Cluster& c, const Colocation& col, Resource* r) {
  if (!has_influence(col, nullptr)) return;
  const Because why(c, r, Cause::kColocation, col.id, col.dependent);
  add_colocated_scores(c, col.dependent, r, r->id, r->allowed, col, factor_of(col), kAvoidNegatives);
}

bool assign_best(Cluster& c, Resource* r, const Node* prefer, bool stop_if_fail) {
  const Node* most_free = nullptr;
  {
    const Because why(c, r, Cause::kUtilization);
    most_free = ban_insufficient_capacity(c, r);
  }
  if (!prefer) prefer = most_free;
  if (!r->provisional) return r->assigned != nullptr;
  const auto nodes = sorted_nodes(c, r->allowed, current_node(r));
  Node* chosen = nullptr;
  if (prefer && !nodes.empty()) {
    const Place* p = r->allowed.find(prefer);
    if (p && p->score >= nodes.front().score && node_available(*p, true, false)) chosen = p->node;
  }
  if (!chosen && !nodes.empty()) {
    const Place& best = nodes.front();
    chosen = best.node;
    bool tied = false;
    const auto equal = [&](std::size_t i) { return i < nodes.size() && nodes[i].score == best.score; };
    for (std::size_t i = 1; equal(i); ++i) tied |= node_available(nodes[i], true, false);
    const bool unique_instance = is_clone(r->parent) && r->parent->unique;
    if (!unique_instance && best.score > 0 && node_available(best, false, false)) {
      Node* running = current_node(r);
      if (running && node_available(running, running->base_score, true, false)) {
        for (std::size_t i = 1; equal(i); ++i)
          if (nodes[i].node == running) chosen = running;
        tied &= chosen != running;
      }
    }
    r->by_count |= tied;
  }
  note_choice(c, r, nodes, chosen, prefer == chosen);
  return finalize_assignment(c, r, chosen, false, stop_if_fail) || r->assigned;
}

void connection_assigned(Resource* r) {
  Node* node = r->remote_node;
  if (!node) return;
  if (r->assigned && r->next_role != Role::kStopped) {
    node->online = true;
    if (node->unseen) node->unclean = false;
  } else {
    node->shutdown = true;
  }
}

}  // namespace

Node* assign_primitive(Cluster& c, Resource* r, const Node* prefer, bool stop_if_fail) {
  if (r->parent && !r->parent->assigning) assign(c, r->parent, prefer, stop_if_fail);
  if (!r->provisional) return r->assigned;
  if (r->assigning) return nullptr;
  r->assigning = true;
  const auto this_with = this_with_colocations(r), with_this = with_this_colocations(r);
  for (bool first : {true, false}) {
    for (auto* col : this_with)
      if (mandatory(*col) == first) apply_this_with(c, *col, r);
    for (auto* col : with_this)
      if (mandatory(*col) == first) add_dependent_scores(c, *col, r);
  }
  if (r->next_role == Role::kStopped) {
    const Because why(c, r, Cause::kStopped, r->next_role_why);
    ban_everywhere(c, r);
  } else if (r->next_role > r->role && !c.config.have_quorum &&
             c.config.no_quorum == Config::NoQuorum::kFreeze) {
    set_next_role(r, r->role, "no-quorum-policy=freeze");
  }
  show_scores(c, r, r->allowed, "pcmk__primitive_assign");
  if (c.config.fencing && !c.config.have_stonith_resource) r->managed = false;
  if (!r->managed) {
    set_next_role(r, r->role, "unmanaged");
    finalize_assignment(c, r, current_node(r), true, stop_if_fail);
  } else if (c.config.stop_all) {
    finalize_assignment(c, r, nullptr, true, stop_if_fail);
  } else {
    assign_best(c, r, prefer, stop_if_fail);
  }
  r->assigning = false;
  if (r->is_remote_connection) connection_assigned(r);
  return r->assigned;
}

Node* assign_group(Cluster& c, Resource* r, const Node* prefer, bool stop_if_fail) {
  if (!r->provisional) return node_of(r, Where::kAssigned);
  if (r->assigning) return nullptr;
  if (r->children.empty()) {
    r->provisional = false;
    return nullptr;
  }
  r->assigning = true;
  r->role = r->children.front()->role;
  show_scores(c, r, r->allowed, "pcmk__group_assign");
  Node* first = nullptr;
  for (auto* member : r->children) {
    Node* n = assign(c, member, prefer, stop_if_fail);
    if (!first) first = n;
  }
  set_next_role(r, r->children.front()->next_role, "first group member");
  r->assigning = false;
  r->provisional = false;
  return r->members_together ? first : nullptr;
}

Node* assign(Cluster& c, Resource* r, const Node* prefer, bool stop_if_fail) {
  switch (r->variant) {
    case Variant::kPrimitive:
      return assign_primitive(c, r, prefer, stop_if_fail);
    case Variant::kGroup:
      return assign_group(c, r, prefer, stop_if_fail);
    case Variant::kClone:
      return assign_clone(c, r, prefer, stop_if_fail);
    case Variant::kBundle:
      return assign_bundle(c, r, prefer, stop_if_fail);
  }
  return nullptr;
}

// --- Before assignment: locations, stickiness, failures, health ---

namespace {

std::int64_t shutdown_time(const Cluster& c, const Node* node) {
  const auto v = meta_of(node->attributes, "shutdown");
  if (v)
    if (auto t = parse_int(*v); t && *t > 0) return *t;
  return epoch_seconds(c.now);
}

void apply_shutdown_lock(Cluster& c, Resource* r) {
  if (is_group(r)) {
    for (auto* m : r->children) apply_shutdown_lock(c, m);
    return;
  }
  if (!is_primitive(r) || is_bundled(r) || is_clone(top(r)) || r->fence_device || r->is_remote_connection)
    return;
  if (r->lock_node) {
    if (!r->running_on.empty()) {
      r->lock_node = nullptr;
      r->lock_time = 0;
      return;
    }
  } else if (r->running_on.size() == 1 && r->running_on.front()->shutdown) {
    Node* node = r->running_on.front();
    if (node->unclean) return;
    r->lock_node = node;
    r->lock_time = shutdown_time(c, node);
  }
  if (!r->lock_node) return;
  if (c.config.shutdown_lock_ms > 0) {
    const WallTime t{Seconds(r->lock_time + c.config.shutdown_lock_ms / 1000)};
    if (!c.recheck_by || t < *c.recheck_by) c.recheck_by = t;
  }
  for (Node* n : c.nodes)
    if (n != r->lock_node) add_location_score(c, r, n, -kInfinity);
}

void apply_stickiness(Cluster& c, Resource* r) {
  if (!r->children.empty()) {
    for (auto* child : r->children) apply_stickiness(c, child);
    return;
  }
  if (!r->managed || r->stickiness == 0 || r->running_on.size() != 1) return;
  Node* node = r->running_on.front();
  if (!c.config.symmetric && !r->allowed.find(node)) return;
  add_location_score(c, r, node, r->stickiness);
}

void check_threshold(Cluster& c, Resource* r, Node* node) {
  if (!r->children.empty()) {
    for (auto* child : r->children) check_threshold(c, child, node);
    return;
  }
  for (const Action* a : r->actions)
    if (a->task == "clear_failcount" && a->node == node) return;
  Resource* whom = nullptr;
  if (threshold_reached(c, r, node, &whom)) add_location_score(c, whom, node, -kInfinity);
}

void apply_exclusive(Resource* r, Node* node) {
  if (r->exclusive_discovery || top(r)->exclusive_discovery) {
    for (auto* child : r->children) apply_exclusive(child, node);
    Place* p = r->allowed.find(node);
    if (p && p->discovery != Discovery::kExclusive) p->score = -kInfinity;
  }
}

void health_scores(Cluster& c) {
  const std::string& s = c.config.health_strategy;
  if (s == "none" || s.empty()) return;
  const bool progressive = s == "progressive";
  for (Node* node : c.nodes) {
    int sum = progressive ? c.config.health_base : 0;
    bool any = progressive;
    auto value = [&](const std::string& v) {
      if (v == "red") return c.config.health_red;
      if (v == "yellow") return c.config.health_yellow;
      if (v == "green") return c.config.health_green;
      return parse_score(v);
    };
    for (auto it = node->attributes.lower_bound("#health");
         it != node->attributes.end() && it->first.starts_with("#health"); ++it) {
      sum = add_scores(sum, value(it->second));
      any = true;
    }
    (void)any;
    node->health = sum;
    if (sum == 0) continue;
    std::vector<Resource*> todo = c.resources;
    for (Resource* r : todo) {
      // Resources may be allowed on unhealthy nodes, where they run already.
      const bool allow = is_true(meta_or(r->meta, "allow-unhealthy-nodes", ""));
      if (allow) continue;
      new_location(c, s, r, sum, nullptr, node)->health = true;
    }
  }
}

}  // namespace

void apply_node_health(Cluster& c) { health_scores(c); }

bool apply_location_and_health(Cluster& c) {
  if (c.config.shutdown_lock)
    for (auto* r : c.resources) {
      const Because why(c, r, Cause::kShutdownLock);
      apply_shutdown_lock(c, r);
    }
  for (const auto* l : c.locations) apply_location(l->resource, *l, &c);
  for (auto* r : c.resources) {
    const Because why(c, r, Cause::kStickiness);
    apply_stickiness(c, r);
  }
  for (Node* n : c.nodes) {
    const bool failures = any_failures(n);
    for (auto* r : c.resources) {
      if (failures) {
        const Because why(c, r, Cause::kThreshold);
        check_threshold(c, r, n);
      }
      const Because why(c, r, Cause::kExclusive);
      apply_exclusive(r, n);
    }
  }
  return true;
}

namespace {

// With utilization in play, the order of assignment is: what matters more, then what has more to lose where
// it is, then what likes any node more, the best node first.
void sort_by_need(Cluster& c) {
  Places all;
  for (Node* n : c.nodes) all.add(Place{n, n->base_score, n->base_discovery, 0});
  const auto nodes = sorted_nodes(c, all, nullptr);
  struct Entry {
    Resource* r;
    Places likes;
    const Node* current;
  };
  std::vector<Entry> list;
  list.reserve(c.resources.size());
  for (auto* r : c.resources)
    list.push_back({r, colocated_preferences(c, r), r->running_on.empty() ? nullptr : current_node(r)});
  auto score = [](const Entry& e, const Node* n) {
    const Place* p = n ? e.likes.find(n) : nullptr;
    return p ? p->score : -kInfinity;
  };
  std::vector<const Entry*> order;
  for (const auto& e : list) order.push_back(&e);
  merge_sort(order, [&](const Entry* a, const Entry* b) {
    if (a->r->priority != b->r->priority) return a->r->priority > b->r->priority ? -1 : 1;
    int sa = score(*a, a->current), sb = score(*b, b->current);
    for (std::size_t i = 0; sa == sb && i < nodes.size(); ++i) {
      sa = score(*a, nodes[i].node);
      sb = score(*b, nodes[i].node);
    }
    return sa > sb ? -1 : sa < sb ? 1 : 0;
  });
  for (std::size_t i = 0; i < order.size(); ++i) c.resources[i] = order[i]->r;
}

}  // namespace

namespace {

// Who has its turn: what is left out counts as if it had had its own, and what each adds is noted if asked
// for.
class Turns {
 public:
  explicit Turns(Cluster& c) : c_(c) {}

  void begin(const Resource* r) {
    if (c_.scope) count_left_out(r);
    if (!c_.keep_counts || !r) return;
    before_.clear();
    for (const auto& node : c_.node_store) before_.push_back(node.assigned_count);
  }
  void end() {
    if (!c_.keep_counts) return;
    auto& added = c_.counts.emplace_back();
    for (const auto& node : c_.node_store)
      if (const int more = node.assigned_count - before_[static_cast<std::size_t>(node.slot)]; more != 0)
        added.emplace_back(node.slot, more);
  }

 private:
  // Those before r; null: the rest.
  void count_left_out(const Resource* r) {
    const Scope& scope = *c_.scope;
    std::size_t until = scope.counts->size();
    if (r)
      if (const auto at = scope.parts->rank_of.find(r->id); at != scope.parts->rank_of.end())
        until = static_cast<std::size_t>(at->second);
    for (; rank_ < until; ++rank_)
      if (!scope.looked_at[static_cast<std::size_t>(scope.parts->part_of_rank[rank_])])
        for (const auto& [slot, count] : (*scope.counts)[rank_])
          c_.node_store[static_cast<std::size_t>(slot)].assigned_count += count;
  }

  Cluster& c_;
  std::size_t rank_ = 0;
  std::vector<int> before_;
};

}  // namespace

void assign_resources(Cluster& c) {
  if (c.config.placement != Config::Placement::kDefault) sort_by_need(c);
  if (c.config.have_remote_nodes)
    for (auto* r : c.resources)
      if (r->is_remote_connection) assign(c, r, r->partial_target, true);
  Turns turns(c);
  for (auto* r : c.resources) {
    turns.begin(r);
    if (!r->is_remote_connection) assign(c, r, nullptr, true);
    turns.end();
  }
  turns.begin(nullptr);
}

}  // namespace systole::pengine::engine
