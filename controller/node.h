// Node: everything of one cluster node above the ports. systoled gives it real ones, sim/ gives it simulated
// ones; nothing else differs.
//
// It carries the membership's messages to the CIB replica, the fencer and itself (one byte of channel before
// each message), is the DC when the view says so, runs transitions, executes what the DC asks of this node,
// and records results in the document's status section.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/log.h"
#include "base/paths.h"
#include "base/ports.h"
#include "cib/journal.h"
#include "cib/replica.h"
#include "controller/ring_changes.h"
#include "lrmd/executor.h"
#include "membership/config.h"
#include "membership/membership.h"
#include "pengine/scheduler.h"
#include "stonith/fencer.h"

namespace systole::controller {

// Runs schedule() somewhere: on a worker thread in production, after a drawn delay in sim. `done` comes on
// the main loop. Only the newest request matters: an older one may be answered or dropped.
class SchedulerPort {
 public:
  virtual ~SchedulerPort() = default;
  virtual void schedule(cib::Document snapshot, WallTime now, std::function<void(pengine::Plan)> done) = 0;
  // The same of the last snapshot after these patches (cib::Change::patch) and all that were given here
  // before: most of a plan is then still known, and no document is copied. `refused` instead of `done`, also
  // on the main loop: they do not fit, a snapshot is needed. False: not to be had here at all.
  virtual bool schedule_after(const std::vector<std::string>&, WallTime,
                              const std::function<void(pengine::Plan)>&, const std::function<void()>&) {
    return false;
  }
};

struct NodeStatus {
  std::string dc;     // Name; empty: none yet.
  std::string state;  // S_IDLE, S_TRANSITION_ENGINE, S_POLICY_ENGINE, S_NOT_DC, S_STARTING, S_STOPPING
  bool synced = false;
  bool shutting_down = false;
};

class Node {
 public:
  struct Parts {
    Ports ports;
    Logger log;
    Paths paths;
    membership::ClusterConfig config;
    NodeLife self;
    membership::Membership* membership = nullptr;
    cib::Journal* journal = nullptr;
    SchedulerPort* scheduler = nullptr;
    RingHost ring_host;             // Empty: corosync.conf and the key do not change while this node runs.
    unsigned cores = 2;             // Processors of this node: node-action-limit is twice that by default.
    std::function<void()> stopped;  // The orderly shutdown is complete: the program may exit.
  };
  explicit Node(Parts parts);
  ~Node();

  Result<void> start();
  // Asks the DC to stop everything here, then leaves and calls Parts::stopped.
  void shutdown();

  cib::Replica& cib();
  lrmd::Executor& executor();
  stonith::Fencer& fencer();
  membership::Membership& membership();
  cib::Journal& journal();
  const membership::ClusterConfig& config() const;
  const membership::View& view() const;  // Installed last; no members before the first.
  const membership::Quorum& quorum() const;
  const std::string& name() const;  // This node's.
  NodeStatus status() const;

  // Transient (status) or permanent (nodes) attribute of a node; empty value deletes.
  void set_attribute(const std::string& node, const std::string& name, const std::string& value,
                     bool permanent, std::function<void(Result<void>)> done);
  // Erases history and fail counts, so that what is erased is probed anew. `done` once every member has.
  struct Cleanup {
    std::string resource;        // Primitive, group or clone; empty: all.
    std::string node;            // Empty: all.
    bool failures_only = false;  // Only resources that failed there.
    std::string operation;       // Only this operation's failures, with `interval`.
    Milliseconds interval{0};
  };
  void cleanup(const Cleanup& what, std::function<void(Result<void>)> done);
  void cleanup(const std::string& resource, const std::string& node, std::function<void(Result<void>)> done) {
    cleanup(Cleanup{resource, node, false, {}, {}}, std::move(done));
  }
  // corosync.conf is read again on all members, or a new cluster key taken, while the ring runs:
  // ring_changes.h.
  void reload_ring(std::function<void(Result<void>)> done);
  void rotate_key(std::function<void(Result<void>)> done);
  // The DC plans anew.
  void recheck();
  // `done` once the cluster is stable: no transition runs and none is due.
  void when_idle(std::function<void()> done);
  // Observers, for ipc subscriptions and sim: called after each change; never removed, so set them at start.
  void on_change(std::function<void(const cib::Change&)> observer);
  void on_view(std::function<void(const membership::View&)> observer);
  void on_fencing(std::function<void(const stonith::Outcome&)> observer);

  struct State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace systole::controller
