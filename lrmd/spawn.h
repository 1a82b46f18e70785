// spawn: starts one program as leader of a session and process group of its own, with nothing inherited but
// what its specification says. Only the process helper calls this: it is small, so that fork is cheap.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <utility>

#include "base/fd.h"
#include "base/ports.h"

namespace systole::lrmd {

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
