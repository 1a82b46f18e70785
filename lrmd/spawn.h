// spawn: starts one program as leader of a session and process group of its own, with nothing inherited but
// what its specification says. Only the process helper calls this: it is small, so that fork is cheap.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <utility>

#include "base/ports.h"

namespace systole::lrmd {

// A file descriptor and its end.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  ~Fd() { reset(); }
  int get() const { return fd_; }
  bool open() const { return fd_ >= 0; }
  void reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

struct Spawned {
  pid_t pid = -1;
  Fd input;   // Ours to write; closed when the specification has no input.
  Fd output;  // Ours to read, as `errors`.
  Fd errors;
  Fd failure;  // Carries errno (int) if the program could not be executed; else just closes.
};

// All our descriptors are non-blocking. Returns errno on failure of pipes or fork; a program that cannot be
// executed is told through `failure`, so that a hanging file system does not hang the caller.
int spawn(const ProcessSpec& spec, bool reset_oom_score, Spawned& out);

}  // namespace systole::lrmd
