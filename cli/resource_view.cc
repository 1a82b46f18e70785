// Resources of a ClusterView: the configured tree with what the histories say of each.
#include <charconv>

#include "cli/cluster_view_parts.h"
#include "cli/resource_tree.h"

namespace systole::cli {
namespace {

int integer(std::string_view text, int otherwise) {
  int value = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

class Builder {
 public:
  Builder(const cib::Document& document, const std::vector<NodeView>& nodes, const Histories& histories,
          bool maintenance)
      : document_(document), nodes_(nodes), histories_(histories), maintenance_(maintenance) {}

  std::vector<ResourceView> build() {
    std::vector<ResourceView> all;
    for (const pugi::xml_node xml : document_.section("resources").children()) {
      if (is_resource(xml)) all.push_back(resource(xml));
    }
    orphans(all);
    return all;
  }

 private:
  std::string meta(pugi::xml_node xml, std::string_view name) {
    for (const Found& found : effective_pairs(document_, xml, "meta_attributes")) {
      if (found.name == name) return found.value;
    }
    return "";
  }

  ResourceView base(pugi::xml_node xml, ResourceView::Kind kind) {
    ResourceView view;
    view.kind = kind;
    view.id = xml.attribute("id").value();
    view.target_role = meta(xml, "target-role");
    const std::string managed = meta(xml, "is-managed"), maintained = meta(xml, "maintenance");
    view.managed = !maintenance_ && (managed.empty() || is_true(managed)) && !is_true(maintained);
    view.disabled = view.target_role == "Stopped" || view.target_role == "stopped";
    return view;
  }

  ResourceView resource(pugi::xml_node xml) {
    const std::string_view tag = xml.name();
    if (tag == "primitive") {
      ResourceView view = primitive(xml);
      for (const Activity& a : activities(view.id)) place(view, a);
      settle(view, false);
      return view;
    }
    if (tag == "group") return group(xml);
    if (tag == "bundle") return bundle(xml);
    return clone(xml);
  }

  ResourceView primitive(pugi::xml_node xml) {
    ResourceView view = base(xml, ResourceView::Kind::kPrimitive);
    view.agent = agent_name(document_, xml);
    return view;
  }

  ResourceView group(pugi::xml_node xml) {
    ResourceView view = base(xml, ResourceView::Kind::kGroup);
    for (const pugi::xml_node member : xml.children()) {
      if (is_resource(member)) view.children.push_back(resource(member));
    }
    return view;
  }

  const std::vector<Activity>& activities(const std::string& id) const {
    static const std::vector<Activity> kNone;
    const auto at = histories_.by_resource.find(id);
    return at == histories_.by_resource.end() ? kNone : at->second;
  }

  const NodeView* node(const std::string& name) const {
    const auto at =
        std::find_if(nodes_.begin(), nodes_.end(), [&](const NodeView& n) { return n.name == name; });
    return at == nodes_.end() ? nullptr : &*at;
  }

  void place(ResourceView& view, const Activity& a) const {
    const NodeView* where = node(a.node);
    if (!a.pending.empty()) view.pending = a.pending;
    if (a.active()) {
      view.nodes.push_back(a.node);
      if (static_cast<int>(a.role) > static_cast<int>(view.role)) view.role = a.role;
      if (where != nullptr && where->unclean) view.unclean = true;
      if (where != nullptr && where->maintenance) view.managed = false;
    }
    view.failed = view.failed || a.failed;
    view.blocked = view.blocked || a.blocked;
    view.failure_ignored = view.failure_ignored || a.failure_ignored;
  }

  static void settle(ResourceView& view, bool promotable) {
    if (promotable && view.role == Role::kStarted) view.role = Role::kUnpromoted;
  }

  // -- Clones

  ResourceView clone(pugi::xml_node xml) {
    ResourceView view = base(xml, ResourceView::Kind::kClone);
    view.promotable = std::string_view(xml.name()) == "master" || is_true(meta(xml, "promotable"));
    view.unique = is_true(meta(xml, "globally-unique"));
    pugi::xml_node child;
    for (const pugi::xml_node c : xml.children()) {
      if (is_resource(c)) child = c;
    }
    view.child_id = child.attribute("id").value();
    const int max = integer(meta(xml, "clone-max"), static_cast<int>(nodes_.size()));
    if (view.unique)
      unique_instances(view, child, max);
    else
      anonymous_instances(view, child, max);
    return view;
  }

  void unique_instances(ResourceView& view, pugi::xml_node child, int max) {
    for (int i = 0; i < max; ++i) {
      const std::string suffix = fmt::format(":{}", i);
      view.children.push_back(instance(child, view.promotable, [&](ResourceView& member) {
        for (const Activity& a : activities(member.id + suffix)) place(member, a);
        member.id += suffix;
      }));
    }
  }

  // One instance for each node on which something of it is known to be active, then stopped ones up to the
  // most.
  void anonymous_instances(ResourceView& view, pugi::xml_node child, int max) {
    for (const NodeView& where : nodes_) {
      bool any = false;
      for (const pugi::xml_node p : primitives_in(child)) {
        for (const Activity& a : known(p.attribute("id").value()))
          any = any || (a.node == where.name && (a.active() || !a.pending.empty()));
      }
      if (!any) continue;
      view.children.push_back(instance(child, view.promotable, [&](ResourceView& member) {
        for (const Activity& a : known(member.id)) {
          if (a.node == where.name) place(member, a);
        }
      }));
    }
    while (static_cast<int>(view.children.size()) < max) {
      view.children.push_back(instance(child, view.promotable, [](ResourceView&) {}));
    }
  }

  // Of an anonymous clone's primitive: histories under its plain id and under numbered ones of older
  // documents.
  std::vector<Activity> known(const std::string& id) const {
    std::vector<Activity> all = activities(id);
    for (auto at = histories_.by_resource.lower_bound(id + ":");
         at != histories_.by_resource.end() && at->first.starts_with(id + ":"); ++at) {
      all.insert(all.end(), at->second.begin(), at->second.end());
    }
    return all;
  }

  template <typename Fill>
  ResourceView instance(pugi::xml_node child, bool promotable, Fill fill) {
    if (std::string_view(child.name()) != "group") {
      ResourceView view = primitive(child);
      fill(view);
      settle(view, promotable);
      return view;
    }
    ResourceView view = base(child, ResourceView::Kind::kGroup);
    for (const pugi::xml_node member : child.children("primitive")) {
      ResourceView inner = primitive(member);
      fill(inner);
      settle(inner, promotable);
      view.children.push_back(std::move(inner));
    }
    return view;
  }

  ResourceView bundle(pugi::xml_node xml) {
    ResourceView view = base(xml, ResourceView::Kind::kBundle);
    for (const char* type : {"docker", "podman", "rkt"}) {
      const pugi::xml_node container = xml.child(type);
      if (!container) continue;
      view.bundle_type = type;
      view.image = container.attribute("image").value();
      const int replicas = integer(container.attribute("replicas").value(),
                                   integer(container.attribute("promoted-max").value(), 1));
      for (int i = 0; i < replicas; ++i) view.children.push_back(replica(xml, view, i));
    }
    return view;
  }

  ResourceView replica(pugi::xml_node xml, const ResourceView& bundle, int number) {
    ResourceView view;
    view.id = fmt::format("{}-{}-{}", bundle.id, bundle.bundle_type, number);
    view.agent = "ocf:heartbeat:" + bundle.bundle_type;
    view.managed = bundle.managed;
    view.disabled = bundle.disabled;
    for (const Activity& a : activities(view.id)) place(view, a);
    if (const pugi::xml_node inner = xml.child("primitive")) {
      view.child_id = fmt::format("{}-{}", bundle.id, number);
      view.agent = agent_name(document_, inner);
    }
    return view;
  }

  // What histories know and the configuration does not.
  void orphans(std::vector<ResourceView>& all) {
    for (const auto& [id, agent] : histories_.agents) {
      if (find_resource(document_, id) || find_view(all, id) != nullptr) continue;
      ResourceView view;
      view.id = id;
      view.agent = agent;
      view.orphaned = true;
      for (const Activity& a : activities(id)) place(view, a);
      if (view.active()) all.push_back(std::move(view));
    }
  }

  const cib::Document& document_;
  const std::vector<NodeView>& nodes_;
  const Histories& histories_;
  bool maintenance_;
};

void count(const ResourceView& view, Counts& counts) {
  if (view.kind == ResourceView::Kind::kPrimitive) {
    if (!view.orphaned) ++counts.resources;
    if (view.disabled) ++counts.disabled;
    if (view.blocked) ++counts.blocked;
  }
  for (const ResourceView& child : view.children) count(child, counts);
}

}  // namespace

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
  if (kind == Kind::kPrimitive || children.empty()) return !nodes.empty();
  return std::any_of(children.begin(), children.end(), [](const ResourceView& c) { return c.active(); });
}

const NodeView* ClusterView::node(std::string_view name) const {
  const auto at = std::find_if(nodes.begin(), nodes.end(), [&](const NodeView& n) { return n.name == name; });
  return at == nodes.end() ? nullptr : &*at;
}

std::vector<const ResourceView*> primitives_of(const ResourceView& resource) {
  if (resource.kind == ResourceView::Kind::kPrimitive) return {&resource};
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

std::vector<ResourceView> view_resources(const cib::Document& document, const std::vector<NodeView>& nodes,
                                         const Histories& histories, bool maintenance) {
  return Builder(document, nodes, histories, maintenance).build();
}

ClusterView view_cluster(const cib::Document& document, WallTime) {
  ClusterView view;
  view.fencing = is_true(property(document, "stonith-enabled", "true"));
  view.symmetric = is_true(property(document, "symmetric-cluster", "true"));
  view.maintenance = is_true(property(document, "maintenance-mode", "false"));
  view.stop_all = is_true(property(document, "stop-all-resources", "false"));
  view.no_quorum_policy = property(document, "no-quorum-policy", "stop");
  view.stack = property(document, "cluster-infrastructure", "unknown");
  view.dc_version = property(document, "dc-version");
  view.cluster_name = property(document, "cluster-name");
  view.quorate = is_true(document.root().attribute("have-quorum").value());
  view.nodes = view_nodes(document, view.fencing);
  Histories histories = read_histories(document, view.nodes);
  view.resources = view_resources(document, view.nodes, histories, view.maintenance);
  view.failures = std::move(histories.failures);
  view.history = std::move(histories.views);
  for (const ResourceView& r : view.resources) count(r, view.counts);
  view.counts.nodes = static_cast<int>(view.nodes.size());
  for (NodeView& node : view.nodes) {
    if (node.is_dc) {
      view.dc = node.name;
      view.dc_id = node.id;
    }
    for (const ResourceView& r : view.resources) {
      for (const ResourceView* p : primitives_of(r)) {
        node.resources_running += static_cast<int>(std::count(p->nodes.begin(), p->nodes.end(), node.name));
      }
    }
  }
  return view;
}

}  // namespace systole::cli
