// Actions that go through a connection to a remote or guest node: they need it up.
#include "pengine/engine.h"

namespace systole::pengine::engine {
namespace {

enum class Link : std::uint8_t { kUnknown, kAlive, kResting, kStopped, kFailed };

Link link_of(const Node* node) {
  const Resource* r = node->remote;
  const Node* host = current_node(r);
  if (r->next_role == Role::kStopped || !r->assigned) {
    if (host && host->unclean) return Link::kFailed;
    if (!r->failed) return Link::kStopped;
    const auto shutdown = meta_of(node->attributes, "shutdown");
    const bool leaving = shutdown && !shutdown->empty() && *shutdown != "0";
    if (r->next_role == Role::kStopped && r->remote_reconnect_ms > 0 && node->remote_was_fenced && !leaving)
      return Link::kUnknown;
    return Link::kFailed;
  }
  if (!host) return Link::kUnknown;
  if (host->unclean || !host->online) return Link::kResting;
  if (r->running_on.size() > 1 && r->partial_source && r->partial_target) return Link::kResting;
  return Link::kAlive;
}

void start_then(Cluster& c, Resource* first, Action* then, std::uint32_t extra) {
  new_ordering(c, first, "start", nullptr, then->resource, "", then,
               kGuestAllowed | kUnrunnableFirstBlocks | extra);
}

void then_stop(Cluster& c, Action* first, Resource* then, std::uint32_t extra) {
  new_ordering(c, first->resource, "", first, then, "stop", nullptr, kGuestAllowed | extra);
}

// What migrates to or from the node has the connection up, as what stops there has.
bool migrates(const Action* a) { return a->task == "migrate_to" || a->task == "migrate_from"; }

void over_remote(Cluster& c, Action* a) {
  Resource* r = a->node->remote;
  const Link link = link_of(a->node);
  if (a->task == "start" || a->task == "promote") {
    start_then(c, r, a, link == Link::kFailed ? kFirstImpliesThen : 0u);
  } else if (a->task == "stop" || migrates(a)) {
    if (link == Link::kAlive)
      then_stop(c, a, r, kThenImpliesFirst);
    else if (link == Link::kFailed)
      fence_node(c, a->node, "resources are active but connection is unrecoverable", false);
    else if (r->next_role == Role::kStopped)
      then_stop(c, a, r, kThenImpliesFirst);
    else
      start_then(c, r, a, 0);
  } else if (a->task == "demote") {
    if (link == Link::kResting || link == Link::kUnknown) start_then(c, r, a, 0);
  } else if (a->interval_ms > 0) {
    start_then(c, r, a, kFirstImpliesThen);
  } else {
    if (a->task == "monitor" && link == Link::kFailed)
      fence_node(c, a->node, "resources are in unknown state and connection is unrecoverable", false);
    if (current_node(r) && link == Link::kStopped)
      then_stop(c, a, r, kUnrunnableFirstBlocks);
    else
      start_then(c, r, a, 0);
  }
}

void over_guest(Cluster& c, Action* a) {
  Resource *r = a->node->remote, *container = r->container;
  if (container->failed) fence_node(c, a->node, "container failed", false);
  if (a->task == "start" || a->task == "promote") {
    start_then(c, container, a, kFirstImpliesThen);
    start_then(c, r, a, 0);
  } else if (a->task == "stop" || a->task == "demote" || migrates(a)) {
    if (!container->failed) then_stop(c, a, r, 0);
  } else if (a->interval_ms == 0) {
    start_then(c, r, a, 0);
  } else if (a->task != "cancel") {
    start_then(c, r, a, kFirstImpliesThen);
  }
}

}  // namespace

bool connection_failed(const Node* node) {
  return is_remote(node) && node->remote && link_of(node) == Link::kFailed;
}

void order_remote_connections(Cluster& c) {
  if (!c.config.have_remote_nodes) return;
  const auto actions = c.actions;
  for (Action* a : actions) {
    if (!a->resource) continue;
    if (a->resource->is_remote_connection && a->task == "clear_failcount") {
      new_ordering(c, a->resource, "", a, a->resource, "start", nullptr, kOrdered);
      continue;
    }
    if (!a->node || !is_guest_or_remote(a->node) || a->pseudo) continue;
    Resource* remote = a->node->remote;
    if (!remote) continue;
    if (a->task == "start")
      for (Action* other : a->resource->actions)
        if (other->node && other->node != a->node && other->task == "stop")
          new_ordering(c, remote, "start", nullptr, a->resource, "", other, kOrdered);
    if (remote->container)
      over_guest(c, a);
    else
      over_remote(c, a);
  }
}

}  // namespace systole::pengine::engine
