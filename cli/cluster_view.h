// ClusterView: the state of nodes and resources as people see it, read from a document. What status, crm_mon
// and crm_resource show is rendered from this and nothing else.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "cib/document.h"
#include "pengine/cluster_status.h"

namespace systole::cli {

struct NodeView {
  enum class Kind { kMember, kRemote, kGuest };
  std::string id, name;
  Kind kind = Kind::kMember;
  bool online = false, standby = false, standby_on_fail = false, maintenance = false, pending = false;
  bool unclean = false, shutdown = false, expected_up = false, is_dc = false;
  std::string health = "green", feature_set, container;
  int resources_running = 0;
};

enum class Role { kUnknown, kStopped, kStarted, kUnpromoted, kPromoted };
const char* role_name(Role role);  // "Stopped", "Promoted"…

struct ResourceView {
  enum class Kind { kPrimitive, kGroup, kClone, kBundle };
  Kind kind = Kind::kPrimitive;
  std::string id;     // As configured; unique instances "r:0".
  std::string agent;  // "ocf:heartbeat:IPaddr2"
  Role role = Role::kStopped;
  std::string target_role;  // As configured; empty: none.
  std::string pending;      // "Starting", "Monitoring"…; empty: nothing under way.
  std::string locked_to;
  std::vector<std::string> nodes;  // Where it is active, in the document's order of nodes.
  bool managed = true, disabled = false, failed = false, blocked = false, orphaned = false;
  bool failure_ignored = false, unclean = false;  // On an unclean node.
  // Of clones, groups and bundles.
  bool promotable = false, unique = false;
  std::string child_id;  // Of a clone: the id in brackets.
  std::string image, bundle_type, address;
  std::vector<ResourceView> children;  // A clone's instances; a group's members; a bundle's replicas.

  bool active() const;
};

struct OperationView {
  std::string resource, node, task, key, exit_reason, status;  // status: "complete", "Timed Out"…
  std::int64_t interval_ms = 0, last_change = 0, exec_ms = 0, queue_ms = 0;
  int call = 0, rc = 0;
};

// One resource's history on one node.
struct HistoryView {
  std::string node, resource;
  bool orphan = false;
  int migration_threshold = 1'000'000, fail_count = 0;
  std::int64_t last_failure = 0;
  std::vector<OperationView> operations;  // By call.
};

struct Counts {
  int nodes = 0, resources = 0, disabled = 0, blocked = 0;
};

struct ClusterView {
  pengine::ClusterStatus status;        // As the scheduler sees it: what text is made of.
  std::vector<NodeView> nodes;          // By name, as status lists them.
  std::vector<ResourceView> resources;  // In the document's order, orphans last.
  std::vector<OperationView> failures;
  std::vector<HistoryView> history;  // By node, then resource.
  Counts counts;
  std::string stack, dc, dc_id, dc_version, cluster_name;
  bool quorate = false, fencing = true, symmetric = true, maintenance = false, stop_all = false,
       mixed = false;
  std::string no_quorum_policy = "stop";

  const NodeView* node(std::string_view name) const;
};
ClusterView view_cluster(const cib::Document& document, WallTime now);

const pengine::ResourceStatus* find_status(const std::vector<pengine::ResourceStatus>& resources,
                                           std::string_view id);
// The resource or instance with this id.
const ResourceView* find_view(const std::vector<ResourceView>& resources, std::string_view id);
// The primitives (instances) in it.
std::vector<const ResourceView*> primitives_of(const ResourceView& resource);
std::string property(const cib::Document& document, std::string_view name, std::string_view otherwise = "");
bool is_true(std::string_view text);  // "true", "yes", "on", "y", "1"

}  // namespace systole::cli
