// The device's vote never makes two disjoint partitions quorate: whole clusters with the production judges,
// vote keepers and arbitrator over a simulated network that delays, stalls and cuts; partitions at random,
// nodes that see them at different times, beats that stop, an arbitrator that restarts and forgets. And where
// the faults stop, somebody is quorate.
#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <random>

#include "membership/quorum.h"
#include "qdevice/arbiter.h"
#include "qdevice/vote_keeper.h"

namespace systole::qdevice {
namespace {

using membership::Quorum;
using membership::View;
using Ms = std::chrono::milliseconds;

constexpr Ms kLease{10000};
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kSeeds = 15;  // Much slower there.
#else
constexpr std::uint64_t kSeeds = 150;
#endif

class World {
 public:
  World(std::uint64_t seed, unsigned nodes, Rules::Algorithm algorithm) : random_(seed) {
    settings_.lease = kLease;
    settings_.rules.algorithm = algorithm;
    settings_.rules.keep_active = below(2) == 0;
    settings_.rules.tie_breaker = below(2) == 0 ? Rules::TieBreaker::kLowest : Rules::TieBreaker::kHighest;
    for (std::uint32_t i = 1; i <= nodes; ++i) {
      settings_.rules.nodes.push_back(NodeId{i});
      config_.nodes.push_back({NodeId{i}, fmt::format("n{}", i), {"x"}, 1});
    }
    config_.quorum.device_votes = algorithm == Rules::Algorithm::kLms ? nodes - 1 : 1;
    arbiter_.emplace(settings_, now_);
    for (std::uint32_t i = 0; i < nodes; ++i) nodes_.push_back(std::make_unique<Node>(config_));
    for (auto& node : nodes_) node->link_up = true;
    repartition(std::vector<unsigned>(nodes, 0));
  }

  void run(Ms time, bool faults) {
    faults_ = faults;
    for (const Time end = now_ + time; now_ < end; now_ += Ms(50)) {
      if (faults && below(60) == 0) repartition_at_random();
      if (faults && below(80) == 0) toggle_link(nodes_[below(nodes_.size())].get());
      if (faults && below(900) == 0) restart_arbiter();
      step();
    }
  }
  void heal() {
    for (auto& node : nodes_) node->link_up = true;
  }
  void repartition(const std::vector<unsigned>& partition_of);
  unsigned quorate() const {
    std::set<RingId> rings;
    for (const auto& node : nodes_) {
      if (node->quorum.quorate) rings.insert(node->view.id);
    }
    return static_cast<unsigned>(rings.size());
  }
  void trace(const std::string& what) const {
    if (std::getenv("TRACE") != nullptr) fmt::print("{} {}\n", to_ms(now_.time_since_epoch()), what);
  }
  const std::string& violation() const { return violation_; }

 private:
  struct Node {
    explicit Node(const membership::ClusterConfig& config) : judge(config), keeper(kLease) {}
    membership::QuorumJudge judge;
    VoteKeeper keeper;
    View view;
    Quorum quorum;
    Time view_at;  // When `next` is installed.
    std::deque<std::pair<Time, std::pair<View, membership::ViewFacts>>> next;
    bool link_up = false, connected = false, beating = true;
    std::optional<Time> ends;  // Of the vote said, by the ring's clock.
    Time cut_noticed, next_beat;
    std::deque<std::pair<Time, std::function<void()>>> to_arbiter, to_node;  // In order, as TCP.
  };
  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  void repartition_at_random() {
    std::vector<unsigned> partition_of;
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      partition_of.push_back(static_cast<unsigned>(below(2 + below(2))));
    repartition(partition_of);
  }
  void toggle_link(Node* node) {
    node->link_up = !node->link_up;
    node->cut_noticed = now_ + Ms(below(15000));
  }
  void restart_arbiter() {
    arbiter_.emplace(settings_, now_ + kLease + kLease / 10);
    trace("arbiter restarts");
    for (auto& node : nodes_) disconnect(node.get());
  }
  void disconnect(Node* node) {
    if (std::exchange(node->connected, false)) node->keeper.disconnected(now_);
    node->to_arbiter.clear();
    node->to_node.clear();
  }
  Time later(std::deque<std::pair<Time, std::function<void()>>>& queue) {
    const Time at = now_ + Ms(5 + below(below(10) == 0 ? 3000 : 100));
    return queue.empty() ? at : std::max(at, queue.back().first);
  }
  void send(Node* node, std::function<void()> what) {
    node->to_arbiter.emplace_back(later(node->to_arbiter), std::move(what));
  }
  void answer(Node* node, std::function<void()> what) {
    node->to_node.emplace_back(later(node->to_node), std::move(what));
  }
  void step();
  void step(std::size_t i);
  void flush(std::size_t i);
  void flush_arbiter();
  void broadcast_vote(std::size_t from, const RingId& ring, bool casts);
  void judged(std::size_t i, const Quorum& quorum);
  void check();

