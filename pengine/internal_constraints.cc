// Constraints that the kinds of resources imply.
#include <algorithm>

#include "pengine/because.h"
#include "pengine/engine.h"

namespace systole::pengine::engine {
namespace {

void avoid_remote_nodes(Cluster& c, Resource* r) {
  const Because why(c, r, Cause::kNodeKind, "cluster-node");
  for (auto& p : r->allowed)
    if (p.node->remote) p.score = -kInfinity;
}

Resource* guest_connection_in(const Resource* container) {
  for (Resource* f : container->fillers)
    if (f->is_remote_connection) return f;
  return nullptr;
}

bool may_nest(const Resource* r) { return r->is_remote_connection && is_bundled(r); }

void primitive(Cluster& c, Resource* r) {
  if (!r->managed) return;
  const bool unfence = !r->fence_device && c.config.unfencing && r->needs_unfencing;
  order_tasks(c, r, "stop", r, "start", kOrdered | kFirstImpliesThen | kIntermediateStop);
  if (top(r)->promotable || r->role > Role::kUnpromoted) {
    order_tasks(c, r, "demote", r, "stop", kPromotedThenImpliesFirst);
    order_tasks(c, r, "start", r, "promote", kUnrunnableFirstBlocks);
  }
  order_tasks(c, r, "delete", r, "monitor", kIfOnSameNode | kThenCancelsFirst);
  std::vector<Node*> nodes;
  for (const auto& p : r->allowed) nodes.push_back(p.node);
  if (unfence) {
    for (Node* n : nodes) {
      Action* on = fence_op(c, n, "on", true, "", false);
      new_ordering(c, r, "stop", nullptr, nullptr, "", on, kOrdered | kIfOnSameNode);
      new_ordering(c, nullptr, "", on, r, "start", nullptr, kFirstImpliesSameNodeThen | kIfOnSameNode);
    }
  }
  if (c.config.placement != Config::Placement::kDefault && !r->utilization.empty())
    create_utilization_constraints(c, r, nodes);
  if (r->container) {
    Resource* remote = nullptr;
    if (r->is_remote_connection) {
      if (!may_nest(r)) avoid_remote_nodes(c, r->container);
      order_tasks(c, r->container, "monitor", r, "stop", kOrdered);
    } else if (r->container->is_remote_connection) {
      remote = r->container;
    } else {
      remote = guest_connection_in(r->container);
    }
    if (remote) {
      const Because why(c, r, Cause::kNodeKind, "own-guest", remote);
      for (auto& p : r->allowed)
        if (p.node->remote != remote) p.score = -kInfinity;
    } else {
      order_starts(c, r->container, r, kFirstImpliesThen | kUnrunnableFirstBlocks);
      order_stops(c, r, r->container, kThenImpliesFirst);
      new_colocation(c, "#resource-with-container", "", may_nest(r) ? 10000 : kInfinity, r, r->container,
                     Role::kUnknown, Role::kUnknown, true);
    }
  }
  if (r->is_remote_connection || r->fence_device) avoid_remote_nodes(c, r);
}

// The group goes down when its members do, the last to do so being the first member, and is up when all of
// them are.
void between_group_and_member(Cluster& c, Resource* g, Resource* m, bool promotable, bool first) {
  const std::uint32_t down = kThenImpliesFirstGraphed | (first ? kOrdered : 0u);
  const std::uint32_t after_down = first ? kFirstImpliesThen : kFirstImpliesThenGraphed;
  constexpr std::uint32_t kUp = kUnrunnableFirstBlocks | kFirstImpliesThen | kFirstImpliesThenGraphed;
  if (promotable) {
    order_tasks(c, g, "demote", m, "demote", down);
    order_tasks(c, m, "demote", g, "demoted", after_down);
    order_tasks(c, m, "promote", g, "promoted", kUp);
    order_tasks(c, g, "promote", m, "promote", kThenImpliesFirstGraphed);
  }
  order_stops(c, g, m, down);
  order_tasks(c, m, "stop", g, "stopped", after_down);
  order_starts(c, g, m, kThenImpliesFirstGraphed);
  order_tasks(c, m, "start", g, "running", kUp);
}

void after_member(Cluster& c, Resource* previous, Resource* m, bool promotable) {
  order_starts(c, previous, m, kFirstImpliesThen | kUnrunnableFirstBlocks);
  order_stops(c, m, previous, kOrdered | kIntermediateStop);
  // An inactive one before an active one, as when it is new: nothing else would keep its start waiting.
  if (!m->running_on.empty() && previous->running_on.empty())
    order_tasks(c, m, "stop", previous, "start", kThenImpliesFirst | kUnrunnableFirstBlocks);
  if (!promotable) return;
  order_tasks(c, previous, "promote", m, "promote", kFirstImpliesThen | kUnrunnableFirstBlocks);
  order_tasks(c, m, "demote", previous, "demote", kOrdered);
}

void group(Cluster& c, Resource* g) {
  order_tasks(c, g, "stop", g, "stopped", kUnrunnableFirstBlocks);
  order_tasks(c, g, "stopped", g, "start", kOrdered);
  order_tasks(c, g, "start", g, "running", kUnrunnableFirstBlocks);
  const bool promotable = top(g)->promotable;
  Resource *previous = nullptr, *last_active = nullptr;
  for (Resource* m : g->children) {
    internal_constraints(c, m);
    if (previous && g->members_together)
      new_colocation(c, "#group-members", "", kInfinity, m, previous, Role::kUnknown, Role::kUnknown,
                     m->critical);
    between_group_and_member(c, g, m, promotable, g->ordered && !previous);
    if (!g->ordered) {
      constexpr std::uint32_t kUp = kFirstImpliesThen | kUnrunnableFirstBlocks | kThenImpliesFirstGraphed;
      order_starts(c, g, m, kUp);
      if (promotable) order_tasks(c, g, "promote", m, "promote", kUp);
    } else if (previous) {
      after_member(c, previous, m, promotable);
    }
    if (!m->running_on.empty()) {
      // Of a partially active group, what is active stops in sequence.
      if (g->ordered && previous && previous->running_on.empty() && last_active)
        order_stops(c, m, last_active, kOrdered);
      last_active = m;
    }
    previous = m;
  }
}

void clone(Cluster& c, Resource* r) {
  order_tasks(c, r, "stopped", r, "start", kOrdered);
  order_tasks(c, r, "start", r, "running", kUnrunnableFirstBlocks);
  order_tasks(c, r, "stop", r, "stopped", kUnrunnableFirstBlocks);
  if (r->promotable) {
    order_tasks(c, r, "demoted", r, "stop", kOrdered);
    order_tasks(c, r, "running", r, "promote", kUnrunnableFirstBlocks);
  }
  if (r->ordered)
    std::stable_sort(r->children.begin(), r->children.end(),
                     [](const Resource* a, const Resource* b) { return a->instance < b->instance; });
  for (std::size_t i = 0; i < r->children.size(); ++i) {
    Resource* instance = r->children[i];
    internal_constraints(c, instance);
    order_starts(c, r, instance, kUnrunnableFirstBlocks | kThenImpliesFirstGraphed);
    order_tasks(c, instance, "start", r, "running", kFirstImpliesThenGraphed);
    order_stops(c, r, instance, kThenImpliesFirstGraphed);
    order_tasks(c, instance, "stop", r, "stopped", kFirstImpliesThenGraphed);
    if (r->ordered && i > 0) {
      order_starts(c, r->children[i - 1], instance, kOrdered);
      order_stops(c, instance, r->children[i - 1], kOrdered);
    }
  }
  if (r->promotable) promotable_constraints(c, r);
}

void bundle(Cluster& c, Resource* b) {
  Resource* inner = b->bundle_child;
  if (inner) {
    order_starts(c, b, inner, kThenImpliesFirstGraphed);
    order_stops(c, b, inner, kThenImpliesFirstGraphed);
    order_tasks(c, inner, "running", b, "running", kFirstImpliesThenGraphed);
    order_tasks(c, inner, "stopped", b, "stopped", kFirstImpliesThenGraphed);
  }
  for (auto& replica : b->replicas) {
    Resource* container = replica.container;
    internal_constraints(c, container);
    order_starts(c, b, container, kUnrunnableFirstBlocks | kThenImpliesFirstGraphed);
    if (replica.child) order_stops(c, b, replica.child, kThenImpliesFirstGraphed);
    order_stops(c, b, container, kThenImpliesFirstGraphed);
    order_tasks(c, container, "start", b, "running", kFirstImpliesThenGraphed);
    order_tasks(c, container, "stop", b, "stopped", kFirstImpliesThenGraphed);
    if (replica.ip) {
      internal_constraints(c, replica.ip);
      order_starts(c, replica.ip, container, kUnrunnableFirstBlocks | kGuestAllowed);
      order_stops(c, container, replica.ip, kThenImpliesFirst | kGuestAllowed);
      new_colocation(c, "#ip-with-container", "", kInfinity, replica.ip, container, Role::kUnknown,
                     Role::kUnknown, true);
    }
    // The connection prefers its container's host; what is inside follows the connection.
    if (replica.remote) internal_constraints(c, replica.remote);
  }
  if (!inner) return;
  internal_constraints(c, inner);
  if (!inner->promotable) return;
  promotable_restart_orders(c, b);
  order_tasks(c, inner, "demoted", b, "demoted", kFirstImpliesThenGraphed);
  order_tasks(c, b, "demote", inner, "demote", kThenImpliesFirstGraphed);
  order_tasks(c, inner, "promoted", b, "promoted", kFirstImpliesThenGraphed);
  order_tasks(c, b, "promote", inner, "promote", kThenImpliesFirstGraphed);
}

}  // namespace

void internal_constraints(Cluster& c, Resource* r) {
  switch (r->variant) {
    case Variant::kPrimitive:
      primitive(c, r);
      break;
    case Variant::kGroup:
      group(c, r);
      break;
    case Variant::kClone:
      clone(c, r);
      break;
    case Variant::kBundle:
      bundle(c, r);
      break;
  }
}

}  // namespace systole::pengine::engine
