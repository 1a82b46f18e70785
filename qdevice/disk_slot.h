// One node's slot on a quorum disk: one sector of kSlotSize bytes, written whole. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/ids.h"
#include "qdevice/ballot.h"

namespace systole::qdevice {

inline constexpr std::size_t kSlotSize = 4096;  // A multiple of every disk's sector.

struct Slot {
  NodeLife life;
  std::uint64_t generation = 0;  // Greater with every write of a life.
  RingId ring;                   // The node's view.
  enum class Flag : std::uint8_t { kNone = 0, kBids = 1, kHolds = 2 } flag = Flag::kNone;
  std::uint16_t members = 0;  // Of its ring.
  std::int64_t written = 0;   // By the node's wall clock, Unix seconds; for people.
  bool operator==(const Slot&) const = default;
};

// Sealed with a digest over the content and the cluster's name.
Bytes encode(const Slot& slot, std::string_view cluster);

struct SlotRead {
  enum class State { kEmpty, kUsable, kBroken } state = State::kBroken;  // kEmpty: zeros, never written.
  Slot slot;
  std::uint64_t print = 0;  // Of the sector: another content has another one.
};
// Broken: torn, of another cluster, or of another node than `node`.
SlotRead decode(ByteView sector, std::string_view cluster, NodeId node);

}  // namespace systole::qdevice