  std::mt19937_64 random_;
  Settings settings_;
  membership::ClusterConfig config_;
  std::optional<Arbiter> arbiter_;
  std::vector<std::unique_ptr<Node>> nodes_;
  // What a ring's members say in it, in its order: ring, when, by whom, what.
  std::map<RingId, std::deque<std::tuple<Time, std::size_t, bool>>> ring_messages_;
  Time now_{std::chrono::seconds(100)};
  std::uint64_t sequence_ = 0;
  bool faults_ = false;
  std::string violation_;
};

// All members of a new view install it within two seconds of each other.
void World::repartition(const std::vector<unsigned>& partition_of) {
  std::map<unsigned, std::vector<std::size_t>> partitions;
  for (std::size_t i = 0; i < nodes_.size(); ++i) partitions[partition_of[i]].push_back(i);
  for (const auto& [number, members] : partitions) {
    View view{{++sequence_, config_.nodes[members.front()].id}, {}};
    membership::ViewFacts facts;
    for (const std::size_t i : members) {
      view.members.push_back({config_.nodes[i].id, Incarnation{1}});
      facts.add(nodes_[i]->judge.facts());
    }
    for (const std::size_t i : members) {
      Node& node = *nodes_[i];
      node.next.clear();
      node.next.push_back({now_ + Ms(below(2000)), {view, facts}});
    }
  }
}

void World::broadcast_vote(std::size_t from, const RingId& ring, bool casts) {
  ring_messages_[ring].emplace_back(now_ + Ms(below(100)), from, casts);
}

void World::judged(std::size_t i, const Quorum& quorum) {
  nodes_[i]->quorum = quorum;
  nodes_[i]->keeper.counted(quorum.device_casts);
}

void World::step() {
  for (std::size_t i = 0; i < nodes_.size(); ++i) step(i);
  for (auto& [ring, messages] : ring_messages_) {
    while (!messages.empty() && std::get<0>(messages.front()) <= now_) {
      const auto [at, from, casts] = messages.front();
      messages.pop_front();
      for (std::size_t i = 0; i < nodes_.size(); ++i) {
        if (nodes_[i]->view.id != ring) continue;
        nodes_[i]->judge.set_device_vote(config_.nodes[from].id, {casts, false, {}});
        judged(i, nodes_[i]->judge.again());
      }
    }
  }
  for (std::size_t i = 0; i < nodes_.size(); ++i) flush(i);
  if (arbiter_->deadline() <= now_) arbiter_->advance(now_);
  flush_arbiter();
  check();
}

void World::step(std::size_t i) {
  Node& node = *nodes_[i];
  if (!node.next.empty() && node.next.front().first <= now_) {
    const auto [view, facts] = node.next.front().second;
    node.next.pop_front();
    node.view = view;
    node.ends.reset();
    node.quorum = node.judge.judge(view, facts);
    std::string members;
    for (const NodeLife& life : view.members) members += fmt::format(" {}", raw(life.node));
    trace(fmt::format("node {} installs view {}:{}", i + 1, view.id.sequence, members));
    node.keeper.view(now_, view.id);
  }
  if (node.ends && *node.ends <= now_) {
    node.ends.reset();
    broadcast_vote(i, node.view.id, false);
  }
  if (!node.link_up && node.connected && node.cut_noticed <= now_) {
    trace(fmt::format("node {} is cut off", i + 1));
    disconnect(&node);
    arbiter_->leave(now_, config_.nodes[i].id);
  }
  if (node.link_up && !node.connected) {
    node.connected = true;
    node.next_beat = now_;
    send(&node, [this, i] {
      (void)arbiter_->join(now_, {config_.nodes[i].id, Incarnation{1}}, settings_);
      answer(nodes_[i].get(), [this, i] { nodes_[i]->keeper.connected(now_); });
    });
  }
  if (node.connected && node.next_beat <= now_) {
    node.next_beat =
        now_ + Ms(faults_ && below(40) == 0 ? 9000 : 1000);  // A loop that is starved now and then.
    send(&node, [this, i, sent = now_] {
      arbiter_->heard(now_, config_.nodes[i].id);
      flush_arbiter();
      answer(nodes_[i].get(), [this, i, sent] { nodes_[i]->keeper.answered(now_, sent); });
    });
  }
  const auto pass = [&](auto& queue) {
    while (node.link_up && !queue.empty() && queue.front().first <= now_) {
      const auto what = std::move(queue.front().second);
      queue.pop_front();
      what();
      flush_arbiter();
      flush(i);
    }
  };
  pass(node.to_arbiter);
  pass(node.to_node);
  if (node.keeper.deadline() && *node.keeper.deadline() <= now_) node.keeper.advance(now_);
}

void World::flush(std::size_t i) {
  Node& node = *nodes_[i];
  const VoteKeeper::Out out = node.keeper.take();
  if (out.say && out.ring == node.view.id) {
    node.ends = *out.say ? std::optional(out.until) : std::nullopt;
    trace(fmt::format("node {} says {} of {} until {}", i + 1, *out.say, out.ring.sequence,
                      to_ms(out.until.time_since_epoch())));
    broadcast_vote(i, out.ring, *out.say);
  }
  if (!node.connected) return;
  if (out.confirm)
    send(&node, [this, i, ring = *out.confirm] { arbiter_->released(now_, config_.nodes[i].id, ring); });
  if (out.report) {
    Report report{config_.nodes[i].id, node.view.id, {}, Heuristics::kNone, node.keeper.counts()};
    node.keeper.reported(now_);
    for (const NodeLife& life : node.view.members) report.members.push_back(life.node);
    send(&node, [this, report] { arbiter_->report(now_, report); });
  }
}

void World::flush_arbiter() {
  for (const Arbiter::Vote& vote : arbiter_->take()) {
    trace(fmt::format("arbiter tells {} {} of {}", raw(vote.to), vote.casts, vote.ring.sequence));
    Node* node = nodes_[raw(vote.to) - 1].get();
    if (node->connected) answer(node, [this, node, vote] { node->keeper.vote(now_, vote.ring, vote.casts); });
  }
}

void World::check() {
  for (const auto& a : nodes_) {
    for (const auto& b : nodes_) {
      if (!a->quorum.quorate || !b->quorum.quorate) continue;
      const bool disjoint =
          std::none_of(a->view.members.begin(), a->view.members.end(), [&](const NodeLife& life) {
            return std::find(b->view.members.begin(), b->view.members.end(), life) != b->view.members.end();
          });
      if (disjoint && violation_.empty())
        violation_ = fmt::format("at {} ms views {} and {} are both quorate", to_ms(now_.time_since_epoch()),
                                 a->view.id.sequence, b->view.id.sequence);
    }
  }
}

class Arbitration : public ::testing::TestWithParam<std::tuple<unsigned, Rules::Algorithm>> {};

TEST_P(Arbitration, NeverMakesTwoPartitionsQuorateAndEndsWithOne) {
  const auto [nodes, algorithm] = GetParam();
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    World world(seed, nodes, algorithm);
    world.run(Ms(120000), true);
    ASSERT_EQ(world.violation(), "") << "seed " << seed;
    // Faults stop; the cluster is cut in two halves, both of which reach the arbitrator.
    world.heal();
    std::vector<unsigned> halves;
    for (unsigned i = 0; i < nodes; ++i) halves.push_back(i % 2);
    world.repartition(halves);
    world.run(Ms(60000), false);
    ASSERT_EQ(world.violation(), "") << "seed " << seed;
    EXPECT_EQ(world.quorate(), 1U) << "seed " << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Clusters, Arbitration,
    ::testing::Values(std::tuple(2U, Rules::Algorithm::kFfsplit), std::tuple(4U, Rules::Algorithm::kFfsplit),
                      std::tuple(6U, Rules::Algorithm::kFfsplit), std::tuple(2U, Rules::Algorithm::kLms),
                      std::tuple(3U, Rules::Algorithm::kLms), std::tuple(5U, Rules::Algorithm::kLms)));

}  // namespace
}  // namespace systole::qdevice
