// UDP sockets: unicast, multicast groups and broadcast addresses.
// Asio must see std::exchange before its awaitable header: <utility> first (Boost 1.74).
#include <utility>

#include "base/asio_network.h"

#include <ifaddrs.h>
#include <linux/errqueue.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/multicast.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/post.hpp>
#include <cstring>

namespace systole {
namespace asio = boost::asio;
using asio::ip::udp;
using boost::system::error_code;

namespace {

constexpr int kBuffer = 4 << 20;  // Bytes: a burst of a whole window must not be lost.

Endpoint to_endpoint(const udp::endpoint& e) { return {e.address().to_string(), e.port()}; }

class AsioSocket : public DatagramSocket {
 public:
  AsioSocket(udp::socket socket, Network::Handler handler)
      : shared_(std::make_shared<Shared>(std::move(socket), std::move(handler))) {
    receive(shared_);
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
    shared_->socket.send_to(asio::buffer(datagram.data(), datagram.size()), *peer, 0, error);
    if (error == asio::error::connection_refused) {
      // A pending ICMP error of an earlier datagram surfaces here and swallows this one: send it again.
      report_refused(shared_);
      shared_->socket.send_to(asio::buffer(datagram.data(), datagram.size()), *peer, 0, error);
    }
    return error != asio::error::message_size;
  }

 private:
  struct Shared {
    Shared(udp::socket s, Network::Handler h) : socket(std::move(s)), handler(std::move(h)) {}
    udp::socket socket;
    Network::Handler handler;
    bool closed = false;
    udp::endpoint from;
    Endpoint from_name;  // Of `from_cached`: naming an address costs more than receiving a datagram.
    udp::endpoint from_cached;
    std::vector<std::uint8_t> buffer = std::vector<std::uint8_t>(65536);
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

  static void report_refused(const std::shared_ptr<Shared>& s);
  static void receive(std::shared_ptr<Shared> s);
  static bool deliver_one(const std::shared_ptr<Shared>& s);

  std::shared_ptr<Shared> shared_;
  std::map<Endpoint, udp::endpoint> peers_;
};

// Reads the socket's error queue (IP_RECVERR): the address a refused datagram was sent to.
void AsioSocket::report_refused(const std::shared_ptr<Shared>& s) {
  for (int i = 0; i < 64; ++i) {
    udp::endpoint peer;
    char control[512];
    char data[1];
    iovec io{data, sizeof data};
    msghdr message{};
    message.msg_name = peer.data();
    message.msg_namelen = static_cast<socklen_t>(peer.capacity());
    message.msg_iov = &io;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    if (recvmsg(s->socket.native_handle(), &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return;
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

bool AsioSocket::deliver_one(const std::shared_ptr<Shared>& s) {
  error_code error;
  const std::size_t size = s->socket.receive_from(asio::buffer(s->buffer), s->from, 0, error);
  if (error == asio::error::would_block) return false;
  if (error) {
    report_refused(s);
    return error == asio::error::connection_refused;
  }
  if (s->from != s->from_cached || s->from_name.address.empty()) {
    s->from_cached = s->from;
    s->from_name = to_endpoint(s->from);
  }
  if (s->handler.received) s->handler.received(s->from_name, ByteView(s->buffer.data(), size));
  return true;
}

void AsioSocket::receive(std::shared_ptr<Shared> s) {
  udp::socket& socket = s->socket;
  socket.async_wait(udp::socket::wait_read, [s = std::move(s)](error_code error) mutable {
    if (s->closed) return;
    if (error) report_refused(s);
    for (int i = 0; i < 32 && !s->closed && deliver_one(s); ++i) {
    }
    report_refused(s);
    if (!s->closed) receive(std::move(s));
  });
}

void set(int fd, int level, int option, int value) { setsockopt(fd, level, option, &value, sizeof value); }

void prepare(int fd, bool v4) {
  set(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_RECVERR : IPV6_RECVERR, 1);
  // FORCE needs CAP_NET_ADMIN.
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kBuffer, sizeof kBuffer) != 0)
    set(fd, SOL_SOCKET, SO_RCVBUF, kBuffer);
  if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &kBuffer, sizeof kBuffer) != 0)
    set(fd, SOL_SOCKET, SO_SNDBUF, kBuffer);
}

// The number of the interface that has the address; 0: none has it.
unsigned interface_number(const asio::ip::address_v6& address) {
  if (address.scope_id() != 0) return static_cast<unsigned>(address.scope_id());
  ifaddrs* first = nullptr;
  if (getifaddrs(&first) != 0) return 0;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> list(first, &freeifaddrs);
  for (const ifaddrs* i = first; i != nullptr; i = i->ifa_next) {
    if (i->ifa_addr == nullptr || i->ifa_addr->sa_family != AF_INET6) continue;
    sockaddr_in6 own{};
    std::memcpy(&own, i->ifa_addr, sizeof own);
    if (std::memcmp(own.sin6_addr.s6_addr, address.to_bytes().data(), 16) == 0)
      return if_nametoindex(i->ifa_name);
  }
  return 0;
}

class AsioNetwork : public Network {
 public:
  explicit AsioNetwork(asio::io_context& io) : io_(io) {}

