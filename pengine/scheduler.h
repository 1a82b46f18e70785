// schedule(): the policy engine. A pure function of (document, time, options): same input, same plan, byte
// for byte. Semantics are Pacemaker's ("Pacemaker Explained", newest release); XML ends here: inside are
// typed, indexed structures.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "cib/document.h"

namespace systole::pengine {

// ±1,000,000 is infinity; sums saturate, -INFINITY wins over INFINITY.
constexpr int kInfinity = 1'000'000;
int add_scores(int a, int b);
std::string score_text(int score);  // "INFINITY", "-INFINITY" or the number

struct Options {
  std::optional<WallTime>
      now;                 // For rules and expiry. Default: the document's execution-date, or else epoch 0.
  bool scores = false;     // Record every allocation and promotion score (Plan::scores).
  bool reasons = false;    // Record why (Plan::reasons).
  bool attributes = true;  // Of the graph's actions. Who only looks at what would be done needs none.
};

// One action of a transition graph; the fields are those of Pacemaker's graph XML.
struct Action {
  enum class Kind { kPseudo, kResource, kCluster };  // pseudo_event, rsc_op, crm_event (fencing and such)
  int id = 0;
  Kind kind = Kind::kPseudo;
  std::string task;          // "start", "stop", "monitor", "promote", "stonith", "do_shutdown", "cancel"…
  std::string key;           // operation_key: "WebIP_start_0"
  std::string internal_key;  // Of an anonymous clone's instance: "WebIP:0_start_0".
  std::string resource, long_id;                  // primitive/@id, @long-id (clone instance)
  std::string agent_class, provider, agent_type;  // Of the primitive.
  std::string node, node_id;                      // on_node, on_node_uuid; empty for pseudo events.
  std::string router_node;                        // Where it is executed, when not `node` (remote nodes).
  std::vector<std::pair<std::string, std::string>> attributes;  // Parameters and CRM_meta_*, sorted by name.
  int priority = 0;                                             // Synapse priority.
  bool can_fail = false;                                        // CRM_meta_can_fail
};
struct Synapse {
  int id = 0;
  int priority = 0;
  int action = 0;           // Index into Graph::actions.
  std::vector<int> inputs;  // Indexes into Graph::actions that must have succeeded before.
};
struct Graph {
  std::vector<Action> actions;
  std::vector<Synapse> synapses;
  Milliseconds cluster_delay{60000}, stonith_timeout{60000};
  int batch_limit = 0, migration_limit = -1;
  std::string failed_stop_offset, failed_start_offset;
  std::optional<WallTime> recheck_by;
  // <transition_graph> as Pacemaker writes it.
  std::string to_xml(int transition_id) const;
};

struct Score {
  std::string function, resource, node;
  int value = 0;
};
// One line of "Transition Summary".
struct Decision {
  std::string resource;
  std::string
      action;  // "Start", "Move", "Restart", "Recover", "Stop", "Promote", "Demote", "Migrate", "Fence"…
  std::string text;  // As Pacemaker prints it: "Start      rsc1     ( node1 )"
};
struct Problem {
  enum class Severity { kError, kWarning, kNotice } severity = Severity::kError;
  std::string message;
};
struct Reasons;  // reasons.h

struct Plan {
  Graph graph;
  std::vector<Decision> decisions;
  std::vector<Score> scores;
  std::vector<Problem> problems;           // What crm_verify prints.
  std::shared_ptr<const Reasons> reasons;  // With Options::reasons only.
  // Whether cluster resources are blocked because fencing is on and no device is configured, quorum lost, …
  bool quorate = true;
  // Node names to be fenced.
  std::vector<std::string> fence;
};

// Never throws, never loops, on any document that Document::parse accepts.
Plan schedule(const cib::Document& document, const Options& options = {});

}  // namespace systole::pengine
