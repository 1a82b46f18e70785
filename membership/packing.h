// Packing and fragmentation: messages of up to 1 MiB become the payloads of packets below netmtu, and back.
//
//   payload:  chunk... [ padding ]   chunk:  [ flags u8 | length u16 | bytes ]   padding: [ 8 | zeros ]
//
// A message that does not fit continues in the sender's next packet. Safe and agreed messages never share a
// packet, since a packet is delivered as a whole.
#pragma once

#include <deque>
#include <functional>
#include <map>

#include "membership/wire.h"

namespace systole::membership {

struct OutgoingMessage {
  Bytes bytes;
  bool safe = false;
  bool internal = false;  // For the membership itself, not for its user.
};

class SendQueue {
 public:
  explicit SendQueue(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  bool has_room(std::size_t size) const { return queue_.empty() || bytes_ + size <= max_bytes_; }
  bool half_empty() const { return bytes_ <= max_bytes_ / 2; }
  void push(OutgoingMessage message);
  bool empty() const { return queue_.empty(); }
  // About how many packets of `budget` bytes of payload are waiting.
  std::uint32_t packets(std::size_t budget) const {
    return static_cast<std::uint32_t>((bytes_ - offset_ + 3 * queue_.size() + budget - 1) / budget);
  }
  // Takes the next packet's payload, at most `budget` bytes. Not when empty().
  Bytes take(std::size_t budget, bool& safe);
  // A new ring: the message that was sent in part is sent again from its beginning.
  void rewind() { offset_ = 0; }

 private:
  std::deque<OutgoingMessage> queue_;
  std::size_t offset_ = 0;  // Of the first message: sent so far.
  std::size_t bytes_ = 0;   // Of all messages, sent parts included.
  std::size_t max_bytes_;
};

class Reassembly {
 public:
  // `owner` keeps `bytes` alive.
  using Deliver = std::function<void(NodeId sender, ByteView bytes, bool internal,
                                     const std::shared_ptr<const void>& owner)>;
  // Takes packets of one ring in order and calls `deliver` for each message that is complete. Malformed
  // chunks end the packet: what follows in it is lost, the next first chunk starts anew.
  void take(const PacketPtr& packet, const Deliver& deliver);
  void clear() { partial_.clear(); }

 private:
  std::map<NodeId, Bytes> partial_;
};

}  // namespace systole::membership
