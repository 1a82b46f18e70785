#include "daemon/worker_scheduler.h"

#include <gtest/gtest.h>

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

constexpr const char* kQuorate =
    R"(<diff format="2"><version><source admin_epoch="0" epoch="0" num_updates="0"/>)"
    R"(<target admin_epoch="0" epoch="0" num_updates="0"/></version><change operation="modify" path="/cib">)"
    R"(<change-list><change-attr name="have-quorum" operation="set" value="1"/></change-list></change></diff>)";

TEST(WorkerScheduler, FollowsPatchesAndNoneIsDroppedWithItsRequest) {
  AsioRuntime runtime;
  WorkerScheduler scheduler(runtime.timers());
  const auto unused = [](const pengine::Plan&) {};
  const auto refused = [] { ADD_FAILURE() << "refused"; };
  bool quorate = false;
  scheduler.schedule(cib::Document::empty(), WallTime{}, unused);
  EXPECT_TRUE(scheduler.schedule_after({kQuorate}, WallTime{}, unused, refused));
  EXPECT_TRUE(scheduler.schedule_after(
      {}, WallTime{},
      [&](const pengine::Plan& plan) {
        quorate = plan.quorate;
        runtime.stop();
      },
      refused));
  runtime.timers().after(Seconds(30), [&] { runtime.stop(); });
  runtime.run();
  EXPECT_TRUE(quorate);
}

TEST(WorkerScheduler, RefusesPatchesThatDoNotFit) {
  AsioRuntime runtime;
  WorkerScheduler scheduler(runtime.timers());
  bool refused = false;
  scheduler.schedule(cib::Document::empty(), WallTime{}, [](const pengine::Plan&) {});
  scheduler.schedule_after(
      {"<diff format=\"2\"/>"}, WallTime{}, [](const pengine::Plan&) { ADD_FAILURE() << "planned"; },
      [&] {
        refused = true;
        runtime.stop();
      });
  runtime.timers().after(Seconds(30), [&] { runtime.stop(); });
  runtime.run();
  EXPECT_TRUE(refused);
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
