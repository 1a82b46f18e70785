// What if: faults and interventions on a document, worked out by scheduler and simulation until the cluster
// has nothing left to do. Pure.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/time.h"
#include "cib/document.h"
#include "pengine/fencing_paths.h"
#include "pengine/scheduler.h"
#include "pengine/simulate.h"

namespace systole::pengine {

// Who has quorum when nodes go. From the configuration alone: one vote a node, and with two nodes one
// suffices.
struct Votes {
  int expected = 0;  // 0: the number of cluster nodes.
  bool two_node = true;
  bool assumed = true;  // Not what the running cluster says.
};

// A cluster on paper: the document and what is broken beyond it.
struct Situation {
  cib::Document document;
  std::vector<InjectedOp> failing;  // Operations that fail whenever they are tried.
  std::set<std::string> failed_devices;
  // Filled by settle():
  bool settled = true;                     // False: still at it after the last round.
  int rounds = 0;                          // Transitions that were needed.
  std::vector<std::string> lines;          // What was done, in order.
  std::set<std::string> fenced, unfenced;  // Unfenced: to be fenced, but no device can.
  std::set<std::string> touched;           // Configured primitives of which something was stopped or demoted.
  bool node_effects = false;               // A node was fenced, or was to be.

  Situation copy() const;  // Of document and faults; nothing of what happened.
};
// Schedules and executes on paper until nothing is left to do, at most `most` times.
void settle(Situation& s, WallTime now, const FencingPaths& fencing, int most = 20);

// Node failures and the like on a document. Quorum and DC follow.
void fail_node(Situation& s, const std::string& node, const Votes& votes);
// Where one configured primitive is: its active instances on nodes that live.
struct Service {
  std::string id;
  std::vector<std::string> nodes, promoted;  // Sorted.
  bool blocked = false;
};
std::vector<Service> services_of(const cib::Document& document, WallTime now);

// The resource's monitor fails where it runs (`services`: as it is before); for_good: it cannot be started
// there again either. False: it is not active on that node (empty: on any).
bool fail_resource(Situation& s, const std::vector<Service>& services, const std::string& resource,
                   std::string node, bool for_good, WallTime now);

struct ServiceOutcome {
  enum class Fate : std::uint8_t { kUntouched, kRestarts, kMoves, kFewer, kLosesPromoted, kStops, kStarts };
  std::string id;
  Fate fate = Fate::kUntouched;
  std::vector<std::string> before, after, promoted_before, promoted_after;
};
const char* fate_name(ServiceOutcome::Fate fate);  // "untouched", "restarts"…

struct WhatIf {
  std::vector<std::string> events;       // As understood.
  std::vector<std::string> assumptions;  // For a person to know.
  std::vector<ServiceOutcome> services;
  std::vector<std::string> dead_ends;    // What the cluster cannot do, and why.
  std::vector<std::string> node_states;  // "node2: OFFLINE"
  std::vector<std::string> lines;
  int rounds = 0;
  bool settled = true;
};
// Events in a small language, see event_help(). Errors: kInvalidArgument, listing what is understood;
// kNotFound for a node, resource, device or ticket that is not there.
Result<WhatIf> what_if(const cib::Document& document, WallTime now, const std::vector<std::string>& events,
                       const Votes& votes = {});
std::string event_help();

}  // namespace systole::pengine
