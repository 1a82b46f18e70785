#include "sim/ring_scenario.h"

#include <algorithm>

#include "sim/ring_cluster.h"

namespace systole::sim {
namespace {

constexpr Duration kToOneView = Seconds(8);  // From the end of faults, with token 1000.
constexpr Duration kLongestPause = Milliseconds(2500);
constexpr Duration kToDelivery = Seconds(30);  // Of what is sent in a stable view.

class Scenario {
 public:
  Scenario(std::uint64_t seed, RingScenarioSize size, const Logger& log)
      : world_(seed),
        random_(world_.random()),
        light_(size == RingScenarioSize::kLight),
        log_(log),
        count_(draw_count()),
        cluster_(world_, count_, draw_config(), log),
        lines_(seed % 2 == 1 ? &cluster_.use_lines() : nullptr) {}

  RingScenarioResult run();

 private:
  std::size_t draw_count() {
    const std::uint64_t kind = random_.below(200);
    if (kind == 0) return 32;
    if (kind < 4) return 16;
    return 1 + random_.below(8);
  }
  membership::ClusterConfig draw_config() {
    const std::size_t links = random_.chance(0.4) ? 2 + random_.below(2) : 1;
    auto config = RingCluster::make_config(count_, links);
    config.totem.link_mode = static_cast<membership::LinkMode>(random_.below(3));
    links_ = links;
    if (random_.chance(0.2)) config.totem.token = Milliseconds(300);
    if (random_.chance(0.2)) config.totem.window_size = 10;
    if (random_.chance(0.2)) config.totem.netmtu = 600;
    return config;
  }
  void draw_conditions();
  void draw_clocks();
  void listen();
  void fault();
  void traffic();
  void schedule_fault();
  void schedule_traffic(std::size_t i);
  void cut_something();
  void attack();
  void heal();
  void judge_liveness();
  std::size_t any() { return random_.below(count_); }
  double seconds() const { return std::chrono::duration<double>(world_.now().time_since_epoch()).count(); }

