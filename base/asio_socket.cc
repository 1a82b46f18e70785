// Asio must see std::exchange before its awaitable header: <utility> first (Boost 1.74).
#include <utility>

#include "base/asio_socket.h"

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <map>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

namespace systole {
namespace asio = boost::asio;
using asio::ip::udp;
using boost::system::error_code;

namespace {

constexpr std::size_t kSegments = 64;      // The kernel's limit in one segmented send (UDP_MAX_SEGMENTS).
constexpr std::size_t kMaxBurst = 65000;   // Bytes of one segmented send, headers not counted.
constexpr std::size_t kBuffer = 65536;     // Holds whatever receive offload puts together.
constexpr std::size_t kBuffers = 8;        // In one system call.
constexpr std::size_t kDestinations = 32;  // Likewise.
constexpr int kCallsPerWake = 8;           // Then others of the loop have their turn.

Endpoint to_endpoint(const udp::endpoint& e) { return {e.address().to_string(), e.port()}; }

// What was sent lately. An ICMP error quotes the datagram that it answers; one that quotes none of these is
// forged by somebody who does not see what passes.
class Sent {
 public:
  void add(ByteView datagram) { hashes_[next_++ % hashes_.size()] = hash(datagram); }
  bool contains(ByteView quote) const {
    return std::find(hashes_.begin(), hashes_.end(), hash(quote)) != hashes_.end();
  }
  static constexpr std::size_t kQuoted = 64;  // Bytes; hosts quote more.

 private:
  static std::size_t hash(ByteView datagram) {
    const std::string_view text(reinterpret_cast<const char*>(datagram.data()),
                                std::min(datagram.size(), kQuoted));
    return std::hash<std::string_view>()(text);
  }
  std::array<std::size_t, 1024> hashes_{};
  std::size_t next_ = 0;
};

class AsioSocket : public DatagramSocket {
 public:
  AsioSocket(udp::socket socket, Network::Handler handler)
      : shared_(std::make_shared<Shared>(std::move(socket), std::move(handler))) {
    const int on = 1;
    setsockopt(shared_->socket.native_handle(), SOL_UDP, UDP_GRO, &on, sizeof on);
    wait(shared_);
  }
  ~AsioSocket() override {
    shared_->closed = true;
    error_code ignored;
    shared_->socket.close(ignored);
  }
  AsioSocket(const AsioSocket&) = delete;
  AsioSocket& operator=(const AsioSocket&) = delete;

  bool send(const Endpoint& to, ByteView datagram) override {
    const udp::endpoint* peer = resolve(to);
    if (peer == nullptr) return true;
    error_code error;
    shared_->sent.add(datagram);
    shared_->socket.send_to(asio::buffer(datagram.data(), datagram.size()), *peer, 0, error);
    if (error == asio::error::connection_refused) {
      // A pending ICMP error of an earlier datagram surfaces here and swallows this one: send it again.
      report_refused(shared_);
      shared_->socket.send_to(asio::buffer(datagram.data(), datagram.size()), *peer, 0, error);
    }
    return error != asio::error::message_size;
  }

  void send_all(std::span<const Endpoint> to, std::span<const ByteView> datagrams) override {
    while (!datagrams.empty()) {
      std::size_t count = 1, bytes = datagrams[0].size();
      // A run: equal sizes, the last may be smaller.
      while (segments_ && count < std::min(datagrams.size(), kSegments) &&
             datagrams[count - 1].size() == datagrams[0].size() &&
             datagrams[count].size() <= datagrams[0].size() && bytes + datagrams[count].size() <= kMaxBurst) {
        bytes += datagrams[count++].size();
      }
      send_run(to, datagrams.first(count));
      datagrams = datagrams.subspan(count);
    }
  }

 private:
  struct Shared {
    Shared(udp::socket s, Network::Handler h) : socket(std::move(s)), handler(std::move(h)) {}
    udp::socket socket;
    Network::Handler handler;
    bool closed = false;
    Sent sent;
    Endpoint from_name;  // Of `from_cached`: naming an address costs more than receiving a datagram.
    udp::endpoint from_cached;
    std::vector<std::uint8_t> buffers = std::vector<std::uint8_t>(kBuffers * kBuffer);
  };

