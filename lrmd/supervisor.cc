#include "lrmd/supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <ctime>

namespace systole::lrmd {
namespace {

constexpr Duration kDrainAfterEnd = Milliseconds(50);  // For output still open in a daemonised grandchild.
constexpr Duration kUnkillable = Seconds(5);
constexpr Duration kRecheckGroup = Milliseconds(2);

// The helper is its own world below the ports: it reads the clock that it shares with systoled.
Duration monotonic() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return Seconds(t.tv_sec) + Duration(t.tv_nsec);
}

Fd child_signals() {
  sigset_t children;
  ::sigemptyset(&children);
  ::sigaddset(&children, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &children, nullptr);
  return Fd(::signalfd(-1, &children, SFD_NONBLOCK | SFD_CLOEXEC));
}

bool is_protected_from_oom() {
  const Fd fd(::open("/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC));
  char first = 0;
  return fd.open() && ::read(fd.get(), &first, 1) == 1 && first == '-';
}

// Reads what is there, at most a pipe's worth at a time, so that a flooding agent does not keep us busy.
void drain(Fd& fd, std::string& kept, std::size_t limit, bool& truncated) {
  char block[65536];
  const ssize_t n = ::read(fd.get(), block, sizeof block);
  if (n > 0) {
    const auto size = static_cast<std::size_t>(n);
    const std::size_t room = limit - std::min(limit, kept.size());
    kept.append(block, std::min(room, size));
    if (size > room) truncated = true;
  } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
    fd.reset();
  }
}

}  // namespace

Supervisor::Supervisor(Fd socket) : socket_(std::move(socket)), signals_(child_signals()) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  ::fcntl(socket_.get(), F_SETFL, O_NONBLOCK);
  ::fcntl(socket_.get(), F_SETFD, FD_CLOEXEC);
  pressure_.reset(::open("/proc/pressure/cpu", O_RDONLY | O_CLOEXEC));
  reset_oom_score_ = is_protected_from_oom();
}

int Supervisor::run() {
  while (!closed_) turn();
  for (auto& [id, job] : jobs_) {
    if (!job.reaped) ::kill(-job.process.pid, SIGKILL);
  }
  return 0;
}

void Supervisor::turn() {
  std::vector<pollfd> fds;
  const short socket_events = static_cast<short>(POLLIN | (sent_ < outgoing_.size() ? POLLOUT : 0));
  fds.push_back({socket_.get(), socket_events, 0});
  fds.push_back({signals_.get(), POLLIN, 0});
  for (auto& [id, job] : jobs_) {
    const Spawned& p = job.process;
    for (const Fd* fd : {&p.output, &p.errors, &p.failure}) {
      if (fd->open()) fds.push_back({fd->get(), POLLIN, 0});
    }
    if (p.input.open()) fds.push_back({p.input.get(), POLLOUT, 0});
  }
  timespec timeout{};
  if (look_again_ >= Duration::zero()) {
    timeout.tv_sec = look_again_.count() / 1'000'000'000;
    timeout.tv_nsec = look_again_.count() % 1'000'000'000;
  }
  ::ppoll(fds.data(), fds.size(), look_again_ >= Duration::zero() ? &timeout : nullptr, nullptr);
  for (auto& [id, job] : jobs_) pump(job);
  reap();
  if (fds[0].revents != 0 && !exchange_with_daemon(fds[0].revents)) closed_ = true;
  look_again_ = settle();
  start_waiting();
  if (sent_ < outgoing_.size() && !exchange_with_daemon(POLLOUT)) closed_ = true;
}

bool Supervisor::exchange_with_daemon(short events) {
  if ((events & (POLLIN | POLLHUP | POLLERR)) != 0) {
    std::uint8_t block[65536];
    const ssize_t n = ::recv(socket_.get(), block, sizeof block, 0);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) return false;
    if (n > 0) incoming_.add(ByteView(block, static_cast<std::size_t>(n)));
    for (;;) {
      auto frame = incoming_.next();
      if (!frame) return false;
      if (!*frame) break;
      auto request = decode_request(**frame);
      if (!request) return false;
      handle(std::move(*request));
    }
  }
  while (sent_ < outgoing_.size()) {
    const ssize_t n = ::send(socket_.get(), outgoing_.data() + sent_, outgoing_.size() - sent_, MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    sent_ += static_cast<std::size_t>(n);
  }
  outgoing_.clear();
  sent_ = 0;
  return true;
}

void Supervisor::handle(HelperRequest request) {
  if (auto* wanted = std::get_if<StartRequest>(&request)) {
    if (wanted->spec.urgent || (jobs_.size() < kMostRunning && waiting_.empty())) {
      start(std::move(*wanted));
    } else {
      waiting_.push_back(std::move(*wanted));
    }
    return;
  }
  const auto& order = std::get<KillRequest>(request);
  if (const auto job = jobs_.find(order.id); job != jobs_.end()) return kill(job->second, order.signal);
  for (auto it = waiting_.begin(); it != waiting_.end(); ++it) {
    if (it->id != order.id) continue;
    report_unstarted(*it, ProcessResult::End::kKilledByUs, order.signal);
    waiting_.erase(it);
    return;
  }
}

void Supervisor::start_waiting() {
  while (!waiting_.empty() && jobs_.size() < kMostRunning) {
    StartRequest next = std::move(waiting_.front());
    waiting_.pop_front();
    start(std::move(next));
    look_again_ = Duration::zero();
  }
}

