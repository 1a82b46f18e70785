// Runner: this node's hands. It performs what action messages ask of this node, through the executor or, for
// fencing devices, the fencer; keeps this node's history; and gets results into the document.
//
// Results that wait together go as one change; one change is under way at a time, and is submitted again
// until it is applied. The same action asked for again while it is under way (a new DC, a new plan) is not
// run twice: its result answers the newer request.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/log.h"
#include "base/ports.h"
#include "cib/replica.h"
#include "controller/messages.pb.h"
#include "controller/results.h"
#include "lrmd/executor.h"
#include "stonith/fencer.h"

namespace systole::controller {

class Runner {
 public:
  struct Effects {
    std::function<void(cib::Op, cib::Replica::Done)> submit;
    // The result of an action that leaves no history.
    std::function<void(const wire::ActionResult&)> unrecorded;
  };
  Runner(Ports ports, Logger log, NodeLife self, std::string name, const cib::Replica& replica,
         lrmd::Executor& executor, stonith::Fencer& fencer, Effects effects);
  ~Runner();
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  // The DC's wall clock says `now`. It judges by that clock whether a failure has expired, so results are
  // stamped with it, however wrong it is or this node's own.
  void heard_of_dc(WallTime now);
  // From ordered messages; `key` is the action's transition key, `now` Unix seconds at the DC.
  void perform(const wire::Action& action, const std::string& key, std::int64_t now);
  void cancel(const wire::Action& action);
  // The resource is forgotten here: history, recurring operations, what is queued.
  void erase(const std::string& resource);
  // Its failures are forgotten, for `cleanup`: the whole history, so that it is probed anew.
  void cleanup(const std::string& resource);

  const LocalHistory& history() const { return history_; }
  // No operation is under way and no result waits.
  bool quiet() const;
  // Stops everything that may be active here, without the DC; `done` when each stop has ended, or at the
  // deadline.
  void stop_all(Duration deadline, std::function<void()> done);

 private:
  struct InFlight {
    wire::Action action;
    std::string key;  // Of the newest request for it.
  };
  using InFlightPtr = std::shared_ptr<InFlight>;
  // A device's recurring monitor.
  struct Watched {
    wire::Action action;
    std::string key;
    Timers::Id timer = 0;
    int call_id = 0;
    int last_rc = -1;
    bool reported = false;
    std::int64_t changed = 0;
  };
  struct Finished {
    Recorded op;
    std::optional<Failure> failure;
  };
  struct Active {
    std::uint64_t since = 0;  // Grows: what became active later stops earlier.
    wire::Action action;      // How it was started or found.
  };
  using OpId = std::tuple<std::string, std::string, std::uint32_t>;  // Resource, task, interval.

  static OpId id_of(const wire::Action& a) { return {a.resource(), a.task(), a.interval_ms()}; }
  void run(const wire::Action& action, const std::string& key);
  void run_device(const InFlightPtr& job);
  void start_recurring(const wire::Action& action, const std::string& key);
  void watch_device(const OpId& id);
  void device_watched(const OpId& id, int call_id, int rc, const std::string& reason, Time asked);
  void cancel_recurring(const std::string& resource);
  void ended(const InFlightPtr& job, const lrmd::OpResult& result);
  void finish(const wire::Action& action, Recorded op);
  std::int64_t at_dc(std::int64_t changed) const;  // Unix seconds, from this node's clock to the DC's.
  void note_activity(const wire::Action& action, const Recorded& op);
  void stop_next(Time deadline, const std::shared_ptr<std::function<void()>>& done);
  void post_flush();
  void flush();
  void flushed(const Result<cib::Applied>& applied);
  cib::Op to_change(const std::deque<Finished>& results) const;

  Ports ports_;
  Logger log_;
  NodeLife self_;
  std::string name_, id_;
  const cib::Replica& replica_;
  lrmd::Executor& executor_;
  stonith::Fencer& fencer_;
  Effects effects_;
  LocalHistory history_;
  std::optional<std::pair<Time, WallTime>> dc_said_;  // When heard, and what the DC's clock showed.
  std::map<OpId, InFlightPtr> in_flight_;             // Not recurring.
  std::map<std::string, std::set<OpId>> recurring_;   // Of the executor, by resource.
  std::map<OpId, Watched> watched_;
  std::map<std::string, Active> active_;
  std::uint64_t activations_ = 0;
  std::deque<Finished> waiting_, sent_;
  bool flush_posted_ = false;
  unsigned refusals_ = 0;
  int device_calls_ = 0;
  std::shared_ptr<bool> alive_;
};

}  // namespace systole::controller
