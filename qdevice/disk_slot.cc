#include "qdevice/disk_slot.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <memory>

#include "membership/codec.h"

namespace systole::qdevice {
namespace {

using membership::Reader;
using membership::Writer;

constexpr std::uint64_t kMagic = 0x53597374514b3031;  // "SYstQK01"
constexpr std::size_t kDigest = 32;

std::array<std::uint8_t, kDigest> digest(ByteView content, std::string_view cluster) {
  std::array<std::uint8_t, kDigest> out{};
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
  EVP_DigestUpdate(context.get(), content.data(), content.size());
  EVP_DigestUpdate(context.get(), cluster.data(), cluster.size());
  unsigned size = kDigest;
  EVP_DigestFinal_ex(context.get(), out.data(), &size);
  return out;
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
  const auto seal = digest(ByteView(sector).first(kSlotSize - kDigest), cluster);
  std::copy(seal.begin(), seal.end(), sector.end() - kDigest);
  return sector;
}

SlotRead decode(ByteView sector, std::string_view cluster, NodeId node) {
  SlotRead out;
  if (sector.size() != kSlotSize) return out;
  if (std::all_of(sector.begin(), sector.end(), [](std::uint8_t byte) { return byte == 0; })) {
    out.state = SlotRead::State::kEmpty;
    return out;
  }
  const auto seal = digest(sector.first(kSlotSize - kDigest), cluster);
  out.print = std::hash<std::string_view>()({reinterpret_cast<const char*>(sector.data()), sector.size()});
  if (!std::equal(seal.begin(), seal.end(), sector.end() - kDigest)) return out;
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
