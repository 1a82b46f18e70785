// PacketStore: the packets of one ring by sequence number, between what is stable (every member has it) and
// the window's end. Bounded: what lies beyond the window is refused and will be retransmitted later.
#pragma once

#include <vector>

#include "membership/wire.h"

namespace systole::membership {

class PacketStore {
 public:
  static constexpr std::uint64_t kWindow = 4096;  // Packets. A power of two.

  // False when it is there already, is stable, or lies beyond the window.
  bool insert(PacketPtr packet) {
    const std::uint64_t seq = packet->seq;
    if (seq <= stable_ || seq > stable_ + kWindow || slot(seq) != nullptr) return false;
    if (slots_.empty()) slots_.resize(kWindow);
    slots_[seq % kWindow] = std::move(packet);
    high_ = std::max(high_, seq);
    while (aru_ < high_ && slot(aru_ + 1) != nullptr) ++aru_;
    return true;
  }
  // Null when it is missing, stable, or beyond the window.
  const Packet* get(std::uint64_t seq) const { return slot(seq).get(); }
  PacketPtr share(std::uint64_t seq) const { return slot(seq); }
  // Forgets what every member has. `upto` is at most aru().
  void discard(std::uint64_t upto) {
    for (; stable_ < upto; ++stable_) slots_[(stable_ + 1) % kWindow].reset();
  }

  std::uint64_t aru() const { return aru_; }        // All received up to here.
  std::uint64_t high() const { return high_; }      // Highest received.
  std::uint64_t stable() const { return stable_; }  // Forgotten up to here.

 private:
  const PacketPtr& slot(std::uint64_t seq) const {
    static const PacketPtr kNone;
    if (slots_.empty() || seq <= stable_ || seq > stable_ + kWindow) return kNone;
    return slots_[seq % kWindow];
  }

  std::vector<PacketPtr> slots_;  // Empty until the first packet.
  std::uint64_t aru_ = 0, high_ = 0, stable_ = 0;
};

}  // namespace systole::membership
