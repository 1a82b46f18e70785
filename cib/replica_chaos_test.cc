// Replicas under random crashes, partitions, merges, slow disks and messages that only a part of an ending
// view gets. A failing seed is named and replays alike.
#include <random>

#include "cib/replica_test_bus.h"

namespace systole::cib {
namespace {

constexpr unsigned kNodes = 3;

class Chaos {
 public:
  // `split`: partitions of any size take changes. Otherwise at least two of the three nodes are needed for a
  // view, and then nothing acknowledged may ever be lost.
  Chaos(std::uint64_t seed, bool split) : random_(seed), split_(split), bus_(kNodes, seed % 2 == 0) {
    Op start = counting_change();
    start.xml.replace(start.xml.find("value++"), 7, "0");
    bus_.view({1, 2, 3});
    bus_.submit(1, start);
    bus_.run();
  }

  void run(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) {
      step();
      check_agreement();
    }
    heal();
    check_agreement();
  }

  void check_nothing_lost() {
    const std::string there = bus_.resources(1);
    for (const auto& [id, answer] : created_)
      EXPECT_TRUE(!*answer || !**answer || there.find(id + " ") != std::string::npos)
          << id << " was acknowledged";
    std::size_t acknowledged = 0;
    for (const TestBus::Answer* answer : counted_) acknowledged += *answer && **answer;
    const std::size_t counter = std::stoul(bus_.counter(1));
    EXPECT_GE(counter, acknowledged);
    EXPECT_LE(counter, counted_.size()) << "an operation was applied twice";
  }
  void check_all_answered() {
    for (unsigned id = 1; id <= kNodes; ++id)
      EXPECT_FALSE(bus_.logged(id, "diverged"))
          << bus_.last_words(1) << bus_.last_words(2) << bus_.last_words(3);
    for (const auto& [id, answer] : created_)
      EXPECT_TRUE(answer->has_value())
          << id << " got no answer" << bus_.last_words(1) << bus_.last_words(2) << bus_.last_words(3);
    for (const TestBus::Answer* answer : counted_) EXPECT_TRUE(answer->has_value());
  }
  std::size_t acknowledged() const {
    std::size_t n = 0;
    for (const auto& [id, answer] : created_) n += *answer && **answer;
    return n;
  }

 private:
  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  std::vector<unsigned> up() {
    std::vector<unsigned> out;
    for (unsigned id = 1; id <= kNodes; ++id)
      if (bus_.node(id).replica) out.push_back(id);
    return out;
  }

  void submit() {
    const auto nodes = up();
    if (nodes.empty()) return;
    const unsigned id = nodes[below(nodes.size())];
    switch (below(3)) {
      case 0:
        counted_.push_back(&bus_.submit(id, counting_change()));
        break;
      case 1:
        bus_.submit(id, status_change(std::to_string(1 + below(4)), std::to_string(below(100))));
        break;
      default: {
        const std::string name = "r" + std::to_string(created_.size());
        created_.emplace_back(name, &bus_.submit(id, make_primitive(name)));
      }
    }
  }

  void step() {
    switch (below(16)) {
      case 0:
        return crash();
      case 1:
        return start();
      case 2:
        return change_views();
      case 3:
        bus_.hold_disks = below(2) != 0;
        return;
      case 4:
        bus_.node(1 + static_cast<unsigned>(below(kNodes))).journal.release();
        return;
      case 5:
      case 6:
      case 7:
        return submit();
      case 8:
        bus_.world.advance(Milliseconds(1));
        return;
      case 9:
        bus_.tell_one(below(4) == 0);
        [[fallthrough]];
      case 10:
        bus_.world.step();
        return;
      default:
        bus_.order_one(1 + static_cast<unsigned>(below(kNodes)));
        return;
    }
  }

  void crash() {
    const auto nodes = up();
    if (nodes.size() > 1 && below(3) == 0) {
      bus_.crash(nodes[below(nodes.size())]);
      change_views();
    } else if (below(10) == 0) {  // Power loss of all.
      for (const unsigned id : nodes) bus_.crash(id);
    }
  }
  void start() {
    for (unsigned id = 1; id <= kNodes; ++id)
      if (!bus_.node(id).replica && below(2) != 0) bus_.start(id);
    change_views();
  }

  // The nodes that are up in one or two new views; each part first gets some of what its members had sent.
  void change_views() {
    auto nodes = up();
    std::shuffle(nodes.begin(), nodes.end(), random_);
    const std::size_t cut = nodes.size() < 2 || below(2) != 0 ? nodes.size() : 1 + below(nodes.size() - 1);
    std::vector<std::vector<unsigned>> parts{
        {nodes.begin(), nodes.begin() + static_cast<std::ptrdiff_t>(cut)},
        {nodes.begin() + static_cast<std::ptrdiff_t>(cut), nodes.end()}};
    for (auto& part : parts) {
      if (part.empty() || (!split_ && part.size() < 2)) continue;
      std::sort(part.begin(), part.end());
      for (std::uint64_t n = below(4); n > 0; --n) bus_.order_one(part[below(part.size())], part);
    }
    for (const auto& part : parts) {
      if (part.empty()) continue;
      if (split_ || part.size() >= 2)
        bus_.view(part);
      else
        bus_.silence(part[0]);
    }
  }

  void heal() {
    bus_.hold_disks = false;
    for (unsigned id = 1; id <= kNodes; ++id) {
      if (!bus_.node(id).replica) bus_.start(id);
      bus_.node(id).journal.release();
    }
    bus_.view({1, 2, 3});
    bus_.run();
    for (unsigned id = 1; id <= kNodes; ++id) EXPECT_TRUE(bus_.node(id).replica->synced()) << "node " << id;
    EXPECT_EQ(bus_.digest(1), bus_.digest(2));
    EXPECT_EQ(bus_.digest(1), bus_.digest(3));
  }

  // Members of one view that are synced have one document, whatever happened before.
  void check_agreement() {
    for (const unsigned a : up())
      for (const unsigned b : up()) {
        auto &x = bus_.node(a), &y = bus_.node(b);
        if (a >= b || x.view.members.empty() || !(x.view == y.view) || !x.replica->synced() ||
            !y.replica->synced())
          continue;
        ASSERT_EQ(to_string(x.replica->version()), to_string(y.replica->version()))
            << "nodes " << a << " and " << b << bus_.last_words(a) << bus_.last_words(b);
        ASSERT_EQ(x.replica->document().digest(), y.replica->document().digest()) << a << " and " << b;
      }
  }

  std::mt19937_64 random_;
  const bool split_;
  TestBus bus_;
  std::vector<std::pair<std::string, const TestBus::Answer*>> created_;
  std::vector<const TestBus::Answer*> counted_;
};

TEST(ReplicaChaos, NothingAcknowledgedIsLostAndNothingIsAppliedTwice) {
  std::size_t acknowledged = 0;
  for (std::uint64_t seed = 1; seed <= 50 && !HasFailure(); ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Chaos chaos(seed, false);
    chaos.run(400);
    chaos.check_nothing_lost();
    chaos.check_all_answered();
    acknowledged += chaos.acknowledged();
  }
  EXPECT_GT(acknowledged, 150U);  // The scenario is not one in which nothing ever succeeds.
}

TEST(ReplicaChaos, PartitionsThatBothTookChangesEndInOneDocument) {
  for (std::uint64_t seed = 1; seed <= 50 && !HasFailure(); ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Chaos chaos(seed, true);
    chaos.run(400);
    chaos.check_all_answered();
  }
}

}  // namespace
}  // namespace systole::cib
