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

// Of a resource and everything in it that is not placed yet.
void needs_of(const Resource* r, Meta& need, bool all) {
  if (!r->children.empty()) {
    for (const auto* child : r->children) needs_of(child, need, all);
    return;
  }
  if (all || r->provisional) add_need(need, r->utilization);
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
    if (auto it = node->utilization.find(name); it != node->utilization.end())
      it->second = std::to_string(number(it->second) - number(value));
}

void release_utilization(Node* node, const Resource* r) {
  for (const auto& [name, value] : r->utilization)
    if (auto it = node->utilization.find(name); it != node->utilization.end())
      it->second = std::to_string(number(it->second) + number(value));
}

bool utilization_exceeds(Cluster&, Node* node, const Meta& need) {
  for (const auto& [name, value] : need)
    if (number(value) > number(meta_or(node->utilization, name, "0"))) return true;
  return false;
}

std::vector<Resource*> colocated_resources(const Resource* r) {
  std::vector<Resource*> out{const_cast<Resource*>(r)};
  for (std::size_t i = 0; i < out.size(); ++i) {
    auto add = [&](Resource* x) {
      if (std::find(out.begin(), out.end(), x) == out.end()) out.push_back(x);
    };
    if (i == 0 && is_group(r)) {
    }
    for (auto* col : this_with_colocations(out[i])) {
      if (col->primary == out[i] || is_descendant(out[i], col->primary)) continue;
      if (col->score < kInfinity) continue;
      if (colocation_affects(out[i], col->primary, *col, true) == Influence::kScores) add(col->primary);
    }
    for (auto* col : with_this_colocations(out[i])) {
      if (col->dependent == out[i] || is_descendant(out[i], col->dependent)) continue;
      if (is_clone(out[i]) != is_clone(col->dependent) && !is_primitive(col->dependent) &&
          !is_group(col->dependent))
        continue;
      if (col->score < kInfinity) continue;
      if (colocation_affects(col->dependent, out[i], *col, true) == Influence::kScores) add(col->dependent);
    }
  }
  return out;
}

// Bans nodes that cannot hold the resource and what must be with it; returns the node with most room left.
const Node* ban_insufficient_capacity(Cluster& c, Resource* r) {
  if (c.config.placement == Config::Placement::kDefault) return nullptr;
  const auto group = colocated_resources(r);
  Meta all;
  std::set<const Resource*> counted;
  auto count = [&](const Resource* x, Meta& need, auto&& self) -> void {
    if (!x->children.empty()) {
      for (const auto* child : x->children) self(child, need, self);
      return;
    }
    if (x->provisional && counted.insert(x).second) add_need(need, x->utilization);
  };
  for (const auto* x : group) count(x, all, count);
  bool any = false;
  Node* most_free = nullptr;
  for (auto& p : r->allowed) {
    if (!node_available(p, true, false)) continue;
    if (!utilization_exceeds(c, p.node, all)) any = true;
    if (!most_free || compare_capacity(c, p.node, most_free) < 0) most_free = p.node;
  }
  Meta own;
  needs_of(r, own, false);
  const Meta& need = any ? all : own;
  if (group.size() < 2 && !is_clone(top(r))) most_free = nullptr;
  if (need.empty()) return most_free;
  for (auto& p : r->allowed)
    if (node_available(p, true, false) && utilization_exceeds(c, p.node, need)) p.score = -kInfinity;
  return most_free;
}

void create_utilization_constraints(Cluster& c, Resource* r, const std::vector<Node*>& allowed) {
  for (Node* current : r->running_on) {
    const std::string task = "load_stopped_" + current->name;
    Action*& stopped = c.singletons[task];
    if (!stopped) {
      stopped = make_action(c, nullptr, task, task, nullptr, true);
      stopped->pseudo = true;
    }
    if (!stopped->node) stopped->node = current;
    new_ordering(c, r, op_key(r->id, "stop", 0), nullptr, nullptr, "", stopped, kIfOnSameNodeOrTarget);
  }
  for (Node* next : allowed) {
    const std::string task = "load_stopped_" + next->name;
    Action*& stopped = c.singletons[task];
    if (!stopped) {
      stopped = make_action(c, nullptr, task, task, nullptr, true);
      stopped->pseudo = true;
      stopped->node = next;
    }
    new_ordering(c, nullptr, "", stopped, r, op_key(r->id, "start", 0), nullptr, kIfOnSameNodeOrTarget);
    new_ordering(c, nullptr, "", stopped, r, op_key(r->id, "migrate_to", 0), nullptr, kIfOnSameNodeOrTarget);
  }
}

}  // namespace systole::pengine::engine
