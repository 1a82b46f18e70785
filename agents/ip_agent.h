// ocf:systole:IPaddr2: a floating address on a link of this node. Also ocf:heartbeat:IPaddr and IPaddr2.
#pragma once

#include <string>
#include <string_view>

#include "agents/ocf.h"

namespace systole::agents {

Ocf ip_action(std::string_view action);
std::string ip_metadata();

}  // namespace systole::agents
