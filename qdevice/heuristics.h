// Heuristics of corosync-qdevice(8): commands that all must succeed in time.
#pragma once

#include <functional>
#include <memory>

#include "base/ports.h"
#include "membership/config.h"

namespace systole::qdevice {

class HeuristicsRunner {
 public:
  HeuristicsRunner(Processes& processes, Timers& timers, membership::DeviceOptions::Heuristics options);
  ~HeuristicsRunner();  // What runs is killed; no callback after it.
  HeuristicsRunner(const HeuristicsRunner&) = delete;
  HeuristicsRunner& operator=(const HeuristicsRunner&) = delete;

  // All at once; those that still run after `timeout` are killed, and have failed. A run that is under way is
  // given up: its `done` is not called.
  void run(Duration timeout, std::function<void(bool passed)> done);

 private:
  struct Run;
  void give_up();

  Processes& processes_;
  Timers& timers_;
  membership::DeviceOptions::Heuristics options_;
  std::shared_ptr<Run> run_;
};

}  // namespace systole::qdevice
