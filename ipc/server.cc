#include <utility>

#include "ipc/server.h"

#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstring>
#include <deque>

#include "ipc/framing.h"
#include "ipc/systole.pb.h"

namespace systole::ipc {
namespace asio = boost::asio;
using boost::system::error_code;
using Local = asio::local::stream_protocol;

namespace {

constexpr std::size_t kReadBlock = 64U << 10;
constexpr auto kAcceptPause = std::chrono::milliseconds(100);  // After running out of descriptors.

// One client. Lives in the server's map; asynchronous operations hold it weakly through its id.
struct Session {
  explicit Session(Local::socket s) : socket(std::move(s)) {}
  Local::socket socket;
  Peer peer;
  FrameReader reader;
  std::string block;
  std::deque<std::string> unsent;
  std::size_t front_sent = 0;  // Bytes of unsent.front() that have gone.
  std::size_t unsent_bytes = 0;
  std::size_t counted = 0;  // What of this session is in State::total.
  std::size_t in_flight = 0;
  bool reading = false, writing = false, closing = false, dispatching = false;
  Time progress{};  // Last moment at which it took something, or had nothing to take.
};

}  // namespace

struct Server::State : std::enable_shared_from_this<Server::State> {
  State(AsioRuntime& r, Logger l, Handler h, Limits m)
      : io(*static_cast<asio::io_context*>(r.io_context())),
        clock(r.clock()),
        log(std::move(l)),
        handler(std::move(h)),
        limits(m),
        acceptor(io),
        pause(io),
        sweep_timer(io) {}

  void accept();
  void accepted(Local::socket socket);
  void refuse(Local::socket socket, Errc code, const std::string& why);
  void read(Connection id, Session& s);
  void pump(Connection id);
  void dispatch(Connection id, Session& s, const std::string& content);
  void write(Connection id, Session& s);
  void enqueue(Connection id, Session& s, const Response& response);
  void drop(Connection id, const char* why);
  void account(Session& s);
  void sweep();

  Session* find(Connection id) {
    const auto found = sessions.find(id);
    return found == sessions.end() ? nullptr : found->second.get();
  }

