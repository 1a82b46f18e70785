// explain(): why a resource is where it is, why not elsewhere, what would have to change, and what the
// cluster is about to do with it. The reasons are the scheduler's own records; every change that is named has
// been tried out on a copy of the document, so that none is said to help that does not. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/time.h"
#include "cib/document.h"
#include "pengine/reasons.h"
#include "pengine/scheduler.h"

namespace systole::pengine {

// Something a person can do to the configuration or the cluster.
struct Change {
  enum class Kind : std::uint8_t {
    kRemoveConstraint,  // id
    kPrefer,            // id: resource, node, value: score
    kStickiness,        // id: resource, value
    kCleanup,           // id: resource, node
    kNodeOnline,        // node: out of standby
    kNodeReady,         // node: out of maintenance
    kNodeUp,            // node: joins, healthy
    kStart,             // id: resource (target-role)
    kManage,            // id: resource
    kTicket,            // id: ticket is granted
    kCapacity,          // node, value: "cpu=4 memory=10"
    kHealthy,           // node
    kQuorum,
    kProperty,  // id: name, value
    kFencing,   // A fencing device is configured.
  };
  Kind kind = Kind::kRemoveConstraint;
  std::string id = {}, node = {}, value = {};
  bool operator==(const Change&) const = default;
};
void apply(const Change& change, cib::Document& document);
std::string change_text(const Change& change);     // "constraint web-not-on-n2 is removed"
std::string change_command(const Change& change);  // "crm configure delete web-not-on-n2"; may be empty.

// Changes that together have an effect, and the placement that was then seen.
struct Suggestion {
  std::vector<Change> changes;
  std::string outcome;  // "on node2", "nowhere"
};

struct NodeExplanation {
  NodeVerdict verdict;
  bool here = false;             // It is to be there.
  std::vector<Reason> reasons;   // That bear on this node.
  std::vector<Suggestion> ways;  // To get it there; the simplest first. Empty: none was found.
};
struct InstanceExplanation {
  Placement placement;
  std::vector<NodeExplanation> nodes;
};
struct Wait {
  int id = 0;                        // Of the action.
  std::string task, resource, node;  // "stop", "db", "node1"
  std::string why;                   // "order constraint db-then-web"
  std::string constraint;
};
struct ActionExplanation {
  int id = 0;
  std::string task, resource, node, why;
  std::vector<Wait> waits;
};
struct Explanation {
  std::string resource;
  std::vector<InstanceExplanation> instances;
  std::vector<Suggestion> decisive;  // Each alone makes a difference.
  std::vector<Suggestion> together;  // Where no single one does: a smallest set that does.
  std::vector<ActionExplanation> actions;
  std::vector<BlockedAction> blocked;
  std::vector<std::string> cited;  // Constraints that bear on it, directly or through colocation. Sorted.
  bool symmetric = true, quorate = true, maintenance_mode = false, stop_all = false,
       fencing_without_device = false;
  std::string no_quorum_policy;
  int trials = 0;        // Runs of the scheduler.
  bool complete = true;  // The limit of trials was not reached.
};

struct ExplainOptions {
  std::string node;      // Only why (not) there; empty: all nodes.
  int max_trials = 400;  // Runs of the scheduler; 0: no suggestions.
};
// Errors: kNotFound when no resource has this id.
Result<Explanation> explain(const cib::Document& document, WallTime now, const std::string& resource,
                            const ExplainOptions& options = {});

// Every action of a plan made with Options::reasons; with a resource: only those that concern it. Of what an
// action waits for, the last steps: not what these wait for in turn.
std::vector<ActionExplanation> explain_actions(const cib::Document& document, const Plan& plan,
                                               const std::string& resource = "");

}  // namespace systole::pengine
