// Asio must see std::exchange before its awaitable header: <utility> first (Boost 1.74).
#include <utility>

#include "base/asio_runtime.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
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

class AsioTimers : public Timers {
 public:
  explicit AsioTimers(asio::io_context& io) : io_(io) {}

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
  void post(std::function<void()> task) override { asio::post(io_, std::move(task)); }

 private:
  asio::io_context& io_;
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
void AsioRuntime::run() { state_->io.run(); }
void AsioRuntime::stop() { state_->io.stop(); }
void* AsioRuntime::io_context() { return &state_->io; }

}  // namespace systole
