// Agreed delivery over loopback: three RingThreads with sealed frames, one sender. `rate`: as many messages
// as the ring takes; items and bytes per second as the slowest member delivers them. `latency`: one message
// at a time, from multicast() to its delivery at the sender. Asio needs <utility> before it (Boost 1.74).
#include <utility>

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>

#include <filesystem>

#include "base/asio_runtime.h"
#include "membership/ring_thread.h"

namespace systole::membership {
namespace {

class Trio {
 public:
  Trio() {
    directory_ = std::filesystem::temp_directory_path() / fmt::format("systole-ring-bench-{}", getpid());
    config_.totem.cluster_name = "bench";
    config_.totem.port = static_cast<std::uint16_t>(20000 + getpid() % 20000);
    for (std::uint32_t i = 1; i <= 3; ++i) {
      config_.nodes.push_back({NodeId{i}, fmt::format("n{}", i), {fmt::format("127.0.0.{}", i)}, 1});
    }
    for (std::size_t i = 0; i < 3; ++i) {
      auto state = RingState::begin_life(*files_, main_.clock(), directory_, config_.nodes[i].id, Logger());
      if (!state) return;
      auto ring = RingThread::create({&main_.timers(), Logger(), config_, *state, Bytes(256, 7), false});
      if (!ring) return;
      rings_[i] = std::move(*ring);
      Membership::Handler h;
      h.view = [this](const View& view, const Quorum&) {
        full_views_ += view.members.size() == 3;
        if (full_views_ == 3) main_.stop();
      };
      h.message = [this, i](NodeId, ByteView) {
        ++delivered_[i];
        if (on_message_) on_message_(i);
      };
      h.space = [this] {
        if (on_space_) on_space_();
      };
      rings_[i]->start(std::move(h));
    }
    main_.run();
    ready = true;
  }
  ~Trio() {
    for (auto& ring : rings_) ring.reset();
    std::filesystem::remove_all(directory_);
  }

  // Sends `count` messages from node 1 and waits until all three have delivered them.
  void rate(std::size_t count, std::size_t size) {
    reset();
    std::size_t sent = 0;
    const std::size_t before[] = {delivered_[0], delivered_[1], delivered_[2]};
    on_space_ = [&] {
      while (sent < count && rings_[0]->multicast(Bytes(size), Delivery::kAgreed)) ++sent;
    };
    on_message_ = [&](std::size_t) {
      for (std::size_t i = 0; i < 3; ++i) {
        if (delivered_[i] - before[i] < count) return;
      }
      main_.stop();
    };
    main_.timers().post([this] { on_space_(); });
    main_.run();
    on_space_ = nullptr;
    on_message_ = nullptr;
  }
  // One message from node `from`, until it is delivered there.
  void one(std::size_t from, std::size_t size) {
    reset();
    on_message_ = [this, from](std::size_t i) {
      if (i == from) main_.stop();
    };
    main_.timers().post(
        [this, from, size] { (void)rings_[from]->multicast(Bytes(size), Delivery::kAgreed); });
    main_.run();
    on_message_ = nullptr;
  }
  bool ready = false;

 private:
  void reset() { static_cast<boost::asio::io_context*>(main_.io_context())->restart(); }

  std::string directory_;
  AsioRuntime main_;
  std::unique_ptr<Files> files_ = posix_files();
  ClusterConfig config_;
  std::unique_ptr<RingThread> rings_[3];
  std::size_t delivered_[3] = {};
  int full_views_ = 0;
  std::function<void(std::size_t)> on_message_;
  std::function<void()> on_space_;
};

void agreed_rate(benchmark::State& state) {
  Trio trio;
  if (!trio.ready) return state.SkipWithError("no ring");
  const auto size = static_cast<std::size_t>(state.range(0));
  const std::size_t count = size >= 16384 ? 4000 : 50000;
  std::int64_t messages = 0;
  for (auto _ : state) {
    trio.rate(count, size);
    messages += static_cast<std::int64_t>(count);
  }
  state.SetItemsProcessed(messages);
  state.SetBytesProcessed(messages * state.range(0));
}
BENCHMARK(agreed_rate)
    ->Arg(64)
    ->Arg(1024)
    ->Arg(16384)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond)
    ->Iterations(3);

void agreed_latency(benchmark::State& state) {
  Trio trio;
  if (!trio.ready) return state.SkipWithError("no ring");
  std::vector<double> taken;
  std::size_t from = 0;
  for (auto _ : state) {
    const auto before = std::chrono::steady_clock::now();
    trio.one(from = (from + 1) % 3, static_cast<std::size_t>(state.range(0)));
    taken.push_back(
        std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - before).count());
  }
  std::sort(taken.begin(), taken.end());
  state.counters["p50_us"] = taken[taken.size() / 2];
  state.counters["p99_us"] = taken[taken.size() * 99 / 100];
}
BENCHMARK(agreed_latency)
    ->Arg(64)
    ->Arg(1024)
    ->Arg(16384)
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond)
    ->Iterations(3000);

}  // namespace
}  // namespace systole::membership
