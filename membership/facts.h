// Facts about quorum that members bring into a coming view, and what the view makes of them: the same at each
// member, because each sees the same facts of all.
#pragma once

#include <algorithm>
#include <set>
#include <vector>

#include "base/ids.h"

namespace systole::membership {

struct QuorumFacts {
  bool seen_all = false;             // wait_for_all is satisfied.
  bool quorate = false;              // Its last view was.
  std::uint32_t expected_votes = 0;  // As it counts them.
  RingId last_quorate;               // Its last view that was quorate; sequence 0: none in this life.
  NodeId tie_breaker{};              // Whose side wins when that view splits in halves; 0: nobody's.
  RingId elected;                    // The latest view known that recalculated its votes; sequence 0: none.
  std::vector<NodeId> electors;      // Its members, ascending: theirs alone are the expected votes since.
  bool operator==(const QuorumFacts&) const = default;
};

struct ViewFacts {
  QuorumFacts all;                // As below: who knows best counts.
  std::vector<NodeId> left_well;  // Said goodbye since the members' last views, ascending.

  // seen_all: one that has seen all is enough (its word is as good as having been there). expected_votes: a
  // quorate member's word outranks others', else the greatest counts. tie_breaker: of the latest quorate
  // view.
  void add(const QuorumFacts& one) {
    all.seen_all |= one.seen_all;
    if (one.quorate && !all.quorate) all.expected_votes = 0;
    if (one.quorate || !all.quorate) all.expected_votes = std::max(all.expected_votes, one.expected_votes);
    all.quorate |= one.quorate;
    if (one.last_quorate > all.last_quorate) {
      all.last_quorate = one.last_quorate;
      all.tie_breaker = one.tie_breaker;
    }
    if (one.elected > all.elected) {
      all.elected = one.elected;
      all.electors = one.electors;
    }
  }
};

}  // namespace systole::membership
