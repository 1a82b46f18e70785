// Lines over loopback, also to a process that is killed or stopped.
#include "base/asio_lines.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <csignal>

#include "base/asio_runtime.h"
#include "base/fd.h"

namespace systole {
namespace {

std::unique_ptr<Lines> lines_of(AsioRuntime& runtime) {
  return asio_lines(*static_cast<boost::asio::io_context*>(runtime.io_context()));
}

class AsioLinesTest : public ::testing::Test {
 protected:
  struct Seen {
    std::unique_ptr<Lines::Line> line;
    bool opened = false, closed = false;
  };
  std::unique_ptr<Lines::Listener> listen(const std::vector<std::string>& peers) {
    auto listener = lines->listen(local, peers);
    EXPECT_TRUE(listener) << listener.error().message;
    return listener ? std::move(*listener) : nullptr;
  }
  std::unique_ptr<Seen> dial(const std::string& from) {
    auto seen = std::make_unique<Seen>();
    seen->line = lines->connect(from, local,
                                {[s = seen.get()] { s->opened = true; },
                                 [s = seen.get()] {
                                   EXPECT_FALSE(s->closed);
                                   s->closed = true;
                                 }});
    return seen;
  }
  void run(const std::function<bool()>& done, Duration limit) {
    auto& io = *static_cast<boost::asio::io_context*>(runtime.io_context());
    const Time end = runtime.clock().now() + limit;
    while (!done() && runtime.clock().now() < end) io.run_for(Milliseconds(1));
  }
  AsioRuntime runtime;
  std::unique_ptr<Lines> lines = lines_of(runtime);
  const Endpoint local{"127.0.0.1", static_cast<std::uint16_t>(12000 + getpid() % 20000)};
};

TEST_F(AsioLinesTest, AStandingLineEndsWithItsListener) {
  auto listener = listen({"127.0.0.2"});
  const auto seen = dial("127.0.0.2");
  run([&] { return seen->closed; }, Milliseconds(50));
  EXPECT_TRUE(seen->opened);
  EXPECT_FALSE(seen->closed);
  listener.reset();
  run([&] { return seen->closed; }, Seconds(2));
  EXPECT_TRUE(seen->closed);
}

TEST_F(AsioLinesTest, ALineThatNobodyTakesIsClosedAndNeverOpened) {
  const auto seen = dial("127.0.0.2");
  EXPECT_FALSE(seen->closed);  // Not inside the call.
  run([&] { return seen->closed; }, Seconds(2));
  EXPECT_TRUE(seen->closed);
  EXPECT_FALSE(seen->opened);
  const auto odd = dial("192.0.2.1");  // Not an address of this host.
  run([&] { return odd->closed; }, Seconds(2));
  EXPECT_TRUE(odd->closed);
}

TEST_F(AsioLinesTest, StrangersAreHungUpOnAndSoAreThoseThatAreAdmittedNoMore) {
  auto listener = listen({"127.0.0.2"});
  const auto stranger = dial("127.0.0.3"), peer = dial("127.0.0.2");
  run([&] { return stranger->closed; }, Seconds(2));
  EXPECT_TRUE(stranger->closed);
  EXPECT_FALSE(peer->closed);
  run([] { return false; }, Milliseconds(150));  // Past the pause after strangers.
  listener->admit({"127.0.0.3"});
  run([&] { return peer->closed; }, Seconds(2));
  EXPECT_TRUE(peer->closed);
}

TEST_F(AsioLinesTest, OfOneAddressTheLastTwoAreHeld) {
  auto listener = listen({"127.0.0.2", "127.0.0.3"});
  const auto other = dial("127.0.0.3"), first = dial("127.0.0.2");
  run([&] { return first->opened; }, Seconds(2));
  const auto second = dial("127.0.0.2");
  run([&] { return second->opened; }, Seconds(2));
  const auto third = dial("127.0.0.2");
  run([&] { return first->closed; }, Seconds(2));
  EXPECT_TRUE(first->closed);
  run([] { return false; }, Milliseconds(50));
  EXPECT_FALSE(second->closed || third->closed || other->closed);
}

TEST_F(AsioLinesTest, WhoeverSaysSomethingIsHungUpOn) {
  auto listener = listen({"127.0.0.1"});
  const Fd talker(socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(local.port);
  inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
  ASSERT_EQ(connect(talker.get(), reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  run([] { return false; }, Milliseconds(50));
  char byte = 0;
  EXPECT_EQ(recv(talker.get(), &byte, 1, MSG_DONTWAIT), -1);
  EXPECT_EQ(errno, EAGAIN);
  ASSERT_EQ(send(talker.get(), "x", 1, 0), 1);
  run([] { return false; }, Milliseconds(50));
  EXPECT_TRUE(recv(talker.get(), &byte, 1, MSG_DONTWAIT) == 0 || errno == ECONNRESET);
}

TEST_F(AsioLinesTest, AnAddressInUseIsNamed) {
  auto listener = listen({});
  const auto again = lines->listen(local, {});
  ASSERT_FALSE(again);
  EXPECT_NE(again.error().message.find("127.0.0.1"), std::string::npos);
}

// What it is for. Stopped, the process keeps its lines; killed, it does not, not even while it is stopped.
TEST_F(AsioLinesTest, AKilledProcessIsKnownAtOnceAndAStoppedOneIsNot) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    AsioRuntime own;
    const auto held = lines_of(own)->listen(local, {"127.0.0.2"});
    (void)!write(ready[1], held ? "y" : "n", 1);
    own.run();
    _exit(0);
  }
  char answer = 0;
  ASSERT_EQ(read(ready[0], &answer, 1), 1);
  ASSERT_EQ(answer, 'y');
  const auto seen = dial("127.0.0.2");
  run([&] { return seen->opened; }, Seconds(2));
  ASSERT_TRUE(seen->opened);
  run([] { return false; }, Milliseconds(20));
  kill(child, SIGSTOP);
  run([&] { return seen->closed; }, Milliseconds(200));
  EXPECT_FALSE(seen->closed);
  const Time before = runtime.clock().now();
  kill(child, SIGKILL);
  run([&] { return seen->closed; }, Seconds(2));
  EXPECT_TRUE(seen->closed);
  EXPECT_LT(runtime.clock().now() - before, Milliseconds(500));  // About one; the machine may be busy.
  RecordProperty("microseconds", static_cast<int>((runtime.clock().now() - before).count() / 1000));
  waitpid(child, nullptr, 0);
  close(ready[0]);
  close(ready[1]);
}

}  // namespace
}  // namespace systole
