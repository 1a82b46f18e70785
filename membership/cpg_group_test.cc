// CpgGroup on a stand-in for Corosync's process groups: an order for each partition, members told in the same
// place of it at all who go together; frames under way when members change are ordered afterwards. Judged by
// extended virtual synchrony on what the application sees.
#include "membership/cpg_group.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>

namespace systole::membership {
namespace {

struct Seen {
  RingId view;
  std::vector<NodeLife> members;
  std::vector<std::string> messages;  // Delivered in it, until the next view.
};

class Bus;

// One process: a CpgGroup, and what Corosync has for it that it has not taken yet.
struct Process : GroupOutput {
  Process(Bus& b, std::uint32_t id, std::uint32_t p, std::uint64_t incarnation, std::uint64_t sequence)
      : bus(b),
        me{NodeId{id}, p},
        life{NodeId{id}, Incarnation{incarnation}},
        stored(sequence),
        group(life, sequence, *this, Logger()) {}

  struct Event {
    std::optional<std::vector<GroupMember>> members;
    GroupMember from;
    Bytes frame;
    RingId ring;
  };

  bool send(ByteView frame) override;
  bool store_sequence(std::uint64_t sequence) override {
    EXPECT_GT(sequence, stored);
    stored = sequence;
    return true;
  }
  void rejoin() override { wants_rejoin = true; }
  void transitional(const View&) override {}
  void view(const View& v, const Quorum& q) override {
    seen.push_back({v.id, v.members, {}});
    quorate = q.quorate;
  }
  void quorum(const Quorum& q) override { quorate = q.quorate; }
  void message(NodeId sender, ByteView bytes) override {
    ASSERT_FALSE(seen.empty());
    seen.back().messages.push_back(
        fmt::format("{}:{}", raw(sender), as_text(bytes.first(std::min<std::size_t>(bytes.size(), 16)))));
  }

  Bus& bus;
  GroupMember me;
  NodeLife life;
  std::uint64_t stored;
  CpgGroup group;
  std::deque<Event> inbox;      // Ordered by Corosync, not taken yet.
  std::deque<Bytes> in_flight;  // Sent, not ordered yet.
  std::vector<Seen> seen;
  bool frozen = false, dead = false, wants_rejoin = false, quorate = false;
  int partition = 0;
  std::uint64_t accepted = 0;
};

class Bus {
 public:
  explicit Bus(std::uint64_t seed) : random(seed) {}

  Process& start(std::uint32_t node, int partition = 0) {
    const std::uint64_t sequence = last_sequence[node];
    processes.push_back(std::make_unique<Process>(*this, node, pids, pids, sequence));
    ++pids;
    Process& p = *processes.back();
    p.partition = partition;
    announce(partition);
    return p;
  }
  void kill(Process& p) {
    p.dead = true;
    last_sequence[raw(p.me.node)] = p.stored;
    announce(p.partition);
  }
  void move(Process& p, int partition) {
    const int old = std::exchange(p.partition, partition);
    if (old == partition) return;
    announce(old);
    announce(partition);
  }
  // The members of a partition have changed: all of them are told, at this place of their order.
  void announce(int partition) {
    std::vector<GroupMember> members;
    ++ring;
    for (const auto& p : processes)
      if (!p->dead && p->partition == partition) members.push_back(p->me);
    for (const auto& p : processes)
      if (!p->dead && p->partition == partition) p->inbox.push_back({members, {}, {}, {ring, NodeId{1}}});
  }
  void order_one(Process& p) {
    if (p.in_flight.empty()) return;
    for (const auto& other : processes)
      if (!other->dead && other->partition == p.partition)
        other->inbox.push_back({{}, p.me, p.in_flight.front(), {}});
    p.in_flight.pop_front();
  }
  void take_one(Process& p) {
    if (p.inbox.empty() || p.frozen) return;
    const Process::Event event = std::move(p.inbox.front());
    p.inbox.pop_front();
    if (event.members) {
      p.group.members(now, p.me, *event.members);
      p.group.totem_ring(event.ring);
      Quorum q;
      q.quorate = event.members->size() * 2 > 5;
      p.group.quorum(event.ring, q);
    } else {
      p.group.message(now, event.from, event.frame);
    }
  }
  void pass_time(Duration d) {
    now += d;
    for (const auto& p : processes)
      if (!p->dead && !p->frozen) p->group.advance(now);
    for (const auto& p : processes)
      if (!p->dead && std::exchange(p->wants_rejoin, false)) rejoin(*p);
  }
  void rejoin(Process& p) {
    const int partition = std::exchange(p.partition, -1);
    announce(partition);
    p.inbox.clear();
    p.in_flight.clear();
    p.group.lost();
    p.partition = partition;
    announce(partition);
  }
  // Nothing under way any more.
  void settle() {
    for (int quiet = 0; quiet < 3;) {
      bool busy = false;
      for (const auto& p : processes) {
        if (p->dead) continue;
        p->group.pump();
        busy = busy || !p->in_flight.empty() || (!p->frozen && !p->inbox.empty());
        order_one(*p);
        take_one(*p);
      }
      quiet = busy ? 0 : quiet + 1;
    }
  }

