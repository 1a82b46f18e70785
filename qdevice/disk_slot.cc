#include "qdevice/disk_slot.h"

#include <algorithm>

#include "base/sha256.h"
#include "membership/codec.h"

namespace systole::qdevice {
namespace {

using membership::Reader;
using membership::Writer;

constexpr std::uint64_t kMagic = 0x53597374514b3031;  // "SYstQK01"
Sha256Sum digest(ByteView content, std::string_view cluster) {
  Sha256 sha;
  sha.add(content);
  sha.add(cluster);
  return sha.finish();
}

}  // namespace

Bytes encode(const Slot& slot, std::string_view cluster) {
  Bytes sector;
  Writer w(sector);
  w.u64(kMagic);
  w.life(slot.life);
  w.u64(slot.generation);
  w.ring(slot.ring);
  w.u8(static_cast<std::uint8_t>(slot.flag));
  w.u16(slot.members);
  w.u64(static_cast<std::uint64_t>(slot.written));
  sector.resize(kSlotSize);
  const auto seal = digest(ByteView(sector).first(kSlotSize - sizeof(Sha256Sum)), cluster);
  std::copy(seal.begin(), seal.end(), sector.end() - sizeof(Sha256Sum));
  return sector;
}

SlotRead decode(ByteView sector, std::string_view cluster, NodeId node) {
  SlotRead out;
  if (sector.size() != kSlotSize) return out;
  if (std::all_of(sector.begin(), sector.end(), [](std::uint8_t byte) { return byte == 0; })) {
    out.state = SlotRead::State::kEmpty;
    return out;
  }
  const auto seal = digest(sector.first(kSlotSize - sizeof(Sha256Sum)), cluster);
  out.print = std::hash<std::string_view>()({reinterpret_cast<const char*>(sector.data()), sector.size()});
  if (!std::equal(seal.begin(), seal.end(), sector.end() - sizeof(Sha256Sum))) return out;
  Reader r(sector);
  if (r.u64() != kMagic) return out;
  Slot& slot = out.slot;
  slot.life = r.life();
  slot.generation = r.u64();
  slot.ring = r.ring();
  const std::uint8_t flag = r.u8();
  slot.members = r.u16();
  slot.written = static_cast<std::int64_t>(r.u64());
  if (flag > 2 || slot.life.node != node) return out;
  slot.flag = static_cast<Slot::Flag>(flag);
  out.state = SlotRead::State::kUsable;
  return out;
}

}  // namespace systole::qdevice
