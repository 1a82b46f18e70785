#include "qdevice/heuristics.h"

#include <csignal>
#include <set>

namespace systole::qdevice {

struct HeuristicsRunner::Run {
  std::set<Processes::Id> running;
  std::size_t left = 0;
  bool passed = true, over = false;
  Timers::Id timer = 0;
  std::function<void(bool)> done;
};

HeuristicsRunner::HeuristicsRunner(Processes& processes, Timers& timers,
                                   membership::DeviceOptions::Heuristics options)
    : processes_(processes), timers_(timers), options_(std::move(options)) {}

HeuristicsRunner::~HeuristicsRunner() { give_up(); }

void HeuristicsRunner::give_up() {
  if (!run_ || run_->over) return;
  run_->over = true;
  timers_.cancel(run_->timer);
  for (const Processes::Id id : run_->running) processes_.kill(id, SIGKILL);
}

void HeuristicsRunner::run(Duration timeout, std::function<void(bool)> done) {
  give_up();
  run_ = std::make_shared<Run>();
  run_->done = std::move(done);
  run_->left = options_.commands.size();
  const auto finish = [this, run = run_](bool passed) {
    if (run->over) return;
    if (run == run_) give_up();
    run->done(passed);
  };
  run_->timer = timers_.after(timeout, [finish] { finish(false); });
  const std::shared_ptr<Run> run = run_;
  for (const auto& [name, words] : options_.commands) {
    ProcessSpec spec;
    spec.argv = words;
    spec.environment = {{"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}};
    spec.output_limit = 1024;
    const auto id = std::make_shared<Processes::Id>(0);
    *id = processes_.start(std::move(spec), [run, id, finish](const ProcessResult& result) {
      run->running.erase(*id);
      if (run->over) return;
      if (result.end != ProcessResult::End::kExited || result.code != 0) return finish(false);
      if (--run->left == 0) finish(true);
    });
    run->running.insert(*id);
  }
}

}  // namespace systole::qdevice