  std::mt19937_64 random;
  Time now{Seconds(1000)};
  std::vector<std::unique_ptr<Process>> processes;
  std::map<std::uint32_t, std::uint64_t> last_sequence;
  std::uint32_t pids = 100;
  std::uint64_t ring = 0;
  unsigned refuse_percent = 0;
};

bool Process::send(ByteView frame) {
  if (bus.random() % 100 < bus.refuse_percent) return false;
  in_flight.emplace_back(frame.begin(), frame.end());
  return true;
}

// Extended virtual synchrony of what the applications saw.
void judge(const Bus& bus) {
  std::map<RingId, std::vector<NodeLife>> members;
  for (const auto& p : bus.processes) {
    for (std::size_t i = 0; i < p->seen.size(); ++i) {
      const Seen& here = p->seen[i];
      const auto [known, first] = members.try_emplace(here.view, here.members);
      EXPECT_EQ(known->second, here.members) << "two views of one id";
      EXPECT_TRUE(std::find(here.members.begin(), here.members.end(), p->life) != here.members.end());
      if (i > 0) {
        EXPECT_LT(p->seen[i - 1].view.sequence, here.view.sequence);
      }
      for (const auto& q : bus.processes) {
        for (std::size_t k = 0; k < q->seen.size(); ++k) {
          if (q->seen[k].view != here.view) continue;
          const bool together =
              i + 1 < p->seen.size() && k + 1 < q->seen.size() && p->seen[i + 1].view == q->seen[k + 1].view;
          const auto& a = here.messages;
          const auto& b = q->seen[k].messages;
          if (together) {
            EXPECT_EQ(a, b) << "went on together, saw different messages";
          }
          const std::size_t common = std::min(a.size(), b.size());
          EXPECT_TRUE(std::equal(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(common), b.begin()))
              << "another order in one view";
        }
      }
    }
    // A sender's own messages: each once, in order.
    std::uint64_t next = 0;
    for (const Seen& s : p->seen) {
      for (const std::string& m : s.messages) {
        if (!m.starts_with(fmt::format("{}:", raw(p->me.node)))) continue;
        EXPECT_EQ(m.substr(0, 8), fmt::format("{}:{:06}", raw(p->me.node), next++));
      }
    }
    if (!p->dead && !p->frozen) {
      EXPECT_EQ(next, p->accepted) << "an accepted message was not delivered to its sender";
    }
  }
}

void say(Process& p, std::size_t size = 0, bool safe = false) {
  std::string text = fmt::format("{:06}", p.accepted++);
  text.resize(std::max(size, text.size()), '.');
  p.group.enqueue(to_bytes(text), safe);
}

TEST(CpgGroup, AViewHoldsThoseWhoSaidHelloAndMessagesComeInOneOrder) {
  Bus bus(1);
  for (std::uint32_t id = 1; id <= 3; ++id) bus.start(id);
  bus.settle();
  for (const auto& p : bus.processes) {
    ASSERT_FALSE(p->seen.empty());
    EXPECT_EQ(p->seen.back().members.size(), 3U);
    EXPECT_TRUE(p->quorate);
    say(*p);
  }
  bus.settle();
  EXPECT_EQ(bus.processes[0]->seen.back().messages.size(), 3U);
  judge(bus);
}

TEST(CpgGroup, AMessageOrderedAfterItsViewIsSentAgainInTheNext) {
  Bus bus(1);
  Process& a = bus.start(1);
  Process& b = bus.start(2);
  bus.settle();
  say(a);
  ASSERT_FALSE(a.in_flight.empty());
  bus.start(3);  // Ordered before the message that is under way.
  bus.settle();
  EXPECT_EQ(b.seen.back().members.size(), 3U);
  EXPECT_EQ(b.seen.back().messages, std::vector<std::string>{"1:000000"});
  judge(bus);
}

TEST(CpgGroup, AMessageOfManyFramesIsWhole) {
  Bus bus(1);
  Process& a = bus.start(1);
  Process& b = bus.start(2);
  bus.settle();
  std::string big(CpgGroup::kChunk * 3 + 77, 'x');
  big.replace(0, 6, "000000");
  a.accepted = 1;
  a.group.enqueue(to_bytes(big), false);
  bus.order_one(a);
  bus.start(3);  // In the middle of it.
  bus.settle();
  EXPECT_EQ(b.seen.back().messages.size(), 1U);
  EXPECT_EQ(bus.processes[2]->seen.back().messages.size(), 1U);
}

TEST(CpgGroup, ASafeMessageWaitsForEveryMember) {
  Bus bus(1);
  Process& a = bus.start(1);
  Process& b = bus.start(2);
  bus.settle();
  say(a, 0, true);
  say(a);
  bus.order_one(a);
  bus.order_one(a);
  for (int i = 0; i < 4; ++i) bus.take_one(a);
  EXPECT_TRUE(a.seen.back().messages.empty()) << "b has not taken it yet";
  bus.settle();
  EXPECT_EQ(a.seen.back().messages.size(), 2U);
  EXPECT_EQ(b.seen.back().messages.size(), 2U);
}

TEST(CpgGroup, ASafeMessageOfAViewThatEndsIsDeliveredBeforeTheNext) {
  Bus bus(1);
  Process& a = bus.start(1);
  Process& b = bus.start(2);
  bus.settle();
  say(a, 0, true);
  bus.order_one(a);
  while (!a.inbox.empty()) bus.take_one(a);
  bus.kill(b);
  bus.settle();
  ASSERT_GE(a.seen.size(), 2U);
  EXPECT_EQ(a.seen[a.seen.size() - 2].messages.size(), 1U);
  EXPECT_TRUE(a.seen.back().messages.empty());
}

TEST(CpgGroup, AStoppedProcessIsExcludedAndJoinsAnew) {
  Bus bus(1);
  for (std::uint32_t id = 1; id <= 3; ++id) bus.start(id);
  bus.settle();
  Process& stopped = *bus.processes[0];
  stopped.frozen = true;
  for (int i = 0; i < 20; ++i) {
    bus.pass_time(Milliseconds(500));
    bus.settle();
  }
  EXPECT_EQ(bus.processes[1]->seen.back().members.size(), 2U);
  stopped.frozen = false;
  for (int i = 0; i < 10; ++i) {
    bus.settle();
    bus.pass_time(Milliseconds(500));
  }
  bus.settle();
  EXPECT_EQ(bus.processes[1]->seen.back().members.size(), 3U);
  // It was alone, and knew that it had no quorum, before it was let in again.
  ASSERT_GE(stopped.seen.size(), 2U);
  EXPECT_EQ(stopped.seen[stopped.seen.size() - 2].members.size(), 1U);
  judge(bus);
}

TEST(CpgGroup, AProcessStoppedBeforeItsHelloDoesNotStopTheOthers) {
  Bus bus(1);
  bus.start(1);
  bus.start(2);
  bus.settle();
  bus.start(3).frozen = true;
  for (int i = 0; i < 20; ++i) {
    bus.settle();
    bus.pass_time(Milliseconds(500));
  }
  bus.settle();
  EXPECT_EQ(bus.processes[0]->group.state(), RingStatus::State::kOperational);
  EXPECT_EQ(bus.processes[0]->seen.back().members.size(), 2U);
}

TEST(CpgGroup, QuorumCountsOnlyForTheRingThatItWasToldOf) {
  Bus bus(1);
  Process& a = bus.start(1);
  bus.start(2);
  bus.start(3);
  bus.settle();
  EXPECT_TRUE(a.quorate);
  a.group.totem_ring(
      {99, NodeId{1}});  // The ring has changed; what the quorum service thinks is not known yet.
  EXPECT_FALSE(a.quorate);
  Quorum q;
  q.quorate = true;
  a.group.quorum({99, NodeId{1}}, q);
  EXPECT_TRUE(a.quorate);
  a.group.lost();
  EXPECT_FALSE(a.quorate);
  EXPECT_EQ(a.seen.back().members, std::vector{a.life});
}

TEST(CpgGroup, FramesOfAnyContentNeitherCrashNorChangeAnything) {
  Bus bus(1);
  Process& a = bus.start(1);
  Process& b = bus.start(2);
  bus.settle();
  const auto views = a.seen.size();
  for (int i = 0; i < 20000; ++i) {
    Bytes frame(bus.random() % 60);
    for (auto& byte : frame) byte = static_cast<std::uint8_t>(bus.random());
    if (frame.size() > 1) {
      frame[0] = 1;
      frame[1] = static_cast<std::uint8_t>(bus.random() % 6);  // Not an exclusion: a member may do that.
    }
    a.group.message(bus.now, b.me, frame);
  }
  EXPECT_EQ(a.seen.size(), views);
  say(b);
  bus.settle();
  EXPECT_EQ(a.seen.back().messages.size(), 1U);
}

// Everything at once.
TEST(CpgGroup, RandomTrouble) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    Bus bus(seed);
    bus.refuse_percent = seed % 3 == 0 ? 30 : 0;
    for (std::uint32_t id = 1; id <= 5; ++id) bus.start(id);
    const auto any = [&]() -> Process& { return *bus.processes[bus.random() % bus.processes.size()]; };
    for (int step = 0; step < 1500; ++step) {
      Process& p = any();
      const auto dice = bus.random() % 1000;
      if (p.dead) continue;
      if (dice < 100 && !p.frozen) {
        say(p, dice < 5 ? CpgGroup::kChunk * 2 : 0, dice % 7 == 0);
      } else if (dice < 500) {
        bus.order_one(p);
      } else if (dice < 960) {
        bus.take_one(p);
        if (!p.frozen) p.group.pump();
      } else if (dice < 972) {
        bus.move(p, static_cast<int>(bus.random() % 2));
      } else if (dice < 976) {
        p.frozen = !p.frozen;
      } else if (dice < 980) {
        bus.kill(p);
        bus.start(raw(p.me.node), static_cast<int>(bus.random() % 2));
      } else {
        bus.pass_time(Milliseconds(500));
      }
    }
    for (const auto& p : bus.processes) p->frozen = false;
    bus.refuse_percent = 0;
    for (const auto& p : bus.processes)
      if (!p->dead) bus.move(*p, 0);
    for (int i = 0; i < 20; ++i) {
      bus.settle();
      bus.pass_time(Milliseconds(500));
    }
    bus.settle();
    for (const auto& p : bus.processes) {
      if (p->dead) continue;
      EXPECT_EQ(p->group.view().members.size(), 5U);
      EXPECT_EQ(p->group.state(), RingStatus::State::kOperational);
    }
    judge(bus);
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace systole::membership
