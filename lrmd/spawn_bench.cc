// How long it takes to have a trivial program run: asked for, forked, executed, reaped, reported.
#include <utility>

#include <benchmark/benchmark.h>
#include <sys/wait.h>

#include <boost/asio/io_context.hpp>

#include "lrmd/remote_processes.h"

namespace systole::lrmd {
namespace {

void spawn_true(benchmark::State& state) {
  AsioRuntime runtime;
  const auto helper = start_process_helper();
  if (!helper) return state.SkipWithError(helper.error().message.c_str());
  auto& io = *static_cast<boost::asio::io_context*>(runtime.io_context());
  {
    RemoteProcesses processes(runtime, *helper, [] {});
    for (auto _ : state) {
      bool done = false;
      ProcessSpec spec;
      spec.argv = {"/bin/true"};
      processes.start(std::move(spec), [&](const ProcessResult&) { done = true; });
      while (!done) io.run_one();
    }
  }
  ::waitpid(helper->pid, nullptr, 0);
}
BENCHMARK(spawn_true)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace systole::lrmd
