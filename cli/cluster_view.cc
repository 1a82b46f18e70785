#include "cli/cluster_view.h"

#include "cli/cluster_view_parts.h"

namespace systole::cli {
namespace {

using Kind = ResourceView::Kind;
using pengine::ResourceStatus;

NodeView node_view(const pengine::NodeStatus& s) {
  NodeView node;
  node.id = s.id;
  node.name = s.name;
  node.kind = s.kind == pengine::NodeStatus::Kind::kGuest    ? NodeView::Kind::kGuest
              : s.kind == pengine::NodeStatus::Kind::kRemote ? NodeView::Kind::kRemote
                                                             : NodeView::Kind::kMember;
  node.online = s.online;
  node.standby = s.standby;
  node.standby_on_fail = s.standby_on_fail;
  node.maintenance = s.maintenance;
  node.pending = s.pending;
  node.unclean = s.unclean;
  node.shutdown = s.shutdown;
  node.expected_up = s.expected_up;
  node.is_dc = s.is_dc;
  node.health = s.health_text == "RED" ? "red" : s.health_text == "YELLOW" ? "yellow" : "green";
  node.feature_set = s.feature_set;
  node.resources_running = s.resources_running;
  return node;
}

Role role_of(std::string_view name) {
  if (name == "Promoted") return Role::kPromoted;
  if (name == "Unpromoted") return Role::kUnpromoted;
  if (name == "Started") return Role::kStarted;
  return name == "Stopped" ? Role::kStopped : Role::kUnknown;
}

Kind kind_of(ResourceStatus::Kind kind) {
  switch (kind) {
    case ResourceStatus::Kind::kGroup:
      return Kind::kGroup;
    case ResourceStatus::Kind::kClone:
      return Kind::kClone;
    case ResourceStatus::Kind::kBundle:
      return Kind::kBundle;
    case ResourceStatus::Kind::kPrimitive:
      break;
  }
  return Kind::kPrimitive;
}

// Groups in a clone are numbered ("g:0"); instances of anonymous clones carry the plain id.
ResourceView resource_view(const ResourceStatus& s) {
  ResourceView view;
  view.kind = kind_of(s.kind);
  view.id = s.shown_id.empty() || view.kind != Kind::kPrimitive ? s.id : s.shown_id;
  view.agent = s.agent;
  view.role = role_of(s.role);
  view.target_role = s.target_role;
  view.pending = s.pending;
  view.locked_to = s.locked_to;
  view.nodes = s.nodes;
  view.managed = s.managed && !s.maintenance;
  view.disabled = s.disabled;
  view.failed = s.failed;
  view.blocked = s.blocked;
  view.orphaned = s.orphaned;
  view.failure_ignored = s.failure_ignored;
  view.unclean = s.on_unclean;
  view.promotable = s.promotable;
  view.unique = s.unique;
  view.child_id = view.kind == Kind::kClone ? s.child_id : "";
  view.image = s.image;
  view.bundle_type = s.bundle_type;
  view.address = s.address;
  for (const ResourceStatus& child : s.children) view.children.push_back(resource_view(child));
  return view;
}

}  // namespace

bool is_true(std::string_view text) {
  return text == "true" || text == "yes" || text == "on" || text == "y" || text == "1" || text == "True" ||
         text == "TRUE";
}

std::string property(const cib::Document& document, std::string_view name, std::string_view otherwise) {
  for (const pugi::xml_node set : document.section("crm_config").children("cluster_property_set")) {
    for (const pugi::xml_node pair : set.children("nvpair")) {
      if (name == pair.attribute("name").value()) return pair.attribute("value").value();
    }
  }
  return std::string(otherwise);
}

pugi::xml_node state_of(const cib::Document& document, std::string_view node) {
  for (const pugi::xml_node state : document.section("status").children("node_state")) {
    if (node == state.attribute("uname").value()) return state;
  }
  return {};
}

const char* role_name(Role role) {
  switch (role) {
    case Role::kUnknown:
      return "Unknown";
    case Role::kStopped:
      return "Stopped";
    case Role::kStarted:
      return "Started";
    case Role::kUnpromoted:
      return "Unpromoted";
    case Role::kPromoted:
      return "Promoted";
  }
  return "Unknown";
}

bool ResourceView::active() const {
  if (!nodes.empty()) return true;
  return std::any_of(children.begin(), children.end(), [](const ResourceView& c) { return c.active(); });
}

const NodeView* ClusterView::node(std::string_view name) const {
  const auto at = std::find_if(nodes.begin(), nodes.end(), [&](const NodeView& n) { return n.name == name; });
  return at == nodes.end() ? nullptr : &*at;
}

std::vector<const ResourceView*> primitives_of(const ResourceView& resource) {
  if (resource.kind == ResourceView::Kind::kPrimitive && resource.children.empty()) return {&resource};
  std::vector<const ResourceView*> all;
  for (const ResourceView& child : resource.children) {
    const auto inside = primitives_of(child);
    all.insert(all.end(), inside.begin(), inside.end());
  }
  return all;
}

const ResourceView* find_view(const std::vector<ResourceView>& resources, std::string_view id) {
  for (const ResourceView& r : resources) {
    if (r.id == id) return &r;
    if (const ResourceView* inside = find_view(r.children, id)) return inside;
  }
  return nullptr;
}

const ResourceStatus* find_status(const std::vector<ResourceStatus>& resources, std::string_view id) {
  for (const ResourceStatus& r : resources) {
    if (r.id == id || r.shown_id == id) return &r;
    if (const ResourceStatus* inside = find_status(r.children, id)) return inside;
  }
  return nullptr;
}

ClusterView view_cluster(const cib::Document& document, WallTime now) {
  ClusterView view;
  const auto renamed = [&](std::string_view name, std::string_view old, std::string_view otherwise) {
    const std::string value = property(document, name);
    return value.empty() ? property(document, old, otherwise) : value;
  };
  view.status = pengine::cluster_status(document, now);
  view.fencing = is_true(renamed("stonith-enabled", "fencing-enabled", "true"));
  view.symmetric = is_true(property(document, "symmetric-cluster", "true"));
  view.maintenance = is_true(property(document, "maintenance-mode", "false"));
  view.stop_all = is_true(property(document, "stop-all-resources", "false"));
  view.no_quorum_policy = property(document, "no-quorum-policy", "stop");
  view.stack = property(document, "cluster-infrastructure", "unknown");
  view.dc_version = property(document, "dc-version");
  view.cluster_name = property(document, "cluster-name");
  view.quorate = is_true(document.root().attribute("have-quorum").value());
  for (const pengine::NodeStatus& node : view.status.nodes) view.nodes.push_back(node_view(node));
  for (const ResourceStatus& r : view.status.resources) view.resources.push_back(resource_view(r));
  Histories histories = read_histories(document, view.nodes);
  view.failures = std::move(histories.failures);
  view.history = std::move(histories.views);
  view.counts = {static_cast<int>(view.nodes.size()), view.status.instances, view.status.disabled,
                 view.status.blocked};
  for (const NodeView& node : view.nodes) {
    if (!node.is_dc) continue;
    view.dc = node.name;
    view.dc_id = node.id;
  }
  return view;
}

}  // namespace systole::cli
