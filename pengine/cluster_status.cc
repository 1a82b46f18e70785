#include "pengine/cluster_status.h"

#include <algorithm>

#include "pengine/engine.h"
#include "pengine/history.h"

namespace systole::pengine {
namespace {

using engine::Cluster;
using engine::Node;
using engine::Resource;
using engine::Role;

// What an OCF exit code is called, as far as a failed probe can end with it.
const char* ocf_words(int rc) {
  switch (rc) {
    case 0:
      return "ok";
    case 1:
      return "error";
    case 2:
      return "invalid parameter";
    case 3:
      return "unimplemented feature";
    case 4:
      return "insufficient privileges";
    case 5:
      return "Not installed";
    case 6:
      return "not configured";
    case 7:
      return "not running";
    case 8:
      return "promoted";
    case 9:
      return "promoted (failed)";
    default:
      return "unknown exit status";
  }
}

class Reader {
 public:
  Reader(Cluster& cluster, Pending pending) : c_(cluster), pending_(pending) {}

  ClusterStatus read() {
    ClusterStatus status;
    for (const Node* node : c_.nodes) status.nodes.push_back(node_status(*node));
    for (Resource* r : c_.resources) {
      if (r->internal && r->is_remote_connection) continue;  // A guest's connection shows as its node.
      status.resources.push_back(resource(r));
      count(r, status);
    }
    return status;
  }

 private:
  NodeStatus node_status(const Node& node) {
    NodeStatus s;
    s.id = node.id;
    s.name = node.name;
    s.kind = engine::is_guest(&node)    ? NodeStatus::Kind::kGuest
             : engine::is_remote(&node) ? NodeStatus::Kind::kRemote
                                        : NodeStatus::Kind::kMember;
    if (s.kind == NodeStatus::Kind::kGuest && node.remote != nullptr && node.remote->container != nullptr) {
      if (const Node* host = engine::current_node(node.remote->container)) s.host = host->name;
    }
    s.online = node.online;
    s.standby = node.standby;
    s.standby_on_fail = node.standby_on_fail;
    s.maintenance = node.maintenance;
    s.pending = node.pending;
    s.unclean = node.unclean;
    s.shutdown = node.shutdown;
    s.expected_up = node.expected_up;
    s.is_dc = node.is_dc;
    s.feature_set = node.feature_set;
    s.resources_running = static_cast<int>(node.running.size());
    s.health = node.health;
    if (c_.config.health_strategy != "none") s.health_text = health_word(node);
    return s;
  }

  std::string health_word(const Node& node) const {
    int worst = 0;
    for (const auto& [name, value] : node.attributes) {
      if (!name.starts_with("#health")) continue;
      if (value == "red") worst = 2;
      if (value == "yellow") worst = std::max(worst, 1);
    }
    return worst == 2 ? "RED" : worst == 1 ? "YELLOW" : "";
  }

  void count(Resource* r, ClusterStatus& status) {
    for (Resource* p : engine::primitives_of(r)) {
      if (p->removed) continue;
      ++status.instances;
      if (disabled(p)) ++status.disabled;
      if (p->blocked) ++status.blocked;
    }
  }

  bool disabled(Resource* r) const {
    const auto target = engine::meta_of(r->meta, "target-role");
    return target && engine::role_from(*target) == Role::kStopped;
  }

  void common(Resource* r, ResourceStatus& s) const {
    s.id = r->id;
    s.managed = r->managed;
    s.maintenance = r->maintenance;
    s.disabled = disabled(r);
    s.blocked = r->blocked;
    s.orphaned = r->removed;
    s.unique = r->unique;
    s.promotable = r->promotable;
    if (const auto target = engine::meta_of(r->meta, "target-role")) s.target_role = *target;
  }

