// Engine: the DC's work. From changes of the document and of the view to plans, from plans to actions on
// nodes, from results to the next action, until the cluster is as it should be.
//
//   changed, view, recheck ──▶ due ──▶ scheduling ──▶ transition ──▶ idle
//                               ▲__________│______________│  (something changed meanwhile, or failed)
//
// Every member has an Engine; it acts only where this node is DC and may act (dc.h). It keeps nothing that a
// new DC would need: that is in the document. Runs on the main loop.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/log.h"
#include "base/ports.h"
#include "cib/replica.h"
#include "controller/dc.h"
#include "controller/messages.pb.h"
#include "controller/node.h"
#include "controller/transition.h"

namespace systole::controller {

class Engine {
 public:
  struct Effects {
    std::function<void(cib::Op, cib::Replica::Done)> submit;
    std::function<Result<void>(const wire::Message&, membership::Delivery)> send;
    std::function<void(stonith::Request, std::function<void(const stonith::Outcome&)>)> fence;
    std::function<void()> idle;  // The cluster has become stable; may be said again.
  };
  Engine(Ports ports, Logger log, NodeLife self, const membership::ClusterConfig& config, unsigned cores,
         const cib::Replica& replica, SchedulerPort& scheduler, Effects effects);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Events, all in total order but for the last two.
  void on_view(const membership::View& view, bool quorate);  // Nothing is decided until it is synced.
  void on_synced(const membership::View& view, const std::vector<NodeId>& joined);
  void on_quorum(bool quorate);
  void on_change(const cib::Change& change);
  void on_delivered(const wire::ActionBatch& batch);  // Of this engine: what needs no result has been done.
  void on_result(const wire::ActionResult& result);   // Of an action without history.
  void on_outcome(const stonith::Outcome& outcome);   // Of a fencing, whoever asked.
  void recheck(const char* why);

  bool acting() const { return acting_; }
  bool idle() const;
  const char* state() const;

 private:
  using Pending = std::map<int, Timers::Id>;  // Actions in flight, with the timer of their patience.

  void try_to_act();
  void resign();
  void write_view(const std::vector<NodeId>& joined);
  void write_properties();
  void confirm_down(const std::string& target, const NodeLife& life);
  void submit(cib::Op op, const char* what,
              bool wait = false);  // wait: nothing is planned before it is applied.

  void due(bool status, std::string why);
  void poke();
  void evaluate();
  bool hold();
  Time may_plan_at() const;
  void wake_at(Time when);
  void schedule();
  void planned(std::uint64_t generation, pengine::Plan plan);
  void replan(std::uint64_t generation);
  void begin(pengine::Plan plan);
  void set_recheck(const pengine::Graph& graph);
  TransitionLimits limits(const pengine::Graph& graph) const;

  void run();
  void send(wire::ActionBatch batch);
  void dispatch(int index, wire::ActionBatch& batch);
  void note_quorum();
  std::uint64_t next_activation();
  void dispatch_event(int index, wire::ActionBatch& batch);
  void dispatch_fencing(int index);
  void clear_failcount(const pengine::Action& action);
  void confirm(int index, bool succeeded);
  void out_of_patience(int index);
  void fenced(int transition, int index, const stonith::Outcome& outcome);
  void complete();
  void drop_transition();
  bool fences(const std::string& xml) const;
  void on_results(const cib::Op& op);
  bool on_key(const std::string& key, int rc, int status);

  std::optional<NodeId> member(const std::string& name) const;

  Ports ports_;
  Logger log_;
  NodeLife self_;
  const membership::ClusterConfig& config_;
  unsigned cores_;
  const cib::Replica& replica_;
  SchedulerPort& scheduler_;
  Effects effects_;

  membership::View view_;
  bool quorate_ = false, synced_ = false, acting_ = false;
  Seen seen_;
  Time synced_at_{};
  std::vector<NodeId> joined_;
  std::map<std::string, NodeLife> fenced_;  // Lives confirmed down, by name.

  std::string uuid_;
  bool due_ = false, due_by_status_ = false, poked_ = false, scheduling_ = false, holding_ = false;
  std::string why_;
  std::uint64_t generation_ = 0;  // Of the scheduler run that counts.
  // What has changed since the scheduler was given the document; null: it has none that could be used.
  std::optional<std::vector<std::string>> patches_;
  std::optional<Time> void_since_;
  unsigned voids_ = 0;
  std::shared_ptr<unsigned> writes_ = std::make_shared<unsigned>(0);  // Own changes that a plan waits for.
  unsigned futile_ = 0;  // Transitions in a row that failed as soon as they began.
  Time begun_{};
  Time not_before_{};                 // Of the next scheduler run, while changes pour in.
  std::optional<Time> idle_plan_at_;  // When the last plan came that asks for nothing.
  Timers::Id wake_ = 0, recheck_ = 0;
  Time wake_time_{};
  int transition_id_ = 0;
  std::optional<Transition> transition_;
  Pending patience_;
  bool fence_failed_ = false, fence_retry_ = false;
  std::map<std::string, unsigned> fence_failures_;
  std::uint64_t activations_ = 0;
  std::uint64_t quorate_sequence_ = 0;  // Of the last view with quorum that this life was in.
  std::uint64_t fencings_ = 0;          // That succeeded since.
  std::shared_ptr<bool> alive_;
};

}  // namespace systole::controller
