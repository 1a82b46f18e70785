// systole-bench-ring NODEID NODES PREFIX DIRECTORY: one node of our ring, node i at address PREFIX.i, with
// production's ports and sealed frames, doing what load.h says. Asio needs <utility> before it (Boost 1.74).
#include <utility>

#include <boost/asio/io_context.hpp>

#include "base/asio_runtime.h"
#include "membership/ring_thread.h"
#include "tests/bench/load.h"

namespace {

using systole::AsioRuntime;
using systole::Bytes;
using systole::ByteView;
using systole::NodeId;
namespace membership = systole::membership;

class Ring : public systole::bench::Bus {
 public:
  Ring(NodeId self, std::uint32_t nodes, const std::string& prefix, const std::string& directory)
      : self_(self) {
    systole::Logger log(
        [](systole::Level level, std::string_view, std::string_view message) {
          if (level >= systole::Level::kWarning) std::cerr << message << '\n';
        },
        "bench", systole::Level::kInfo);
    membership::ClusterConfig config;
    config.totem.cluster_name = "bench";
    for (std::uint32_t i = 1; i <= nodes; ++i)
      config.nodes.push_back({NodeId{i}, fmt::format("n{}", i), {fmt::format("{}.{}", prefix, i)}, 1});
    auto state = membership::RingState::begin_life(*files_, main_.clock(), directory, self_, log);
    if (!state) complain(state.error());
    auto ring = membership::RingThread::create({&main_.timers(), log, config, *state, Bytes(256, 7), true});
    if (!ring) complain(ring.error());
    ring_ = std::move(*ring);
    membership::Membership::Handler handler;
    handler.view = [this](const membership::View& view, const membership::Quorum&) {
      members = view.members.size();
    };
    handler.message = [this](NodeId sender, ByteView) { own += sender == self_; };
    ring_->start(std::move(handler));
  }
  ~Ring() override { ring_->leave(); }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  bool send(std::size_t size) override {
    return ring_->multicast(Bytes(size), membership::Delivery::kAgreed).has_value();
  }
  void dispatch(std::chrono::milliseconds wait) override {
    auto& io = *static_cast<boost::asio::io_context*>(main_.io_context());
    if (io.poll() == 0 && wait.count() > 0) io.run_one_for(wait);
  }

 private:
  [[noreturn]] static void complain(const systole::Error& error) {
    std::cerr << "systole-bench-ring: " << error.message << '\n';
    std::exit(1);
  }

  NodeId self_;
  AsioRuntime main_;
  std::unique_ptr<systole::Files> files_ = systole::posix_files();
  std::unique_ptr<membership::RingThread> ring_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::cerr << "systole-bench-ring NODEID NODES PREFIX DIRECTORY\n";
    return 2;
  }
  Ring ring(NodeId{static_cast<std::uint32_t>(std::stoul(argv[1]))},
            static_cast<std::uint32_t>(std::stoul(argv[2])), argv[3], argv[4]);
  systole::bench::serve(ring);
  return 0;
}