  ResourceStatus resource(Resource* r) {
    ResourceStatus s;
    common(r, s);
    switch (r->variant) {
      case engine::Variant::kPrimitive:
        primitive(r, s);
        break;
      case engine::Variant::kGroup:
        s.kind = ResourceStatus::Kind::kGroup;
        for (Resource* member : r->children) s.children.push_back(resource(member));
        break;
      case engine::Variant::kClone:
        clone(r, s);
        break;
      case engine::Variant::kBundle:
        bundle(r, s);
        break;
    }
    return s;
  }

  void primitive(Resource* r, ResourceStatus& s) {
    const engine::Definition& def = *r->def;
    s.shown_id = r->unique ? r->id : def.id;
    s.agent = def.agent_class + (def.provider.empty() ? "" : ":" + def.provider) + ":" + def.type;
    const bool started_clone = r->role == Role::kStarted && engine::top(r)->promotable;
    s.role = engine::role_name(started_clone ? Role::kUnpromoted : r->role);
    s.failed = r->failed;
    s.failure_ignored = r->failure_ignored;
    if (pending_ == Pending::kShown) s.pending = pending_word(r->pending_task);
    s.promotable = r->parent != nullptr && engine::top(r)->promotable;
    for (const Node* node : r->running_on) s.nodes.push_back(node->name);
    if (r->pending_node != nullptr) s.pending_node = r->pending_node->name;
    if (r->lock_node != nullptr) s.locked_to = r->lock_node->name;
    const Node* where = r->running_on.size() == 1 ? r->running_on.front() : nullptr;
    s.on_unclean = where != nullptr && !where->online && where->unclean;
    if (r->role == Role::kStopped) s.probe_failure = probe_failure(r, where);
  }

  static std::string pending_word(const std::string& task) {
    if (task == "start") return "Starting";
    if (task == "stop") return "Stopping";
    if (task == "migrate_to" || task == "migrate_from") return "Migrating";
    if (task == "promote") return "Promoting";
    if (task == "demote") return "Demoting";
    if (task == "monitor") return "Monitoring";
    return "";
  }

  std::string probe_failure(const Resource* r, const Node* node) const {
    for (const engine::FailedOp& failed : c_.failed_ops) {
      const bool probe = engine::mask_probe_failure(failed.op);
      const bool same = failed.resource == r ||
                        (failed.resource != nullptr && failed.resource->def == r->def && !r->unique);
      if (probe && same && (node == nullptr || failed.node == node)) return ocf_words(failed.op.rc);
    }
    return "";
  }

  static bool any_of(const Resource* r, bool Resource::*flag, bool any) {
    if (r->*flag == any) return any;
    for (const Resource* child : r->children) {
      if (any_of(child, flag, any) == any) return any;
    }
    return !any;
  }

  // An active instance without anything to tell is a name in a list; so is a stopped one.
  void clone(Resource* r, ResourceStatus& s) {
    s.kind = ResourceStatus::Kind::kClone;
    if (!r->children.empty()) s.child_id = r->children.front()->def->id;
    if (!r->def->children.empty()) s.child_id = r->def->children.front()->id;
    for (Resource* instance : r->children) {
      ResourceStatus i = resource(instance);
      i.in_list = !print_whole(r, instance, engine::is_active(instance, false), s);
      s.children.push_back(std::move(i));
    }
    if (!r->unique) stopped_nodes(r, s);
  }

  bool print_whole(const Resource* r, Resource* instance, bool partly, ResourceStatus& s) {
    if (r->unique) return partly || !instance->removed;
    if (pending_ == Pending::kShown && !instance->pending_task.empty() && engine::is_primitive(instance))
      return true;
    if (!partly) return false;
    if (any_of(instance, &Resource::removed, true) || !any_of(instance, &Resource::managed, false) ||
        any_of(instance, &Resource::failed, true)) {
      return true;
    }
    if (!engine::is_active(instance, true)) return true;
    const Node* where = single_location(instance);
    if (where == nullptr || (!where->online && where->unclean)) return true;
    if (engine::role_of(instance, true) == Role::kPromoted) {
      s.promoted_on.push_back(where->name);
    } else {
      s.started_on.push_back(where->name);
    }
    return false;
  }

