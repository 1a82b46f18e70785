// Bundles: containers are assigned first, then connections, then what is inside.
#include <algorithm>

#include "pengine/because.h"
#include "pengine/engine.h"
#include "pengine/merge_sort.h"

namespace systole::pengine::engine {

int compare_instances(Cluster& c, Resource* a, Resource* b);

Node* assign_bundle(Cluster& c, Resource* r, const Node* prefer, bool stop_if_fail) {
  if (r->assigning) return nullptr;
  if (!r->provisional) {
    show_scores(c, r, r->allowed, "pcmk__bundle_assign");
    return nullptr;
  }
  r->assigning = true;
  auto instances = instances_of(r);
  show_scores(c, r, r->allowed, "pcmk__bundle_assign");
  merge_sort(instances, [&](Resource* a, Resource* b) { return compare_instances(c, a, b); });
  assign_instances(c, r, instances, r->replica_count, r->replicas_per_host);
  for (auto& replica : r->replicas) {
    Node* host = replica.container->assigned;
    if (replica.ip) assign(c, replica.ip, prefer, stop_if_fail);
    if (replica.remote) {
      if (is_guest_or_remote(host)) {
        // A connection must run on a cluster node even if its container does not.
        new_colocation(c, "#replica-remote-with-host-remote", "", kInfinity, replica.remote, host->remote,
                       Role::kUnknown, Role::kUnknown, true);
      }
      assign(c, replica.remote, prefer, stop_if_fail);
    }
    if (replica.child) {
      const Because why(c, replica.child, Cause::kNodeKind, "own-guest", replica.remote);
      for (auto& p : replica.child->allowed) {
        if (p.node != replica.node) {
          p.score = -kInfinity;
        } else if (!threshold_reached(c, replica.child, p.node, nullptr)) {
          p.score = kInfinity;
        }
      }
      if (Place* p = replica.child->parent->allowed.find(replica.node)) p->score = kInfinity;
      // The clone itself has its turn when all containers have a place.
      replica.child->parent->assigning = true;
      assign(c, replica.child, replica.node, stop_if_fail);
      replica.child->parent->assigning = false;
    }
  }
  if (r->bundle_child) {
    const Because why(c, r->bundle_child, Cause::kNodeKind, "own-guest", r);
    for (auto& p : r->bundle_child->allowed) {
      const bool own = std::any_of(r->replicas.begin(), r->replicas.end(),
                                   [&](const BundleReplica& x) { return x.node == p.node; });
      p.score = own ? 0 : -kInfinity;
    }
    assign(c, r->bundle_child, prefer, stop_if_fail);
  }
  r->provisional = false;
  r->assigning = false;
  return nullptr;
}

void create_bundle_actions(Cluster& c, Resource* r) {
  std::vector<Resource*> containers = instances_of(r);
  for (auto& replica : r->replicas) {
    if (replica.ip) create_actions(c, replica.ip);
    if (replica.remote) create_actions(c, replica.remote);
  }
  create_instance_actions(c, r, containers);
  if (!r->bundle_child) return;
  create_actions(c, r->bundle_child);
  if (r->bundle_child->promotable) {
    pseudo_action(c, r, "promote", true, true);
    pseudo_action(c, r, "promoted", true, true)->priority = kInfinity;
    pseudo_action(c, r, "demote", true, true);
    pseudo_action(c, r, "demoted", true, true)->priority = kInfinity;
  }
}

Resource* bundle_replica_child_on(const Resource* bundle, const Node* node) {
  for (const auto& replica : bundle->replicas)
    if (replica.node == node) return replica.child;
  return nullptr;
}

// The address "#uname" of a connection stands for the host of its container.
std::string remote_name_for(Cluster&, Resource* r, const Node* node) {
  if (!r->is_remote_connection || !is_bundled(r) || !r->container) return {};
  const Node* host = current_node(r->container);
  (void)node;
  if (r->container->assigned && (!host || r->container->assigned != host))
    host = host ? host : r->container->assigned;
  return host ? host->name : std::string{};
}

}  // namespace systole::pengine::engine
