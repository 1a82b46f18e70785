// Workload: a random cluster configuration and what will happen to it, drawn from one seed. It is made of
// parts (nodes, resources, constraints, faults) that can be left out one by one, so that a failing story
// shrinks.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "sim/world.h"

namespace systole::sim {

// What a seed is drawn for.
enum class Profile {
  kMixed,  // Faults in bursts, quiet times between: what --seeds runs.
  kDense,  // One fault after the other, for the hunt.
  kLong,   // Hours with a fault every few minutes.
};

struct Fault {
  std::string kind;  // A name of faults.h.
  Duration when{};
  std::uint64_t draw = 0;  // Decides the details: which node, how long.
};

// What to leave out: indexes into the parts as drawn.
struct Drop {
  std::set<std::size_t> faults, resources, constraints;
  unsigned nodes = 0;  // Greater than zero: only so many.
};

struct Workload {
  std::string scenario;  // Name of the scenario it is, or empty.
  unsigned nodes = 3, links = 1;
  double drift = 0;
  std::string cib;                                                        // The initial document.
  std::size_t resource_parts = 0, constraint_parts = 0, fault_parts = 0;  // As drawn.

  // What the checkers need to know of it.
  struct Service {
    std::string id;                       // As its agent sees it.
    std::string top;                      // Primitive, group or clone that it belongs to.
    unsigned most = 1, most_on_node = 1;  // Active instances.
    unsigned promoted = 0;                // Promoted instances.
    bool migrates = false;
    bool single() const { return most == 1; }
  };
  std::vector<Service> services;
  struct Pair {
    std::string first, then;
  };
  std::vector<Pair> orders;  // Mandatory, of single services: `then` starts only while `first` is active.
  std::vector<Pair> apart;   // Colocation of -INFINITY.
  std::vector<Pair> with;  // Colocation of INFINITY, of single services: `then` runs only where `first` does.
  std::string no_quorum_policy = "stop";
  std::string secret;  // A parameter's value that no log may show.
  std::string ticket;  // A ticket that something depends on: `ticketed`, which stop when it is revoked or
                       // stay as they are.
  std::vector<std::string> ticketed;
  bool ticket_freezes = false;

  std::vector<Fault> faults;  // By time.
  Duration faults_end{};

  const Service* service(const std::string& id) const;
};

Workload draw_workload(std::uint64_t seed, Profile profile, const Drop& drop = {});
// One of scenarios.h, with details drawn from the seed.
Workload draw_scenario(const std::string& name, std::uint64_t seed, const Drop& drop = {});
// Only the cluster of `seed`, with that many nodes (0: as drawn), without faults.
Workload draw_cluster(std::uint64_t seed, unsigned nodes, const Drop& drop);
std::string describe(const Workload& workload);

}  // namespace systole::sim
