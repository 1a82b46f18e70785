// Bus: several modules on one total order. Each message begins with one byte that names its channel; a module
// sees only its own. What the ring's queue has no room for waits here, in order, up to a bound.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>

#include "base/log.h"
#include "membership/membership.h"

namespace systole::controller {

enum class Channel : std::uint8_t { kCib = 1, kFencer = 2, kController = 3 };

class Bus {
 public:
  using Receiver = std::function<void(NodeId sender, ByteView message)>;
  static constexpr std::size_t kWaiting = std::size_t{64} << 20;  // Bytes.

  Bus(membership::Membership& membership, Logger log) : membership_(membership), log_(std::move(log)) {}

  void receive(Channel channel, Receiver receiver) { receivers_[channel] = std::move(receiver); }
  void receive_told(Channel channel, Receiver receiver) { told_[channel] = std::move(receiver); }
  // Errors: kUnavailable when kWaiting bytes wait; kInvalidArgument at Membership::kMaxMessage bytes.
  Result<void> multicast(Channel channel, Bytes message,
                         membership::Delivery delivery = membership::Delivery::kAgreed);

  // Beside the order: see Membership::tell.
  void tell(Channel channel, NodeId member, Bytes message);

  // From the membership.
  void on_message(NodeId sender, ByteView message);
  void on_told(NodeId sender, ByteView message);
  void on_space();

 private:
  struct Outgoing {
    Bytes bytes;
    membership::Delivery delivery;
  };

  membership::Membership& membership_;
  Logger log_;
  std::map<Channel, Receiver> receivers_, told_;
  std::deque<Outgoing> waiting_;
  std::size_t waiting_bytes_ = 0;
};

}  // namespace systole::controller
