// The quorum disk: slots, stories of elections, and random worlds of nodes that crash, hang and tear sectors.
#include "qdevice/disk_election.h"

#include <gmock/gmock.h>

#include <random>

namespace systole::qdevice {
namespace {

using std::chrono::seconds;
using Ms = std::chrono::milliseconds;
using Flag = Slot::Flag;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kSeeds = 15;  // Much slower there.
#else
constexpr std::uint64_t kSeeds = 200;
#endif

TEST(DiskSlot, IsReadAsItWasWritten) {
  const Slot slot{{NodeId{3}, Incarnation{9}}, 7, {12, NodeId{1}}, Flag::kHolds, 2, 1700000000};
  const Bytes sector = encode(slot, "c");
  ASSERT_EQ(sector.size(), kSlotSize);
  const SlotRead read = decode(sector, "c", NodeId{3});
  EXPECT_EQ(read.state, SlotRead::State::kUsable);
  EXPECT_EQ(read.slot, slot);
}

TEST(DiskSlot, TornForeignAndShortOnesAreBroken) {
  const Slot slot{{NodeId{3}, Incarnation{9}}, 7, {12, NodeId{1}}, Flag::kHolds, 2, 1700000000};
  const Bytes good = encode(slot, "c");
  using State = SlotRead::State;
  EXPECT_EQ(decode(good, "another", NodeId{3}).state, State::kBroken);
  EXPECT_EQ(decode(good, "c", NodeId{4}).state, State::kBroken);
  EXPECT_EQ(decode(ByteView(good).first(512), "c", NodeId{3}).state, State::kBroken);
  EXPECT_EQ(decode(Bytes(kSlotSize), "c", NodeId{3}).state, State::kEmpty);
  Slot next = slot;
  next.generation = 8;
  const Bytes newer = encode(next, "c");
  for (std::size_t at = 512; at < kSlotSize; at += 512) {  // The first sectors are new, the rest is old.
    Bytes torn(newer.begin(), newer.begin() + static_cast<std::ptrdiff_t>(at));
    torn.insert(torn.end(), good.begin() + static_cast<std::ptrdiff_t>(at), good.end());
    EXPECT_EQ(decode(torn, "c", NodeId{3}).state, State::kBroken) << at;
  }
}

// Nodes that share a disk in memory.
class DiskWorld {
 public:
  explicit DiskWorld(std::uint32_t nodes, std::uint64_t seed = 0) : random_(seed) {
    for (std::uint32_t i = 1; i <= nodes; ++i) ids_.push_back(NodeId{i});
    for (const NodeId id : ids_) {
      nodes_.emplace(id, Node{DiskElection({id, Incarnation{1}}, seconds(10)), {}});
      sectors_[id] = Bytes(kSlotSize);
    }
  }

  void view(const std::vector<std::uint32_t>& members) {
    std::vector<NodeId> list;
    for (const std::uint32_t m : members) list.push_back(NodeId{m});
    const RingId ring{++sequence_, list.front()};
    for (const NodeId id : list) nodes_.at(id).election.view(ring, list);
  }
  // One whole round of `node`.
  void round(std::uint32_t id) {
    write(NodeId{id});
    finish(NodeId{id}, true);
  }
  void write(NodeId id) {
    Node& node = nodes_.at(id);
    node.began = now_;
    sectors_[id] = encode(node.election.next(WallTime{}), "c");
  }
  void finish(NodeId id, bool good) {
    Node& node = nodes_.at(id);
    if (!good) return node.election.round(node.began, now_, {});
    node.election.round(node.began, now_, read());
  }
  std::map<NodeId, SlotRead> read() const {
    std::map<NodeId, SlotRead> slots;
    for (const auto& [other, sector] : sectors_) slots[other] = decode(sector, "c", other);
    return slots;
  }
  void pass(Duration time) { now_ += time; }
  std::optional<bool> casts(std::uint32_t id) const {
    return nodes_.at(NodeId{id}).election.verdict(now_).casts;
  }
  void worthy(std::uint32_t id, bool is) { nodes_.at(NodeId{id}).election.set_worthy(is); }
  Bytes& sector(std::uint32_t id) { return sectors_[NodeId{id}]; }
  void wander();

