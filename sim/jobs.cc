#include "sim/jobs.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <vector>

#include "base/check.h"

namespace systole::sim {
namespace {

using Moment = std::chrono::steady_clock::time_point;
constexpr std::chrono::seconds kPatience{300};

Moment moment() { return std::chrono::steady_clock::now(); }

void write_all(int fd, const void* data, std::size_t size) {
  const char* at = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t n = ::write(fd, at, size);
    if (n <= 0) ::_exit(1);
    at += n;
    size -= static_cast<std::size_t>(n);
  }
}

class Pool {
 public:
  Pool(unsigned jobs, std::uint64_t first, std::uint64_t count,
       const std::function<std::string(std::uint64_t)>& work,
       const std::function<bool(std::uint64_t, const std::string&)>& got)
      : stride_(jobs), end_(first + count), work_(work), got_(got), workers_(jobs) {
    for (unsigned i = 0; i < jobs; ++i) {
      workers_[i].at = first + i;
      start(workers_[i]);
    }
  }
  void run() {
    while (!stop_) {
      std::vector<pollfd> fds;
      std::vector<Worker*> who;
      for (Worker& w : workers_) {
        if (w.fd < 0) continue;
        fds.push_back({w.fd, POLLIN, 0});
        who.push_back(&w);
      }
      if (fds.empty()) return;
      ::poll(fds.data(), fds.size(), 1000);
      for (std::size_t i = 0; i < fds.size() && !stop_; ++i) {
        if ((fds[i].revents & (POLLIN | POLLHUP)) != 0)
          read_from(*who[i]);
        else if (moment() - who[i]->since > kPatience)
          died(*who[i], "it does not end");
      }
    }
    for (Worker& w : workers_) end(w);
  }

 private:
  struct Worker {
    std::uint64_t at = 0;  // What it works at.
    int fd = -1;
    pid_t pid = -1;
    Moment since{};
    std::string buffer;
  };

  // A result goes over the pipe as its size and its bytes.
  void start(Worker& w) {
    w.buffer.clear();
    w.since = moment();
    if (w.at >= end_) return;
    int pipe[2];
    check(::pipe(pipe) == 0, "a pipe");
    std::fflush(nullptr);
    w.pid = ::fork();
    check(w.pid >= 0, "another process");
    if (w.pid == 0) {
      ::close(pipe[0]);
      for (std::uint64_t n = w.at; n < end_; n += stride_) {
        const std::string result = work_(n);
        const std::uint64_t size = result.size();
        write_all(pipe[1], &size, sizeof size);
        write_all(pipe[1], result.data(), result.size());
      }
      ::_exit(0);
    }
    ::close(pipe[1]);
    w.fd = pipe[0];
  }
  int end(Worker& w) {
    if (w.fd < 0) return 0;
    ::close(w.fd);
    w.fd = -1;
    ::kill(w.pid, SIGKILL);
    int status = 0;
    ::waitpid(w.pid, &status, 0);
    return status;
  }
  void died(Worker& w, std::string why) {
    const std::uint64_t at = w.at;
    end(w);
    w.at += stride_;
    start(w);
    take(at, "!died: " + why);
  }
  void take(std::uint64_t n, const std::string& result) { stop_ = !got_(n, result) || stop_; }
  void read_from(Worker& w) {
    char bytes[65536];
    const ssize_t n = ::read(w.fd, bytes, sizeof bytes);
    if (n > 0) w.buffer.append(bytes, static_cast<std::size_t>(n));
    std::uint64_t size = 0;
    while (w.buffer.size() >= sizeof size) {
      std::memcpy(&size, w.buffer.data(), sizeof size);
      if (w.buffer.size() < sizeof size + size) break;
      const std::string result = w.buffer.substr(sizeof size, size);
      w.buffer.erase(0, sizeof size + size);
      const std::uint64_t at = w.at;
      w.at += stride_;
      w.since = moment();
      take(at, result);
    }
    if (n > 0) return;
    if (w.at >= end_) {
      end(w);
      return;
    }
    ::close(w.fd);
    w.fd = -1;
    int status = 0;
    ::waitpid(w.pid, &status, 0);
    const std::uint64_t at = w.at;
    w.at += stride_;
    start(w);
    take(at, WIFSIGNALED(status) ? fmt::format("!died: it ends with signal {}", WTERMSIG(status))
                                 : "!died: it ends");
  }

  std::uint64_t stride_, end_;
  const std::function<std::string(std::uint64_t)>& work_;
  const std::function<bool(std::uint64_t, const std::string&)>& got_;
  std::vector<Worker> workers_;
  bool stop_ = false;
};

}  // namespace

void run_jobs(unsigned jobs, std::uint64_t first, std::uint64_t count,
              const std::function<std::string(std::uint64_t)>& work,
              const std::function<bool(std::uint64_t, const std::string&)>& got) {
  Pool(std::max(1U, jobs), first, count, work, got).run();
}

}  // namespace systole::sim
