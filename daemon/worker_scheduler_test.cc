#include "daemon/worker_scheduler.h"

#include "base/asio_runtime.h"

namespace systole::daemon {
namespace {

TEST(WorkerScheduler, AnswersOnTheMainLoopAndTheNewestRequestAlways) {
  AsioRuntime runtime;
  WorkerScheduler scheduler(runtime.timers());
  int answered = 0, last = -1;
  for (int i = 0; i < 20; ++i) {
    scheduler.schedule(cib::Document::empty(), WallTime{}, [&, i](const pengine::Plan&) {
      EXPECT_GT(i, last);
      last = i;
      ++answered;
      if (i == 19) runtime.stop();
    });
  }
  EXPECT_EQ(answered, 0);  // Never inside the call.
  runtime.timers().after(Seconds(30), [&] { runtime.stop(); });
  runtime.run();
  EXPECT_EQ(last, 19);
}

TEST(WorkerScheduler, EndsWithARequestUnderWay) {
  AsioRuntime runtime;
  bool called = false;
  {
    WorkerScheduler scheduler(runtime.timers());
    scheduler.schedule(cib::Document::empty(), WallTime{}, [&](const pengine::Plan&) { called = true; });
  }
  EXPECT_FALSE(called);
}

}  // namespace
}  // namespace systole::daemon
