// Arbiter: one cluster as an arbitrator sees it, and the promise that it keeps: its vote is never with two
// disjoint partitions. A pure state machine: what nodes say in, votes out.
//
// A vote is bound to a ring, and it is a lease: a node that was told so counts it while the arbitrator has
// answered a beat that it sent less than `lease` ago. Another ring gets the vote once every node that was
// told has said that it counts it no more (it confirmed, or reports another ring), or its lease is over by
// the arbitrator's clock; or when a node of the old ring has moved on into the new one, for then the old ring
// is breaking up, as it does for the votes of nodes.
//
// Who comes anew says whether it counts the vote, so an arbitrator that has forgotten learns it.
//
// Nodes detect a split at different times. While a node that is well heard reports a ring that another has
// left, the arbitrator waits for its word, at most one lease.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "qdevice/ballot.h"

namespace systole::qdevice {

struct Settings {
  Rules rules;
  Duration lease{};
  bool operator==(const Settings&) const = default;
};

class Arbiter {
 public:
  // `quiet_until`: an arbitrator that has just started does not know whom it voted for before; until then it
  // votes only if it hears of all configured nodes.
  Arbiter(Settings settings, Time quiet_until);

  // Errors: kInvalidConfig when others of the cluster that are here have other settings; kDenied for a node
  // that is not configured, and for an older life than one known.
  Result<void> join(Time now, NodeLife life, const Settings& settings);
  void report(Time now, Report report);
  void heard(Time now, NodeId node);  // A beat.
  void released(Time now, NodeId node, const RingId& ring);
  void leave(Time now, NodeId node);  // It is not reached any more. Its lease goes on.

  struct Vote {
    NodeId to{};
    RingId ring;
    bool casts = false;
  };
  std::vector<Vote> take();  // What is to be told, in this order.
  // When time alone changes something; Time::max(): never.
  Time deadline() const;
  void advance(Time now);

  struct NodeStatus {
    NodeLife life;
    std::optional<Report> report;
    enum class Told { kNothing, kYes, kNo } told = Told::kNothing;
    Time heard;
  };
  std::vector<NodeStatus> nodes() const;
  const Settings& settings() const { return settings_; }
  std::optional<RingId> winner() const { return winner_; }
  bool empty() const { return nodes_.empty() && grants_.empty(); }  // Nothing to remember.

 private:
  struct Grant {
    std::vector<NodeId> members;
    std::map<NodeId, Time> told;  // Until when it may count the vote.
    std::set<NodeId> gone;        // Who said that it counts the vote no more.
    Time until;                   // Those who heard it from members only, until their ring has broken up.
  };
  bool fresh(Time now, const NodeStatus& node) const;
  bool settling(Time now);
  bool free_for(const RingId& ring) const;
  void forget(Time now);
  void decide(Time now);
  void tell(NodeStatus& node, bool casts);
  void release(Time now, NodeId node, const RingId& ring);
  static void outlive(Time now, Grant& grant, bool just_now);
  Time lease_end(const NodeStatus& node) const;

  Settings settings_;
  Time quiet_until_;
  std::map<NodeId, NodeStatus> nodes_;  // Connected.
  std::map<NodeId, Incarnation> lives_;
  std::map<RingId, Grant> grants_;
  std::optional<RingId> winner_;
  std::vector<NodeId> active_;  // Members of the ring voted for last.
  std::optional<Time> settling_since_;
  std::vector<Vote> out_;
  Time now_;
};

}  // namespace systole::qdevice
