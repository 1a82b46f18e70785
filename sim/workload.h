// Workload: a random cluster configuration and what will happen to it, drawn from one seed.
#pragma once

#include <string>
#include <vector>

#include "sim/world.h"

namespace systole::sim {

struct Workload {
  unsigned nodes = 3;
  std::string cib;  // The initial document.
  // What the checkers need to know of it.
  std::vector<std::string> singles;  // Primitives that may be active on one node only.
  struct Order {
    std::string first, then;
  };
  std::vector<Order> orders;  // Mandatory: `then` starts only while `first` is active.
  struct Apart {
    std::string a, b;
  };
  std::vector<Apart> apart;  // Colocation of -INFINITY.

  struct Fault {
    enum class Kind {
      kCrashHost,
      kCrashDaemon,
      kPause,
      kPartition,
      kOneWayCut,
      kHeal,
      kLoss,
      kCalm,
      kDiskFails,
      kDiskGood,
      kAgentFaults,
      kAgentsGood,
      kFenceFaults,
      kFenceGood,
      kAdmin,
      kClockJump,
      kShutdown,
    } kind;
    Duration when{};
    std::uint64_t draw = 0;  // Decides the details: which node, how long.
  };
  std::vector<Fault> faults;  // By time.
  Duration faults_end{};
};

// `intensity` 0..1 scales how many faults there are.
Workload draw_workload(std::uint64_t seed, double intensity = 1.0);
std::string describe(const Workload& workload);

}  // namespace systole::sim
