// The production ports against the real world: loopback sockets, temporary files.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <thread>

#include "base/asio_runtime.h"
#include "base/log.h"
#include "base/sha256.h"

namespace systole {
namespace {

TEST(AsioRuntime, DeliversADatagramOverLoopback) {
  AsioRuntime runtime;
  std::string got;
  auto b = runtime.network().bind({"127.0.0.1", 0}, {});
  ASSERT_TRUE(b) << b.error().message;
  auto a = runtime.network().bind({"127.0.0.1", 45405}, {[&](const Endpoint&, ByteView d) {
                                                           got = as_text(d);
                                                           runtime.stop();
                                                         },
                                                         {}});
  ASSERT_TRUE(a) << a.error().message;
  runtime.timers().after(Seconds(5), [&] { runtime.stop(); });
  (*b)->send({"127.0.0.1", 45405}, as_bytes("hello"));
  runtime.run();
  EXPECT_EQ(got, "hello");
}

// Equal sizes, a smaller last one, larger ones after it, more than one run holds: all arrive, whole, in
// order.
TEST(AsioRuntime, ManyDatagramsAtOnceArriveAsTheyWereSent) {
  AsioRuntime runtime;
  std::vector<Bytes> sent, got[2];
  for (const std::size_t size : {1400, 1400, 1400, 900, 1200, 1200, 1, 1400}) sent.emplace_back(size);
  for (int i = 0; i < 150; ++i) sent.emplace_back(1000);
  for (std::size_t i = 0; i < sent.size(); ++i) sent[i][0] = static_cast<std::uint8_t>(i);
  std::unique_ptr<DatagramSocket> receivers[2];
  std::vector<Endpoint> to;
  for (std::size_t i = 0; i < 2; ++i) {
    to.push_back({"127.0.0.1", static_cast<std::uint16_t>(21405 + i)});
    auto bound = runtime.network().bind(to[i], {[&, i](const Endpoint&, ByteView d) {
                                                  got[i].emplace_back(d.begin(), d.end());
                                                  if (got[0].size() + got[1].size() == 2 * sent.size())
                                                    runtime.stop();
                                                },
                                                {}});
    ASSERT_TRUE(bound) << bound.error().message;
    receivers[i] = std::move(*bound);
  }
  auto sender = runtime.network().bind({"127.0.0.1", 21407}, {});
  ASSERT_TRUE(sender) << sender.error().message;
  const std::vector<ByteView> views(sent.begin(), sent.end());
  (*sender)->send_all(to, views);
  runtime.timers().after(Seconds(5), [&] { runtime.stop(); });
  runtime.run();
  EXPECT_EQ(got[0], sent);
  EXPECT_EQ(got[1], sent);
}

TEST(AsioRuntime, TasksOfOtherThreadsRunOnTheLoopInTheOrderOfEach) {
  constexpr std::size_t kThreads = 3, kTasks = 3000;
  AsioRuntime runtime;
  std::vector<std::size_t> done[kThreads];  // The loop's alone.
  std::size_t all = 0, elsewhere = 0;
  std::atomic<bool> began{false};
  std::vector<std::thread> threads;
  for (auto& mine : done) {
    threads.emplace_back([&] {
      while (!began) std::this_thread::yield();
      for (std::size_t i = 0; i < kTasks; ++i) {
        runtime.timers().post([&, i, poster = std::this_thread::get_id()] {
          elsewhere += std::this_thread::get_id() == poster ? 1 : 0;
          mine.push_back(i);
          if (++all == kThreads * kTasks) runtime.stop();
        });
      }
    });
  }
  runtime.timers().post([&] { began = true; });
  runtime.timers().after(Seconds(20), [&] { runtime.stop(); });
  runtime.run();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(elsewhere, 0U);
  for (const auto& mine : done) {
    EXPECT_EQ(mine.size(), kTasks);
    EXPECT_TRUE(std::is_sorted(mine.begin(), mine.end()));
  }
}

TEST(AsioRuntime, SaysWhichPeerRefused) {
  AsioRuntime runtime;
  Endpoint refused;
  auto a = runtime.network().bind({"127.0.0.1", 0}, {{}, [&](const Endpoint& peer) {
                                                       refused = peer;
                                                       runtime.stop();
                                                     }});
  ASSERT_TRUE(a) << a.error().message;
  runtime.timers().after(Seconds(5), [&] { runtime.stop(); });
  (*a)->send({"127.0.0.1", 9}, as_bytes("anybody?"));
  runtime.run();
  EXPECT_EQ(refused, (Endpoint{"127.0.0.1", 9}));
}

// Two members of one group on this host; `group` and the interface's address as given.
void expect_group(const std::string& group, const std::string& interface) {
  AsioRuntime runtime;
  const auto port = static_cast<std::uint16_t>(21000 + getpid() % 20000);
  int heard = 0;
  const Network::Handler handler{[&](const Endpoint&, ByteView d) {
                                   EXPECT_EQ(as_text(d), "all");
                                   if (++heard == 2) runtime.stop();
                                 },
                                 {}};
  auto a = runtime.network().join({group, port}, interface, 1, handler);
  ASSERT_TRUE(a) << a.error().message;
  auto b = runtime.network().join({group, port}, interface, 1, handler);
  ASSERT_TRUE(b) << b.error().message;
  EXPECT_TRUE((*a)->send({group, port}, as_bytes("all")));
  runtime.timers().after(Seconds(5), [&] { runtime.stop(); });
  runtime.run();
  EXPECT_EQ(heard, 2);
}

TEST(AsioRuntime, AGroupHearsWhatOneOfItSends) { expect_group("239.192.7.7", "127.0.0.1"); }

TEST(AsioRuntime, ADatagramThatTheInterfaceCannotTakeIsToldAndNotFragmented) {
  AsioRuntime runtime;
  auto socket = runtime.network().bind({"127.0.0.1", 0}, {});
  ASSERT_TRUE(socket) << socket.error().message;
  EXPECT_TRUE((*socket)->send({"127.0.0.1", 9}, Bytes(1000)));
  EXPECT_FALSE((*socket)->send({"127.0.0.1", 9}, Bytes(65530)));
}

TEST(AsioRuntime, ACancelledTimerStaysSilent) {
  AsioRuntime runtime;
  bool fired = false;
  const auto id = runtime.timers().after(Milliseconds(1), [&] { fired = true; });
  runtime.timers().cancel(id);
  runtime.timers().after(Milliseconds(20), [&] { runtime.stop(); });
  runtime.run();
  EXPECT_FALSE(fired);
}

TEST(AsioRuntime, BindingAForeignAddressSaysWhich) {
  AsioRuntime runtime;
  const auto socket = runtime.network().bind({"192.0.2.1", 5405}, {});
  ASSERT_FALSE(socket);
  EXPECT_NE(socket.error().message.find("192.0.2.1"), std::string::npos);
}

TEST(PosixFiles, WritesReadsListsAndRemoves) {
  const auto files = posix_files();
  const std::string dir =
      std::filesystem::temp_directory_path() / ("systole-base-" + std::to_string(getpid()));
  ASSERT_TRUE(files->make_directory(dir, 0700));
  ASSERT_TRUE(files->write_atomic(dir + "/key", as_bytes("secret"), 0400));
  EXPECT_EQ(as_text(files->read(dir + "/key").value()), "secret");
  EXPECT_EQ(files->status(dir + "/key")->mode, 0400U);
  EXPECT_EQ(files->list(dir).value(), std::vector<std::string>{"key"});
  EXPECT_TRUE(files->remove(dir + "/key"));
  const auto gone = files->read(dir + "/key");
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, Errc::kNotFound);
  std::filesystem::remove_all(dir);
}

TEST(Log, AFileThatWasMovedAwayIsMadeAnew) {
  const std::filesystem::path dir =
      std::filesystem::temp_directory_path() / ("systole-log-" + std::to_string(getpid()));
  std::filesystem::create_directory(dir);
  const std::string path = dir / "log", moved = dir / "log.1";
  const auto content = [](const std::string& of) {
    return std::string(as_text(posix_files()->read(of).value()));
  };
  {
    Logger first(spdlog_sink(path, "n1"), "test");
    std::filesystem::rename(path, moved);
    first.notice("one");
    EXPECT_NE(content(path).find("[test] notice: one"), std::string::npos);
    EXPECT_EQ(content(moved), "");
  }
  {
    Logger second(spdlog_sink(path, "n1"), "test");
    std::filesystem::rename(path, moved);
    std::filesystem::create_directory(path);
    second.notice("two");  // No file can be made: the old one has it.
    EXPECT_NE(content(moved).find("[test] notice: two"), std::string::npos);
  }
  std::filesystem::remove_all(dir);
}

TEST(Sha256, KnownSums) {  // FIPS 180-4's examples.
  Sha256 sha;
  sha.add(std::string_view("abc"));
  EXPECT_EQ(hex(sha.finish()), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex(sha.finish()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  sha.add(as_bytes("abcdbcdecdefdefgefghfghighij"));
  sha.add(std::string_view("hijkijkljklmklmnlmnomnopnopq"));
  EXPECT_EQ(hex(sha.finish()), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

}  // namespace
}  // namespace systole