void Supervisor::start(StartRequest request) {
  const Processes::Id id = request.id;
  if (jobs_.count(id) != 0) return;
  Job job;
  job.started = monotonic();
  job.stall_before = stalled();
  if (const int error = spawn(request.spec, reset_oom_score_, job.process); error != 0) {
    return report_unstarted(request, ProcessResult::End::kFailedToStart, error);
  }
  request.spec.environment.clear();
  job.request = std::move(request);
  pump(jobs_.emplace(id, std::move(job)).first->second);
}

void Supervisor::kill(Job& job, int signal) {
  ::kill(-job.process.pid, signal);
  // Before its setsid() the child is not yet the leader of a group.
  if (!job.reaped) ::kill(job.process.pid, signal);
  if (signal == SIGKILL && !job.killed) {
    job.killed = true;
    job.kill_deadline = monotonic() + kUnkillable;
  }
}

void Supervisor::reap() {
  signalfd_siginfo info;
  while (::read(signals_.get(), &info, sizeof info) > 0) {
  }
  int status = 0;
  for (pid_t pid; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    for (auto& [id, job] : jobs_) {
      if (job.process.pid != pid || job.reaped) continue;
      job.reaped = true;
      job.status = status;
      job.ended = monotonic();
      break;
    }
  }
}

void Supervisor::pump(Job& job) {
  Spawned& p = job.process;
  const std::size_t limit = job.request.spec.output_limit;
  if (p.output.open()) drain(p.output, job.result.output, limit, job.result.output_truncated);
  if (p.errors.open()) drain(p.errors, job.result.errors, limit, job.result.output_truncated);
  if (p.failure.open()) {
    int error = 0;
    const ssize_t n = ::read(p.failure.get(), &error, sizeof error);
    if (n == sizeof error) job.exec_error = error;
    if (n >= 0 || (errno != EAGAIN && errno != EINTR)) p.failure.reset();
  }
  if (p.input.open()) {
    const std::string& input = job.request.spec.input;
    const ssize_t n = ::write(p.input.get(), input.data() + job.input_sent, input.size() - job.input_sent);
    if (n > 0) job.input_sent += static_cast<std::size_t>(n);
    const bool refused = n < 0 && errno != EAGAIN && errno != EINTR;
    if (refused || job.input_sent == input.size()) p.input.reset();
  }
}

Duration Supervisor::settle() {
  Duration soonest{-1};
  for (auto it = jobs_.begin(); it != jobs_.end();) {
    Duration look_again{-1};
    const Duration now = monotonic();
    if (ended(it->second, now, look_again)) {
      report(it->second, now);
      it = jobs_.erase(it);
      continue;
    }
    if (look_again >= Duration::zero() && (soonest < Duration::zero() || look_again < soonest)) {
      soonest = look_again;
    }
    ++it;
  }
  return soonest;
}

bool Supervisor::ended(Job& job, Duration now, Duration& look_again) {
  if (job.killed && now < job.kill_deadline) {
    // Not only the leader: the next operation must not meet what this one left running.
    const bool group_alive = ::kill(-job.process.pid, 0) == 0;
    if (group_alive || !job.reaped) {
      look_again = kRecheckGroup;
      if (group_alive) ::kill(-job.process.pid, SIGKILL);
      return false;
    }
  } else if (job.killed && (!job.reaped || ::kill(-job.process.pid, 0) == 0)) {
    job.result.errors += fmt::format(
        "\nprocess group {} did not die within {} s of SIGKILL: it sits in uninterruptible sleep, or dead "
        "members of it are not reaped by their parent",
        job.process.pid, kUnkillable / Seconds(1));
    return true;
  }
  if (!job.reaped) return false;
  const Spawned& p = job.process;
  if (!p.output.open() && !p.errors.open()) return true;
  const Duration drained = job.ended + kDrainAfterEnd;
  if (now >= drained) return true;
  look_again = drained - now;
  return false;
}

void Supervisor::report(Job& job, Duration now) {
  ProcessResult& result = job.result;
  if (job.killed) {
    result.end = ProcessResult::End::kKilledByUs;
    result.code = SIGKILL;
  } else if (job.exec_error != 0) {
    result.end = ProcessResult::End::kFailedToStart;
    result.code = job.exec_error;
  } else if (WIFSIGNALED(job.status)) {
    result.end = ProcessResult::End::kSignalled;
    result.code = WTERMSIG(job.status);
  } else {
    result.code = WEXITSTATUS(job.status);
  }
  result.waited = std::max(Duration::zero(), job.started - job.request.asked);
  result.ran = (job.reaped ? job.ended : now) - job.started;
  result.starved = std::clamp(stalled() - job.stall_before, Duration::zero(), result.ran);
  const Bytes frame = encode(EndReport{job.request.id, std::move(result)});
  outgoing_.insert(outgoing_.end(), frame.begin(), frame.end());
}

void Supervisor::report_unstarted(const StartRequest& request, ProcessResult::End end, int code) {
  EndReport report{request.id, {}};
  report.result.end = end;
  report.result.code = code;
  report.result.waited = std::max(Duration::zero(), monotonic() - request.asked);
  const Bytes frame = encode(report);
  outgoing_.insert(outgoing_.end(), frame.begin(), frame.end());
}

// "some avg10=0.00 avg60=0.00 avg300=0.00 total=MICROSECONDS": time in which a runnable task had no
// processor.
Duration Supervisor::stalled() const {
  char text[256];
  const ssize_t n = pressure_.open() ? ::pread(pressure_.get(), text, sizeof text, 0) : -1;
  if (n <= 0) return {};
  const std::string_view line(text, static_cast<std::size_t>(n));
  const auto at = line.find("total=");
  std::int64_t total = 0;
  if (at == std::string_view::npos) return {};
  std::from_chars(line.data() + at + 6, line.data() + line.size(), total);
  return std::chrono::microseconds(total);
}

}  // namespace systole::lrmd
