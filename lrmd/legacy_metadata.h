// Agent metadata (resource-agent XML) for scripts that have none of their own: init scripts, described by the
// comment block that the LSB prescribes ("### BEGIN INIT INFO"), and Heartbeat's resource scripts. Pure.
#pragma once

#include <string>
#include <string_view>

namespace systole::lrmd {

std::string lsb_metadata(std::string_view type, std::string_view script);
std::string heartbeat_metadata(std::string_view type);

}  // namespace systole::lrmd
