// What the daemon asks the host it runs on: its names, addresses and processors.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "membership/config.h"

namespace systole::daemon {

std::string host_name();  // uname -n, or $SYSTOLE_NODE_NAME where several nodes share a host.
std::vector<membership::Interface> host_interfaces();  // Those that are up, loopback included.
unsigned processors();
std::string program_beside(const std::string& name);  // In the folder of the running program.
// The numeric address of a name, by the resolver. `ip_version` as in corosync.conf(5): ipv4, ipv6, or ipv4-6,
// ipv6-4, which take the other where there is none. Blocks. Error: kInvalidConfig.
Result<std::string> resolve_host(const std::string& name, const std::string& ip_version);

}  // namespace systole::daemon
