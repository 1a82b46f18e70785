// Asio must see std::exchange before its awaitable header: <utility> first (Boost 1.74).
#include <utility>

#include "qdevice/server.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <cstring>
#include <unordered_map>

#include "qdevice/channel.h"
#include "qdevice/clusters.h"
#include "qdevice/qdevice.pb.h"

namespace systole::qdevice {
namespace asio = boost::asio;
using asio::ip::tcp;
using Local = asio::local::stream_protocol;
using boost::system::error_code;

namespace {
constexpr Seconds kFirstByteWithin{10};
constexpr char kTlsHandshake = 0x16;  // A TLS record's first byte; ours begin with a length's zero.

std::string shown(const tcp::endpoint& e) {
  const std::string address = e.address().to_string();
  return fmt::format("{}{}{}:{}", e.address().is_v6() ? "[" : "", address, e.address().is_v6() ? "]" : "",
                     e.port());
}
}  // namespace

struct Server::State : std::enable_shared_from_this<State> {
  State(AsioRuntime& r, Logger l, ServerOptions o)
      : runtime(r),
        io(*static_cast<asio::io_context*>(r.io_context())),
        log(std::move(l)),
        options(std::move(o)),
        acceptor(io),
        local(io),
        timer(io),
        pause(io),
        clusters(r.clock().now(), log,
                 {[this](Clusters::Connection to, const wire::FromArbiter& message) {
                    if (const auto found = channels.find(to); found != channels.end())
                      found->second->send(message);
                  },
                  [this](Clusters::Connection connection) { drop(connection); }}) {}

  void accept();
  void sort_out(std::shared_ptr<tcp::socket> socket, const std::string& address);
  void adopt(tcp::socket socket, bool tls, const std::string& address);
  void drop(Clusters::Connection connection);
  void arm();
  void accept_local();
  std::string answer(const std::string& request) const;

