// RingThread on real sockets: three nodes on loopback addresses of one process, sealed frames, real threads.
#include "membership/ring_thread.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/asio_runtime.h"

namespace systole::membership {
namespace {

class RingThreadTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kNodes = 3;

  void SetUp() override {
    directory_ = std::filesystem::temp_directory_path() / fmt::format("systole-ring-{}", getpid());
    config_.totem.cluster_name = "loop";
    config_.totem.port = static_cast<std::uint16_t>(20000 + getpid() % 20000);
    for (std::uint32_t i = 1; i <= kNodes; ++i) {
      config_.nodes.push_back({NodeId{i}, fmt::format("n{}", i), {fmt::format("127.0.0.{}", i)}, 1});
    }
    nodes_.resize(kNodes);
    for (std::size_t i = 0; i < kNodes; ++i) start(i);
    main_.timers().after(Seconds(30), [this] {
      ADD_FAILURE() << "took too long";
      main_.stop();
    });
  }
  void TearDown() override {
    for (auto& node : nodes_) node.ring.reset();
    std::filesystem::remove_all(directory_);
  }

  void start(std::size_t i) {
    auto state = RingState::begin_life(*files_, main_.clock(), directory_, config_.nodes[i].id, Logger());
    ASSERT_TRUE(state) << state.error().message;
    auto ring = RingThread::create({&main_.timers(), Logger(), config_, *state, Bytes(256, 7), false});
    ASSERT_TRUE(ring) << ring.error().message;
    nodes_[i] = {};
    nodes_[i].ring = std::move(*ring);
    Membership::Handler h;
    h.view = [this, i](const View& view, const Quorum& quorum) {
      nodes_[i].view = view;
      nodes_[i].quorum = quorum;
      step();
    };
    h.message = [this, i](NodeId sender, ByteView message) {
      nodes_[i].messages.push_back(fmt::format(
          "{}:{}", raw(sender), as_text(message.first(std::min<std::size_t>(message.size(), 20)))));
      nodes_[i].bytes += message.size();
      step();
    };
    h.told = [this, i](NodeId sender, ByteView message) {
      nodes_[i].told.push_back(fmt::format("{}:{}", raw(sender), as_text(message)));
      step();
    };
    nodes_[i].ring->start(std::move(h));
  }
  bool all_see(std::size_t members) const {
    std::size_t agreeing = 0;
    for (const Node& node : nodes_) {
      if (node.ring && node.view.members.size() == members) ++agreeing;
    }
    return agreeing == members;
  }
  // Runs the main loop until `step_` says that it is enough.
  void run() { main_.run(); }
  void step() {
    if (done_ && done_()) {
      done_ = nullptr;
      main_.timers().post([this] { next_(); });
    }
  }
  void when(std::function<bool()> done, std::function<void()> next) {
    next_ = std::move(next);
    done_ = std::move(done);
    step();
  }

  struct Node {
    std::unique_ptr<RingThread> ring;
    View view;
    Quorum quorum;
    std::vector<std::string> messages, told;
    std::size_t bytes = 0;
  };
  std::string directory_;
  AsioRuntime main_;
  std::unique_ptr<Files> files_ = posix_files();
  ClusterConfig config_;
  std::vector<Node> nodes_;
  std::function<bool()> done_;
  std::function<void()> next_;
};

TEST_F(RingThreadTest, ThreeNodesAgreeDeliverInOneOrderAndSeeALeaveAtOnce) {
  constexpr std::size_t kEach = 500;
  when([this] { return all_see(3); },
       [this] {
         for (std::size_t n = 0; n < kEach; ++n) {
           for (Node& node : nodes_) {
             const auto sent = node.ring->multicast(to_bytes(fmt::format("{}", n)),
                                                    n % 7 == 0 ? Delivery::kSafe : Delivery::kAgreed);
             ASSERT_TRUE(sent) << sent.error().message;
           }
         }
         ASSERT_TRUE(nodes_[1].ring->multicast(Bytes(Membership::kMaxMessage, 'x'), Delivery::kAgreed));
         when(
             [this] {
               for (const Node& node : nodes_) {
                 if (node.messages.size() < 3 * kEach + 1) return false;
               }
               return true;
             },
             [this] {
               EXPECT_EQ(nodes_[0].messages, nodes_[1].messages);
               EXPECT_EQ(nodes_[0].messages, nodes_[2].messages);
               EXPECT_GT(nodes_[0].bytes, Membership::kMaxMessage);
               EXPECT_TRUE(nodes_[0].quorum.quorate);
               const Time before = main_.clock().now();
               nodes_[2].ring->leave();
               nodes_[2].ring.reset();
               when([this] { return all_see(2); },
                    [this, before] {
                      EXPECT_LT(main_.clock().now() - before, Milliseconds(500));
                      main_.stop();
                    });
             });
       });
  run();
}

TEST_F(RingThreadTest, AWordBesideTheOrderReachesTheOneItIsFor) {
  when([this] { return all_see(3); },
       [this] {
         nodes_[0].ring->tell(NodeId{3}, Bytes(Membership::kMaxTold + 1, 'x'));  // Too long: not sent.
         nodes_[0].ring->tell(NodeId{3}, to_bytes("psst"));
         when([this] { return !nodes_[2].told.empty(); },
              [this] {
                EXPECT_EQ(nodes_[2].told, std::vector<std::string>{"1:psst"});
                EXPECT_TRUE(nodes_[1].told.empty());
                EXPECT_TRUE(nodes_[2].messages.empty());
                main_.stop();
              });
       });
  run();
}

TEST_F(RingThreadTest, ADeadProcessIsNoticedByItsRefusingPort) {
  when([this] { return all_see(3); },
       [this] {
         nodes_[1].ring.reset();  // No goodbye: its socket is gone.
         const Time before = main_.clock().now();
         when([this] { return all_see(2); },
              [this, before] {
                EXPECT_LT(main_.clock().now() - before, Milliseconds(900));
                main_.stop();
              });
       });
  run();
}

TEST_F(RingThreadTest, StatusShowsLinksAndCounters) {
  when([this] { return all_see(3); },
       [this] {
         main_.timers().after(Milliseconds(1500), [this] {
           const RingStatus s = nodes_[0].ring->status();
           EXPECT_EQ(s.state, RingStatus::State::kOperational);
           EXPECT_EQ(s.view.members.size(), 3U);
           EXPECT_EQ(s.links.size(), 2U);
           for (const auto& link : s.links) {
             EXPECT_TRUE(link.up);
             EXPECT_GT(link.latency, Duration{});
           }
           EXPECT_GT(s.counters.tokens, 0U);
           EXPECT_EQ(s.counters.frames_refused_auth, 0U);
           main_.stop();
         });
       });
  run();
}

TEST_F(RingThreadTest, AnAddressInUseIsNamed) {
  auto state = RingState::begin_life(*files_, main_.clock(), directory_, NodeId{1}, Logger());
  ASSERT_TRUE(state);
  const auto again = RingThread::create({&main_.timers(), Logger(), config_, *state, Bytes(256, 7), false});
  ASSERT_FALSE(again);
  EXPECT_NE(again.error().message.find("127.0.0.1"), std::string::npos);
}

}  // namespace
}  // namespace systole::membership
