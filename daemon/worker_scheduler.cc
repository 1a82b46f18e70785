#include "daemon/worker_scheduler.h"

#include <pthread.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "controller/follower.h"

namespace systole::daemon {

struct WorkerScheduler::Shared {
  struct Job {
    std::optional<cib::Document> snapshot;  // Before the patches; none: the one that the worker has.
    std::vector<std::string> patches;
    WallTime now;
    std::function<void(pengine::Plan)> done;
    std::function<void()> refused;
  };
  explicit Shared(Timers& t) : timers(t) {}

  // On the worker: what is to be said on the main loop.
  std::function<void()> work(Job job) {
    if (job.snapshot) follower.take(std::move(*job.snapshot));
    for (const std::string& patch : job.patches)
      if (!follower.follow(patch)) return std::move(job.refused);
    pengine::Options options;
    options.now = job.now;
    auto plan = std::make_shared<pengine::Plan>(follower.plan(options));
    return [done = std::move(job.done), plan] { done(std::move(*plan)); };
  }

  Timers& timers;
  controller::Follower follower;  // The worker's alone.
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<Job> next;
  bool ended = false;
  std::thread thread;
};

WorkerScheduler::WorkerScheduler(Timers& timers) : shared_(std::make_shared<Shared>(timers)) {
  shared_->thread = std::thread([shared = shared_.get()] {
    pthread_setname_np(pthread_self(), "scheduler");
    std::unique_lock lock(shared->mutex);
    for (;;) {
      shared->changed.wait(lock, [shared] { return shared->ended || shared->next; });
      if (shared->ended) return;
      Shared::Job job = std::move(*shared->next);
      shared->next.reset();
      lock.unlock();
      auto answer = shared->work(std::move(job));
      lock.lock();
      if (shared->ended) return;
      shared->timers.post(std::move(answer));
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
  shared_->next.emplace(Shared::Job{std::move(snapshot), {}, now, std::move(done), {}});
  shared_->changed.notify_one();
}

bool WorkerScheduler::schedule_after(const std::vector<std::string>& patches, WallTime now,
                                     const std::function<void(pengine::Plan)>& done,
                                     const std::function<void()>& refused) {
  const std::lock_guard lock(shared_->mutex);
  auto& next = shared_->next;
  if (!next) next.emplace();
  next->patches.insert(next->patches.end(), patches.begin(), patches.end());
  next->now = now;
  next->done = done;
  next->refused = refused;
  shared_->changed.notify_one();
  return true;
}

}  // namespace systole::daemon
