#include "agents/packet.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

namespace systole::agents {
namespace {

sockaddr_ll on_link(int link, std::uint16_t protocol) {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(protocol);
  address.sll_ifindex = link;
  address.sll_halen = 6;
  return address;
}

Errc code_of(int number) { return number == EPERM ? Errc::kDenied : Errc::kIo; }

}  // namespace

Result<PacketSocket> PacketSocket::open(const Link& link, bool v6) {
  const std::uint16_t protocol = v6 ? ETH_P_IPV6 : ETH_P_ARP;
  const int fd = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(protocol));
  if (fd < 0) return fail(code_of(errno), "opening a packet socket: {}", std::strerror(errno));
  PacketSocket opened(fd, link.index);
  const sockaddr_ll address = on_link(link.index, protocol);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail(code_of(errno), "binding a packet socket to {}: {}", link.name, std::strerror(errno));
  return opened;
}

PacketSocket::PacketSocket(PacketSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), link_(other.link_) {}

PacketSocket::~PacketSocket() {
  if (fd_ >= 0) ::close(fd_);
}

Result<void> PacketSocket::send(ByteView frame) {
  if (::send(fd_, frame.data(), frame.size(), 0) < 0)
    return fail(code_of(errno), "sending on a packet socket: {}", std::strerror(errno));
  return {};
}

std::optional<Bytes> PacketSocket::receive(int wait_ms) {
  pollfd ready{fd_, POLLIN, 0};
  if (::poll(&ready, 1, wait_ms) <= 0) return std::nullopt;
  Bytes frame(2048);
  const ssize_t got = ::recv(fd_, frame.data(), frame.size(), MSG_DONTWAIT);
  if (got <= 0) return std::nullopt;
  frame.resize(static_cast<std::size_t>(got));
  return frame;
}

Result<std::optional<Mac>> find_other_holder(const Address& address, const Link& link, int wait_ms) {
  using Clock = std::chrono::steady_clock;
  auto socket = PacketSocket::open(link, address.v6);
  if (!socket) return fail(socket.error());
  if (auto sent = socket->send(probe(address, link.mac)); !sent) return fail(sent.error());
  const auto deadline = Clock::now() + std::chrono::milliseconds(wait_ms);
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return std::optional<Mac>{};
    if (const auto frame = socket->receive(static_cast<int>(left)))
      if (const auto other = claimed_by_other(*frame, address, link.mac)) return other;
  }
}

}  // namespace systole::agents