  AsioRuntime& runtime;
  asio::io_context& io;
  Logger log;
  ServerOptions options;
  tcp::acceptor acceptor;
  Local::acceptor local;
  asio::steady_timer timer, pause;
  Clusters clusters;
  std::unordered_map<Clusters::Connection, std::unique_ptr<Channel>> channels;
  std::size_t undecided = 0;  // Accepted, and have not sent a byte.
  Clusters::Connection next = 1;
  bool closed = false;
  Time armed = Time::max();
};

void Server::State::accept() {
  acceptor.async_accept([self = shared_from_this()](const error_code& error, tcp::socket socket) {
    State& s = *self;
    if (s.closed) return;
    if (error) {  // No descriptors left, perhaps: others may go.
      s.pause.expires_after(Milliseconds(100));
      s.pause.async_wait([self](const error_code&) {
        if (!self->closed) self->accept();
      });
      return;
    }
    error_code gone;
    const tcp::endpoint peer = socket.remote_endpoint(gone);
    if (!gone && s.channels.size() + s.undecided < s.options.max_clients)
      s.sort_out(std::make_shared<tcp::socket>(std::move(socket)), shown(peer));
    s.accept();
  });
}

// TLS or plain text: by the first byte.
void Server::State::sort_out(std::shared_ptr<tcp::socket> socket, const std::string& address) {
  ++undecided;
  const auto deadline = std::make_shared<asio::steady_timer>(io, kFirstByteWithin);
  deadline->async_wait([socket](const error_code& cancelled) {
    error_code ignored;
    if (!cancelled) socket->close(ignored);
  });
  socket->async_wait(tcp::socket::wait_read,
                     [self = shared_from_this(), socket, deadline, address](const error_code& error) {
                       deadline->cancel();
                       State& s = *self;
                       --s.undecided;
                       if (s.closed || error) return;
                       char first = 0;
                       if (::recv(socket->native_handle(), &first, 1, MSG_PEEK | MSG_DONTWAIT) != 1) return;
                       const bool tls = first == kTlsHandshake;
                       if (tls ? !s.options.tls : s.options.tls != nullptr && s.options.tls_required) {
                         s.log.warning("refused {}: it {} TLS", address, tls ? "wants" : "does not use");
                         return;
                       }
                       s.adopt(std::move(*socket), tls, address);
                     });
}

void Server::State::adopt(tcp::socket socket, bool tls, const std::string& address) {
  const Clusters::Connection id = next++;
  clusters.opened(runtime.clock().now(), id, address, {});
  Channel::Handler handler;
  handler.ready = [this, id, tls, address](const std::string& certified) {
    if (tls && options.client_certificates && certified.empty()) {
      log.warning("refused {}: its certificate names no cluster", address);
      clusters.closed(runtime.clock().now(), id);
      return drop(id);
    }
    clusters.opened(runtime.clock().now(), id, address,
                    options.client_certificates ? certified : std::string());
    arm();
  };
  handler.received = [this, id](const std::string& frame) {
    clusters.received(runtime.clock().now(), id, frame);
    arm();
  };
  handler.closed = [this, id, address](const std::string& why) {
    log.info("{} is gone: {}", address, why);
    clusters.closed(runtime.clock().now(), id);
    drop(id);
    arm();
  };
  channels[id] = std::make_unique<Channel>(std::move(socket), tls ? options.tls.get() : nullptr,
                                           Channel::Side::kServer, std::move(handler));
  arm();
}

// Not inside one of its own callbacks.
void Server::State::drop(Clusters::Connection connection) {
  const auto found = channels.find(connection);
  if (found == channels.end()) return;
  found->second->finish();
  asio::post(io, [dead = std::shared_ptr<Channel>(std::move(found->second))] {});
  channels.erase(found);
}

void Server::State::arm() {
  const Time at = clusters.deadline();
  if (at >= armed && armed != Time::max() && armed > runtime.clock().now()) return;
  armed = at;
  if (at == Time::max()) {
    timer.cancel();
    return;
  }
  timer.expires_after(std::max(Duration{}, at - runtime.clock().now()));
  timer.async_wait([self = shared_from_this()](const error_code& error) {
    if (error || self->closed) return;
    self->armed = Time::max();
    self->clusters.advance(self->runtime.clock().now());
    self->arm();
  });
}

std::string Server::State::answer(const std::string& request) const {
  const auto blank = request.find(' ');
  const std::string what = request.substr(0, blank);
  const std::string cluster = blank == std::string::npos ? "" : request.substr(blank + 1);
  if (what == "list" || what == "list-verbose")
    return clusters.list(runtime.clock().now(), cluster, what == "list-verbose");
  if (what != "status") return "unknown request\n";
  const char* tls = !options.tls ? "Unsupported"
                    : options.client_certificates
                        ? (options.tls_required ? "Required (client certificate required)"
                                                : "Supported (client certificate required)")
                        : (options.tls_required ? "Required" : "Supported");
  return fmt::format(
      "QNetd address:\t\t\t{}:{}\nTLS:\t\t\t\t{}\nConnected clients:\t\t{}\nConnected clusters:\t\t{}\n",
      options.address.empty() ? "*" : options.address, options.port, tls, clusters.clients(),
      clusters.clusters());
}

void Server::State::accept_local() {
  local.async_accept([self = shared_from_this()](const error_code& error, Local::socket socket) {
    if (error || self->closed) return;
    struct Asked {
      Local::socket socket;
      std::string text;
    };
    const auto asked = std::make_shared<Asked>(Asked{std::move(socket), {}});
    asio::async_read_until(asked->socket, asio::dynamic_buffer(asked->text, 1024), '\n',
                           [self, asked](const error_code& failed, std::size_t size) {
                             if (failed || self->closed || size == 0) return;
                             asked->text = self->answer(asked->text.substr(0, size - 1));
                             asio::async_write(asked->socket, asio::buffer(asked->text),
                                               [asked](const error_code&, std::size_t) {});
                           });
    self->accept_local();
  });
}

Server::Server(AsioRuntime& runtime, Logger log, ServerOptions options)
    : state_(std::make_shared<State>(runtime, std::move(log), std::move(options))) {}

Server::~Server() {
  State& s = *state_;
  s.closed = true;
  error_code ignored;
  s.acceptor.close(ignored);
  s.local.close(ignored);
  s.timer.cancel();
  s.pause.cancel();
  s.channels.clear();
  if (!s.options.socket.empty()) ::unlink(s.options.socket.c_str());
}

Result<void> Server::listen() {
  State& s = *state_;
  error_code error;
  const bool any = s.options.address.empty();
  tcp::endpoint at(tcp::v6(), s.options.port);
  if (!any) at = tcp::endpoint(asio::ip::make_address(s.options.address, error), s.options.port);
  if (error) return fail(Errc::kInvalidArgument, "{} is no address", s.options.address);
  s.acceptor.open(at.protocol(), error);
  if (error && any) {  // No IPv6 here.
    at = tcp::endpoint(tcp::v4(), s.options.port);
    s.acceptor.open(at.protocol(), error);
  } else if (!error && any) {
    s.acceptor.set_option(asio::ip::v6_only(false), error);
  }
  error_code ignored;
  s.acceptor.set_option(tcp::acceptor::reuse_address(true), ignored);
  if (!error) s.acceptor.bind(at, error);
  if (!error) s.acceptor.listen(1024, error);
  if (error) return fail(Errc::kIo, "cannot listen on {}: {}", shown(at), error.message());
  s.options.port = s.acceptor.local_endpoint(ignored).port();
  s.accept();
  if (s.options.socket.empty()) return {};
  ::unlink(s.options.socket.c_str());
  s.local.open(Local(), error);
  const ::mode_t before = ::umask(0177);
  if (!error) s.local.bind(Local::endpoint(s.options.socket), error);
  ::umask(before);
  if (!error) s.local.listen(16, error);
  if (error) return fail(Errc::kIo, "cannot listen on {}: {}", s.options.socket, error.message());
  s.accept_local();
  return {};
}

std::uint16_t Server::port() const { return state_->options.port; }

Result<std::string> ask_server(const std::string& socket, const std::string& request) {
  const auto failed = [&](const char* why) {
    return fail(Errc::kIo, "cannot ask the arbitrator at {}: {}: does systole-qnetd run on this host?",
                socket, why);
  };
  asio::io_context io;
  Local::socket s(io);
  error_code error;
  s.connect(Local::endpoint(socket), error);
  if (error) return failed(error.message().c_str());
  const timeval patience{5, 0};
  ::setsockopt(s.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  asio::write(s, asio::buffer(request + "\n"), error);
  std::string text;
  char buffer[4096];
  while (!error) {
    const ssize_t size = ::recv(s.native_handle(), buffer, sizeof buffer, 0);
    if (size < 0) return failed(std::strerror(errno));
    if (size == 0) return text;
    text.append(buffer, static_cast<std::size_t>(size));
  }
  return failed(error.message().c_str());
}

}  // namespace systole::qdevice