  const udp::endpoint* resolve(const Endpoint& to) {
    auto found = peers_.find(to);
    if (found != peers_.end()) return &found->second;
    error_code error;
    const auto address = asio::ip::make_address(to.address, error);
    if (error) return nullptr;
    if (peers_.size() > 4096) peers_.clear();
    return &peers_.emplace(to, udp::endpoint(address, to.port)).first->second;
  }

  void send_run(std::span<const Endpoint> to, std::span<const ByteView> run);
  static void report_refused(const std::shared_ptr<Shared>& s);
  static void wait(std::shared_ptr<Shared> s);
  static std::size_t receive(const std::shared_ptr<Shared>& s);
  static void hand_over(Shared& s, msghdr& message, ByteView bytes);

  std::shared_ptr<Shared> shared_;
  std::map<Endpoint, udp::endpoint> peers_;
  bool segments_ = true;  // The kernel and the way out can segment.
};

// One run to all destinations in one system call.
void AsioSocket::send_run(std::span<const Endpoint> to, std::span<const ByteView> run) {
  std::array<iovec, kSegments> parts;
  for (std::size_t i = 0; i < run.size(); ++i) {
    parts[i] = {const_cast<std::uint8_t*>(run[i].data()), run[i].size()};
    shared_->sent.add(run[i]);
  }
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(std::uint16_t))> control{};
  auto* header = reinterpret_cast<cmsghdr*>(control.data());
  header->cmsg_level = SOL_UDP;
  header->cmsg_type = UDP_SEGMENT;
  header->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
  const auto size = static_cast<std::uint16_t>(run[0].size());
  std::memcpy(CMSG_DATA(header), &size, sizeof size);

  std::array<mmsghdr, kDestinations> messages{};
  std::array<udp::endpoint, kDestinations> names;
  std::size_t count = 0;
  for (const Endpoint& one : to.first(std::min(to.size(), kDestinations))) {
    const udp::endpoint* peer = resolve(one);
    if (peer == nullptr) continue;
    names[count] = *peer;
    msghdr& m = messages[count].msg_hdr;
    m.msg_name = names[count].data();
    m.msg_namelen = static_cast<socklen_t>(names[count].size());
    m.msg_iov = parts.data();
    m.msg_iovlen = run.size();
    if (run.size() > 1) {
      m.msg_control = control.data();
      m.msg_controllen = control.size();
    }
    ++count;
  }
  const int fd = shared_->socket.native_handle();
  for (std::size_t sent = 0, tries = 0; sent < count;) {
    const int n = sendmmsg(fd, messages.data() + sent, static_cast<unsigned>(count - sent), MSG_DONTWAIT);
    if (n > 0) {
      sent += static_cast<std::size_t>(n);
      tries = 0;
      continue;
    }
    if (errno == ECONNREFUSED && ++tries < 3) {
      report_refused(shared_);  // An earlier datagram's error: this one has not been sent.
      continue;
    }
    if (run.size() > 1 && (errno == EIO || errno == EINVAL || errno == EOPNOTSUPP)) {
      // The kernel cannot segment, or not for this way's MTU: from now on one by one.
      segments_ = false;
      for (const ByteView datagram : run)
        sendto(fd, datagram.data(), datagram.size(), MSG_DONTWAIT, names[sent].data(),
               static_cast<socklen_t>(names[sent].size()));
    }
    ++sent;  // Or dropped, as a network would.
    tries = 0;
  }
  if (to.size() > kDestinations) send_run(to.subspan(kDestinations), run);
}

// Reads the socket's error queue (IP_RECVERR): the address a refused datagram was sent to.
void AsioSocket::report_refused(const std::shared_ptr<Shared>& s) {
  for (int i = 0; i < 64; ++i) {
    udp::endpoint peer;
    char control[512];
    std::uint8_t quote[Sent::kQuoted];
    iovec io{quote, sizeof quote};
    msghdr message{};
    message.msg_name = peer.data();
    message.msg_namelen = static_cast<socklen_t>(peer.capacity());
    message.msg_iov = &io;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t quoted = recvmsg(s->socket.native_handle(), &message, MSG_ERRQUEUE | MSG_DONTWAIT);
    if (quoted < 0) return;
    if (!s->sent.contains(ByteView(quote, static_cast<std::size_t>(quoted)))) continue;
    peer.resize(message.msg_namelen);
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
      const bool v4 = c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR;
      const bool v6 = c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR;
      if (!v4 && !v6) continue;
      sock_extended_err e{};
      std::memcpy(&e, CMSG_DATA(c), sizeof e);
      if (e.ee_errno == ECONNREFUSED && s->handler.refused) {
        asio::post(s->socket.get_executor(), [s, name = to_endpoint(peer)] {
          if (!s->closed) s->handler.refused(name);
        });
      }
    }
  }
}

