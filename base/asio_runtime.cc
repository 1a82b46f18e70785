// Asio must see std::exchange before its awaitable header: <utility> first (Boost 1.74).
#include <utility>

#include "base/asio_runtime.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <unordered_map>

namespace systole {
namespace asio = boost::asio;
using asio::ip::udp;
using boost::system::error_code;

namespace {

class SystemClock : public Clock {
 public:
  Time now() const override { return std::chrono::steady_clock::now(); }
  WallTime wall() const override { return std::chrono::system_clock::now(); }
};

class AsioTimers : public Timers {
 public:
  explicit AsioTimers(asio::io_context& io) : io_(io) {}

  Id after(Duration delay, std::function<void()> fire) override {
    const Id id = next_++;
    auto timer = std::make_unique<asio::steady_timer>(io_, std::max(delay, Duration::zero()));
    timer->async_wait([this, id, fire = std::move(fire)](error_code error) {
      if (error) return;
      // The map's entry goes first, so that `fire` may cancel or set timers as it likes.
      if (timers_.erase(id) == 1) fire();
    });
    timers_.emplace(id, std::move(timer));
    return id;
  }
  void cancel(Id id) override { timers_.erase(id); }
  void post(std::function<void()> task) override { asio::post(io_, std::move(task)); }

 private:
  asio::io_context& io_;
  std::unordered_map<Id, std::unique_ptr<asio::steady_timer>> timers_;
  Id next_ = 1;
};

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

  void send(const Endpoint& to, ByteView datagram) override {
    const udp::endpoint* peer = resolve(to);
    if (peer == nullptr) return;
    error_code error;
    shared_->socket.send_to(asio::buffer(datagram.data(), datagram.size()), *peer, 0, error);
    if (error == asio::error::connection_refused) {
      // A pending ICMP error of an earlier datagram surfaces here and swallows this one: send it again.
      report_refused(shared_);
      shared_->socket.send_to(asio::buffer(datagram.data(), datagram.size()), *peer, 0, error);
    }
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

}  // namespace
}  // namespace systole

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace systole {
namespace {

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
    const int on = 1;
    const int fd = socket.native_handle();
    if (address.is_v4()) {
      setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
    } else {
      setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
    }
    const int size = 4 << 20;  // A burst of a whole window must not be lost; FORCE needs CAP_NET_ADMIN.
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0) {
      setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    }
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) != 0) {
      setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    }
    return std::make_unique<AsioSocket>(std::move(socket), std::move(handler));
  }

 private:
  asio::io_context& io_;
};

}  // namespace

struct AsioRuntime::State {
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  SystemClock clock;
  AsioTimers timers{io};
  AsioNetwork network{io};
};

AsioRuntime::AsioRuntime() : state_(std::make_unique<State>()) {}
AsioRuntime::~AsioRuntime() = default;
Clock& AsioRuntime::clock() { return state_->clock; }
Timers& AsioRuntime::timers() { return state_->timers; }
Network& AsioRuntime::network() { return state_->network; }
void AsioRuntime::run() { state_->io.run(); }
void AsioRuntime::stop() { state_->io.stop(); }
void* AsioRuntime::io_context() { return &state_->io; }

}  // namespace systole