 private:
  struct Node {
    DiskElection election;
    Time began;
    bool dead = false;
    enum { kIdle, kWrites, kReads } phase = kIdle;
    Time due;
    Bytes slot;
    std::map<NodeId, SlotRead> slots;
  };
  std::mt19937_64 random_;
  std::vector<NodeId> ids_;
  std::map<NodeId, Node> nodes_;
  std::map<NodeId, Bytes> sectors_;
  Time now_{seconds(1000)};
  std::uint64_t sequence_ = 0;
};

TEST(DiskElection, OneOfARingHoldsTheVoteAndKeepsItWhenTheRingSplits) {
  DiskWorld world(2);
  world.view({1, 2});
  for (int i = 0; i < 4; ++i) {
    world.round(1);
    world.round(2);
    world.pass(seconds(1));
  }
  EXPECT_EQ(world.casts(1), true);
  EXPECT_EQ(world.casts(2), false);  // Node 1 says it for both.
  world.view({1});
  world.view({2});
  for (int i = 0; i < 15; ++i) {
    world.round(2);
    world.round(1);
    EXPECT_EQ(world.casts(1), true);
    world.pass(seconds(1));
  }
  EXPECT_EQ(world.casts(2), false);
}

TEST(DiskElection, ADeadHoldersVoteIsTakenAfterItsTimeout) {
  DiskWorld world(2);
  world.view({1, 2});
  for (int i = 0; i < 3; ++i) {
    world.round(1);
    world.round(2);
    world.pass(seconds(1));
  }
  ASSERT_EQ(world.casts(1), true);
  world.view({2});
  int took = 0;
  for (; took < 20 && world.casts(2) != true; ++took) {
    world.round(2);
    EXPECT_NE(world.casts(2), false) << "undecided: node 1 may be dead";
    EXPECT_FALSE(world.casts(2) == true && world.casts(1) == true);
    world.pass(seconds(1));
  }
  EXPECT_GE(took, 10);
  EXPECT_LE(took, 14);
}

TEST(DiskElection, ABadDiskMeansNoVote) {
  DiskWorld world(2);
  world.view({1});
  EXPECT_NE(world.casts(1), true);
  world.write(NodeId{1});
  world.finish(NodeId{1}, false);
  EXPECT_EQ(world.casts(1), false);
  for (int i = 0; i < 3; ++i) world.round(1);
  EXPECT_EQ(world.casts(1), true);
  world.pass(seconds(10));  // It hangs.
  EXPECT_NE(world.casts(1), true);
  world.round(1);
  EXPECT_NE(world.casts(1), true);
}

TEST(DiskElection, ASectorThatMakesNoSenseIsAFlagForAWhile) {
  DiskWorld world(2);
  world.sector(2)[100] = 1;
  world.view({1});
  for (int i = 0; i < 10; ++i) {
    world.round(1);
    EXPECT_NE(world.casts(1), true);
    world.pass(seconds(1));
  }
  for (int i = 0; i < 5; ++i) {
    world.round(1);
    world.pass(seconds(1));
  }
  EXPECT_EQ(world.casts(1), true);
}

TEST(DiskElection, WhoseHeuristicsFailGivesTheVoteUp) {
  DiskWorld world(2);
  world.view({1});
  for (int i = 0; i < 3; ++i) world.round(1);
  ASSERT_EQ(world.casts(1), true);
  world.worthy(1, false);
  EXPECT_EQ(world.casts(1), false);
  world.round(1);
  world.view({2});
  for (int i = 0; i < 3; ++i) world.round(2);
  EXPECT_EQ(world.casts(2), true);
}

// Steps of random nodes at random times: writes and reads that take long, nodes that stop for any time, torn
// sectors, views that change. Never do two rings count the vote.
void DiskWorld::wander() {
  const auto below = [&](std::uint64_t bound) { return random_() % bound; };
  std::size_t held = 0;
  for (int step = 0; step < 4000; ++step) {
    now_ += Ms(below(80));
    if (below(150) == 0) {
      std::map<std::uint64_t, std::vector<std::uint32_t>> partitions;
      for (const NodeId id : ids_) partitions[below(3)].push_back(raw(id));
      for (const auto& [number, members] : partitions) view(members);
    }
    const NodeId id = ids_[below(ids_.size())];
    Node& node = nodes_.at(id);
    if (node.due > now_) continue;
    const Ms takes(below(20) == 0 ? below(25000) : below(300));
    switch (node.phase) {
      case Node::kIdle:
        node.began = now_;
        node.slot = encode(node.election.next(WallTime{}), "c");
        node.phase = Node::kWrites;
        node.due = now_ + takes;
        break;
      case Node::kWrites:
        sectors_[id] = node.slot;
        if (below(300) == 0) sectors_[id][200] ^= 1;
        node.phase = Node::kReads;
        node.slots = read();
        node.due = now_ + takes;
        break;
      case Node::kReads:
        node.election.round(node.began, now_,
                            below(50) == 0 ? std::optional<std::map<NodeId, SlotRead>>() : node.slots);
        node.phase = Node::kIdle;
        node.due = now_ + Ms(1000);
        break;
    }
    std::set<NodeId> counting;
    for (const auto& [other, n] : nodes_) {
      if (n.election.verdict(now_).casts == true) counting.insert(other);
    }
    ASSERT_LE(counting.size(), 1U) << "step " << step;
    held += counting.size();
  }
  EXPECT_GT(held, 100U);  // The vote is not merely never given.
}

TEST(DiskElection, NeverHasTwoHolders) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    DiskWorld world(2 + seed % 4, seed);
    world.wander();
    if (::testing::Test::HasFatalFailure()) FAIL() << "seed " << seed;
  }
}

}  // namespace
}  // namespace systole::qdevice
