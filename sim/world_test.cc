#include "sim/world.h"

#include <gtest/gtest.h>

namespace systole::sim {
namespace {

struct Pair {
  explicit Pair(std::uint64_t seed) : world(seed) {
    for (const char* name : {"a", "b"}) world.add_host(name, {std::string("10.0.0.") + name}).boot();
  }
  Host& host(std::size_t i) { return *world.hosts()[i]; }
  std::unique_ptr<DatagramSocket> listen(std::size_t i, Network::Handler handler) {
    return *host(i).ports().network->bind({i == 0 ? "10.0.0.a" : "10.0.0.b", 5405}, std::move(handler));
  }
  World world;
};

TEST(World, ADatagramArrivesOnceWithoutFaults) {
  Pair p(1);
  int got = 0;
  auto b = p.listen(1, {[&](const Endpoint& from, ByteView d) {
                          EXPECT_EQ(from.address, "10.0.0.a");
                          got += static_cast<int>(d.size());
                        },
                        {}});
  auto a = p.listen(0, {});
  a->send({"10.0.0.b", 5405}, as_bytes("abc"));
  p.world.run_for(Seconds(1));
  EXPECT_EQ(got, 3);
}

TEST(World, ACutGoesOneWay) {
  Pair p(1);
  int at_a = 0, at_b = 0;
  auto a = p.listen(0, {[&](const Endpoint&, ByteView) { ++at_a; }, {}});
  auto b = p.listen(1, {[&](const Endpoint&, ByteView) { ++at_b; }, {}});
  p.world.cut("a", "b");
  a->send({"10.0.0.b", 5405}, as_bytes("x"));
  b->send({"10.0.0.a", 5405}, as_bytes("x"));
  p.world.run_for(Seconds(1));
  EXPECT_EQ(at_a, 1);
  EXPECT_EQ(at_b, 0);
}

TEST(World, AClosedPortRefusesButADeadHostIsSilent) {
  Pair p(1);
  int refused = 0;
  auto a = p.listen(0, {{}, [&](const Endpoint&) { ++refused; }});
  a->send({"10.0.0.b", 5405}, as_bytes("x"));
  p.world.run_for(Seconds(1));
  EXPECT_EQ(refused, 1);
  p.host(1).crash();
  a->send({"10.0.0.b", 5405}, as_bytes("x"));
  p.world.run_for(Seconds(1));
  EXPECT_EQ(refused, 1);
}

TEST(World, ACrashEndsTimersAndAPauseDelaysThem) {
  Pair p(1);
  std::vector<std::string> fired;
  p.host(0).ports().timers->after(Milliseconds(10), [&] { fired.push_back("a"); });
  p.host(1).ports().timers->after(Milliseconds(10), [&] {
    fired.push_back("b");
    EXPECT_EQ(p.world.now(), Time(Milliseconds(500)));
  });
  p.host(0).crash();
  p.host(1).pause(Milliseconds(500));
  p.world.run_for(Milliseconds(400));
  EXPECT_TRUE(fired.empty());
  p.world.run_for(Milliseconds(400));
  EXPECT_EQ(fired, std::vector<std::string>{"b"});
}

TEST(World, OneSeedGivesOneTrace) {
  const auto run = [](std::uint64_t seed) {
    Pair p(seed);
    p.world.network.loss = 0.3;
    p.world.network.duplication = 0.3;
    auto b = p.listen(1, {[&](const Endpoint&, ByteView d) { p.world.trace(as_text(d)); }, {}});
    auto a = p.listen(0, {});
    for (int i = 0; i < 100; ++i) a->send({"10.0.0.b", 5405}, as_bytes(std::to_string(i)));
    p.world.run_for(Seconds(1));
    return p.world.digest();
  };
  EXPECT_EQ(run(7), run(7));
  EXPECT_NE(run(7), run(8));
}

}  // namespace
}  // namespace systole::sim
