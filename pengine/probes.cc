// Probes: finding out what runs where before anything is started, and the orders around them.
#include <algorithm>

#include "pengine/engine.h"

namespace systole::pengine::engine {
namespace {

bool guest_will_stop(const Resource* guest) {
  if (guest->failed || guest->next_role == Role::kStopped) return true;
  return guest->role > Role::kStopped && guest->assigned && !contains(guest->running_on, guest->assigned);
}

void probe_then_start(Cluster& c, Resource* guest, Resource* r) {
  if (guest->assigned && !contains(guest->known_on, guest->assigned))
    order_tasks(c, guest, "monitor", r, "start", kOrdered);
}

bool probe_primitive(Cluster& c, Resource* r, Node* node) {
  if (!c.config.startup_probes) return false;
  if (is_guest_or_remote(node)) {
    if (r->fence_device) return false;
    if (is_guest(node) && std::any_of(r->fillers.begin(), r->fillers.end(),
                                      [](const Resource* f) { return f->is_remote_connection; }))
      return false;
    if (r->is_remote_connection) return false;
  }
  Resource* whole = top(r);
  if (r->container && !r->is_remote_connection) return false;
  if (r->removed || contains(r->known_on, node)) return false;
  const Place* p = r->allowed.find(node);
  if ((r->exclusive_discovery || whole->exclusive_discovery) && (!p || p->discovery != Discovery::kExclusive))
    return false;
  const Discovery mode = p ? p->discovery : node->base_discovery;
  if (mode == Discovery::kNever) return false;
  if (is_guest(node)) {
    Resource* guest = node->remote->container;
    if (guest->role == Role::kStopped) {
      probe_then_start(c, guest, whole);
      return false;
    }
    if (guest_will_stop(guest)) {
      order_tasks(c, guest, "stop", whole, "start", kOrdered);
      return false;
    }
  }
  Action* probe = make_action(c, r, op_key(r->id, "monitor", 0), "monitor", node, false);
  probe->optional = false;
  order_vs_unfencing(c, r, node, probe, kOrdered);
  if (!contains(r->running_on, node))
    probe->meta["op_target_rc"] = "7";
  else if (r->role == Role::kPromoted)
    probe->meta["op_target_rc"] = "8";
  std::uint32_t flags = kOrdered;
  if (!is_clone(whole)) whole = r;
  if (!probe->runnable && whole->running_on.empty()) flags |= kUnrunnableFirstBlocks;
  new_ordering(c, r, "", probe, whole, "start", nullptr, flags);
  new_ordering(c, r, "", probe, whole, "reload-agent", nullptr, kOrdered);
  return true;
}

bool known_there(const Resource* r, const Node* node) {
  if (contains(r->known_on, node)) return true;
  return std::any_of(r->children.begin(), r->children.end(),
                     [&](const Resource* child) { return known_there(child, node); });
}

bool probe_clone(Cluster& c, Resource* r, Node* node) {
  if (r->exclusive_discovery) {
    const Place* p = r->allowed.find(node);
    if (!p || p->discovery != Discovery::kExclusive) return false;
  }
  const auto before = [](const Resource* a, const Resource* b) { return a->instance < b->instance; };
  if (r->unique) {
    std::vector<Resource*> list = r->children;
    std::stable_sort(list.begin(), list.end(), before);
    return create_probes_of(c, list, node);
  }
  if (r->children.empty()) return false;
  // One instance stands for all: that which was probed there, or will run there, if any; of several the one
  // with the lowest number.
  const auto first_that = [&](auto is) {
    Resource* found = nullptr;
    for (auto* instance : r->children)
      if ((!found || before(instance, found)) && is(instance)) found = instance;
    return found;
  };
  Resource* one = first_that([&](const Resource* i) { return known_there(i, node); });
  if (!one) one = first_that([&](const Resource* i) { return node_of(i, Where::kAssigned) == node; });
  if (!one) one = first_that([](const Resource*) { return true; });
  return create_probe(c, one, node);
}

bool probe_bundle(Cluster& c, Resource* r, Node* node) {
  bool any = false;
  for (auto& replica : r->replicas) {
    if (replica.child && replica.node == node) any |= create_probe(c, replica.child, node);
    if (replica.ip) any |= create_probe(c, replica.ip, node);
    if (create_probe(c, replica.container, node)) {
      any = true;
      if (r->replicas_per_host == 1)
        for (auto& other : r->replicas) {
          if (&other == &replica) continue;
          if (Action* probe = find_action(replica.container->actions,
                                          op_key(replica.container->id, "monitor", 0), "", node))
            new_ordering(c, replica.container, "", probe, other.container, "start", nullptr,
                         kOrdered | kIfOnSameNode);
        }
    }
    if (replica.remote && create_probe(c, replica.remote, node)) {
      any = true;
      if (Action* probe =
              find_action(replica.remote->actions, op_key(replica.remote->id, "monitor", 0), "", node))
        new_ordering(c, replica.container, "start", nullptr, replica.remote, "", probe, kNestedRemoteProbe);
    }
  }
  return any;
}

}  // namespace

bool create_probe(Cluster& c, Resource* r, Node* node) {
  switch (r->variant) {
    case Variant::kPrimitive:
      return probe_primitive(c, r, node);
    case Variant::kGroup:
      return create_probes_of(c, r->children, node);
    case Variant::kClone:
      return probe_clone(c, r, node);
    case Variant::kBundle:
      return probe_bundle(c, r, node);
  }
  return false;
}

bool create_probes_of(Cluster& c, const std::vector<Resource*>& list, Node* node) {
  bool any = false;
  for (auto* r : list) any |= create_probe(c, r, node);
  return any;
}

void schedule_probes(Cluster& c) {
  for (Node* node : c.nodes) {
    if (!node->online) {
      if (connection_failed(node)) fence_node(c, node, "the connection is unrecoverable", false);
      continue;
    }
    if (node->unclean || !node->discovery_enabled) continue;
    const auto probed = meta_of(node->attributes, "probe_complete");
    if (probed && !is_true(*probed)) {
      Action* a = make_action(c, nullptr, "probe_complete-" + node->name, "reprobe", node, false);
      a->optional = false;
      a->meta["op_no_wait"] = "true";
      continue;
    }
    create_probes_of(c, c.resources, node);
  }
}

// --- Orders around probes ---

namespace {

void each_probe(Resource* r, std::vector<Action*>& out) {
  for (Action* a : r->actions)
    if (a->task == "monitor" && is_op_key(a->key, r->id, "monitor")) out.push_back(a);
}

// A probe that cannot run keeps inactive instances of the clone from starting.
void starts_after(Action* probe, const Relation& after) {
  Action* then = after.action;
  if (!then->resource || then->resource->variant <= Variant::kGroup || probe->runnable) return;
  if ((after.flags & kUnrunnableFirstBlocks) || top(probe->resource) != then->resource ||
      then->task != "start")
    return;
  for (const auto& next : std::vector<Relation>(then->after)) {
    Resource* r = next.action->resource;
    if (!r || !r->running_on.empty() || top(r) != then->resource || next.action->task != "start") continue;
    order_actions(probe, next.action, kOrdered | kUnrunnableFirstBlocks);
  }
}

// If the probe finds the resource active, what depends on it may have to restart: its stops wait for the
// probe.
void restarts_after(Cluster& c, Action* probe, Action* after, std::vector<Action*>& touched) {
  if (after->detect_loop) return;
  after->detect_loop = true;
  touched.push_back(after);
  const char* down = after->task == "start" ? "stop" : after->task == "promote" ? "demote" : nullptr;
  if (down && after->resource && is_primitive(after->resource) && probe->resource != after->resource)
    for (Action* then : actions_of(after->resource, nullptr, down, false))
      if (!then->pseudo) order_actions(probe, then, kOrdered);
  bool interleave = false;
  const Resource* compatible = nullptr;
  if (after->resource && after->resource->variant > Variant::kGroup && after->resource->interleave) {
    interleave = true;
    compatible = find_compatible_instance(c, probe->resource, after->resource, Role::kUnknown, false);
  }
  for (const auto& next : std::vector<Relation>(after->after)) {
    if (!(next.flags & kFirstImpliesThen)) {
      if (!after->resource || after->resource->variant < Variant::kGroup ||
          probe->resource->parent == after->resource || !next.action->resource ||
          next.action->resource->variant > Variant::kGroup ||
          after->resource != next.action->resource->parent)
        continue;
      if (after->resource->variant > Variant::kGroup && interleave &&
          (!compatible || compatible != next.action->resource))
        continue;
    }
    restarts_after(c, probe, next.action, touched);
  }
}

void orders_for(Cluster& c, Resource* r) {
  if (!is_primitive(r)) {
    for (auto* child : r->children) orders_for(c, child);
    return;
  }
  std::vector<Action*> probes;
  each_probe(r, probes);
  for (Action* probe : probes) {
    for (const auto& then : std::vector<Relation>(probe->after)) {
      starts_after(probe, then);
      std::vector<Action*> touched;
      restarts_after(c, probe, then.action, touched);
      for (Action* a : touched) a->detect_loop = false;
    }
  }
}

}  // namespace

namespace {

// A node is unfenced before it is probed, and its own probes end before it shuts down.
bool probe_before(const Action* probe, const Action* then) {
  if (then->task == "stonith" && probe->node == then->node &&
      meta_or(then->meta, "stonith_action", "") == "on")
    return false;
  return !(then->task == "do_shutdown" && probe->node && then->node && probe->node != then->node);
}

// What waits for a stop waits for the probe that might find out that there is something to stop.
void probe_as_stop(const Ordering& o) {
  if (o.flags == kNone || !o.first_rsc || o.first_rsc == o.then_rsc) return;
  if (o.first ? o.first->task != "stop" : o.first_task != "stop") return;
  // Inside a container that stops: it may be probed only after the container has started again.
  if (o.then_rsc && o.first_rsc->container == o.then_rsc &&
      (o.then ? o.then->task == "stop" : o.then_task == "stop"))
    return;
  std::uint32_t flags = kOrdered | (o.flags & (kIfFirstUnmigratable | kIfOnSameNode));
  if (o.flags == kIfRequiredOnSameNode || o.flags == kIfOnSameNodeOrTarget) flags = o.flags;
  std::vector<Action*> probes;
  each_probe(o.first_rsc, probes);
  if (probes.empty()) return;
  std::vector<Action*> thens;
  if (o.then) {
    thens = {o.then};
  } else if (o.then_rsc) {
    for (Action* a : o.then_rsc->actions)
      if (is_op_key(a->key, o.then_rsc->id, o.then_task)) thens.push_back(a);
  }
  for (Action* probe : probes)
    for (Action* then : thens)
      if (probe_before(probe, then)) order_actions(probe, then, flags);
}

}  // namespace

void order_probes(Cluster& c) {
  for (auto* r : c.resources) orders_for(c, r);
  for (const auto& o : c.orderings) probe_as_stop(o);
}

}  // namespace systole::pengine::engine