// One system call's datagrams. How many buffers were filled.
std::size_t AsioSocket::receive(const std::shared_ptr<Shared>& s) {
  std::array<mmsghdr, kBuffers> messages{};
  std::array<iovec, kBuffers> parts;
  std::array<udp::endpoint, kBuffers> names;
  alignas(cmsghdr) std::array<std::array<char, 128>, kBuffers> control;
  for (std::size_t i = 0; i < kBuffers; ++i) {
    parts[i] = {s->buffers.data() + i * kBuffer, kBuffer};
    msghdr& m = messages[i].msg_hdr;
    m.msg_name = names[i].data();
    m.msg_namelen = static_cast<socklen_t>(names[i].capacity());
    m.msg_iov = &parts[i];
    m.msg_iovlen = 1;
    m.msg_control = control[i].data();
    m.msg_controllen = control[i].size();
  }
  const int n = recvmmsg(s->socket.native_handle(), messages.data(), kBuffers, MSG_DONTWAIT, nullptr);
  if (n < 0) {
    if (errno != EAGAIN) report_refused(s);
    return errno == ECONNREFUSED ? 1 : 0;
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(n) && !s->closed; ++i) {
    names[i].resize(messages[i].msg_hdr.msg_namelen);
    if (names[i] != s->from_cached || s->from_name.address.empty()) {
      s->from_cached = names[i];
      s->from_name = to_endpoint(names[i]);
    }
    hand_over(*s, messages[i].msg_hdr, ByteView(s->buffers.data() + i * kBuffer, messages[i].msg_len));
  }
  if (!s->closed && s->handler.settled) s->handler.settled();
  return static_cast<std::size_t>(n);
}

// What receive offload has put together is taken apart again.
void AsioSocket::hand_over(Shared& s, msghdr& message, ByteView bytes) {
  std::size_t segment = bytes.size();
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_UDP || c->cmsg_type != UDP_GRO) continue;
    int size = 0;
    std::memcpy(&size, CMSG_DATA(c), sizeof size);
    if (size > 0) segment = static_cast<std::size_t>(size);
  }
  do {
    const ByteView datagram = bytes.first(std::min(segment, bytes.size()));
    if (s.handler.received) s.handler.received(s.from_name, datagram);
    bytes = bytes.subspan(datagram.size());
  } while (!bytes.empty() && !s.closed);
}

void AsioSocket::wait(std::shared_ptr<Shared> s) {
  udp::socket& socket = s->socket;
  socket.async_wait(udp::socket::wait_read, [s = std::move(s)](error_code) mutable {
    if (s->closed) return;
    std::size_t got = receive(s);
    // Woken by nothing but an error's report: where data came too, the error itself came first.
    if (got == 0 && !s->closed) report_refused(s);
    for (int i = 1; i < kCallsPerWake && got == kBuffers && !s->closed; ++i) got = receive(s);
    if (s->closed) return;
    wait(std::move(s));
  });
}

}  // namespace

std::unique_ptr<DatagramSocket> make_asio_socket(udp::socket socket, Network::Handler handler) {
  return std::make_unique<AsioSocket>(std::move(socket), std::move(handler));
}

}  // namespace systole
