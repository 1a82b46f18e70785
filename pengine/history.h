// History: lrm_resource and lrm_rsc_op elements, and what they say about roles and failures.
#pragma once

#include "pengine/model.h"

namespace systole::pengine::engine {

// Executor's status codes, as op-status.
enum ExecStatus : int {
  kExecPending = -1,
  kExecDone = 0,
  kExecCancelled = 1,
  kExecTimeout = 2,
  kExecNotSupported = 3,
  kExecError = 4,
  kExecErrorHard = 5,
  kExecErrorFatal = 6,
  kExecNotInstalled = 7,
  kExecNotConnected = 8,
  kExecInvalid = 9,
  kExecNoFenceDevice = 10,
  kExecNoSecrets = 11,
  kExecMax = 11
};
// Agents' exit codes.
enum Ocf : int {
  kOk = 0,
  kUnknownError = 1,
  kInvalidParam = 2,
  kUnimplemented = 3,
  kInsufficient = 4,
  kNotInstalled = 5,
  kNotConfigured = 6,
  kNotRunning = 7,
  kRunningPromoted = 8,
  kFailedPromoted = 9,
  kDegraded = 190,
  kDegradedPromoted = 191
};

std::string_view strip_instance(std::string_view id);  // "rsc" of "rsc:1"; else the id itself.
HistoryOp parse_op(pugi::xml_node xml);
// Reads every lrm_resource of the nodes whose state is known.
void index_history(Cluster& c);
// The same of a node that was called into being by another one's history.
void index_history(Cluster& c, Node& node, pugi::xml_node state);
// What the node remembers under the id.
std::span<ResourceHistory* const> histories_of(const Cluster& c, std::string_view id, const Node* node);
void node_history(Cluster& c, Node& node);
// Sorts as the operations happened.
void sort_history(std::span<HistoryOp> ops);
// Places of what began and what ended the last activity; -1: none.
struct ActiveRange {
  int start = -1, stop = -1;
};
ActiveRange active_range(std::span<const HistoryOp> sorted);
// Without the operations' word for it: did they run on one node?
int compare_history(const HistoryOp& a, const HistoryOp& b, bool same_node = true);
bool is_probe_op(const HistoryOp& op);
bool mask_probe_failure(const HistoryOp& op);
void add_running(Cluster& c, Resource* r, Node* node, bool failed);

}  // namespace systole::pengine::engine
