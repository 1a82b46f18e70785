// Server and client over a real socket. The server's loop runs in a thread of its own, as in the daemon.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "ipc/client.h"
#include "ipc/framing.h"
#include "ipc/server.h"
#include "ipc/systole.pb.h"

namespace systole::ipc {
namespace {

// A server that answers CibRequests with their own XML `repeat` times, and runs until the end of the test.
class IpcTest : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = std::filesystem::temp_directory_path() / fmt::format("systole-ipc-{}", getpid());
    std::filesystem::create_directories(dir_);
    path_ = dir_ + "/ipc";
  }
  void TearDown() override {
    if (thread_.joinable()) {
      runtime_.stop();
      thread_.join();
    }
    server_.reset();
    std::filesystem::remove_all(dir_);
  }
  void serve(Server::Limits limits = {}) {
    server_ = std::make_unique<Server>(
        runtime_, Logger(),
        Server::Handler{[this](Server::Connection c, const Peer& peer, Request r) { answer(c, peer, r); },
                        {}},
        limits);
    const auto listening = server_->listen(path_);
    ASSERT_TRUE(listening) << listening.error().message;
    thread_ = std::thread([this] { runtime_.run(); });
  }
  virtual void answer(Server::Connection c, const Peer& peer, const Request& r) {
    Response response;
    response.set_id(r.id());
    if (r.has_cib()) {
      for (int i = 0; i < repeat_; ++i) response.mutable_text()->append(r.cib().xml());
    } else if (r.has_subscribe()) {
      for (int i = 0; i < 3; ++i) {
        Response event;
        event.set_id(r.id());
        event.set_event(true);
        event.set_text(std::to_string(i));
        server_->send(c, event);
      }
    } else if (r.has_control()) {
      response.set_error(static_cast<int>(Errc::kNoQuorum) + 1);
      response.set_message("this partition has no quorum");
    } else {
      response.set_text(peer.user);
    }
    server_->send(c, response);
  }

  std::string dir_, path_;
  AsioRuntime runtime_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
  int repeat_ = 1;
};

Request cib(std::string xml) {
  Request r;
  r.mutable_cib()->set_xml(std::move(xml));
  return r;
}

TEST_F(IpcTest, ARequestIsAnswered) {
  serve();
  auto client = Client::connect(path_, "test");
  ASSERT_TRUE(client) << client.error().message;
  for (const char* text : {"<a/>", "<b/>"}) {
    const auto response = client->call(cib(text));
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->text(), text);
  }
}

TEST_F(IpcTest, ThePeersUserComesFromTheKernel) {
  serve();
  auto client = Client::connect(path_, "test");
  ASSERT_TRUE(client);
  Request r;
  r.mutable_status();
  const auto response = client->call(r);
  ASSERT_TRUE(response);
  if (geteuid() == 0) {
    EXPECT_EQ(response->text(), "root");
  }
  EXPECT_FALSE(response->text().empty());
}

TEST_F(IpcTest, AnAnswerWithAnErrorIsTheError) {
  serve();
  auto client = Client::connect(path_, "test");
  Request r;
  r.mutable_control();
  const auto response = client->call(r);
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Errc::kNoQuorum);
  EXPECT_EQ(response.error().message, "this partition has no quorum");
}

TEST_F(IpcTest, EventsAreKeptApartFromAnswers) {
  serve();
  auto client = Client::connect(path_, "test");
  Request r;
  r.mutable_subscribe()->set_cib(true);
  ASSERT_TRUE(client->call(r));
  ASSERT_TRUE(client->call(cib("<x/>")));
  for (int i = 0; i < 3; ++i) {
    const auto event = client->next_event(Seconds(5));
    ASSERT_TRUE(event) << event.error().message;
    EXPECT_EQ(event->text(), std::to_string(i));
  }
  const auto none = client->next_event(Milliseconds(1));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::kTimeout);
}

TEST_F(IpcTest, LargeMessagesPassBothWays) {
  serve();
  auto client = Client::connect(path_, "test");
  const std::string large(20U << 20, 'x');
  const auto response = client->call(cib(large));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->text(), large);
}

