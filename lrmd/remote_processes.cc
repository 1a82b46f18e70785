// Asio must see std::exchange before its awaitable header: <utility> first (Boost 1.74).
#include <utility>

#include "lrmd/remote_processes.h"

#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>

#include "lrmd/helper_codec.h"

namespace systole::lrmd {
namespace asio = boost::asio;
using boost::system::error_code;
using Descriptor = asio::posix::stream_descriptor;

struct RemoteProcesses::State : std::enable_shared_from_this<RemoteProcesses::State> {
  State(AsioRuntime& r, int fd, std::function<void()> on_lost)
      : runtime(r),
        descriptor(*static_cast<asio::io_context*>(r.io_context()), fd),
        lost(std::move(on_lost)) {
    descriptor.non_blocking(true);
  }

  void receive();
  void read_some();
  void send(const Bytes& frame);
  void flush();
  void fail_all(const char* why);
  void finish(Processes::Id id, ProcessResult result);

  AsioRuntime& runtime;
  Descriptor descriptor;
  std::function<void()> lost;
  std::map<Processes::Id, std::function<void(ProcessResult)>> running;
  FrameReader incoming;
  Bytes outgoing;
  bool flushing = false, closed = false;
  Processes::Id next = 1;
};

RemoteProcesses::RemoteProcesses(AsioRuntime& runtime, HelperHandle helper, std::function<void()> lost)
    : state_(std::make_shared<State>(runtime, helper.socket, std::move(lost))) {
  state_->receive();
}

RemoteProcesses::~RemoteProcesses() {
  state_->closed = true;
  state_->running.clear();
  error_code ignored;
  state_->descriptor.close(ignored);
}

Processes::Id RemoteProcesses::start(ProcessSpec spec, std::function<void(ProcessResult)> done) {
  State& s = *state_;
  const Id id = s.next++;
  s.running.emplace(id, std::move(done));
  spec.output_limit = std::min(spec.output_limit, kMaxOutputLimit);
  const int refusal = s.closed || !s.descriptor.is_open()           ? ECONNRESET
                      : !fits(spec)                                 ? E2BIG
                      : spec.argv.empty() || spec.argv[0][0] != '/' ? EINVAL
                                                                    : 0;
  if (refusal == 0) {
    s.send(encode(StartRequest{id, s.runtime.clock().now().time_since_epoch(), std::move(spec)}));
    return id;
  }
  s.runtime.timers().post([state = state_, id, refusal] {
    ProcessResult result;
    result.end = ProcessResult::End::kFailedToStart;
    result.code = refusal;
    if (refusal == ECONNRESET) result.errors = "the process helper systole-execd is gone";
    state->finish(id, std::move(result));
  });
  return id;
}

void RemoteProcesses::kill(Id id, int signal) {
  if (state_->running.count(id) != 0) state_->send(encode(KillRequest{id, signal}));
}

void RemoteProcesses::State::receive() {
  descriptor.async_wait(Descriptor::wait_read, [self = shared_from_this()](error_code error) {
    if (self->closed) return;
    if (error) return self->fail_all("the process helper cannot be read");
    self->read_some();
    if (!self->closed) self->receive();
  });
}

void RemoteProcesses::State::read_some() {
  std::uint8_t block[65536];
  const ssize_t n = ::recv(descriptor.native_handle(), block, sizeof block, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) return fail_all("the process helper systole-execd has died");
  incoming.add(ByteView(block, static_cast<std::size_t>(n)));
  while (!closed) {
    auto frame = incoming.next();
    if (frame && !*frame) return;
    auto report = frame ? decode_report(**frame) : Result<EndReport>(fail(frame.error()));
    if (!report) return fail_all("the process helper systole-execd talks nonsense");
    finish(report->id, std::move(report->result));
  }
}

void RemoteProcesses::State::send(const Bytes& frame) {
  outgoing.insert(outgoing.end(), frame.begin(), frame.end());
  if (!flushing) flush();
}

void RemoteProcesses::State::flush() {
  flushing = false;
  std::size_t sent = 0;
  while (sent < outgoing.size() && !closed) {
    const ssize_t n = ::send(descriptor.native_handle(), outgoing.data() + sent, outgoing.size() - sent,
                             MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) {
      sent += static_cast<std::size_t>(n);
    } else if (errno == EAGAIN) {
      break;
    } else if (errno != EINTR) {
      outgoing.clear();  // The reading side learns of the end, and reports it.
      return;
    }
  }
  outgoing.erase(outgoing.begin(), outgoing.begin() + static_cast<std::ptrdiff_t>(sent));
  if (outgoing.empty() || closed) return;
  flushing = true;
  descriptor.async_wait(Descriptor::wait_write, [self = shared_from_this()](error_code error) {
    if (!error && !self->closed) self->flush();
  });
}

void RemoteProcesses::State::finish(Processes::Id id, ProcessResult result) {
  const auto found = running.find(id);
  if (found == running.end()) return;
  const auto done = std::move(found->second);
  running.erase(found);
  if (done) done(std::move(result));
}

void RemoteProcesses::State::fail_all(const char* why) {
  const auto keep = shared_from_this();
  error_code ignored;
  descriptor.close(ignored);
  while (!running.empty() && !closed) {
    ProcessResult result;
    result.end = ProcessResult::End::kFailedToStart;
    result.code = ECONNRESET;
    result.errors = why;
    finish(running.begin()->first, std::move(result));
  }
  if (closed) return;
  closed = true;
  if (lost) lost();
}

}  // namespace systole::lrmd
