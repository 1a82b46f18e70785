// Asio must see std::exchange before its awaitable header: <utility> first (Boost 1.74).
#include <utility>

#include "qdevice/channel.h"

#include <google/protobuf/message_lite.h>
#include <openssl/x509.h>

#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <deque>

#include "ipc/framing.h"
#include "qdevice/wire.h"

namespace systole::qdevice {
namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {
constexpr std::size_t kMaxUnsent = 1 << 18;  // Bytes: who reads so little is gone.
constexpr Seconds kFinishWithin{2};

std::string common_name(const SSL* ssl) {
  const std::unique_ptr<X509, void (*)(X509*)> certificate(SSL_get_peer_certificate(ssl), &X509_free);
  if (!certificate) return {};
  std::array<char, 257> name{};
  const int size = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName,
                                             name.data(), static_cast<int>(name.size()));
  return size > 0 ? std::string(name.data(), static_cast<std::size_t>(size)) : std::string();
}
}  // namespace

struct Channel::State : std::enable_shared_from_this<State> {
  State(tcp::socket s, Handler h)
      : socket(std::move(s)), handler(std::move(h)), finish_timer(socket.get_executor()) {}

  void start(asio::ssl::context* context, Side side);
  void ready(const std::string& certified);
  void read();
  void fed(const error_code& error, std::size_t size);
  void write();
  void close(const std::string& why);
  void shut() {
    error_code ignored;
    socket.close(ignored);
    finish_timer.cancel();
  }

  tcp::socket socket;
  std::unique_ptr<asio::ssl::stream<tcp::socket&>> tls;
  Handler handler;
  asio::steady_timer finish_timer;
  ipc::FrameReader reader{kMaxFrame};
  std::array<char, 16384> buffer{};
  std::deque<std::string> unsent;
  std::size_t unsent_bytes = 0;
  bool is_ready = false, writing = false, closed = false, finishing = false;
};

void Channel::State::start(asio::ssl::context* context, Side side) {
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  if (context == nullptr) {
    asio::post(socket.get_executor(), [self = shared_from_this()] { self->ready({}); });
    return;
  }
  tls = std::make_unique<asio::ssl::stream<tcp::socket&>>(socket, *context);
  tls->async_handshake(
      side == Side::kServer ? asio::ssl::stream_base::server : asio::ssl::stream_base::client,
      [self = shared_from_this()](const error_code& error) {
        if (error) return self->close("no TLS: " + error.message());
        self->ready(common_name(self->tls->native_handle()));
      });
}

void Channel::State::ready(const std::string& certified) {
  if (closed) return;
  is_ready = true;
  write();
  if (finishing) return;
  read();
  handler.ready(certified);
}

void Channel::State::read() {
  if (closed) return;
  auto done = [self = shared_from_this()](const error_code& error, std::size_t size) {
    self->fed(error, size);
  };
  if (tls)
    tls->async_read_some(asio::buffer(buffer), std::move(done));
  else
    socket.async_read_some(asio::buffer(buffer), std::move(done));
}

void Channel::State::fed(const error_code& error, std::size_t size) {
  if (closed) return;
  if (error) return close(error == asio::error::eof ? "it closed the connection" : error.message());
  reader.feed({buffer.data(), size});
  while (!closed && !finishing) {
    auto frame = reader.next();
    if (!frame) return close(frame.error().message);
    if (!*frame) break;
    handler.received(std::move(**frame));
  }
  if (!finishing) read();
}

void Channel::State::write() {
  if (closed || writing || !is_ready) return;
  if (unsent.empty()) {
    if (finishing) shut();
    return;
  }
  writing = true;
  auto done = [self = shared_from_this()](const error_code& error, std::size_t) {
    self->writing = false;
    if (self->closed) return;
    if (error) return self->close(error.message());
    self->unsent_bytes -= self->unsent.front().size();
    self->unsent.pop_front();
    self->write();
  };
  if (tls)
    asio::async_write(*tls, asio::buffer(unsent.front()), std::move(done));
  else
    asio::async_write(socket, asio::buffer(unsent.front()), std::move(done));
}

void Channel::State::close(const std::string& why) {
  if (std::exchange(closed, true)) return;
  shut();
  if (!finishing) handler.closed(why);
}

Channel::Channel(tcp::socket socket, asio::ssl::context* tls, Side side, Handler handler)
    : state_(std::make_shared<State>(std::move(socket), std::move(handler))) {
  state_->start(tls, side);
}

Channel::~Channel() {
  if (state_->finishing) return;  // Its timer holds it.
  state_->closed = true;
  state_->shut();
}

void Channel::send(const google::protobuf::MessageLite& message) {
  if (state_->closed || state_->finishing) return;
  auto bytes = ipc::frame(message);
  if (!bytes) return;
  state_->unsent_bytes += bytes->size();
  state_->unsent.push_back(std::move(*bytes));
  if (state_->unsent_bytes > kMaxUnsent) {
    asio::post(state_->socket.get_executor(), [s = state_] { s->close("it does not read what it is sent"); });
    return;
  }
  state_->write();
}

void Channel::finish() {
  State& s = *state_;
  if (s.closed || std::exchange(s.finishing, true)) return;
  s.finish_timer.expires_after(kFinishWithin);
  s.finish_timer.async_wait([state = state_](const error_code&) {
    state->closed = true;
    state->shut();
  });
  s.write();
}

}  // namespace systole::qdevice
