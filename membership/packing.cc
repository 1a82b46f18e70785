#include "membership/packing.h"

#include "membership/codec.h"
#include "membership/membership.h"

namespace systole::membership {
namespace {

enum ChunkFlags : std::uint8_t { kFirst = 1, kLast = 2, kInternal = 4, kPadding = 8 };
constexpr std::size_t kChunkHeader = 3;
constexpr std::size_t kWorthSplitting = 64;  // Less room than this is left unused.

}  // namespace

void SendQueue::push(OutgoingMessage message) {
  bytes_ += message.bytes.size();
  queue_.push_back(std::move(message));
}

Bytes SendQueue::take(std::size_t budget, bool& safe) {
  Bytes payload;
  payload.reserve(std::min(budget, bytes_ - offset_ + kChunkHeader * queue_.size()));
  safe = queue_.front().safe;
  Writer w(payload);
  while (!queue_.empty() && queue_.front().safe == safe) {
    OutgoingMessage& message = queue_.front();
    const std::size_t left = message.bytes.size() - offset_;
    const std::size_t room = budget - payload.size();
    const bool fits = left + kChunkHeader <= room;
    if (!fits && !payload.empty() && room < kChunkHeader + kWorthSplitting) {
      if (room > 0) w.u8(kPadding);  // Packets of one size travel together.
      payload.resize(budget);
      break;
    }
    const std::size_t size = fits ? left : std::min(left, room - kChunkHeader);
    w.u8(static_cast<std::uint8_t>((offset_ == 0 ? kFirst : 0) | (fits ? kLast : 0) |
                                   (message.internal ? kInternal : 0)));
    w.u16(static_cast<std::uint16_t>(size));
    w.bytes(ByteView(message.bytes).subspan(offset_, size));
    if (!fits) {
      offset_ += size;
      break;
    }
    bytes_ -= message.bytes.size();
    offset_ = 0;
    queue_.pop_front();
  }
  return payload;
}

void Reassembly::take(const PacketPtr& packet, const Deliver& deliver) {
  Reader r(packet->payload);
  while (!r.done()) {
    const std::uint8_t flags = r.u8();
    if (flags == kPadding) return;
    const ByteView part = r.bytes(r.u16());
    if (!r.ok()) {
      partial_.erase(packet->sender);
      return;
    }
    const bool internal = (flags & kInternal) != 0;
    if ((flags & kFirst) != 0 && (flags & kLast) != 0) {
      partial_.erase(packet->sender);
      deliver(packet->sender, part, internal, packet);
      continue;
    }
    if ((flags & kFirst) != 0) {
      partial_[packet->sender] = Bytes(part.begin(), part.end());
      continue;
    }
    const auto found = partial_.find(packet->sender);
    if (found == partial_.end()) continue;  // Its beginning was in a ring that ended.
    Bytes& whole = found->second;
    if (whole.size() + part.size() > Membership::kMaxMessage) {
      partial_.erase(found);
      continue;
    }
    whole.insert(whole.end(), part.begin(), part.end());
    if ((flags & kLast) == 0) continue;
    auto owner = std::make_shared<const Bytes>(std::move(whole));
    partial_.erase(found);
    deliver(packet->sender, *owner, internal, owner);
  }
}

}  // namespace systole::membership
