// WorkerScheduler: the scheduler on a thread of its own, over a snapshot that nobody else holds.
#pragma once

#include <memory>

#include "controller/node.h"

namespace systole::daemon {

class WorkerScheduler : public controller::SchedulerPort {
 public:
  // `timers`: of the main loop, on which `done` is called. Its post() is the only thing used from the worker.
  explicit WorkerScheduler(Timers& timers);
  ~WorkerScheduler() override;  // Waits for a plan under way; its `done` is not called.
  WorkerScheduler(const WorkerScheduler&) = delete;
  WorkerScheduler& operator=(const WorkerScheduler&) = delete;

  // A request that has not begun when a newer one comes is dropped; its patches are not.
  void schedule(cib::Document snapshot, WallTime now, std::function<void(pengine::Plan)> done) override;
  bool schedule_after(const std::vector<std::string>& patches, WallTime now,
                      const std::function<void(pengine::Plan)>& done,
                      const std::function<void()>& refused) override;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace systole::daemon