  asio::io_context& io;
  Clock& clock;
  Logger log;
  Handler handler;
  Limits limits;
  Access access;
  Local::acceptor acceptor;
  asio::steady_timer pause, sweep_timer;
  bool sweeping = false, closed = false;
  std::string path;
  std::map<Connection, std::unique_ptr<Session>> sessions;
  Connection next = 1;
  std::size_t total = 0;
};

void Server::State::accept() {
  acceptor.async_accept([self = shared_from_this()](error_code error, Local::socket socket) {
    if (self->closed) return;
    if (!error) {
      self->accepted(std::move(socket));
      return self->accept();
    }
    self->log.error("cannot accept a client of the local API: {}", error.message());
    self->pause.expires_after(kAcceptPause);
    self->pause.async_wait([self](error_code) {
      if (!self->closed) self->accept();
    });
  });
}

void Server::State::accepted(Local::socket socket) {
  auto peer = access.peer_of(socket.native_handle());
  if (!peer) return;
  if (!access.allowed(*peer)) {
    log.notice("refused {} (pid {}): not root, hacluster or a member of haclient", peer->user, peer->pid);
    return refuse(std::move(socket), Errc::kDenied,
                  "user " + peer->user +
                      " may not use the cluster's local API: be root, hacluster or a member of haclient");
  }
  if (sessions.size() >= limits.connections) {
    return refuse(std::move(socket), Errc::kUnavailable,
                  "too many connections to the local API: try again later");
  }
  error_code ignored;
  socket.non_blocking(true, ignored);
  const Connection id = next++;
  Session& s = *sessions.emplace(id, std::make_unique<Session>(std::move(socket))).first->second;
  s.peer = std::move(*peer);
  s.progress = clock.now();
  read(id, s);
}

// One small answer with id 0 fits any socket buffer, so it is sent without waiting.
void Server::State::refuse(Local::socket socket, Errc code, const std::string& why) {
  Response response;
  response.set_error(static_cast<int>(code) + 1);
  response.set_message(why);
  const auto bytes = frame(response);
  error_code ignored;
  socket.non_blocking(true, ignored);
  if (bytes) socket.write_some(asio::buffer(*bytes), ignored);
}

void Server::State::read(Connection id, Session& s) {
  if (s.reading || s.closing) return;
  s.reading = true;
  s.block.clear();
  s.block.shrink_to_fit();  // Idle connections cost little: the block exists only while there is something.
  s.socket.async_wait(Local::socket::wait_read, [self = shared_from_this(), id](error_code error) {
    if (self->closed) return;
    Session* session = self->find(id);
    if (session == nullptr) return;
    session->reading = false;
    if (error) return self->drop(id, nullptr);
    session->block.resize(kReadBlock);
    const std::size_t n = session->socket.read_some(asio::buffer(session->block), error);
    if (error == asio::error::would_block) return self->read(id, *session);
    if (error) return self->drop(id, nullptr);
    session->reader.feed({session->block.data(), n});
    self->pump(id);
  });
}

// Hands over whole requests while the client's bounds allow, and reads on.
void Server::State::pump(Connection id) {
  for (;;) {
    Session* s = find(id);
    if (s == nullptr || s->closing) return;
    account(*s);
    if (total > limits.total && s->counted > limits.unsent)
      return drop(id, "the local API's memory is used up");
    if (s->in_flight >= limits.in_flight || s->unsent_bytes > limits.unsent) return;
    auto content = s->reader.next();
    if (!content) return drop(id, content.error().message.c_str());
    if (!*content) return read(id, *s);
    dispatch(id, *s, **content);
  }
}

void Server::State::dispatch(Connection id, Session& s, const std::string& content) {
  Request request;
  if (!request.ParseFromString(content)) return drop(id, "a request that is not one");
  ++s.in_flight;
  s.dispatching = true;
  handler.request(id, s.peer, std::move(request));
  if (Session* still = find(id)) still->dispatching = false;
}

void Server::State::enqueue(Connection id, Session& s, const Response& response) {
  auto bytes = frame(response);
  if (!bytes) {
    Response too_large;
    too_large.set_id(response.id());
    too_large.set_error(static_cast<int>(bytes.error().code) + 1);
    too_large.set_message(bytes.error().message);
    bytes = frame(too_large);
  }
  if (s.unsent.empty()) s.progress = clock.now();
  s.unsent_bytes += bytes->size();
  s.unsent.push_back(std::move(*bytes));
  account(s);
  if (s.unsent_bytes > limits.unsent_most) return drop(id, "it does not read its answers");
  if (total > limits.total && s.unsent_bytes > limits.unsent)
    return drop(id, "the local API's memory is used up");
  write(id, s);
}

void Server::State::write(Connection id, Session& s) {
  if (s.writing || s.unsent.empty()) return;
  error_code error;
  // Most answers fit the socket's buffer: no turn of the loop is spent on them.
  while (!s.unsent.empty()) {
    const std::string& front = s.unsent.front();
    const std::size_t n = s.socket.write_some(asio::buffer(front) + s.front_sent, error);
    if (error) break;
    s.unsent_bytes -= n;
    s.front_sent += n;
    s.progress = clock.now();
    if (s.front_sent < front.size()) continue;
    s.unsent.pop_front();
    s.front_sent = 0;
  }
  account(s);
  if (!error) return;
  if (error != asio::error::would_block) {
    // Not inside the caller, who may go on sending to this connection.
    s.closing = true;
    asio::post(io, [self = shared_from_this(), id] {
      if (!self->closed) self->drop(id, nullptr);
    });
    return;
  }
  s.writing = true;
  s.socket.async_wait(Local::socket::wait_write, [self = shared_from_this(), id](error_code failed) {
    if (self->closed) return;
    Session* session = self->find(id);
    if (session == nullptr) return;
    session->writing = false;
    if (failed) return self->drop(id, nullptr);
    self->write(id, *session);
    if (self->find(id) != nullptr) self->pump(id);
  });
  if (!sweeping) sweep();
}

void Server::State::account(Session& s) {
  const std::size_t now = s.reader.buffered() + s.unsent_bytes;
  total += now - s.counted;
  s.counted = now;
}

void Server::State::drop(Connection id, const char* why) {
  const auto found = sessions.find(id);
  if (found == sessions.end()) return;
  if (why != nullptr) {
    log.warning("dropped the client of {} (pid {}): {}", found->second->peer.user, found->second->peer.pid,
                why);
  }
  total -= found->second->counted;
  // Destroyed later: the caller may still be inside one of its calls.
  asio::post(io, [dead = std::shared_ptr<Session>(std::move(found->second))] {});
  sessions.erase(found);
  if (handler.closed) handler.closed(id);
}

// Runs while somebody has something to take.
void Server::State::sweep() {
  sweeping = true;
  sweep_timer.expires_after(limits.stalled / 4);
  sweep_timer.async_wait([self = shared_from_this()](error_code error) {
    if (error || self->closed) return;
    std::vector<Connection> stalled;
    bool waiting = false;
    for (const auto& [id, s] : self->sessions) {
      if (s->unsent.empty()) continue;
      waiting = true;
      if (self->clock.now() - s->progress > self->limits.stalled) stalled.push_back(id);
    }
    for (const Connection id : stalled) self->drop(id, "it does not read its answers");
    self->sweeping = false;
    if (waiting) self->sweep();
  });
}

Server::Server(AsioRuntime& runtime, Logger log, Handler handler, Limits limits)
    : state_(std::make_shared<State>(runtime, std::move(log), std::move(handler), limits)) {}

Server::~Server() {
  state_->closed = true;
  error_code ignored;
  state_->acceptor.close(ignored);
  state_->pause.cancel();
  state_->sweep_timer.cancel();
  state_->sessions.clear();
  if (!state_->path.empty()) ::unlink(state_->path.c_str());
}

namespace {

tl::unexpected<Error> failed(const char* what, const std::string& path) {
  const int error = errno;
  return fail(Errc::kIo, "cannot {} the local API's socket {}: {}", what, path, std::strerror(error));
}

// Makes room for the socket: removes one that nobody answers, and nothing else.
Result<void> clear_place(const std::string& path) {
  struct stat s {};
  if (::lstat(path.c_str(), &s) != 0) {
    if (errno == ENOENT) return {};
    return failed("look at", path);
  }
  if (!S_ISSOCK(s.st_mode)) {
    return fail(Errc::kExists, "{} is in the way of the local API's socket and is not a socket: move it away",
                path);
  }
  asio::io_context io;
  Local::socket probe(io);
  error_code error;
  probe.connect(Local::endpoint(path), error);
  if (!error) return fail(Errc::kExists, "a cluster daemon is running already: it answers at {}", path);
  if (::unlink(path.c_str()) != 0) return failed("remove", path);
  return {};
}

}  // namespace

Result<void> Server::listen(const std::string& path) {
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return fail(Errc::kInvalidArgument,
                "{} is too long for a unix socket (at most {} characters): shorten SYSTOLE_RUN_DIR", path,
                sizeof(sockaddr_un::sun_path) - 1);
  }
  if (auto clear = clear_place(path); !clear) return clear;
  error_code error;
  state_->acceptor.open(Local(), error);
  // Nobody else can connect before listen(), so the mode is right before the door opens.
  if (!error) state_->acceptor.bind(Local::endpoint(path), error);
  if (error) return fail(Errc::kIo, "cannot create the local API's socket {}: {}", path, error.message());
  state_->path = path;
  const auto group = state_->access.haclient();
  const bool owned = group && ::chown(path.c_str(), static_cast<uid_t>(-1), *group) == 0;
  if (::chmod(path.c_str(), owned ? 0660 : 0600) != 0) return failed("set the mode of", path);
  state_->acceptor.listen(1024, error);
  if (error) return fail(Errc::kIo, "cannot listen on the local API's socket {}: {}", path, error.message());
  state_->accept();
  return {};
}

void Server::send(Connection to, const Response& response) {
  Session* s = state_->find(to);
  if (s == nullptr || s->closing) return;
  if (!response.event() && s->in_flight > 0) --s->in_flight;
  state_->enqueue(to, *s, response);
  // The room this answer made may let a waiting request in.
  if (s = state_->find(to); s != nullptr && !s->reading && !s->dispatching) {
    asio::post(state_->io, [self = state_, to] {
      if (!self->closed) self->pump(to);
    });
  }
}

std::size_t Server::connections() const { return state_->sessions.size(); }

}  // namespace systole::ipc
