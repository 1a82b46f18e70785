// Gather: the candidates and the failed of one attempt to agree on a membership (Totem §4: my_proc_set and
// my_fail_set). Both only grow during an attempt, so that it ends. Pure: joins in, verdicts in, sets out.
#pragma once

#include <map>
#include <set>

#include "base/time.h"
#include "membership/wire.h"

namespace systole::membership {

class Gather {
 public:
  struct Candidate {
    NodeLife life;
    Time since;  // Asked to join since.
  };

  Gather() = default;
  Gather(NodeLife self, Time now) : self_(self), started_(now), changed_(now) { add(self, now); }

  // True when the sets have changed. A later life of a node takes the place of an earlier one.
  bool add(NodeLife life, Time now);
  bool fail(NodeLife life, Time now);
  // The sets of a candidate's join, by Totem's rules.
  bool merge(NodeLife from, const Join& join, Time now);

  bool is_candidate(NodeLife life) const;
  bool has_failed(NodeLife life) const { return failed_.contains(life); }
  // Candidates that have not failed, ascending; contains this node.
  std::vector<NodeLife> active() const;
  bool agrees(NodeLife life) const;  // Its last join had these very sets.
  bool agreed() const;               // All active ones do.
  std::uint64_t highest_ring_sequence() const;

  const std::map<NodeId, Candidate>& candidates() const { return candidates_; }
  const std::set<NodeLife>& failed() const { return failed_; }
  Time started() const { return started_; }
  Time changed() const { return changed_; }  // When the sets last did.

 private:
  struct Sets {
    std::set<NodeLife> candidates, failed;
    std::uint64_t ring_sequence = 0;
  };
  std::set<NodeLife> candidate_set() const;

  NodeLife self_;
  Time started_, changed_;
  std::map<NodeId, Candidate> candidates_;
  std::set<NodeLife> failed_;
  std::map<NodeId, std::pair<NodeLife, Sets>> joins_;  // The last of each.
};

}  // namespace systole::membership
