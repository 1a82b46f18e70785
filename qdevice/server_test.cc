// The arbitrator's sockets: certificates, TLS, a node's device at the other end, and strangers.
#include <gmock/gmock.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include "base/asio_runtime.h"
#include "qdevice/net_device.h"
#include "qdevice/server.h"

namespace systole::qdevice {
namespace {

namespace asio = boost::asio;

class NoProcesses : public Processes {
 public:
  Id start(ProcessSpec, std::function<void(ProcessResult)>) override { return 1; }
  void kill(Id, int) override {}
};

class Sockets : public ::testing::Test {
 protected:
  void SetUp() override { authority_ = make_authority(WallTime(std::chrono::system_clock::now())).value(); }
  Credentials credentials(const std::string& name, const Authority& authority) {
    return make_credentials(authority, name, WallTime(std::chrono::system_clock::now())).value();
  }
  std::unique_ptr<Server> server() {
    ServerOptions options;
    options.address = "127.0.0.1";
    options.port = 0;
    options.tls = server_context(credentials(kArbitratorName, authority_), true).value();
    auto made = std::make_unique<Server>(runtime_, Logger(), std::move(options));
    EXPECT_TRUE(made->listen());
    return made;
  }
  // What the device of the node `self` in a view of its own says first.
  std::optional<bool> first_word(std::uint16_t port, const std::string& cluster, const Credentials& shown) {
    membership::ClusterConfig config;
    config.totem.cluster_name = cluster;
    config.nodes = {{NodeId{1}, "n1", {"x"}, 1}, {NodeId{2}, "n2", {"y"}, 1}};
    config.quorum.device_votes = 1;
    auto& device = config.quorum.device;
    device.host = "127.0.0.1";
    device.port = port;
    device.timeout = Milliseconds(1000);  // The arbitrator is quiet no longer.
    device.connect_timeout = Milliseconds(1000);
    NetDevice net({&runtime_,
                   &processes_,
                   Logger(),
                   config,
                   {NodeId{1}, Incarnation{1}},
                   client_context(shown).value()});
    std::optional<bool> word;
    std::vector<bool> words;
    net.start([&](const RingId&, const membership::QuorumDeviceVote& vote) {
      words.push_back(vote.casts);
      if (vote.casts) {
        word = true;
        runtime_.stop();
      }
    });
    net.view({{5, NodeId{1}}, {{NodeId{1}, Incarnation{1}}}}, {});
    runtime_.timers().after(Milliseconds(1800), [&] { runtime_.stop(); });
    runtime_.run();
    if (!word && !words.empty()) word = words.back();
    return word;
  }

  AsioRuntime runtime_;
  NoProcesses processes_;
  Authority authority_;
};

TEST_F(Sockets, ANodeWithItsClustersCertificateGetsTheVote) {
  const auto arbitrator = server();
  EXPECT_EQ(first_word(arbitrator->port(), "c", credentials("c", authority_)), true);
}

TEST_F(Sockets, AnotherClustersCertificateGetsNothing) {
  const auto arbitrator = server();
  EXPECT_EQ(first_word(arbitrator->port(), "c", credentials("d", authority_)), false);
}

TEST_F(Sockets, ACertificateOfAnotherAuthorityGetsNothing) {
  const auto arbitrator = server();
  const auto other = make_authority(WallTime(std::chrono::system_clock::now())).value();
  Credentials mixed = credentials("c", other);
  mixed.authority = authority_.certificate;  // It believes the arbitrator, who does not believe it.
  EXPECT_EQ(first_word(arbitrator->port(), "c", mixed), false);
}

TEST_F(Sockets, ANodeDoesNotBelieveAnotherClusterThatPlaysArbitrator) {
  ServerOptions options;
  options.address = "127.0.0.1";
  options.port = 0;
  options.tls = server_context(credentials("evil", authority_), true).value();
  Server evil(runtime_, Logger(), std::move(options));
  ASSERT_TRUE(evil.listen());
  EXPECT_EQ(first_word(evil.port(), "c", credentials("c", authority_)), false);
}

TEST_F(Sockets, PlainTextIsShutOut) {
  const auto arbitrator = server();
  asio::io_context& io = *static_cast<asio::io_context*>(runtime_.io_context());
  asio::ip::tcp::socket stranger(io);
  stranger.connect({asio::ip::make_address("127.0.0.1"), arbitrator->port()});
  asio::write(stranger, asio::buffer("\0\0\0\5hello", 9));
  std::array<char, 16> answer{};
  boost::system::error_code ended;
  stranger.async_read_some(asio::buffer(answer), [&](const boost::system::error_code& error, std::size_t) {
    ended = error;
    runtime_.stop();
  });
  runtime_.timers().after(Milliseconds(2000), [&] { runtime_.stop(); });
  runtime_.run();
  EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace systole::qdevice
