// crm_simulate without its options and files: a document in, what would happen out. For the tool of that
// name, the shell's `simulate` and the web page.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pengine/simulate.h"

namespace systole::pengine {

struct SimulationRequest {
  std::optional<WallTime> now;  // -t; none: the document's execution-date, or else `clock`.
  WallTime clock{};
  bool execute = false;           // -S: execute the graph and show what came of it.
  bool save_graph = false;        // -G: the plan's graph will be written.
  bool show_scores = false;       // -s
  bool show_utilization = false;  // -U
  bool quiet = false;             // -Q: no status, no transition.
  // -A -c: what else is shown of a status, indented as the rest.
  std::function<std::string(const cib::Document&)> more;
  std::vector<std::string> explain;  // Our addition: why these resources are where they are.
  bool explain_actions = false;      // Our addition: why each action is there, and what it waits for.
  // Modifications before scheduling.
  std::vector<std::string> nodes_up, nodes_down, nodes_failed;  // -u -d -f
  std::vector<std::string> inject, fail;                        // -i -F: OPERATION_KEY@NODE=RC
  std::optional<bool> quorum, watchdog;                         // -q -w
  std::vector<std::string> tickets_granted, tickets_revoked, tickets_standby,
      tickets_activated;  // -g -r -b -e
};
struct SimulationReport {
  std::string text;
  Plan plan;
  cib::Document input;                   // As scheduled, with modifications.
  std::optional<cib::Document> output;   // After execution; none when nothing was executed.
  std::shared_ptr<const void> workings;  // See PlanWithStatus.
  const cib::Document& after() const { return output ? *output : input; }
};

// Errors: kInvalidArgument for an operation that cannot be understood.
Result<SimulationReport> run_simulation(cib::Document document, const SimulationRequest& request);

// The moment a document carries in cib/@execution-date (epoch seconds).
std::optional<WallTime> execution_date(const cib::Document& document);

}  // namespace systole::pengine
