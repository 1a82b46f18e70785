#include "daemon/worker_scheduler.h"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

namespace systole::daemon {

struct WorkerScheduler::Shared {
  struct Job {
    cib::Document snapshot;
    WallTime now;
    std::function<void(pengine::Plan)> done;
  };
  explicit Shared(Timers& t) : timers(t) {}

  Timers& timers;
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<Job> next;
  bool ended = false;
  std::thread thread;
};

WorkerScheduler::WorkerScheduler(Timers& timers) : shared_(std::make_shared<Shared>(timers)) {
  shared_->thread = std::thread([shared = shared_.get()] {
    std::unique_lock lock(shared->mutex);
    for (;;) {
      shared->changed.wait(lock, [shared] { return shared->ended || shared->next; });
      if (shared->ended) return;
      Shared::Job job = std::move(*shared->next);
      shared->next.reset();
      lock.unlock();
      pengine::Options options;
      options.now = job.now;
      auto plan = std::make_shared<pengine::Plan>(pengine::schedule(job.snapshot, options));
      lock.lock();
      if (shared->ended) return;
      shared->timers.post([done = std::move(job.done), plan] { done(std::move(*plan)); });
    }
  });
}

WorkerScheduler::~WorkerScheduler() {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->ended = true;
  }
  shared_->changed.notify_one();
  shared_->thread.join();
}

void WorkerScheduler::schedule(cib::Document snapshot, WallTime now,
                               std::function<void(pengine::Plan)> done) {
  const std::lock_guard lock(shared_->mutex);
  shared_->next.emplace(Shared::Job{std::move(snapshot), now, std::move(done)});
  shared_->changed.notify_one();
}

}  // namespace systole::daemon