  Result<std::unique_ptr<DatagramSocket>> bind(const Endpoint& local, Handler handler) override {
    error_code error;
    const auto address = asio::ip::make_address(local.address, error);
    if (error) return fail(Errc::kInvalidArgument, "{} is not a numeric IP address", local.address);
    udp::socket socket(io_);
    const udp::endpoint endpoint(address, local.port);
    socket.open(endpoint.protocol(), error);
    if (!error) socket.bind(endpoint, error);
    if (error) {
      return fail(Errc::kIo, "cannot listen on UDP {} port {}: {}", local.address, local.port,
                  error.message());
    }
    socket.non_blocking(true, error);
    prepare(socket.native_handle(), address.is_v4());
    return std::make_unique<AsioSocket>(std::move(socket), std::move(handler));
  }

  Result<std::unique_ptr<DatagramSocket>> join(const Endpoint& group, const std::string& interface,
                                               unsigned ttl, Handler handler) override {
    error_code error;
    const auto address = asio::ip::make_address(group.address, error);
    if (error) return fail(Errc::kInvalidArgument, "{} is not a numeric IP address", group.address);
    const auto local = asio::ip::make_address(interface, error);
    if (error || local.is_v4() != address.is_v4())
      return fail(Errc::kInvalidArgument, "{} is no address for the group {}", interface, group.address);
    udp::socket socket(io_);
    const udp::endpoint endpoint(address, group.port);
    socket.open(endpoint.protocol(), error);
    // Several nodes of one host hear the same group.
    if (!error) socket.set_option(udp::socket::reuse_address(true), error);
    if (!error) socket.bind(endpoint, error);
    if (!error) enter(socket, address, local, ttl, error);
    if (error) {
      return fail(Errc::kIo, "cannot join {} port {} on the interface of {}: {}", group.address, group.port,
                  interface, error.message());
    }
    socket.non_blocking(true, error);
    prepare(socket.native_handle(), address.is_v4());
    return std::make_unique<AsioSocket>(std::move(socket), std::move(handler));
  }

 private:
  void enter(udp::socket& socket, const asio::ip::address& group, const asio::ip::address& local,
             unsigned ttl, error_code& error) {
    namespace multicast = asio::ip::multicast;
    if (!group.is_multicast()) {
      socket.set_option(udp::socket::broadcast(true), error);
    } else if (group.is_v4()) {
      socket.set_option(multicast::join_group(group.to_v4(), local.to_v4()), error);
      if (!error) socket.set_option(multicast::outbound_interface(local.to_v4()), error);
    } else {
      const unsigned interface = interface_number(local.to_v6());
      socket.set_option(multicast::join_group(group.to_v6(), interface), error);
      if (!error) socket.set_option(multicast::outbound_interface(interface), error);
    }
    if (!error && group.is_multicast()) {
      socket.set_option(multicast::hops(static_cast<int>(ttl)), error);
      if (!error) socket.set_option(multicast::enable_loopback(true), error);
    }
  }

  asio::io_context& io_;
};

}  // namespace

std::unique_ptr<Network> asio_network(asio::io_context& io) { return std::make_unique<AsioNetwork>(io); }

}  // namespace systole
