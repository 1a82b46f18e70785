#include "qdevice/disk_election.h"

#include <algorithm>
#include <tuple>

namespace systole::qdevice {

using Flag = Slot::Flag;

DiskElection::DiskElection(NodeLife self, Duration timeout) : self_(self), timeout_(timeout) {}

void DiskElection::view(const RingId& ring, std::vector<NodeId> members) {
  before_ = std::exchange(ring_, ring);
  members_ = std::move(members);
  lost_ = follows_ = false;
}

Slot DiskElection::next(WallTime wall) {
  if (!worthy_) flag_ = Flag::kNone;
  // Who is not worthy leads no ring.
  written_ = {self_,
              ++generation_,
              worthy_ ? ring_ : RingId{},
              flag_,
              static_cast<std::uint16_t>(members_.size()),
              epoch_seconds(wall)};
  return written_;
}

bool DiskElection::live(Time now, const Seen& seen) const {
  return now < seen.changed + timeout_ + timeout_ / 10;
}

void DiskElection::round(Time began, Time now, const std::optional<std::map<NodeId, SlotRead>>& slots) {
  failed_ = !slots;
  if (failed_) {
    // What is on the disk may be anything. A flag stays raised for the others until it is old; here it counts
    // as long as its lease.
    if (now >= last_good_ + timeout_) flag_ = Flag::kNone;
    return;
  }
  // By now the flag may be taken for a dead one's, and the vote be another's.
  if (flag_ == Flag::kHolds && now >= last_good_ + timeout_) flag_ = Flag::kNone;
  if (now >= began + timeout_) flag_ = Flag::kNone;
  last_good_ = began;
  std::erase_if(seen_, [&](const auto& seen) { return !slots->contains(seen.first); });
  for (const auto& [node, read] : *slots) {
    if (node == self_.node) continue;
    const auto [seen, inserted] = seen_.try_emplace(node, Seen{read, now});
    const bool same =
        inserted || (seen->second.read.state == read.state && seen->second.read.print == read.print);
    if (!same) seen->second = {read, now};
  }
  raise(now);
}

// After a good write and read: what the other flags allow.
void DiskElection::raise(Time now) {
  bool other_flag = false, theirs = false;
  NodeId leader = self_.node;
  for (const auto& [node, seen] : seen_) {
    if (seen.read.state == SlotRead::State::kEmpty || !live(now, seen)) continue;
    if (seen.read.state == SlotRead::State::kBroken) {
      other_flag = true;
      continue;
    }
    const Slot& slot = seen.read.slot;
    if (slot.ring == ring_ && node < leader) leader = node;
    if (slot.flag == Flag::kNone) continue;
    other_flag = true;
    // A holder in the ring that we have left may be dead, or on its way: nothing is decided yet.
    if (slot.flag == Flag::kHolds && slot.ring != ring_ && slot.ring != before_) theirs = true;
    // Of two bidders the one with more members stays, or the lower id; a holder always does.
    const bool stays = slot.flag == Flag::kHolds ||
                       std::tuple(slot.members, self_.node) > std::tuple(written_.members, node);
    if (flag_ == Flag::kBids && stays) flag_ = Flag::kNone;
  }
  lost_ = theirs;
  follows_ = leader != self_.node;
  if (!worthy_) return;
  // Only a flag that was on the disk before this round's read excludes the others.
  if (flag_ == Flag::kBids && written_.flag == Flag::kBids && !other_flag) flag_ = Flag::kHolds;
  if (flag_ == Flag::kNone && !other_flag && leader == self_.node && ring_.sequence != 0) flag_ = Flag::kBids;
}

DiskElection::Verdict DiskElection::verdict(Time now) const {
  Verdict v{ring_, {}, last_good_ + timeout_};
  const bool leased = now < v.until;
  if (flag_ == Flag::kHolds && worthy_ && leased) {
    v.casts = true;
  } else if (failed_ || !worthy_ || lost_ || (follows_ && flag_ == Flag::kNone)) {
    v.casts = false;
  }
  return v;
}

}  // namespace systole::qdevice
