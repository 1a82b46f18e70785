// simulate(): executes a plan's graph on a document as if every action did what it should, or what the caller
// wants to fail did fail. Pure. What crm_simulate --simulate and "what if" show.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/time.h"
#include "cib/document.h"
#include "pengine/scheduler.h"

namespace systole::pengine {

// An operation's key on a node and the code it ends with: "web_start_0@node1=1".
struct InjectedOp {
  std::string resource, task, node;
  std::int64_t interval_ms = 0;
  int rc = 0;
};
Result<InjectedOp> parse_injected_op(std::string_view text);

struct Simulation {
  std::vector<std::string> lines;  // "Resource action: web             start on node1"
  cib::Document after;
  bool complete = true;  // Every action of the graph could be executed.
  int executed = 0;      // Actions of resources and of the cluster that ended well.
  int failed = 0;        // Operations that failed, and left a trace.
};
struct SimulatedFaults {
  std::vector<InjectedOp> operations;  // Fail whenever they are tried.
  std::set<std::string> unfenceable;   // Nodes whose fencing fails.
  // A failed operation holds up only what waits for it. Otherwise it ends the transition, as in crm_simulate.
  bool go_on = false;
  // As crm_simulate has it: what is deleted, and what was pending under a name of its own, stays in the
  // history.
  bool keep_traces = false;
};
Simulation simulate(const cib::Document& before, const Plan& plan, WallTime now,
                    const SimulatedFaults& faults = {});

// Events that crm_simulate injects before it schedules.
void inject_node(cib::Document& document, const std::string& node, bool up, bool clean);
Result<void> inject_op(cib::Document& document, const InjectedOp& op,
                       WallTime now);  // As if it had been executed
void inject_quorum(cib::Document& document, bool quorate);
void inject_watchdog(cib::Document& document, bool active);
void inject_ticket(cib::Document& document, const std::string& ticket, const std::string& attribute,
                   const std::string& value);

}  // namespace systole::pengine
