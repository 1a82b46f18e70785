// The Processes port of one life of one simulated host. Programs are known by their path:
//   …/resource.d/…/TYPE    an OCF agent (environment OCF_RESOURCE_INSTANCE, argument = action)
//   …/fence_sim, …2        fence agents (options on standard input: action, port or nodename)
// Anything else ends with "not installed" (ENOENT). Agents' and devices' faults are ClusterWorld's.
//
// A program dies with its host or daemon; what a fencing device was told to do goes on without it.
#pragma once

#include <memory>
#include <string>

#include "base/ports.h"
#include "sim/cluster_world.h"

namespace systole::sim {

std::unique_ptr<Processes> make_processes(ClusterWorld& world, std::string node, const Ports& ports);

}  // namespace systole::sim
