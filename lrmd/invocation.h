// How an operation becomes a process, and how the process's end becomes the operation's result, for each
// class of agents. Pure.
//
// Sources: OCF Resource Agent API 1.1, "Parameters", "Return codes"; LSB core 5.0, "Init script actions";
// Heartbeat's resource.d scripts; the variables that resource-agents' ocf-shellfuncs reads.
#pragma once

#include "lrmd/executor.h"

namespace systole::lrmd {

// The process for an operation of the agent at `program`. Errors: kInvalidArgument (a parameter whose name or
// value cannot stand in an environment), kUnsupported (the class has no such action).
Result<ProcessSpec> invocation(const Operation& operation, const std::string& program, const Paths& paths,
                               const std::string& node_name);
// For "meta-data" of an ocf agent.
ProcessSpec metadata_invocation(const AgentId& agent, const std::string& program, const Paths& paths,
                                const std::string& node_name);

// Fills rc, status, exit_reason, output and times of `result` from how the process ended. `timed_out`: it was
// killed by us because the operation's timeout had passed.
void judge(const Operation& operation, const ProcessResult& process, bool timed_out, OpResult& result);

// At most `most` bytes of `text` from its end, with everything that XML and terminals dislike replaced.
std::string printable(std::string_view text, std::size_t most);

}  // namespace systole::lrmd
