// Where resources are or will be: questions to the resource tree.
#include <algorithm>

#include "pengine/engine.h"

namespace systole::pengine::engine {

bool contains(const std::vector<Node*>& list, const Node* node) {
  return node && std::find(list.begin(), list.end(), node) != list.end();
}

void collect_nodes(const Resource* r, Where where, std::vector<Node*>& out) {
  if (!is_primitive(r)) {
    for (const auto* child : r->children) collect_nodes(child, where, out);
    if (is_bundle(r) && r->children.empty()) return;
    return;
  }
  auto add = [&](Node* n) {
    if (n && !contains(out, n)) out.push_back(n);
  };
  if (where == Where::kAssigned) {
    add(r->assigned);
    return;
  }
  for (Node* n : r->running_on) add(n);
  if (where == Where::kCurrentOrPending && r->running_on.empty())
    add(r->pending_node);
  else if (where == Where::kCurrentOrPending)
    add(r->pending_node);
}

Node* node_of(const Resource* r, Where where) {
  if (is_primitive(r)) {
    if (where == Where::kAssigned) return r->assigned;
    if (!r->running_on.empty()) return r->running_on.front();
    return where == Where::kCurrentOrPending ? r->pending_node : nullptr;
  }
  for (const auto* child : r->children)
    if (Node* found = node_of(child, where)) return found;
  return nullptr;
}

Role role_of(const Resource* r, bool current) {
  if (is_primitive(r)) return current ? r->role : r->next_role;
  if (is_bundle(r)) return Role::kUnknown;
  Role role = Role::kUnknown;
  for (const auto* child : r->children) role = std::max(role, role_of(child, current));
  return role;
}

bool is_active(const Resource* r, bool all) {
  if (is_primitive(r)) {
    for (Node* n : r->running_on) {
      if (n->unclean) return true;
      if (!n->online && r->managed) continue;
      return true;
    }
    return false;
  }
  bool every = true, any = false;
  for (const auto* child : r->children) {
    if (is_active(child, all))
      any = true;
    else
      every = false;
  }
  return all ? every && (any || r->children.empty()) : any;
}

// The node that counts as the one where it is active: for a primitive that is active more than once, the
// source of a migration, or a clean online node.
Node* active_node(const Resource* r, unsigned* all, unsigned* clean) {
  if (all) *all = 0;
  if (clean) *clean = 0;
  Node* active = nullptr;
  Node* favored = r->partial_source;
  const auto& list = r->running_on;
  for (Node* node : list) {
    const bool ok = node->online && !node->unclean;
    if (all) ++*all;
    if (clean && ok) ++*clean;
    if (favored && node == favored) {
      active = node;
      favored = nullptr;
      if (!all) break;
      favored = nullptr;
      active = node;
      continue;
    }
    if (!active)
      active = node;
    else if (r->partial_source && active == r->partial_source)
      continue;
    else if (ok && (!active->online || active->unclean))
      active = node;
  }
  return active;
}

Node* current_node(const Resource* r) { return active_node(r); }

std::vector<Resource*> primitives_of(Resource* r) {
  if (is_primitive(r)) return {r};
  std::vector<Resource*> out;
  for (auto* child : r->children)
    for (auto* p : primitives_of(child)) out.push_back(p);
  return out;
}

bool is_descendant(const Resource* r, const Resource* ancestor) {
  for (; r; r = r->parent)
    if (r == ancestor) return true;
  return false;
}

// The instance below r that has the configured id, active on the node when given.
Resource* find_in(Resource* r, std::string_view configured_id, const Node* node, bool current_only) {
  if (r->def->id == configured_id || r->id == configured_id || r->history_name == configured_id) {
    if (!node) return r;
    if (current_only ? contains(r->running_on, node) : (r->assigned == node || contains(r->running_on, node)))
      return r;
  }
  for (auto* child : r->children)
    if (Resource* found = find_in(child, configured_id, node, current_only)) return found;
  return nullptr;
}

std::vector<Resource*> instances_of(const Resource* r) {
  if (!is_bundle(r)) return r->children;
  std::vector<Resource*> out;
  for (const auto& replica : r->replicas) out.push_back(replica.container);
  return out;
}

Node* container_host(const Resource* r) { return r->container ? current_node(r->container) : nullptr; }

bool is_universal_clone(const Cluster& c, const Resource* r) {
  return is_clone(r) && r->clone_max == static_cast<int>(c.nodes.size());
}

}  // namespace systole::pengine::engine
