// DiskElection: who of the nodes that share a quorum disk has its vote. A pure state machine of rounds; in
// each a node writes its slot, and then reads everybody's.
//
// Exclusion does not rest on time: a node raises its flag in its slot, then reads the others', and holds the
// vote only if it sees no other flag raised, whatever ring that is of. Of two that raise theirs at once at
// least one sees the other's. Time only ends the flags of the dead: a flag counts until its slot has not
// changed for the timeout and a tenth, and a holder counts its vote for the timeout after the beginning of
// its last good write; a round that ends later than that ends its flag. A slot whose content makes no sense
// is a flag.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "base/time.h"
#include "qdevice/disk_slot.h"

namespace systole::qdevice {

class DiskElection {
 public:
  DiskElection(NodeLife self, Duration timeout);

  void view(const RingId& ring, std::vector<NodeId> members);
  void set_worthy(bool worthy) { worthy_ = worthy; }  // Heuristics. Who is not gives the vote up.

  Slot next(WallTime wall);  // What to write in the coming round.
  // The round's outcome: when its write began, and all slots that are not empty, by node; nothing: the disk
  // failed.
  void round(Time began, Time now, const std::optional<std::map<NodeId, SlotRead>>& slots);

  struct Verdict {
    RingId ring;
    std::optional<bool> casts;  // Nothing: not decided yet.
    Time until;                 // Of a vote.
    bool operator==(const Verdict&) const = default;
  };
  Verdict verdict(Time now) const;
  Slot::Flag flag() const { return flag_; }

 private:
  struct Seen {
    SlotRead read;
    Time changed;
  };
  bool live(Time now, const Seen& seen) const;
  void raise(Time now);

  NodeLife self_;
  Duration timeout_;
  RingId ring_, before_;  // Of the view, and of the last one.
  std::vector<NodeId> members_;
  bool worthy_ = true;
  Slot::Flag flag_ = Slot::Flag::kNone;
  std::uint64_t generation_ = 0;
  Slot written_;          // Last asked to be.
  Time last_good_;        // When the last good write began.
  bool failed_ = true;    // The last round did, or there was none.
  bool lost_ = false;     // Another ring has the vote.
  bool follows_ = false;  // Another node of the ring bids for it.
  std::map<NodeId, Seen> seen_;
};

}  // namespace systole::qdevice
