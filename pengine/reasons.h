// Reasons: why the scheduler decided as it did. Structured records, kept when Options::reasons is set and at
// no cost otherwise; sentences are made of them at the border (explain_text.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace systole::pengine {

// What changed a resource's score on a node.
enum class Cause : std::uint8_t {
  kLocation,      // id: the constraint or its rule
  kStickiness,    // It runs there.
  kHealth,        // id: the strategy
  kThreshold,     // Fail count reached migration-threshold: count of limit.
  kFailure,       // id: the operation that failed
  kColocation,    // id: the constraint; other: the partner
  kUtilization,   // The node has not enough left; other: of what.
  kTicket,        // id: the constraint; other: the ticket
  kShutdownLock,  // Locked to a node that is shut down.
  kStopped,       // It is to be stopped: target-role, or a failure with on-fail=stop.
  kRemoved,       // Not in the configuration any more.
  kUnmanaged,     // Left where it is.
  kMultiple,      // Active on several nodes, multiple-active=stop_only.
  kExclusive,     // resource-discovery=exclusive names other nodes.
  kInstances,  // The clone's own limits: of `limit` an instance is there, or (id "clone-max") all are placed.
  kNodeKind,   // Such a resource never runs on such a node; id: "cluster-node", "own-guest" or "bundle".
  kPromotion,  // The agent's promotion score for this instance, or (other: the clone) what the clone is worth
               // there.
};
const char* cause_name(Cause cause);  // "location", "stickiness"…

struct Reason {
  std::string resource,
      node;  // Instance id: "web:0". No node: a colocation that changes nothing as things are.
  Cause cause = Cause::kLocation;
  int score = 0;                    // What it added; ±1,000,000 is infinity.
  std::string id = {}, other = {};  // Of kStopped, id: what says so: "target-role", "on-fail=stop"…
  int count = 0, limit = 0;
  bool promotion = false;  // Counts for the choice of who is promoted, not for the place.
};

struct NodeVerdict {
  enum class State : std::uint8_t {
    kUsable,
    kOffline,
    kUnclean,
    kPending,
    kShutdown,
    kStandby,
    kStandbyOnFail,
    kMaintenance
  };
  std::string node;
  int score = 0;         // Final. Of a node without an entry (asymmetric cluster): -INFINITY.
  bool allowed = false;  // Has an entry at all.
  State state = State::kUsable;
  int resources = 0;  // Assigned there at the moment of the choice.
};

// One primitive instance.
struct Placement {
  std::string resource;
  std::string configured;              // Its id in the configuration.
  std::vector<std::string> ancestors;  // Group, clone, bundle: innermost first.
  std::vector<std::string> from;       // Where it is.
  std::string to;                      // Where it is to be; empty: nowhere.
  std::string role, next_role;         // "Stopped", "Started", "Unpromoted", "Promoted"
  bool promotable = false;             // An instance of a promotable clone; then:
  int promotion_score = 0;             // Negative: not eligible.
  int promoted_max = 0;                // Of its clone.
  bool managed = true, blocked = false, maintenance = false, failed = false, removed = false;
  // What the choice between the best nodes rested on.
  enum class Choice : std::uint8_t {
    kNone,       // No choice was made: nowhere to go, unmanaged, everything stops.
    kOnly,       // No other node can have it.
    kScore,      // Highest score.
    kCurrent,    // Of equals, the one where it runs.
    kBalance,    // Of equals, the one with the fewest resources.
    kCapacity,   // Of equals, the one with most capacity left.
    kName,       // Of equals, the first by name.
    kPreferred,  // Asked for by its clone, bundle, or a migration under way.
  };
  Choice choice = Choice::kNone;
  std::vector<NodeVerdict> nodes;  // By name.
};

// An action that is needed and cannot be done.
struct BlockedAction {
  std::string resource, task, node, reason;
};

struct Reasons {
  std::vector<Reason> records;
  std::vector<Placement> placements;
  std::vector<BlockedAction> blocked;
  std::vector<std::string> actions;  // Of each of Graph::actions, what made it necessary; may be empty.
  bool symmetric = true, quorate = true, maintenance_mode = false, stop_all = false;
  bool fencing_without_device = false;
  std::string no_quorum_policy;
};

}  // namespace systole::pengine
