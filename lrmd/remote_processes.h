// RemoteProcesses: the production Processes. Asks the process helper over its socket; runs on one Asio loop.
#pragma once

#include <functional>
#include <memory>

#include "base/asio_runtime.h"
#include "lrmd/process_helper.h"

namespace systole::lrmd {

class RemoteProcesses : public Processes {
 public:
  // Takes the socket over. `lost` is called once when the helper is gone: everything that ran has been
  // reported as kFailedToStart by then, and whatever is started later is so too. The node cannot keep its
  // promises any more: the program should end.
  RemoteProcesses(AsioRuntime& runtime, HelperHandle helper, std::function<void()> lost);
  ~RemoteProcesses() override;

  Id start(ProcessSpec spec, std::function<void(ProcessResult)> done) override;
  void kill(Id id, int signal) override;

  struct State;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace systole::lrmd
