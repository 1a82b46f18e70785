// UDP sockets. Path MTU: datagrams leave with "don't fragment" and without the kernel's own discovery, whose
// answers (ICMP) may be lost or forged: membership/path_size.h finds the size by itself.
// Asio must see std::exchange before its awaitable header: <utility> first (Boost 1.74).
#include <utility>

#include "base/asio_network.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/multicast.hpp>
#include <boost/asio/ip/udp.hpp>
#include <cstring>

#include "base/asio_socket.h"

namespace systole {
namespace asio = boost::asio;
using asio::ip::udp;
using boost::system::error_code;

namespace {

constexpr int kBuffer = 4 << 20;  // Bytes: a burst of a whole window must not be lost.

void set(int fd, int level, int option, int value) { setsockopt(fd, level, option, &value, sizeof value); }

void prepare(int fd, bool v4) {
  set(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_RECVERR : IPV6_RECVERR, 1);
  set(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER,
      v4 ? IP_PMTUDISC_PROBE : IPV6_PMTUDISC_PROBE);
  if (!v4) set(fd, IPPROTO_IPV6, IPV6_DONTFRAG, 1);
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
    return make_asio_socket(std::move(socket), std::move(handler));
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
    return make_asio_socket(std::move(socket), std::move(handler));
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
