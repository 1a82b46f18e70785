#include "lrmd/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include <cerrno>

namespace systole::lrmd {
namespace {

// What the child needs, made before fork: after it only async-signal-safe calls are made.
struct Prepared {
  std::vector<std::string> variables;
  std::vector<char*> argv, environment;
  const char* directory = "/";
  int input = -1, output = -1, errors = -1, failure = -1;
  bool reset_oom_score = false;
};

Prepared prepare(const ProcessSpec& spec) {
  Prepared p;
  for (const auto& argument : spec.argv) p.argv.push_back(const_cast<char*>(argument.c_str()));
  p.argv.push_back(nullptr);
  p.variables.reserve(spec.environment.size());
  for (const auto& [name, value] : spec.environment) {
    p.environment.push_back(p.variables.emplace_back(name + "=" + value).data());
  }
  p.environment.push_back(nullptr);
  p.directory = spec.working_directory.c_str();
  return p;
}

[[noreturn]] void give_up(const Prepared& p) {
  const int error = errno;
  [[maybe_unused]] const ssize_t n = ::write(p.failure, &error, sizeof error);
  ::_exit(127);
}

void restore_signals() {
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int signal = 1; signal < SIGRTMAX; ++signal) ::sigaction(signal, &standard, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void run_child(const Prepared& p) {
  ::setsid();
  restore_signals();
  ::umask(022);
  if (p.reset_oom_score) {
    if (const int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC); fd >= 0) {
      [[maybe_unused]] const ssize_t n = ::write(fd, "0", 1);
    }
  }
  if (::dup2(p.input, 0) < 0 || ::dup2(p.output, 1) < 0 || ::dup2(p.errors, 2) < 0) give_up(p);
  if (::chdir(p.directory) != 0) give_up(p);
  ::execve(p.argv[0], p.argv.data(), p.environment.data());
  give_up(p);
}

// A pipe, both ends closed on exec; `ours` does not block.
bool make_pipe(Fd& ours, Fd& theirs, bool ours_writes) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return false;
  ours.reset(ends[ours_writes ? 1 : 0]);
  theirs.reset(ends[ours_writes ? 0 : 1]);
  return ::fcntl(ours.get(), F_SETFL, O_NONBLOCK) == 0;
}

}  // namespace

int spawn(const ProcessSpec& spec, bool reset_oom_score, Spawned& out) {
  Fd input, output, errors, failure;
  if (spec.input.empty()) {
    input.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!input.open()) return errno;
  } else if (!make_pipe(out.input, input, true)) {
    return errno;
  }
  if (!make_pipe(out.output, output, false) || !make_pipe(out.errors, errors, false) ||
      !make_pipe(out.failure, failure, false)) {
    return errno;
  }
  Prepared p = prepare(spec);
  p.input = input.get();
  p.output = output.get();
  p.errors = errors.get();
  p.failure = failure.get();
  p.reset_oom_score = reset_oom_score;
  out.pid = ::fork();
  if (out.pid == 0) run_child(p);
  return out.pid < 0 ? errno : 0;
}

}  // namespace systole::lrmd
