// What the daemon asks the host it runs on: its names, addresses and processors.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace systole::daemon {

std::string host_name();  // uname -n, or $SYSTOLE_NODE_NAME where several nodes share a host.
std::vector<std::string> host_addresses();  // Numeric, of all interfaces.
unsigned processors();
// Numeric addresses of a name, by the resolver; IPv4 before IPv6. Blocks. Error: kInvalidConfig.
Result<std::string> resolve_host(const std::string& name);

}  // namespace systole::daemon
