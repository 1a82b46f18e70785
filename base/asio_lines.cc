// Asio must see std::exchange before its awaitable header: <utility> first (Boost 1.74).
#include <utility>

#include "base/asio_lines.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstring>
#include <list>

#include "base/fd.h"

namespace systole {
namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr int kBacklog = 16;
constexpr int kAcceptsPerWake = 4;
constexpr auto kPause =
    std::chrono::milliseconds(100);     // After strangers: they shall not keep the loop busy.
constexpr std::size_t kLinesOfOne = 2;  // An address' last ones: it may be at a new one already.

// Bound, and closed in programs that this process might start (Asio's own sockets are not).
Result<Fd> bound_socket(const tcp::endpoint& local) {
  Fd fd(::socket(local.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  const int on = 1;
  if (local.port() != 0) {
    // Lines of an earlier life may still be closing.
    setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  } else {
    setsockopt(fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  }
  if (!fd.open() || ::bind(fd.get(), local.data(), static_cast<socklen_t>(local.size())) != 0) {
    return fail(Errc::kIo, "cannot use TCP {} port {}: {}", local.address().to_string(), local.port(),
                std::strerror(errno));
  }
  return fd;
}

class AsioListener : public Lines::Listener {
 public:
  AsioListener(asio::io_context& io, const tcp::endpoint& local, Fd fd)
      : shared_(std::make_shared<Shared>(io)) {
    shared_->acceptor.assign(local.protocol(), fd.release());
    wait(shared_);
  }
  ~AsioListener() override {
    error_code ignored;
    shared_->closed = true;
    shared_->acceptor.close(ignored);
    shared_->pause.cancel();
    shared_->lines.clear();
  }
  AsioListener(const AsioListener&) = delete;
  AsioListener& operator=(const AsioListener&) = delete;

  void admit(const std::vector<std::string>& peers) override {
    shared_->admitted.clear();
    for (const std::string& peer : peers) {
      error_code error;
      const auto address = asio::ip::make_address(peer, error);
      if (!error) shared_->admitted.push_back(address);
    }
    shared_->lines.remove_if([this](const Held& line) { return !admits(*shared_, line.from); });
  }

 private:
  struct Held {
    std::uint64_t number;
    asio::ip::address from;
    tcp::socket socket;
  };
  struct Shared {
    explicit Shared(asio::io_context& io) : acceptor(io), pause(io) {}
    tcp::acceptor acceptor;
    asio::steady_timer pause;
    std::vector<asio::ip::address> admitted;
    std::list<Held> lines;  // The oldest first.
    std::uint64_t taken = 0;
    bool closed = false;
  };
  using SharedPtr = std::shared_ptr<Shared>;

  static bool admits(const Shared& s, const asio::ip::address& from) {
    return std::find(s.admitted.begin(), s.admitted.end(), from) != s.admitted.end();
  }
  static void wait(SharedPtr s) {
    tcp::acceptor& acceptor = s->acceptor;
    acceptor.async_wait(tcp::acceptor::wait_read, [s = std::move(s)](error_code) mutable {
      if (!s->closed) accept(std::move(s));
    });
  }
  static void accept(SharedPtr s) {
    bool strange = false;
    for (int i = 0; i < kAcceptsPerWake && !strange; ++i) {
      tcp::endpoint from;
      auto size = static_cast<socklen_t>(from.capacity());
      Fd fd(::accept4(s->acceptor.native_handle(), from.data(), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!fd.open()) {
        strange = errno != EAGAIN && errno != EWOULDBLOCK;
        break;
      }
      from.resize(size);
      strange = !admits(*s, from.address());
      if (!strange) hold(s, from, std::move(fd));
    }
    if (!strange) {
      wait(std::move(s));
      return;
    }
    s->pause.expires_after(kPause);
    asio::steady_timer& pause = s->pause;
    pause.async_wait([s = std::move(s)](error_code) mutable {
      if (!s->closed) wait(std::move(s));
    });
  }
  static void hold(const SharedPtr& s, const tcp::endpoint& from, Fd fd) {
    const auto same = [&](const Held& line) { return line.from == from.address(); };
    if (static_cast<std::size_t>(std::count_if(s->lines.begin(), s->lines.end(), same)) >= kLinesOfOne)
      s->lines.erase(std::find_if(s->lines.begin(), s->lines.end(), same));
    Held& line =
        s->lines.emplace_back(Held{++s->taken, from.address(), tcp::socket(s->acceptor.get_executor())});
    line.socket.assign(from.protocol(), fd.release());
    // It ends, or says something that it should not.
    line.socket.async_wait(tcp::socket::wait_read, [s, number = line.number](error_code) {
      s->lines.remove_if([number](const Held& held) { return held.number == number; });
    });
  }

  SharedPtr shared_;
};

class AsioLine : public Lines::Line {
 public:
  AsioLine(asio::io_context& io, Lines::Handler handler)
      : shared_(std::make_shared<Shared>(Shared{tcp::socket(io), std::move(handler), false})) {}
  ~AsioLine() override {
    error_code ignored;
    shared_->closed = true;
    shared_->socket.close(ignored);
  }
  AsioLine(const AsioLine&) = delete;
  AsioLine& operator=(const AsioLine&) = delete;

  void connect(const std::string& from, const Endpoint& to) {
    error_code bad_from, bad_to;
    const tcp::endpoint local(asio::ip::make_address(from, bad_from), 0);
    const tcp::endpoint remote(asio::ip::make_address(to.address, bad_to), to.port);
    auto fd = bad_from || bad_to ? fail(Errc::kInvalidArgument, "not numeric") : bound_socket(local);
    if (!fd) {
      asio::post(shared_->socket.get_executor(), [s = shared_] { end(s); });
      return;
    }
    shared_->socket.assign(local.protocol(), fd->release());
    shared_->socket.async_connect(remote, [s = shared_](error_code error) {
      if (error) {
        end(s);
        return;
      }
      if (s->closed) return;
      s->socket.async_wait(tcp::socket::wait_read, [s](error_code) { end(s); });
      s->handler.opened();
    });
  }

 private:
  struct Shared {
    tcp::socket socket;
    Lines::Handler handler;
    bool closed;
  };
  static void end(const std::shared_ptr<Shared>& s) {
    if (std::exchange(s->closed, true)) return;
    error_code ignored;
    s->socket.close(ignored);
    s->handler.closed();
  }

  std::shared_ptr<Shared> shared_;
};

class AsioLines : public Lines {
 public:
  explicit AsioLines(asio::io_context& io) : io_(io) {}

  Result<std::unique_ptr<Listener>> listen(const Endpoint& local,
                                           const std::vector<std::string>& peers) override {
    error_code error;
    const auto address = asio::ip::make_address(local.address, error);
    if (error) return fail(Errc::kInvalidArgument, "{} is not a numeric IP address", local.address);
    const tcp::endpoint endpoint(address, local.port);
    auto fd = bound_socket(endpoint);
    if (!fd) return fail(std::move(fd.error()));
    if (::listen(fd->get(), kBacklog) != 0) {
      return fail(Errc::kIo, "cannot listen on TCP {} port {}: {}", local.address, local.port,
                  std::strerror(errno));
    }
    auto listener = std::make_unique<AsioListener>(io_, endpoint, std::move(*fd));
    listener->admit(peers);
    return listener;
  }

  std::unique_ptr<Line> connect(const std::string& from, const Endpoint& to, Handler handler) override {
    auto line = std::make_unique<AsioLine>(io_, std::move(handler));
    line->connect(from, to);
    return line;
  }

 private:
  asio::io_context& io_;
};

}  // namespace

std::unique_ptr<Lines> asio_lines(asio::io_context& io) { return std::make_unique<AsioLines>(io); }

}  // namespace systole
