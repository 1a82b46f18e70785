// Whom an arbitrator should vote for: the algorithms ffsplit and lms of corosync-qdevice(8), as pure
// functions of what the nodes of one cluster report.
#pragma once

#include <optional>
#include <vector>

#include "membership/config.h"

namespace systole::qdevice {

enum class Heuristics { kNone, kPassed, kFailed };  // kNone: off, or not known yet.

// What a node that reaches the arbitrator says.
struct Report {
  NodeId node{};
  RingId ring;
  std::vector<NodeId> members;  // Of its ring, ascending.
  Heuristics heuristics = Heuristics::kNone;
  bool counts =
      false;  // Its ring counts the arbitrator's vote already: it was told so on another connection.
};

struct Rules {
  using Algorithm = membership::DeviceOptions::Algorithm;
  using TieBreaker = membership::DeviceOptions::TieBreaker;
  Algorithm algorithm = Algorithm::kFfsplit;
  TieBreaker tie_breaker = TieBreaker::kLowest;
  NodeId tie_breaker_node{};
  bool keep_active = true;    // A tie goes first to where more of the last winner's members are.
  std::vector<NodeId> nodes;  // Configured, ascending.
  bool operator==(const Rules&) const = default;
};

// Nodes that share a ring, as far as they reach the arbitrator.
struct Partition {
  RingId ring;
  std::vector<NodeId> members;  // Without those that report another ring meanwhile.
  unsigned connected = 0;
  int score = 0;  // connected + heuristics passed - heuristics failed.
};
std::vector<Partition> partitions(const std::vector<Report>& reports);  // Ascending by ring.

// The ring to vote for; nothing: none deserves it. `active`: the members of the ring voted for last.
//  ffsplit: of those with at least half of the configured nodes, the largest.
//  lms: the one with the best score, whatever its size.
//  test: the newest ring.
std::optional<RingId> choose(const Rules& rules, const std::vector<Report>& reports,
                             const std::vector<NodeId>& active);

}  // namespace systole::qdevice