  static const Node* single_location(const Resource* instance) {
    std::vector<Node*> nodes;
    engine::collect_nodes(instance, engine::Where::kCurrent, nodes);
    return nodes.size() == 1 ? nodes.front() : nullptr;
  }

  void stopped_nodes(Resource* r, ResourceStatus& s) {
    if (r->clone_max <= static_cast<int>(s.promoted_on.size() + s.started_on.size())) return;
    std::vector<Node*> running;
    engine::collect_nodes(r, engine::Where::kCurrent, running);
    const Resource* first =
        r->children.empty() ? nullptr : engine::primitives_of(r->children.front()).front();
    for (Node* node : c_.nodes) {
      // An opt-in cluster's constraints have not been read yet: what was probed counts.
      const bool may_run =
          r->allowed.empty() ? engine::contains(r->known_on, node) : r->allowed.find(node) != nullptr;
      if (engine::contains(running, node) || !may_run) continue;
      const std::string failure = first == nullptr ? "" : probe_failure(first, node);
      s.stopped_on.emplace_back(node->name, s.disabled || (first && disabled(const_cast<Resource*>(first)))
                                                ? "Stopped (disabled)"
                                            : !failure.empty() ? "Stopped (" + failure + ")"
                                                               : "Stopped");
    }
  }

  void bundle(Resource* r, ResourceStatus& s) {
    s.kind = ResourceStatus::Kind::kBundle;
    s.image = r->image;
    for (const engine::BundleReplica& replica : r->replicas) {
      Resource* shown = replica.child != nullptr ? replica.child : replica.container;
      ResourceStatus line = resource(shown);
      line.shown_id = replica.remote != nullptr ? replica.remote->id : replica.container->id;
      line.address = replica.ip_address;
      line.nodes.clear();
      line.on_unclean = false;
      if (const Node* node = engine::current_node(replica.container)) {
        line.nodes.push_back(node->name);
        line.on_unclean = !node->online && node->unclean;
      }
      for (Resource* part : {replica.ip, replica.child, replica.container, replica.remote}) {
        if (part != nullptr) line.children.push_back(resource(part));
      }
      s.children.push_back(std::move(line));
    }
  }

  Cluster& c_;
  Pending pending_;
};

}  // namespace

std::string NodeStatus::state_text() const {
  std::string text;
  if (unclean) {
    text = online ? "UNCLEAN (online)" : pending ? "UNCLEAN (pending)" : "UNCLEAN (offline)";
  } else if (pending) {
    text = "pending";
  } else if (standby_on_fail && online) {
    text = "standby (on-fail)";
  } else if (standby) {
    text = !online                 ? "OFFLINE (standby)"
           : resources_running > 0 ? "standby (with active resources)"
                                   : "standby";
  } else if (maintenance) {
    text = online ? "maintenance" : "OFFLINE (maintenance)";
  } else {
    text = online ? "online" : "OFFLINE";
  }
  if (!health_text.empty() && online) text += " (health is " + health_text + ")";
  return text;
}

bool NodeStatus::plain() const {
  const std::string text = state_text();
  return text == "online" || text == "OFFLINE";
}

bool ResourceStatus::active() const {
  if (kind == Kind::kPrimitive) return !nodes.empty();
  return std::any_of(children.begin(), children.end(), [](const ResourceStatus& c) { return c.active(); });
}

ClusterStatus cluster_status(const cib::Document& document, WallTime now, Pending pending) {
  Cluster cluster;
  cluster.display_only = true;
  Options options;
  options.now = now;
  engine::unpack(cluster, document, options);
  return Reader(cluster, pending).read();
}

PlanWithStatus schedule_with_status(const cib::Document& document, const Options& options) {
  const auto cluster = std::make_shared<Cluster>();
  engine::unpack(*cluster, document, options);
  ClusterStatus before = Reader(*cluster, Pending::kShown).read();
  return {std::move(before), engine::make_plan(*cluster), cluster};
}

}  // namespace systole::pengine
