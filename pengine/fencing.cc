// Fencing and shutdown of nodes, and what they imply for the resources there.
#include "pengine/engine.h"

namespace systole::pengine::engine {
namespace {

bool any_managed(const Resource* r) {
  if (r->children.empty()) return r->managed;
  for (const auto* child : r->children)
    if (any_managed(child)) return true;
  return false;
}

// An anonymous clone's instances know what each other know.
bool known_on(const Resource* r, const Node* node) {
  return contains(r->known_on, node) ||
         (is_anonymous_clone(r->parent) && contains(r->parent->known_on, node));
}

void starts_after_fencing(Resource* r, Action* stonith) {
  Node* target = stonith->node;
  for (Action* a : r->actions) {
    if (a->needs == Requires::kFencing) {
      order_actions(stonith, a, kOrdered);
    } else if (a->needs == Requires::kQuorum && a->task == "start" && r->allowed.find(target) &&
               !known_on(r, target)) {
      order_actions(stonith, a, kOrdered | kUnrunnableFirstBlocks);
    }
  }
}

void stops_after_fencing(Cluster& c, Resource* r, Action* stonith) {
  Node* target = stonith->node;
  Resource* whole = top(r);
  const bool order = r->needs_fencing || is_guest(target);
  auto stops = actions_of(r, target, "stop", false);
  Action* parent_stop = nullptr;
  if (!stops.empty() && order) parent_stop = find_action(whole->actions, "", "stop", nullptr);
  for (Action* a : stops) {
    a->pseudo = true;
    a->runnable = true;
    if (order) {
      if (!is_bundled(r)) order_actions(stonith, a, kGuestAllowed);
      order_actions(stonith, parent_stop, kGuestAllowed);
    }
    if (r->notify && is_clone(top(r))) notify_after_fencing(c, r, a, stonith);
  }
  for (Action* a : actions_of(r, target, "demote", false)) {
    if (a->node && a->node->online && !a->node->unclean && !r->failed) continue;
    a->pseudo = true;
    a->runnable = true;
    if (!is_bundled(r) && order) order_actions(stonith, a, kGuestAllowed | kOrdered);
  }
}

void fence_guest(Cluster& c, Node* node) {
  Resource* container = node->remote->container;
  const char* what = "off";
  Action* stop = find_action(container->actions, "", "stop", nullptr);
  if (find_action(container->actions, "", "start", nullptr)) what = "reboot";
  Action* fence = fence_op(c, node, what, false, "guest is unclean", false);
  fence->optional = false;
  fence->pseudo = true;
  fence->runnable = true;
  if (stop && stop->pseudo && stop->node) {
    Action* host = fence_op(c, stop->node, nullptr, false, "", false);
    order_actions(host, fence, kUnrunnableFirstBlocks | kFirstImpliesThen);
  } else if (stop) {
    order_actions(stop, fence, kUnrunnableFirstBlocks | kFirstImpliesThen);
  } else if ((stop = find_action(node->remote->actions, "", "stop", nullptr))) {
    order_actions(stop, fence, kOrdered);
  }
  for (auto* r : std::vector<Resource*>(c.resources)) order_vs_fencing(c, r, fence);
}

Action* shutdown_action(Cluster& c, Node* node) {
  Action* a = make_action(c, nullptr, "do_shutdown-" + node->name, "do_shutdown", node, false);
  a->optional = false;
  a->meta["op_no_wait"] = "true";
  shutdown_ordering(c, node, a);
  return a;
}

}  // namespace

void order_vs_fencing(Cluster& c, Resource* r, Action* stonith) {
  if (!r->children.empty()) {
    for (auto* child : r->children) order_vs_fencing(c, child, stonith);
    return;
  }
  if (!r->managed) return;
  starts_after_fencing(r, stonith);
  stops_after_fencing(c, r, stonith);
}

void order_vs_unfencing(Cluster& c, Resource* r, Node* node, Action* a, std::uint32_t flags) {
  const bool wants = (c.config.unfencing && r->fence_device) || r->needs_unfencing;
  if (!wants || !node) return;
  Action* on = fence_op(c, node, "on", true, "", false);
  order_actions(on, a, flags);
  const auto unfenced = meta_of(node->attributes, "#node-unfenced");
  const bool done = unfenced && !unfenced->empty() && *unfenced != "0";
  if (!done) {
    if (can_fence(c, node)) on->optional = false;
    set_reason(on, "required by " + r->id, false);
  }
}

void trigger_unfencing(Cluster& c, Resource* r, Node* node, const char* why) {
  if (!c.config.unfencing || (r && !r->fence_device)) return;
  auto fit = [](const Node* n) { return n->online && !n->unclean && !n->shutdown; };
  if (node && fit(node))
    fence_op(c, node, "on", false, why, false);
  else if (r)
    for (const auto& p : r->allowed)
      if (fit(p.node)) fence_op(c, p.node, "on", false, why, false);
}

void shutdown_ordering(Cluster& c, Node* node, Action* shutdown) {
  for (Action* a : c.actions) {
    if (!a->resource || a->node != node || a->task != "stop") continue;
    if (a->resource->maintenance || node->maintenance) continue;
    if (!a->resource->managed && !a->resource->blocked) continue;
    a->optional = false;
    new_ordering(c, a->resource, "", a, nullptr, "", shutdown, kOrdered | kUnrunnableFirstBlocks);
  }
}

void order_after_each(Action* first, const std::vector<Action*>& list) {
  for (Action* a : list) order_actions(a, first, kOrdered);
}

namespace {

// Nodes in an unknown state that will stay so, and what a person can do about it.
void warn_unfenced(Cluster& c, const std::vector<const Node*>& nodes) {
  if (nodes.empty()) return;
  for (const Node* node : nodes)
    c.warning(fmt::format("Node {} is unclean but cannot be fenced", node->name));
  if (!c.config.fencing) {
    c.warning(
        "Resource functionality and data integrity cannot be guaranteed (configure, enable, and test "
        "fencing to correct this)");
  } else if (c.config.have_stonith_resource && !c.config.have_quorum) {
    c.warning(
        "Cannot fence unclean nodes until quorum is attained (or no-quorum-policy is set to \"ignore\")");
  }
}

}  // namespace

void fencing_and_shutdowns(Cluster& c) {
  bool managed = false;
  for (const auto* r : c.resources) managed |= any_managed(r);
  Action* dc_down = nullptr;
  std::vector<Action*> fences, shutdowns;
  std::vector<const Node*> unfenced;
  for (Node* node : c.nodes) {
    if (is_guest(node)) {
      if (node->remote_requires_reset && managed && can_fence(c, node)) fence_guest(c, node);
      continue;
    }
    if (managed && node->unclean && can_fence(c, node)) {
      Action* fence = fence_op(c, node, nullptr, false, "node is unclean", false);
      fence->optional = false;
      for (auto* r : c.resources) order_vs_fencing(c, r, fence);
      if (node->is_dc) {
        dc_down = fence;
      } else {
        if (!c.config.concurrent_fencing && !fences.empty()) order_actions(fences.back(), fence, kOrdered);
        fences.push_back(fence);
      }
    } else if (node->kind == NodeKind::kCluster && node->online && node->shutdown) {
      Action* down = shutdown_action(c, node);
      if (node->is_dc)
        dc_down = down;
      else
        shutdowns.push_back(down);
    }
    // One that is fenced, or that leaves by request, is in order.
    if (node->unclean && !(managed && can_fence(c, node))) unfenced.push_back(node);
  }
  warn_unfenced(c, unfenced);
  if (!dc_down) return;
  if (dc_down->task == "do_shutdown") order_after_each(dc_down, shutdowns);
  if (c.config.concurrent_fencing)
    order_after_each(dc_down, fences);
  else if (!fences.empty())
    order_actions(fences.back(), dc_down, kOrdered);
}

}  // namespace systole::pengine::engine
