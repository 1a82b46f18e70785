// Requests to fence and unfence nodes: made once per (node, operation), with what the fencer needs to know.
#include <fmt/format.h>

#include <algorithm>

#include "pengine/engine.h"
#include "pengine/parameters.h"

namespace systole::pengine::engine {

bool can_fence(Cluster& c, const Node* node) {
  if (is_guest(node)) {
    for (const Node* host : node->remote->container->running_on)
      if (!host->online && !can_fence(c, host)) return false;
    return true;
  }
  if (!c.config.fencing || !c.config.have_stonith_resource) return false;
  if (c.config.have_quorum || c.config.no_quorum == Config::NoQuorum::kIgnore) return true;
  if (c.config.fence_remote_without_quorum && is_remote(node)) return true;
  return node && node->online;
}

namespace {

// Fencing is delayed in favour of the node that has more to lose. Seconds are what the fencer gets.
std::int64_t priority_delay_ms(const Cluster& c, const Node* node) {
  if (c.config.priority_fencing_delay_ms <= 0 || is_guest_or_remote(node) || node->online) return 0;
  int online = 0, members = 0, highest = 0, lowest = 0;
  for (const Node* n : c.nodes) {
    if (n->kind != NodeKind::kCluster) continue;
    ++members;
    if (n->online) ++online;
    highest = members == 1 ? n->priority : std::max(highest, n->priority);
    lowest = members == 1 ? n->priority : std::min(lowest, n->priority);
  }
  if (online > members / 2 || lowest == highest || node->priority < highest) return 0;
  return c.config.priority_fencing_delay_ms;
}

bool lists(const Node* node, const char* attribute, const std::string& entry) {
  const auto known = meta_of(node->attributes, attribute);
  return known && known->find(entry) != std::string_view::npos;
}

// What a device that unfences was like when it last unfenced the node: has it changed since? The digests go
// along with the request, to be remembered as the node's attributes.
bool unfencing_devices_changed(Cluster& c, Node* node, Action* fence) {
  bool changed = false;
  std::string all, secure;
  for (std::size_t i = c.resource_store.size(); i-- > 0;) {
    Resource& r = c.resource_store[i];
    if (!r.fence_device || !is_primitive(&r)) continue;
    if (!r.needs_unfencing && !same_text(meta_or(r.meta, "provides", ""), "unfencing")) continue;
    const Meta parameters = digest_parameters(c, &r, node, "stonith-on", 0);
    const std::string prefix = fmt::format("{}:{}:", r.id, r.def->type);
    const std::string own = prefix + digest(parameters) + ",";
    const std::string hidden = prefix + digest(secure_parameters(r, parameters)) + ",";
    all += own;
    secure += hidden;
    if (!node->attributes.contains("#digests-all")) continue;
    changed |= !lists(node, "#digests-all", own) && !lists(node, "#digests-secure", hidden);
  }
  if (!all.empty()) fence->meta["digests-all"] = all;
  if (!secure.empty()) fence->meta["digests-secure"] = secure;
  return changed;
}

}  // namespace

Action* fence_op(Cluster& c, Node* node, const char* op, bool optional, const std::string& reason,
                 bool priority_delay) {
  const std::string what = op ? op : c.config.fencing_action;
  const std::string key = fmt::format("stonith-{}-{}", node->name, what);
  Action*& a = c.singletons[key];
  if (!a) {
    a = make_action(c, nullptr, key, "stonith", node, true);
    a->meta["on_node"] = node->name;
    a->meta["on_node_uuid"] = node->id;
    a->meta["stonith_action"] = what;
    if (c.config.unfencing && unfencing_devices_changed(c, node, a)) optional = false;
  }
  // Known only when all status has been read: computed anew each time.
  if (c.config.priority_fencing_delay_ms > 0 &&
      (priority_delay || a->meta.contains("priority-fencing-delay")))
    a->meta["priority-fencing-delay"] = std::to_string(priority_delay_ms(c, node) / 1000);
  if (!optional && can_fence(c, node)) {
    a->optional = false;
    if (!reason.empty()) set_reason(a, reason, false);
  } else if (!reason.empty() && a->reason.empty()) {
    a->reason = reason;
  }
  return a;
}

void fence_node(Cluster& c, Node* node, const std::string& reason, bool priority_delay) {
  if (is_guest(node)) {
    Resource* container = node->remote->container;
    if (!container->failed && container->managed) {
      node->remote_requires_reset = true;
      container->failed = container->stop_if_failed = true;
    }
  } else if (node->kind == NodeKind::kRemote && !node->remote) {
    node->unclean = true;
    fence_op(c, node, nullptr, true, reason, false);
  } else if (is_remote(node)) {
    if (node->remote && !node->remote->managed) return;
    node->remote_requires_reset = true;
    node->unclean = true;
    fence_op(c, node, nullptr, true, reason, false);
  } else {
    node->unclean = true;
    fence_op(c, node, nullptr, true, reason, priority_delay);
  }
}

}  // namespace systole::pengine::engine
