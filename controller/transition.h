// Transition: one graph being executed. A pure state machine: it says what may start now, and is told what
// ended and how. Who starts it, and the clock, are the engine's business.
//
//   next() ──▶ actions to start ──▶ confirm(action, succeeded) ──▶ next() … until finished()
//
// An action may start when all inputs of its synapse have ended well (or badly where CRM_meta_can_fail
// allows; what a node that leaves is still asked about counts as inputs of its leaving), its synapse's
// priority is not below an abort's, and the limits leave room. Pseudo actions end as they start. Source:
// Pacemaker's transition graph and its rules for abort priorities.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "pengine/scheduler.h"

namespace systole::controller {

struct TransitionLimits {
  int batch = 0;        // Actions in flight over all; 0: no limit.
  int per_node = 0;     // Resource actions in flight on one node; 0: no limit.
  int migrations = -1;  // Migrations in flight on one node; negative: no limit.
};

class Transition {
 public:
  static constexpr int kAbortAll = pengine::kInfinity;

  Transition(int id, pengine::Graph graph, TransitionLimits limits);

  int id() const { return id_; }
  const pengine::Graph& graph() const { return graph_; }
  // Indexes into graph().actions, each returned once, in order of priority, then of the graph.
  std::vector<int> next();
  // An action that next() returned has ended. False: it was not in flight, nothing happens.
  bool confirm(int action, bool succeeded);
  // Nothing of a synapse with a lower priority starts any more.
  void abort(int priority, std::string why);

  int index_of(int action_id) const;  // By Action::id; -1: not in this graph.
  bool in_flight(int action) const { return state_[static_cast<std::size_t>(action)] == Progress::kInFlight; }
  std::size_t in_flight() const { return in_flight_; }
  bool finished() const;  // Nothing in flight and nothing can start.
  bool aborted() const { return abort_priority_ > 0; }
  const std::string& abort_reason() const { return abort_reason_; }
  bool failed() const { return failed_; }
  std::size_t incomplete() const;  // Actions never started.

 private:
  enum class Progress { kWaiting, kReady, kInFlight, kSucceeded, kFailed };
  const pengine::Action& action(int i) const { return graph_.actions[static_cast<std::size_t>(i)]; }
  Progress& progress(int i) { return state_[static_cast<std::size_t>(i)]; }
  bool has_room(const pengine::Action& action) const;
  void count(const pengine::Action& action, int change);
  void release(int ended);  // An input of others is satisfied.
  int priority_of(int action_index) const { return priority_[static_cast<std::size_t>(action_index)]; }

  int id_;
  pengine::Graph graph_;
  TransitionLimits limits_;
  std::vector<Progress> state_;  // By action.
  std::vector<int> priority_;    // Of the action's synapse.
  std::vector<int> missing_;     // Inputs not yet satisfied.
  std::vector<std::vector<int>> dependents_;
  struct ByPriority {
    const std::vector<int>* priority;
    bool operator()(int a, int b) const;
  };
  std::set<int, ByPriority> ready_;
  std::map<int, int> by_id_;
  std::map<std::string, int> running_on_, migrating_on_;
  std::size_t in_flight_ = 0;
  int abort_priority_ = 0;
  std::string abort_reason_;
  bool failed_ = false;
};

}  // namespace systole::controller