TEST_F(IpcTest, AnAnswerAboveTheFrameBoundBecomesAnErrorAndTheConnectionStays) {
  repeat_ = 5;
  serve();
  auto client = Client::connect(path_, "test");
  const auto refused = client->call(cib(std::string(15U << 20, 'x')));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kInvalidArgument);
  EXPECT_TRUE(client->call(cib("<x/>")));
}

TEST_F(IpcTest, NobodyListeningSaysThatTheClusterIsNotRunning) {
  const auto client = Client::connect(path_, "test");
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, Errc::kUnavailable);
  EXPECT_NE(client.error().message.find("not running"), std::string::npos);
}

TEST_F(IpcTest, ADaemonThatStopsEndsTheCall) {
  serve();
  auto client = Client::connect(path_, "test");
  ASSERT_TRUE(client->call(cib("<x/>")));
  runtime_.stop();
  thread_.join();
  server_.reset();
  const auto lost = client->call(cib("<x/>"));
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, Errc::kUnavailable);
}

TEST_F(IpcTest, TheSocketIsNotForOthers) {
  serve();
  struct stat s {};
  ASSERT_EQ(stat(path_.c_str(), &s), 0);
  EXPECT_EQ(s.st_mode & 07U, 0U);
}

TEST_F(IpcTest, ADeadDaemonsSocketIsReplacedAndALiveOnesIsNot) {
  {
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    close(fd);
  }
  serve();
  AsioRuntime other;
  Server second(other, Logger(), {});
  const auto refused = second.listen(path_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kExists);
}

TEST_F(IpcTest, AFileInTheSocketsPlaceIsLeftAlone) {
  std::ofstream(path_) << "precious";
  Server server(runtime_, Logger(), {});
  ASSERT_FALSE(server.listen(path_));
  EXPECT_TRUE(std::filesystem::is_regular_file(path_));
}

TEST_F(IpcTest, AboveTheBoundOfConnectionsTheNextIsToldSo) {
  Server::Limits limits;
  limits.connections = 1;
  serve(limits);
  auto first = Client::connect(path_, "test");
  ASSERT_TRUE(first->call(cib("<x/>")));
  auto second = Client::connect(path_, "test");
  ASSERT_TRUE(second);
  const auto refused = second->call(cib("<x/>"));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("too many"), std::string::npos) << refused.error().message;
  EXPECT_TRUE(first->call(cib("<x/>")));
}

// Connects and writes raw bytes.
int raw(const std::string& path, const std::string& bytes) {
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  return fd;
}

TEST_F(IpcTest, GarbageClosesItsConnectionAndNoOther) {
  serve();
  auto client = Client::connect(path_, "test");
  const std::string no_message("\0\0\0\3\xff\xff\xff", 7);
  for (const std::string& bytes : {std::string("\xff\xff\xff\xff garbage"), no_message}) {
    const int fd = raw(path_, bytes);
    char c = 0;
    EXPECT_LE(recv(fd, &c, 1, 0), 0);
    close(fd);
  }
  EXPECT_TRUE(client->call(cib("<x/>")));
}

TEST_F(IpcTest, AClientThatDoesNotReadIsNotReadFromAndLosesNothing) {
  Server::Limits limits;
  limits.unsent = 1000;
  serve(limits);
  Request r = cib(std::string(100'000, 'y'));
  std::string requests;
  constexpr unsigned kRequests = 50;
  for (unsigned i = 1; i <= kRequests; ++i) {
    r.set_id(i);
    requests += *frame(r);
  }
  // The writer blocks while nobody reads: that is the back-pressure.
  std::thread writer;
  const int fd = raw(path_, "");
  writer = std::thread([&] {
    EXPECT_EQ(send(fd, requests.data(), requests.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(requests.size()));
  });
  auto other = Client::connect(path_, "test");
  EXPECT_TRUE(other->call(cib("<x/>")));
  FrameReader reader;
  std::string block(65536, '\0');
  for (unsigned answers = 0; answers < kRequests;) {
    const ssize_t n = recv(fd, block.data(), block.size(), 0);
    ASSERT_GT(n, 0);
    reader.feed({block.data(), static_cast<std::size_t>(n)});
    for (auto content = reader.next(); content && *content; content = reader.next()) {
      Response response;
      ASSERT_TRUE(response.ParseFromString(**content));
      EXPECT_EQ(response.id(), ++answers);
    }
  }
  writer.join();
  close(fd);
}

}  // namespace
}  // namespace systole::ipc
