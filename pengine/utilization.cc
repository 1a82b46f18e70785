// Utilization: node capacities, what resources need, and the orders that keep them within.
#include <algorithm>

#include "pengine/engine.h"

namespace systole::pengine::engine {
namespace {

std::int64_t number(std::string_view text) {
  return std::clamp<std::int64_t>(parse_int(text).value_or(0), -(1LL << 40), 1LL << 40);
}

void add_need(Meta& need, const Meta& more) {
  for (const auto& [name, value] : more)
    need[name] = std::to_string(number(meta_or(need, name, "0")) + number(value));
}

}  // namespace

int compare_capacity(const Cluster&, const Node* a, const Node* b) {
  int result = 0;
  auto add = [&](std::int64_t x, std::int64_t y) { result += x > y ? -1 : x < y ? 1 : 0; };
  for (const auto& [name, value] : a->utilization)
    add(number(value), number(meta_or(b->utilization, name, "0")));
  for (const auto& [name, value] : b->utilization)
    if (!a->utilization.contains(name)) add(0, number(value));
  return result;
}

void consume_utilization(Node* node, const Resource* r) {
  for (const auto& [name, value] : r->utilization)
    if (node->utilization.contains(name)) {
      std::string& left = node->utilization[name];
      left = std::to_string(number(left) - number(value));
    }
}

void release_utilization(Node* node, const Resource* r) {
  for (const auto& [name, value] : r->utilization)
    if (node->utilization.contains(name)) {
      std::string& left = node->utilization[name];
      left = std::to_string(number(left) + number(value));
    }
}

namespace {

using Chain = std::vector<const Resource*>;  // In the order in which they were found.

bool in(const std::set<const Resource*>& seen, const Resource* r) { return seen.contains(r); }

// All that must be with the resource, directly or by way of others.
void follow(const Resource* r, const Resource* origin, Chain& chain, std::set<const Resource*>& seen) {
  if (is_group(r) && (r->members_together || is_clone(r->parent))) {
    if (seen.insert(r).second) chain.push_back(r);
    for (const auto* member : r->children) follow(member, origin, chain, seen);
    return;
  }
  if (!seen.insert(r).second) return;
  chain.push_back(r);
  for (auto* col : this_with_colocations(r))
    if (col->primary != origin && col->score >= kInfinity && !in(seen, col->primary) &&
        colocation_affects(r, col->primary, *col, true) == Influence::kScores)
      follow(col->primary, origin, chain, seen);
  for (auto* col : with_this_colocations(r)) {
    if (col->dependent == origin || col->score < kInfinity || in(seen, col->dependent)) continue;
    // One instance of the clone may be without the dependent.
    if (is_clone(r) && !is_clone(col->dependent)) continue;
    if (colocation_affects(col->dependent, r, *col, true) == Influence::kScores)
      follow(col->dependent, origin, chain, seen);
  }
}

// What is not placed yet of a resource needs, that another link of the chain does not count already.
void add_unplaced(const Resource* r, const std::set<const Resource*>& chain, Meta& need) {
  if (!r->provisional) return;
  switch (r->variant) {
    case Variant::kPrimitive:
      add_need(need, r->utilization);
      return;
    case Variant::kGroup:
      for (const auto* member : r->children) {
        if (member->provisional && !in(chain, member)) add_unplaced(member, chain, need);
        if (!r->members_together && !is_clone(r->parent)) return;
      }
      return;
    case Variant::kClone: {
      bool counted = false;
      for (const auto* instance : r->children) {
        if (in(chain, instance)) {
          counted = true;
        } else if (std::any_of(instance->children.begin(), instance->children.end(),
                               [&](const Resource* member) { return in(chain, member); })) {
          add_unplaced(instance, chain, need);
          counted = true;
        }
      }
      if (!counted && !r->children.empty()) add_unplaced(r->children.front(), chain, need);
      return;
    }
    case Variant::kBundle:
      if (!r->replicas.empty()) add_unplaced(r->replicas.front().container, chain, need);
      return;
  }
}

bool fits(const Node* node, const Meta& need) {
  return std::all_of(need.begin(), need.end(), [&](const auto& n) {
    return number(n.second) <= number(meta_or(node->utilization, n.first, "0"));
  });
}

}  // namespace

// Bans nodes that cannot hold the resource with all that must be with it or, if none can, the resource alone;
// then returns the node with most room.
const Node* ban_insufficient_capacity(Cluster& c, Resource* r) {
  if (c.config.placement == Config::Placement::kDefault) return nullptr;
  Chain chain;
  std::set<const Resource*> seen;
  follow(r, r, chain, seen);
  Meta all;
  for (const auto* x : chain) add_unplaced(x, seen, all);
  bool any = false;
  const Node* most_free = nullptr;
  for (const auto& p : r->allowed) {
    if (!node_available(p, true, false)) continue;
    any |= fits(p.node, all);
    if (!most_free || compare_capacity(c, p.node, most_free) < 0) most_free = p.node;
  }
  const Meta& need = any ? all : r->utilization;
  for (auto& p : r->allowed)
    if (node_available(p, true, false) && !fits(p.node, need)) p.score = -kInfinity;
  return any ? nullptr : most_free;
}

namespace {

// "All that leaves the node has left it": what comes to it waits for that.
Action* load_stopped(Cluster& c, Node* node) {
  const std::string task = "load_stopped_" + node->name;
  Action*& a = c.singletons[task];
  if (!a) {
    a = make_action(c, nullptr, task, task, nullptr, false);
    a->pseudo = a->runnable = true;
    a->node = node;
  }
  return a;
}

}  // namespace

void create_utilization_constraints(Cluster& c, Resource* r, const std::vector<Node*>& allowed) {
  for (Node* current : r->running_on)
    new_ordering(c, r, "stop", nullptr, nullptr, "", load_stopped(c, current), kIfOnSameNodeOrTarget);
  for (Node* next : allowed)
    for (const char* task : {"start", "migrate_to"})
      new_ordering(c, nullptr, "", load_stopped(c, next), r, task, nullptr, kIfOnSameNodeOrTarget);
}

}  // namespace systole::pengine::engine
