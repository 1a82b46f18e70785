// The faults of hosts, networks, disks, agents, devices and clocks. What administrators do is in admin.cc.
#include "sim/faults.h"

#include <algorithm>

#include "controller/bus.h"

namespace systole::sim {
namespace {

using Machine = Cluster::Machine;

constexpr FaultKind kKinds[] = {
    {"crash-host", 6, "a host loses its power for 2 to 40 s", &Injector::crash_host},
    {"crash-daemon", 5, "kill -9 of a daemon; it is back in 50 ms to 20 s", &Injector::crash_daemon},
    {"crash-at", 8, "a host or daemon dies after its next 1 to 400 events: at any point where code waits",
     &Injector::crash_at},
    {"crash-in-sync", 3, "a host or daemon dies while its disk writes: the write is torn",
     &Injector::crash_in_sync},
    {"die-young", 2, "a daemon starts and dies in the midst of joining, up to five times in a row",
     &Injector::die_young},
    {"blackout", 1, "all hosts lose their power at once", &Injector::blackout},
    {"dc-loss", 4, "the DC dies, or sleeps, within 300 ms of its next actions", &Injector::dc_loss},
    {"back-while-fenced", 2, "a node comes back in the moment when it is fenced",
     &Injector::back_while_fenced},
    {"pause", 3, "a host sleeps for less than the token", &Injector::pause},
    {"pause-long", 4, "a host sleeps for 1 to 90 s, longer than the token", &Injector::pause_long},
    {"partition", 5, "the network falls into two or three parts", &Injector::partition},
    {"one-way", 3, "one node no longer hears another", &Injector::one_way},
    {"partial", 3, "two nodes do not hear each other, and all others do", &Injector::partial},
    {"isolate", 3, "a node is cut off from all others", &Injector::isolate},
    {"unplug", 3, "one link of a node fails", &Injector::unplug},
    {"flap", 2, "a node's links fail and return, again and again", &Injector::flap},
    {"heal", 9, "all cuts are mended", &Injector::heal},
    {"loss", 3, "datagrams are lost, doubled, reordered and corrupted", &Injector::loss},
    {"spikes", 2, "datagrams are late by up to 3 s", &Injector::spikes},
    {"freeze", 1, "the whole network stands still for 5 to 90 s", &Injector::freeze},
    {"network-good", 4, "no datagram is lost, late or corrupted", &Injector::network_good},
    {"disk-fails", 2, "a disk's syncs fail or take up to 2 s", &Injector::disk_fails},
    {"disk-full", 2, "a disk is full", &Injector::disk_full},
    {"disk-lies", 1, "a disk says that it has written what the next power loss will take",
     &Injector::disk_lies},
    {"disk-good", 4, "all disks work", &Injector::disk_good},
    {"agents-bad", 3, "starts, stops, promotions and monitors fail, services die", &Injector::agents_bad},
    {"agents-hang", 1, "agents hang, before or after they did what they were asked", &Injector::agents_hang},
    {"agents-lie", 1, "agents say that a start succeeded, or that all is well, when it is not so",
     &Injector::agents_lie},
    {"agents-good", 5, "agents do what they say", &Injector::agents_good},
    {"service-dies", 3, "a service dies by itself", &Injector::service_dies},
    {"fencing-bad", 2, "fencing devices fail, hang, or answer 90 s late", &Injector::fencing_bad},
    {"fencing-lies", 2, "fencing devices claim a success that they did not bring about, or deny one",
     &Injector::fencing_lies},
    {"fencing-good", 4, "fencing devices work", &Injector::fencing_good},
    {"clock-jump", 2, "a wall clock jumps by up to an hour", &Injector::clock_jumps},
    {"shutdown", 3, "a node is stopped in good order and started again", &Injector::shutdown},
    {"rolling-restart", 1, "all nodes are stopped and started in turn", &Injector::rolling_restart},
    {"upgrade", 1, "the document comes from another crm_feature_set and schema", &Injector::upgrade},
    {"attack", 3, "an outsider replays datagrams, alters them, and sends garbage", &Injector::attack},
    {"admin-mark", 12, "an administrator changes the configuration and waits for the acknowledgement",
     &Injector::admin_mark},
    {"admin-unmark", 3, "an administrator deletes what was acknowledged", &Injector::admin_unmark},
    {"admin-standby", 3, "a node goes to standby, or comes back", &Injector::admin_standby},
    {"admin-maintenance", 1, "maintenance mode, on for 20 to 60 s", &Injector::admin_maintenance},
    {"admin-move", 3, "a resource is moved, or the move is cleared", &Injector::admin_move},
    {"admin-role", 3, "a resource's target-role is Stopped for a while", &Injector::admin_role},
    {"admin-cleanup", 3, "history and fail counts of a resource, or all, are erased",
     &Injector::admin_cleanup},
    {"admin-ticket", 2, "a ticket is revoked or granted", &Injector::admin_ticket},
    {"admin-options", 2, "stickiness, batch limits and other options change", &Injector::admin_options},
};

const FaultKind& kind_of(const std::string& name) {
  const auto found =
      std::find_if(std::begin(kKinds), std::end(kKinds), [&](const FaultKind& k) { return name == k.name; });
  check(found != std::end(kKinds), name.c_str());
  return *found;
}

}  // namespace

std::span<const FaultKind> fault_kinds() { return kKinds; }

void draw_faults(SeededRandom& random, Workload& w, Profile profile) {
  unsigned total = 0;
  for (const FaultKind& kind : kKinds) total += kind.weight;
  const std::uint64_t count = 4 + random.below(24);
  Duration when = Seconds(random.chance(0.5) ? 3 : 10);
  for (std::uint64_t i = 0; i < count; ++i) {
    Duration gap = random.between(Milliseconds(5), Seconds(random.chance(0.5) ? 2 : 15));
    if (profile == Profile::kMixed && random.chance(0.1)) gap = random.between(Seconds(20), Seconds(300));
    if (profile == Profile::kLong && random.chance(0.7)) gap = random.between(Seconds(60), Seconds(1200));
    when += gap;
    std::uint64_t pick = random.below(total);
    for (const FaultKind& kind : kKinds) {
      if (pick < kind.weight) {
        w.faults.push_back({kind.name, when, random.next()});
        break;
      }
      pick -= kind.weight;
    }
  }
  w.faults_end = when + Seconds(5);
}

Workload draw_workload(std::uint64_t seed, Profile profile, const Drop& drop) {
  Workload w = draw_cluster(seed, 0, drop);
  SeededRandom random(seed ^ 0x6661756c7473ULL);
  draw_faults(random, w, profile);
  w.fault_parts = w.faults.size();
  std::vector<Fault> kept;
  for (std::size_t i = 0; i < w.faults.size(); ++i) {
    if (!drop.faults.contains(i)) kept.push_back(w.faults[i]);
  }
  w.faults = std::move(kept);
  if (!drop.faults.empty())
    w.faults_end = w.faults.empty() ? Duration(Seconds(30)) : w.faults.back().when + Seconds(5);
  return w;
}

Injector::Injector(Cluster& cluster, const Workload& workload, Administration administration)
    : cluster_(cluster),
      world_(cluster.world()),
      workload_(workload),
      administration_(std::move(administration)) {
  cluster_.observe(this);
  cluster_.real().listen([this](const ClusterWorld::Event& event) {
    if (event.kind != ClusterWorld::Event::Kind::kFenceRuns || event.action == "status" || !next_fencing_)
      return;
    std::exchange(next_fencing_, nullptr)(event.node);
  });
}

void Injector::schedule() {
  for (const Fault& fault : workload_.faults) {
    if (fault.kind == "attack") record();
  }
  for (const Fault& fault : workload_.faults) {
    world_.at(Time(fault.when), [this, &fault] { inject(fault); });
  }
}

void Injector::inject(const Fault& fault) {
  SeededRandom random(fault.draw);
  Machine& m = any(random);
  world_.wake();
  world_.trace(fmt::format("FAULT {} ({})", fault.kind, m.name));
  (this->*kind_of(fault.kind).bring)(m, random);
}

void Injector::on_message(Machine& m, NodeId sender, ByteView message) {
  const bool actions =
      !message.empty() && message[0] == static_cast<std::uint8_t>(controller::Channel::kController);
  if (!actions || !next_actions_ || m.view.members.empty() || sender != m.view.members.front().node) return;
  std::exchange(next_actions_, nullptr)();
}

// --- Hosts and daemons ------------------------------------------------------------------------------------

void Injector::crash_host(Machine& m, SeededRandom& random) {
  if (!m.alive()) return;
  cluster_.crash_host(m);
  cluster_.boot_after(m, random.between(Seconds(2), Seconds(40)));
}

void Injector::crash_daemon(Machine& m, SeededRandom& random) {
  if (!m.alive()) return;
  cluster_.crash_daemon(m);
  cluster_.boot_after(m, random.between(Milliseconds(50), Seconds(20)));
}

void Injector::crash_at(Machine& m, SeededRandom& random) {
  const bool host = random.chance(0.4);
  const Duration back = random.between(Milliseconds(50), Seconds(20));
  m.host->after_events(1 + random.below(random.chance(0.5) ? 20 : 400), [this, &m, host, back] {
    if (!m.alive()) return;
    world_.trace(fmt::format("FAULT it happens: {} of {} dies", host ? "the host" : "the daemon", m.name));
    host ? cluster_.crash_host(m) : cluster_.crash_daemon(m);
    cluster_.boot_after(m, back);
  });
}

// Looks every 50 us for a write that is under way, for 20 s at most.
void Injector::crash_in_sync(Machine& m, SeededRandom& random) {
  const bool host = random.chance(0.5);
  const Duration back = random.between(Milliseconds(50), Seconds(20));
  const Time until = world_.now() + Seconds(20);
  const auto look = std::make_shared<std::function<void()>>();
  *look = [this, &m, host, back, until, weak = std::weak_ptr(look)] {
    if (!m.alive() || world_.now() > until) return;
    if (m.disk.pending > 0) {
      world_.trace(fmt::format("FAULT {} dies while its disk writes", m.name));
      host ? cluster_.crash_host(m) : cluster_.crash_daemon(m);
      return cluster_.boot_after(m, back);
    }
    m.host->after_events(1, [self = weak.lock()] { (*self)(); });
  };
  m.host->after_events(1, [look] { (*look)(); });
}

void Injector::die_young(Machine& m, SeededRandom& random) {
  cluster_.crash_daemon(m);
  const std::uint64_t times = 1 + random.below(5);
  Duration when{};
  for (std::uint64_t i = 0; i < times; ++i) {
    when += random.between(Milliseconds(1), Milliseconds(300));
    cluster_.boot_after(m, when);
    when += random.between(Milliseconds(1), random.chance(0.5) ? Milliseconds(60) : Milliseconds(2000));
    world_.after(when, [this, &m] { cluster_.crash_daemon(m); });
  }
  cluster_.boot_after(m, when + random.between(Milliseconds(10), Seconds(10)));
}

void Injector::blackout(Machine&, SeededRandom& random) {
  for (const auto& m : cluster_.machines()) {
    if (m->alive()) cluster_.crash_host(*m);
    cluster_.boot_after(*m, random.between(Seconds(1), Seconds(random.chance(0.7) ? 4 : 30)));
  }
}

void Injector::dc_loss(Machine&, SeededRandom& random) {
  const std::uint64_t how = random.below(3);
  const Duration after =
      random.chance(0.3) ? Duration::zero() : random.between(Duration::zero(), Milliseconds(300));
  const Duration back = random.between(Milliseconds(50), Seconds(20));
  next_actions_ = [this, how, after, back] {
    world_.after(after, [this, how, back] {
      Machine* dc = cluster_.dc();
      if (dc == nullptr) return;
      world_.trace(fmt::format("FAULT the DC {} {}", dc->name, how == 2 ? "sleeps" : "dies"));
      if (how == 2) return dc->host->pause(back);
      how == 1 ? cluster_.crash_host(*dc) : cluster_.crash_daemon(*dc);
      cluster_.boot_after(*dc, back);
    });
  };
}

void Injector::back_while_fenced(Machine& m, SeededRandom& random) {
  const Duration after = random.between(Duration::zero(), Milliseconds(400));
  next_fencing_ = [this, after](const std::string& target) {
    world_.after(after, [this, target] {
      Machine& shot = cluster_.machine(target);
      world_.trace("FAULT " + target + " comes back while it is fenced");
      world_.heal();
      cluster_.crash_daemon(shot);
      cluster_.boot(shot);
    });
  };
  if (random.chance(0.5))
    isolate(m, random);
  else
    cluster_.crash_daemon(m), cluster_.boot_after(m, Seconds(40));
}

void Injector::pause(Machine& m, SeededRandom& random) {
  if (m.alive()) m.host->pause(random.between(Milliseconds(10), Milliseconds(900)));
}

void Injector::pause_long(Machine& m, SeededRandom& random) {
  if (m.alive()) m.host->pause(random.between(Milliseconds(1000), Seconds(random.chance(0.7) ? 12 : 90)));
}

// --- The network ------------------------------------------------------------------------------------------

void Injector::partition(Machine&, SeededRandom& random) {
  world_.heal();
  const std::uint64_t sides = 2 + random.below(2);
  std::vector<std::uint64_t> side;
  for (std::size_t i = 0; i < cluster_.machines().size(); ++i) side.push_back(random.below(sides));
  for (std::size_t a = 0; a < side.size(); ++a) {
    for (std::size_t b = 0; b < side.size(); ++b) {
      if (side[a] != side[b]) world_.cut(cluster_.machines()[a]->name, cluster_.machines()[b]->name);
    }
  }
}

void Injector::one_way(Machine& m, SeededRandom& random) { world_.cut(m.name, any(random).name); }

void Injector::partial(Machine& m, SeededRandom& random) {
  const Machine& other = any(random);
  world_.cut(m.name, other.name);
  world_.cut(other.name, m.name);
}

void Injector::isolate(Machine& m, SeededRandom& random) {
  const bool both = random.chance(0.7), out = random.chance(0.5);
  for (const auto& other : cluster_.machines()) {
    if (other.get() == &m) continue;
    if (both || out) world_.cut(m.name, other->name);
    if (both || !out) world_.cut(other->name, m.name);
  }
}

void Injector::unplug(Machine& m, SeededRandom& random) {
  world_.unplug(m.addresses[random.below(m.addresses.size())]);
}

void Injector::flap(Machine& m, SeededRandom& random) {
  const std::uint64_t times = 3 + random.below(10);
  Duration when{};
  for (std::uint64_t i = 0; i < times; ++i) {
    when += random.between(Milliseconds(50), Seconds(3));
    world_.after(when, [this, &m, off = i % 2 == 0, round = flapping_] {
      if (round != flapping_) return;
      world_.wake();
      for (const std::string& address : m.addresses) off ? world_.unplug(address) : world_.plug(address);
    });
  }
}

void Injector::heal(Machine&, SeededRandom&) { world_.heal(); }

void Injector::loss(Machine&, SeededRandom& random) {
  NetworkFaults& n = world_.network;
  n.loss = 0.2 * static_cast<double>(random.below(100)) / 100;
  n.duplication = n.corruption = n.loss / 4;
  n.spike = 0.05;
}

void Injector::spikes(Machine&, SeededRandom& random) {
  world_.network.spike = random.chance(0.5) ? 0.3 : 0.02;
  world_.network.spike_most = random.between(Milliseconds(100), Seconds(3));
}

void Injector::freeze(Machine&, SeededRandom& random) {
  world_.network.loss = 1;
  frozen_until_ = world_.now() + random.between(Seconds(5), Seconds(90));
  world_.at(frozen_until_, [this] {
    if (world_.now() < frozen_until_ || world_.network.loss < 1) return;
    world_.wake();
    world_.trace("FAULT the network thaws");
    world_.network = {};
  });
}

void Injector::network_good(Machine&, SeededRandom&) { world_.network = {}; }

// --- Disks, agents, devices, clocks -----------------------------------------------------------------------

void Injector::disk_fails(Machine& m, SeededRandom& random) {
  m.disk.faults.fails = random.chance(0.5) ? 0.3 : 0;
  m.disk.faults.slow = 0.2;
}

void Injector::disk_full(Machine& m, SeededRandom&) { m.disk.faults.full = m.host->files().full = true; }

void Injector::disk_lies(Machine& m, SeededRandom& random) {
  m.disk.faults.lies = 1 + static_cast<unsigned>(random.below(3));
}

void Injector::disk_good(Machine&, SeededRandom&) {
  for (const auto& m : cluster_.machines()) {
    m->disk.faults = {};
    m->host->files().full = false;
  }
}

void Injector::agents_bad(Machine&, SeededRandom&) {
  AgentFaults& faults = cluster_.real().agents;
  faults.start_fails = faults.stop_fails = faults.promote_fails = faults.monitor_fails = 0.1;
  faults.service_dies = 0.1;
}

void Injector::agents_hang(Machine&, SeededRandom&) { cluster_.real().agents.hangs = 0.05; }

void Injector::agents_lie(Machine&, SeededRandom&) {
  AgentFaults& faults = cluster_.real().agents;
  faults.start_lies = faults.monitor_lies = faults.service_dies = 0.1;
}

void Injector::agents_good(Machine&, SeededRandom&) { cluster_.real().agents = {}; }

void Injector::service_dies(Machine& m, SeededRandom& random) {
  std::vector<std::string> here;
  for (const auto& [at, promoted] : cluster_.real().activities()) {
    if (at.first == m.name) here.push_back(at.second);
  }
  if (!here.empty()) cluster_.real().die(m.name, here[random.below(here.size())]);
}

void Injector::fencing_bad(Machine&, SeededRandom& random) {
  FenceFaults& faults = cluster_.real().devices[random.chance(0.7) ? "fence_sim" : "fence_sim2"];
  faults.fails = 0.2;
  faults.hangs = faults.late = 0.1;
  faults.off_only = random.chance(0.2);
}

void Injector::fencing_lies(Machine&, SeededRandom& random) {
  FenceFaults& faults = cluster_.real().devices[random.chance(0.7) ? "fence_sim" : "fence_sim2"];
  faults.lies = random.chance(0.5) ? 0.3 : 1;
  faults.mute = 0.2;
}

void Injector::fencing_good(Machine&, SeededRandom&) { cluster_.real().devices.clear(); }

void Injector::clock_jumps(Machine& m, SeededRandom& random) {
  m.host->wall_offset += random.between(-Seconds(3600), Seconds(3600));
}

// Keeps some of the datagrams that nothing can have kept from their receiver.
void Injector::record() {
  world_.tap = [this, count = std::size_t{0}](const Endpoint&, const Endpoint& to,
                                              ByteView datagram) mutable {
    if (++count % 7 != 0 || !world_.whole()) return;
    for (const auto& m : cluster_.machines()) {
      if (!m->alive() ||
          std::find(m->addresses.begin(), m->addresses.end(), to.address) == m->addresses.end())
        continue;
      const std::size_t place = count / 7 % 32;
      if (place >= recorded_.size()) recorded_.emplace_back();
      recorded_[std::min(place, recorded_.size() - 1)] = {to, Bytes(datagram.begin(), datagram.end()),
                                                          m->name, m->life, world_.ring_now()};
    }
  };
}

// What is altered, and what its receiver has had already in this life, must be refused, and counted.
void Injector::attack(Machine& m, SeededRandom& random) {
  for (int i = 0; i < 20 && !recorded_.empty(); ++i) {
    Recorded copy = recorded_[random.below(recorded_.size())];
    const bool elsewhere = random.chance(0.3), altered = !copy.bytes.empty() && random.chance(0.5);
    if (elsewhere) copy.to.address = m.addresses[0];
    if (altered)
      copy.bytes[random.below(copy.bytes.size())] ^= static_cast<std::uint8_t>(1 + random.below(255));
    if (altered && random.chance(0.3)) copy.bytes.resize(random.below(copy.bytes.size()));
    Machine* receiver = elsewhere ? &m : &cluster_.machine(copy.receiver);
    // Its own datagrams come back to the sender, or go to whom they were not meant for: only these two may be
    // new.
    const bool must = altered || (!elsewhere && world_.ring_now() - copy.when > Seconds(4));
    const NodeLife life = copy.life;
    world_.inject(
        {"10.0.0.250", 5405}, copy.to, copy.bytes,
        [this, receiver, must, altered, life, before = std::uint64_t{0}](bool after) mutable {
          if (!must || !receiver->alive() || (!altered && receiver->life != life)) return;
          const auto c = receiver->ring->status().counters;
          const std::uint64_t refused = c.frames_refused_auth + c.frames_refused_replay +
                                        c.frames_refused_malformed + c.frames_refused_unknown_peer;
          if (after && refused == before)
            administration_.outsider(fmt::format("{} took {} from an outsider", receiver->name,
                                                 altered ? "an altered datagram" : "a datagram again"));
          before = refused;
        });
  }
}

// --- The end of faults ------------------------------------------------------------------------------------

void Injector::calm() {
  world_.trace("CALM from here on nothing fails any more");
  world_.wake();
  world_.heal();
  world_.network = {};
  ++flapping_;
  next_actions_ = nullptr;
  next_fencing_ = nullptr;
  cluster_.real().agents = {};
  cluster_.real().devices.clear();
  for (const auto& m : cluster_.machines()) {
    m->disk.faults = {};
    m->host->files().full = false;
    m->host->after_events(0, nullptr);
  }
  put_right_ = true;
  switch_on();
}

void Injector::switch_on() {
  for (const auto& m : cluster_.machines()) {
    if (!cluster_.real().powered(m->name)) cluster_.set_power(m->name, true, "an administrator");
    if (!m->alive()) cluster_.boot_after(*m, Seconds(6));
  }
  // Once, when all are there to remember it.
  Machine* dc = cluster_.dc();
  if (!put_right_ || dc == nullptr || dc->view.members.size() < cluster_.machines().size()) return;
  put_right_ = false;
  property(*dc, "maintenance-mode", "false");
  // Without its ticket, what the policy "freeze" keeps where it is also keeps its node from leaving.
  if (workload_.ticket_freezes) grant_ticket(*dc, true);
}

}  // namespace systole::sim
