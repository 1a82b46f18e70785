#include "ipc/client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <deque>

#include "ipc/framing.h"
#include "ipc/systole.pb.h"

namespace systole::ipc {
namespace {

using SteadyClock = std::chrono::steady_clock;  // A tool's program, not a module of the cluster.
constexpr std::uint32_t kDefaultTimeoutMs = 30'000;
constexpr auto kGrace = Milliseconds(1000);  // The daemon's own timeout answer comes first.
constexpr std::size_t kEvents = 100'000;     // Kept for next_event().

Errc code_of(int error) {
  constexpr int kLast = static_cast<int>(Errc::kCancelled);
  return error - 1 > kLast ? Errc::kUnavailable : static_cast<Errc>(error - 1);
}

tl::unexpected<Error> gone(const char* why) {
  return fail(Errc::kUnavailable, "the connection to the cluster daemon was lost: {}", why);
}

}  // namespace

struct Client::State {
  ~State() {
    if (fd >= 0) ::close(fd);
  }
  Result<void> pump(std::string& unsent, std::size_t& sent, SteadyClock::time_point deadline);
  Result<void> receive();
  Result<std::optional<Response>> take(std::uint64_t id);

  int fd = -1;
  std::string name;
  std::uint64_t next = 1;
  FrameReader reader;
  std::deque<Response> events;
};

Client::Client(std::unique_ptr<State> state) : state_(std::move(state)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Result<Client> Client::connect(const std::string& socket_path, std::string client_name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof address.sun_path) {
    return fail(Errc::kInvalidArgument, "{} is too long for a unix socket", socket_path);
  }
  std::memcpy(address.sun_path, socket_path.c_str(), socket_path.size() + 1);
  auto state = std::make_unique<State>();
  state->name = std::move(client_name);
  state->fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  // Connecting to a unix socket waits only for room in the daemon's backlog.
  if (state->fd < 0 ||
      ::connect(state->fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const int error = errno;
    if (error == EACCES || error == EPERM) {
      return fail(Errc::kDenied,
                  "may not connect to the cluster daemon at {}: be root or a member of haclient",
                  socket_path);
    }
    return fail(Errc::kUnavailable, "the cluster is not running on this node: cannot connect to {}: {}",
                socket_path, std::strerror(error));
  }
  return Client(std::move(state));
}

// Waits for the socket, sends what it takes and receives what is there. It reads while it writes, since the
// daemon does not read on from one that takes no answers.
Result<void> Client::State::pump(std::string& unsent, std::size_t& sent, SteadyClock::time_point deadline) {
  const auto left = std::chrono::ceil<Milliseconds>(deadline - SteadyClock::now());
  if (left.count() <= 0) return fail(Errc::kTimeout, "the cluster daemon did not answer in time");
  const bool sending = sent < unsent.size();
  pollfd p{fd, static_cast<short>(sending ? POLLIN | POLLOUT : POLLIN), 0};
  const int ready = ::poll(&p, 1, static_cast<int>(std::min<std::int64_t>(left.count(), 1'000'000)));
  if (ready < 0 && errno != EINTR) return gone(std::strerror(errno));
  if (ready <= 0) return {};
  if (sending && (p.revents & POLLOUT) != 0) {
    const ssize_t n = ::send(fd, unsent.data() + sent, unsent.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) sent += static_cast<std::size_t>(n);
    // A daemon that refuses us closes after its answer: it is still there to be read.
    if (n < 0 && errno == EPIPE) sent = unsent.size();
  }
  if ((p.revents & (POLLIN | POLLHUP | POLLERR)) != 0) return receive();
  return {};
}

Result<void> Client::State::receive() {
  char block[65536];
  const ssize_t n = ::recv(fd, block, sizeof block, MSG_DONTWAIT);
  if (n == 0) return gone("it closed the connection");
  if (n < 0 && errno != EAGAIN && errno != EINTR) return gone(std::strerror(errno));
  if (n > 0) reader.feed({block, static_cast<std::size_t>(n)});
  return {};
}

// The answer `id` if it has arrived; events are kept. 0 waits for events only.
Result<std::optional<Response>> Client::State::take(std::uint64_t id) {
  for (;;) {
    auto content = reader.next();
    if (!content) return fail(content.error());
    if (!*content) return std::optional<Response>();
    Response response;
    if (!response.ParseFromString(**content))
      return fail(Errc::kParse, "the cluster daemon's answer is not one");
    if (response.id() == 0 && response.error() != 0)
      return fail(code_of(response.error()), "{}", response.message());
    if (response.event()) {
      if (events.size() < kEvents) events.push_back(std::move(response));
    } else if (response.id() == id) {
      return std::optional(std::move(response));
    }
  }
}

Result<Response> Client::call(Request request) {
  State& s = *state_;
  const std::uint64_t id = s.next++;
  request.set_id(id);
  request.set_client(s.name);
  const auto wait =
      Milliseconds(request.timeout_ms() == 0 ? kDefaultTimeoutMs : request.timeout_ms()) + kGrace;
  auto bytes = frame(request);
  if (!bytes) return fail(bytes.error());
  const auto deadline = SteadyClock::now() + wait;
  std::size_t sent = 0;
  for (;;) {
    const auto pumped = s.pump(*bytes, sent, deadline);
    auto answer = s.take(id);
    if (!answer) return fail(answer.error());
    if (*answer) {
      Response response = std::move(**answer);
      if (response.error() != 0) return fail(code_of(response.error()), "{}", response.message());
      return response;
    }
    if (!pumped) return fail(pumped.error());
  }
}

Result<Response> Client::next_event(Duration wait) {
  State& s = *state_;
  const auto deadline = SteadyClock::now() + wait;
  std::string nothing;
  std::size_t sent = 0;
  for (;;) {
    auto arrived = s.take(0);
    if (!arrived) return fail(arrived.error());
    if (!s.events.empty()) {
      Response event = std::move(s.events.front());
      s.events.pop_front();
      return event;
    }
    if (auto pumped = s.pump(nothing, sent, deadline); !pumped) return fail(pumped.error());
  }
}

}  // namespace systole::ipc
