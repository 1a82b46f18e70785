// Checkers: the invariants of docs/design.md §5, each with a name, evaluated on the simulated world after
// every event or at the events that could break them; and liveness, once faults have stopped.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "sim/cluster.h"
#include "sim/workload.h"

namespace systole::sim {

class Checkers {
 public:
  Checkers(Cluster& cluster, const Workload& workload);

  // The first violation: "S1 single activation: web is active on n1 and n3". Empty: none so far.
  const std::string& violation() const { return violation_; }
  void violated(std::string what);

  // An administrator's change was acknowledged in a quorate view / is looked for at the end.
  void acknowledged(const std::string& mark) { marks_.insert(mark); }
  // Faults have stopped long ago: one view, one DC, the same document, everything runnable runs, no
  // acknowledged change is missing. Returns what is not yet so; empty: all is well.
  std::string not_yet_stable();
  void check_acknowledged();

 private:
  void after_event();
  void single_activation(const std::string& resource);
  void happened(const ClusterWorld::Event& event);
  void changed(Cluster::Machine& m, const cib::Change& change);
  void viewed(Cluster::Machine& m, const membership::View& view);

  Cluster& cluster_;
  const Workload& workload_;
  std::string violation_;
  std::set<std::string> marks_;
  std::set<std::string> down_by_order_;  // Never started, or last stopped by its agent.
  std::map<std::tuple<RingId, std::vector<NodeLife>, cib::Version>, std::string> digests_;
  std::map<RingId, std::vector<NodeLife>> views_;
  std::map<NodeId, RingId> last_view_;
};

}  // namespace systole::sim
