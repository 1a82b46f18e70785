#include "controller/bus.h"

namespace systole::controller {

Result<void> Bus::multicast(Channel channel, Bytes message, membership::Delivery delivery) {
  if (message.size() >= membership::Membership::kMaxMessage) {
    return fail(Errc::kInvalidArgument, "a message of {} bytes is too long for the ring", message.size());
  }
  if (waiting_bytes_ + message.size() > kWaiting) {
    return fail(Errc::kUnavailable, "{} bytes wait for the ring already", waiting_bytes_);
  }
  message.insert(message.begin(), static_cast<std::uint8_t>(channel));
  waiting_bytes_ += message.size();
  waiting_.push_back({std::move(message), delivery});
  on_space();
  return {};
}

void Bus::on_space() {
  while (!waiting_.empty()) {
    const std::size_t size = waiting_.front().bytes.size();
    // A copy: the ring keeps nothing of what it refuses.
    const auto sent = membership_.multicast(waiting_.front().bytes, waiting_.front().delivery);
    if (!sent && sent.error().code == Errc::kUnavailable) return;
    if (!sent) log_.error("a message of {} bytes cannot be sent: {}", size, sent.error().message);
    waiting_bytes_ -= size;
    waiting_.pop_front();
  }
}

void Bus::tell(Channel channel, NodeId member, Bytes message) {
  message.insert(message.begin(), static_cast<std::uint8_t>(channel));
  membership_.tell(member, std::move(message));
}

void Bus::on_told(NodeId sender, ByteView message) {
  if (message.empty()) return;
  const auto receiver = told_.find(static_cast<Channel>(message[0]));
  if (receiver != told_.end()) receiver->second(sender, message.subspan(1));
}

void Bus::on_message(NodeId sender, ByteView message) {
  if (message.empty()) return;
  const auto receiver = receivers_.find(static_cast<Channel>(message[0]));
  if (receiver == receivers_.end()) {
    log_.warning("node {} sent a message on channel {}, which this version does not know", raw(sender),
                 message[0]);
    return;
  }
  receiver->second(sender, message.subspan(1));
}

}  // namespace systole::controller
