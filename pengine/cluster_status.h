// ClusterStatus: the state of nodes and resources as people see it: what crm_simulate, crm_mon, `crm status`
// and the web page show is rendered from this. Read from a document by the scheduler's own eyes, so that a
// display never contradicts a decision.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "cib/document.h"
#include "pengine/scheduler.h"

namespace systole::pengine {

struct NodeStatus {
  enum class Kind { kMember, kRemote, kGuest } kind = Kind::kMember;
  std::string id, name;
  std::string host;  // Of a guest: where its container runs.
  bool online = false, standby = false, standby_on_fail = false, maintenance = false, pending = false;
  bool unclean = false, shutdown = false, expected_up = false, is_dc = false;
  int health = 0;  // Below zero: red or yellow, as `health_text` says.
  std::string health_text;
  std::string feature_set;
  int resources_running = 0;
  // "online", "OFFLINE", "UNCLEAN (offline)", "standby (with active resources)", "pending"…
  std::string state_text() const;
  bool plain() const;  // Just online or OFFLINE: shown in a list.
};

struct ResourceStatus {
  enum class Kind { kPrimitive, kGroup, kClone, kBundle } kind = Kind::kPrimitive;
  std::string id;        // "web", "web:0" (unique instance), "grp:1" (group in a clone)
  std::string shown_id;  // As a line shows it: "web" for an anonymous instance.
  std::string agent;     // "ocf:heartbeat:IPaddr2"; empty for collections.
  std::string role;      // "Stopped", "Started", "Unpromoted", "Promoted"
  std::string target_role;
  std::string pending;  // "Starting", "Stopping", "Monitoring", "Migrating", "Promoting", "Demoting", or ""
  std::string pending_node;        // Where it is, while nothing is active anywhere.
  std::string locked_to;           // Shutdown lock.
  std::string probe_failure;       // Why a probe failed while it is nowhere: "Not installed".
  std::vector<std::string> nodes;  // Where it is active.
  bool on_unclean = false;         // Its one node is offline and unclean.
  bool managed = true, maintenance = false, disabled = false, failed = false, blocked = false,
       orphaned = false;
  bool failure_ignored = false;
  bool promotable = false, unique = false;  // Clones and bundles.
  std::string child_id;                     // Clone: the id in brackets.
  std::string image, bundle_type, address;  // Bundle; address of a replica.
  // A group's members, a clone's instances, a bundle's replicas (each with its container, ip, remote and
  // inner resource as children; the replica itself shows the inner one).
  std::vector<ResourceStatus> children;
  // Anonymous clone: nodes on which no instance is, with what to call it ("Stopped", "Not installed").
  std::vector<std::pair<std::string, std::string>> stopped_on;
  // Anonymous clone: instances that are a name in a list and nothing more.
  std::vector<std::string> promoted_on, started_on;
  bool in_list = false;  // Of an instance: it is one of those, or stopped and counted in `stopped_on`.
  bool active() const;
};

struct ClusterStatus {
  std::vector<NodeStatus> nodes;
  std::vector<ResourceStatus> resources;
  int instances = 0, disabled = 0, blocked = 0;  // Primitive instances.
};

// Operations under way are part of a resource's state; after a simulation has executed everything else they
// are left out.
enum class Pending : std::uint8_t { kShown, kLeftOut };

// `now` decides which failures have expired and which rules apply.
ClusterStatus cluster_status(const cib::Document& document, WallTime now, Pending pending = Pending::kShown);

// schedule(), and the state that it began from: the document is read once. What it worked with is taken apart
// with the last `workings`, which is for programs that end before that.
struct PlanWithStatus {
  ClusterStatus before;
  Plan plan;
  std::shared_ptr<const void> workings;
};
PlanWithStatus schedule_with_status(const cib::Document& document, const Options& options);

}  // namespace systole::pengine
