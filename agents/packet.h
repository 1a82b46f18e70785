// PacketSocket: raw frames on one link (packet(7)).
#pragma once

#include "agents/address_plan.h"
#include "agents/frames.h"

namespace systole::agents {

class PacketSocket {
 public:
  static Result<PacketSocket> open(const Link& link, bool v6);  // kDenied, kIo.
  PacketSocket(PacketSocket&& other) noexcept;
  PacketSocket& operator=(PacketSocket&&) = delete;
  ~PacketSocket();

  Result<void> send(ByteView frame);
  // The next frame within `wait_ms`, or nothing.
  std::optional<Bytes> receive(int wait_ms);

 private:
  PacketSocket(int fd, int link) : fd_(fd), link_(link) {}
  int fd_, link_;
};

// Asks for `wait_ms` whether another host on the link has the address. Its hardware address if one answers.
Result<std::optional<Mac>> find_other_holder(const Address& address, const Link& link, int wait_ms);

}  // namespace systole::agents
