// Starting the process helper: called by systoled before anything else (threads, memory locks, dropped
// rights), so that the helper keeps root's rights and stays small.
#pragma once

#include <string>

#include "base/result.h"

namespace systole::lrmd {

struct HelperHandle {
  int socket = -1;  // Stream socket, ours; for RemoteProcesses, which closes it. Closing it ends the helper.
  int pid = -1;     // A child of the caller.
};

// `program`: the path of systole-execd; empty: beside the running program, or else in /usr/lib/systole,
// /usr/libexec/systole, /usr/sbin. Errors: kNotFound (where it was looked for), kIo.
Result<HelperHandle> start_process_helper(const std::string& program = {});

}  // namespace systole::lrmd
