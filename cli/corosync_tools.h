// What Corosync's tools share: exit codes of their own, and the nodes they speak of.
#pragma once

#include <string>

#include "cli/context.h"
#include "cli/options.h"

namespace systole::cli {

// As `begin`, but a command line that is not understood ends with 1: these tools know 0, 1 and (without
// quorum) 2.
std::optional<int> begin_corosync(Context& context, const Manual& manual, Parsed& parsed);
// "tool: message" on standard error; 1.
int corosync_error(Context& context, std::string_view message);
// The daemon's answer with the ring; nothing when it could not be asked, which is said.
std::optional<ClusterInfo> ring_info(Context& context, Session& session);

// A whole decimal number from `least` to `most`.
std::optional<std::uint64_t> whole_number(std::string_view text, std::uint64_t least, std::uint64_t most);

}  // namespace systole::cli
