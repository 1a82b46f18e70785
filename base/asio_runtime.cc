// Asio must see std::exchange before its awaitable header: <utility> first (Boost 1.74).
#include <utility>

#include "base/asio_runtime.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "base/asio_network.h"

namespace systole {
namespace asio = boost::asio;
using boost::system::error_code;

namespace {

class SystemClock : public Clock {
 public:
  Time now() const override { return std::chrono::steady_clock::now(); }
  WallTime wall() const override { return std::chrono::system_clock::now(); }
};

// Tasks from other threads. Asio's own post wakes the loop while it holds the lock that the loop wants next:
// each task would cost two more switches between threads.
class Mailbox {
 public:
  explicit Mailbox(asio::io_context& io) : bell_(io, ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    bell_.non_blocking(true);
    wait();
  }

  void put(std::function<void()> task) {
    {
      const std::lock_guard lock(mutex_);
      tasks_.push_back(std::move(task));
      if (tasks_.size() > 1) return;  // The bell has rung.
    }
    const std::uint64_t one = 1;
    (void)!::write(bell_.native_handle(), &one, sizeof one);  // Fails only if it has rung 2^64 times.
  }

 private:
  void wait() {
    bell_.async_read_some(asio::buffer(&rung_, sizeof rung_), [this](error_code error, std::size_t) {
      if (error) return;
      {
        const std::lock_guard lock(mutex_);
        taken_.swap(tasks_);
      }
      for (auto& task : taken_) task();
      taken_.clear();
      wait();
    });
  }

  asio::posix::stream_descriptor bell_;
  std::uint64_t rung_ = 0;
  std::mutex mutex_;
  std::vector<std::function<void()>> tasks_;
  std::vector<std::function<void()>> taken_;
};

class AsioTimers : public Timers {
 public:
  explicit AsioTimers(asio::io_context& io) : io_(io), others_(io) {}

  Id after(Duration delay, std::function<void()> fire) override {
    const Id id = next_++;
    auto timer = std::make_unique<asio::steady_timer>(io_, std::max(delay, Duration::zero()));
    timer->async_wait([this, id, fire = std::move(fire)](error_code error) {
      if (error) return;
      // The map's entry goes first, so that `fire` may cancel or set timers as it likes.
      if (timers_.erase(id) == 1) fire();
    });
    timers_.emplace(id, std::move(timer));
    return id;
  }
  void cancel(Id id) override { timers_.erase(id); }
  void post(std::function<void()> task) override {
    const std::thread::id owner = owner_;
    if (owner == std::thread::id{} || owner == std::this_thread::get_id()) {
      asio::post(io_, std::move(task));
    } else {
      others_.put(std::move(task));
    }
  }
  void run() {
    owner_ = std::this_thread::get_id();
    io_.run();
  }

 private:
  asio::io_context& io_;
  std::atomic<std::thread::id> owner_;  // Who runs the loop; none: not yet.
  Mailbox others_;
  std::unordered_map<Id, std::unique_ptr<asio::steady_timer>> timers_;
  Id next_ = 1;
};

}  // namespace

struct AsioRuntime::State {
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  SystemClock clock;
  AsioTimers timers{io};
  std::unique_ptr<Network> network = asio_network(io);
};

AsioRuntime::AsioRuntime() : state_(std::make_unique<State>()) {}
AsioRuntime::~AsioRuntime() = default;
Clock& AsioRuntime::clock() { return state_->clock; }
Timers& AsioRuntime::timers() { return state_->timers; }
Network& AsioRuntime::network() { return *state_->network; }
void AsioRuntime::run() { state_->timers.run(); }
void AsioRuntime::stop() { state_->io.stop(); }
void* AsioRuntime::io_context() { return &state_->io; }

}  // namespace systole