  World world_;
  SeededRandom& random_;
  bool light_;
  Logger log_;
  std::size_t count_;
  std::size_t links_ = 1;
  RingCluster cluster_;
  RingLines* lines_;  // Null: members knock.
  bool faults_ = true, busy_ = true;
  double rate_ = 1;
  struct Datagram {
    Endpoint from, to;
    Bytes bytes;
  };
  std::vector<Datagram> recorded_;  // For the attacker.
  std::vector<std::string> violations_;
};

void Scenario::draw_conditions() {
  NetworkFaults& c = world_.network;
  c = {};
  if (random_.chance(0.5)) c.loss = 0.02 * static_cast<double>(random_.below(6)) / 5;
  if (random_.chance(0.3)) c.duplication = 0.02;
  if (random_.chance(0.3)) c.spike = 0.05, c.spike_most = Milliseconds(5);
  if (random_.chance(0.2)) c.corruption = 0.01;
  if (random_.chance(0.05)) c.loss = 0.3;
  if (random_.chance(0.1)) c.most = Milliseconds(3);
  if (random_.chance(0.1)) c.mtu = 600 + random_.below(900);
}

void Scenario::draw_clocks() {
  for (std::size_t i = 0; i < count_; ++i) {
    cluster_.host(i).wall_offset = Seconds(static_cast<std::int64_t>(random_.below(1000)));
  }
}

void Scenario::listen() {
  world_.tap = [this](const Endpoint& from, const Endpoint& to, ByteView datagram) {
    if (!random_.chance(0.002)) return;
    if (recorded_.size() < 64) recorded_.emplace_back();
    recorded_[random_.below(recorded_.size())] = {from, to, Bytes(datagram.begin(), datagram.end())};
  };
}

// Replays, to anyone, changed or not; and garbage. And ends lines.
void Scenario::attack() {
  for (int i = 0; i < 5 && !recorded_.empty(); ++i) {
    auto [from, to, bytes] = recorded_[random_.below(recorded_.size())];
    if (bytes.empty()) continue;
    if (random_.chance(0.3)) to = {cluster_.address(any(), random_.below(links_)), to.port};
    if (random_.chance(0.3)) from.address = cluster_.address(any(), random_.below(links_));
    if (random_.chance(0.1)) from.address = "10.0.0.99";
    if (random_.chance(0.3))
      bytes[random_.below(bytes.size())] ^= static_cast<std::uint8_t>(1 + random_.below(255));
    if (random_.chance(0.1)) bytes.resize(random_.below(bytes.size() + 1));
    world_.inject(from, to, std::move(bytes));
  }
  if (lines_ != nullptr && random_.chance(0.5)) lines_->reset(any());
}

void Scenario::cut_something() {
  if (links_ > 1 && random_.chance(0.6)) {
    const std::size_t link = random_.below(links_);
    if (random_.chance(0.4)) {
      cluster_.cut_network(link);
    } else {
      cluster_.cut_link(any(), any(), link);
    }
    return;
  }
  const std::uint64_t kind = random_.below(4);
  if (kind == 0) {
    const std::size_t from = any(), to = any();
    if (from != to) cluster_.cut(from, to);
  } else if (kind == 1) {
    const std::size_t a = any(), b = any();
    if (a != b) cluster_.cut(a, b), cluster_.cut(b, a);
  } else {
    world_.heal();
    std::vector<std::vector<std::size_t>> groups(1 + random_.below(3));
    for (std::size_t i = 0; i < count_; ++i) groups[random_.below(groups.size())].push_back(i);
    cluster_.partition(groups);
  }
}

void Scenario::fault() {
  const std::size_t i = any();
  const std::uint64_t kind = random_.below(14);
  log_.debug("{:.6f} fault {} n{}", seconds(), kind, i + 1);
  switch (kind) {
    case 0:
    case 1:
      if (cluster_.running(i)) cluster_.kill(i);
      break;
    case 2:
      if (cluster_.running(i)) cluster_.power_off(i);
      break;
    case 3:
      if (cluster_.running(i)) cluster_.leave(i);
      break;
    case 4:
    case 5:
    case 6:
      if (!cluster_.running(i)) cluster_.start(i);
      break;
    case 7:
      if (cluster_.running(i)) cluster_.kill(i);
      cluster_.start(i);  // At once.
      break;
    case 8:
      cut_something();
      break;
    case 9:
    case 10:
      world_.heal();
      break;
    case 11:
      cluster_.host(i).pause(random_.between(Milliseconds(1), kLongestPause));
      break;
    case 12:
      draw_conditions();
      break;
    case 13:
      cluster_.host(i).files().full = random_.chance(0.3);
      break;
  }
  if (random_.chance(0.3)) attack();
}

void Scenario::schedule_fault() {
  const Duration most = random_.chance(0.3) ? Milliseconds(20) : Milliseconds(2000);
  world_.after(random_.between({}, most), [this] {
    if (!faults_) return;
    fault();
    schedule_fault();
  });
}

void Scenario::schedule_traffic(std::size_t i) {
  const auto most = Duration(static_cast<std::int64_t>(1e9 / rate_));
  world_.after(random_.between({}, most), [this, i] {
    if (!busy_) return;
    if (cluster_.running(i)) {
      const std::size_t size = random_.chance(0.01)  ? random_.below(200000)
                               : random_.chance(0.1) ? random_.below(5000)
                                                     : random_.below(200);
      const std::size_t burst = random_.chance(0.1) ? 1 + random_.below(20) : 1;
      for (std::size_t n = 0; n < burst; ++n) cluster_.send(i, size, random_.chance(0.3));
    }
    schedule_traffic(i);
  });
}

void Scenario::heal() {
  faults_ = false;
  world_.heal();
  world_.network = {};
  for (std::size_t i = 0; i < count_; ++i) {
    cluster_.host(i).files().full = false;
    if (!cluster_.running(i) && random_.chance(0.7)) cluster_.start(i);
  }
  log_.debug("{:.6f} healed:{}", seconds(), cluster_.describe());
}

void Scenario::judge_liveness() {
  world_.run_for(kLongestPause);  // Hosts that sleep must wake first.
  if (!cluster_.run_until([this] { return cluster_.agreed(); }, kToOneView)) {
    violations_.push_back("no single view after the faults ended:" + cluster_.describe());
    return;
  }
  busy_ = false;
  world_.run_for(Milliseconds(20));
  std::vector<std::uint64_t> numbers;
  for (std::size_t i = 0; i < count_; ++i) {
    if (cluster_.running(i) && cluster_.send(i, 2000, i % 2 == 0)) numbers.push_back(cluster_.sent(i));
  }
  const auto delivered = [this] {
    for (std::size_t i = 0; i < count_; ++i) {
      if (cluster_.running(i) && cluster_.self_delivered(i) != cluster_.sent(i)) return false;
    }
    return true;
  };
  if (!cluster_.run_until(delivered, kToDelivery)) {
    std::string counts;
    for (std::size_t i = 0; i < count_; ++i) {
      if (cluster_.running(i))
        counts += fmt::format(" n{}:{}/{}", i + 1, cluster_.self_delivered(i), cluster_.sent(i));
    }
    violations_.push_back("accepted messages are not delivered to their sender:" + counts +
                          cluster_.describe());
    return;
  }
  world_.run_for(Milliseconds(500));
  for (std::size_t i = 0; i < count_; ++i) {
    for (std::size_t j = 0; j < count_; ++j) {
      if (!cluster_.running(i) || !cluster_.running(j)) continue;
      if (!cluster_.checker().has_delivered(cluster_.life(i),
                                            {cluster_.life(j), cluster_.sent(j), j % 2 == 0})) {
        violations_.push_back(fmt::format("n{} lacks the last message of n{}", i + 1, j + 1));
      }
    }
  }
  if (!cluster_.agreed()) violations_.push_back("the view did not stay:" + cluster_.describe());
}

RingScenarioResult Scenario::run() {
  draw_clocks();
  draw_conditions();
  listen();
  const double rates[] = {1, 3, 10, 30, 3, 10, 1, 200};
  rate_ = rates[random_.below(light_ ? 3 : 8)] / static_cast<double>(std::max<std::size_t>(1, count_ / 4));
  for (std::size_t i = 0; i < count_; ++i) {
    world_.after(random_.between({}, Milliseconds(random_.chance(0.5) ? 5 : 500)), [this, i] {
      if (!cluster_.running(i)) cluster_.start(i);
    });
    schedule_traffic(i);
  }
  if (random_.chance(0.8)) schedule_fault();
  const std::uint64_t most = light_ ? 3000 : count_ > 8 ? 5000 : 10000;
  world_.run_for(Milliseconds(static_cast<std::int64_t>(1000 + random_.below(most))));
  heal();
  judge_liveness();
  cluster_.checker().finish();
  RingScenarioResult result;
  result.violations = violations_;
  const auto& broken = cluster_.checker().violations();
  result.violations.insert(result.violations.end(), broken.begin(), broken.end());
  result.digest = world_.digest();
  result.events = world_.events();
  result.deliveries = cluster_.checker().deliveries();
  result.views = cluster_.checker().views();
  result.nodes = count_;
  return result;
}

}  // namespace

RingScenarioResult run_ring_scenario(std::uint64_t seed, RingScenarioSize size, Logger log) {
  return Scenario(seed, size, log).run();
}

}  // namespace systole::sim
