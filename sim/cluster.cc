#include "sim/cluster.h"

#include "base/check.h"
#include "controller/follower.h"
#include "sim/programs.h"

namespace systole::sim {
namespace {

constexpr Duration kQuietLook = Milliseconds(100);  // Of ring time without a message, then it rests.
constexpr Duration kRestart = Seconds(10);          // By whoever supervises the daemon.
constexpr Duration kBootTime = Seconds(5);

// Plans are made at once and come back after the time a worker thread might take.
class SimScheduler : public controller::SchedulerPort {
 public:
  using Seen = std::function<void(WallTime now, bool same_again)>;
  SimScheduler(Timers& timers, SeededRandom random, bool twice, Seen seen)
      : timers_(timers), random_(random), twice_(twice), seen_(std::move(seen)) {}
  void schedule(cib::Document snapshot, WallTime now, std::function<void(pengine::Plan)> done) override {
    follower_.take(std::move(snapshot));
    answer(now, done);
  }
  bool schedule_after(const std::vector<std::string>& patches, WallTime now,
                      const std::function<void(pengine::Plan)>& done, const std::function<void()>&) override {
    for (const std::string& patch : patches) check(follower_.follow(patch).has_value());
    answer(now, done);
    return true;
  }

 private:
  // What is left out of a plan because nothing changed must make no difference.
  void answer(WallTime now, const std::function<void(pengine::Plan)>& done) {
    pengine::Options options;
    options.now = now;
    auto plan = std::make_shared<pengine::Plan>(follower_.plan(options));
    const bool same =
        !twice_ || pengine::schedule(follower_.document(), options).graph.to_xml(0) == plan->graph.to_xml(0);
    timers_.after(random_.between(Milliseconds(1), Milliseconds(30)), [this, plan, done, now, same] {
      seen_(now, same);
      done(std::move(*plan));
    });
  }

  Timers& timers_;
  SeededRandom random_;
  bool twice_;
  Seen seen_;
  controller::Follower follower_;
};

membership::ClusterConfig make_config(const ClusterShape& shape) {
  membership::ClusterConfig config;
  config.totem.cluster_name = "sim";
  for (unsigned i = 1; i <= shape.nodes; ++i) {
    membership::ConfiguredNode node{NodeId{i}, fmt::format("n{}", i), {}, 1};
    for (unsigned link = 0; link < shape.links; ++link)
      node.addresses.push_back(fmt::format("10.{}.0.{}", link, i));
    config.nodes.push_back(std::move(node));
  }
  config.quorum.expected_votes = shape.nodes;
  config.quorum.two_node = shape.nodes == 2;
  return config;
}

}  // namespace

Cluster::Cluster(World& world, ClusterShape shape)
    : world_(world),
      shape_(std::move(shape)),
      real_(world, [this](const std::string& n, bool on, const std::string& by) { set_power(n, on, by); }),
      config_(make_config(shape_)),
      key_(256) {
  world_.random().fill(key_);
  auto document = cib::Document::parse(shape_.cib);
  check(document.has_value(), document ? "" : document.error().message.c_str());
  const std::string program = "#!/bin/sh\n";
  for (const membership::ConfiguredNode& configured : config_.nodes) {
    auto m = std::make_unique<Machine>();
    m->id = configured.id;
    m->name = configured.name;
    m->addresses = configured.addresses;
    m->host = &world_.add_host(configured.name, configured.addresses);
    m->host->drift = shape_.drift * (static_cast<double>(world_.random().below(2001)) / 1000 - 1);
    m->disk.entries.push_back(
        {document->version(), document->digest(), "root", world_.wall(), "", shape_.cib, ""});
    for (const char* path :
         {"/usr/lib/ocf/resource.d/pacemaker/Dummy", "/usr/lib/ocf/resource.d/pacemaker/Stateful",
          "/usr/sbin/fence_sim", "/usr/sbin/fence_sim2"}) {
      (void)m->host->files().write_atomic(path, as_bytes(program), 0755);
    }
    machines_.push_back(std::move(m));
  }
  for (auto& m : machines_) boot(*m);
  look_for_quiet();
}

Cluster::~Cluster() { end(); }

void Cluster::end() {
  forget_observers();
  for (auto& m : machines_) stop_life(*m);
}

void Cluster::forget_observers() {
  world_.checker = nullptr;
  observers_.clear();
  real_.forget_listeners();
}

Cluster::Machine& Cluster::machine(const std::string& name) {
  for (auto& m : machines_) {
    if (m->name == name) return *m;
  }
  check(false, "a machine of this name");
  std::abort();
}

Cluster::Machine* Cluster::machine(NodeId id) {
  return raw(id) >= 1 && raw(id) <= machines_.size() ? machines_[raw(id) - 1].get() : nullptr;
}

Cluster::Machine* Cluster::dc() {
  for (auto& m : machines_) {
    if (m->member() && m->view.members.front().node == m->id && m->node->status().synced) return m.get();
  }
  return nullptr;
}

void Cluster::boot(Machine& m) {
  if (m.node || !real_.powered(m.name)) return;
  world_.wake();
  if (!m.host->up()) m.host->boot();
  const Ports ports = m.host->ports();
  auto state = membership::RingState::begin_life(*ports.files, *ports.clock, "/var/lib/systole", m.id,
                                                 world_.logger(m.name));
  if (!state) {
    // A full disk: the daemon says why and exits; somebody starts it again.
    world_.trace(m.name + " cannot start: " + state.error().message);
    return boot_after(m, kRestart);
  }
  make_node(m, ports, std::move(*state));
  m.born = world_.now();
  tell([&](Observer& o) { o.on_boot(m); });
  if (const auto started = m.node->start(); !started) {
    world_.trace(m.name + " cannot start: " + started.error().message);
    crash_daemon(m);
    boot_after(m, kRestart);
  }
}

WatchedRing::Observer Cluster::watch(Machine& m) {
  WatchedRing::Observer watch;
  watch.transitional = [this, &m](const membership::View& v) {
    tell([&](Observer& o) { o.on_transitional(m, v); });
  };
  watch.view = [this, &m](const membership::View& v, const membership::Quorum& q) {
    m.view = v;
    m.quorum = q;
    tell([&](Observer& o) { o.on_view(m, v); });
  };
  watch.quorum = [&m](const membership::Quorum& q) { m.quorum = q; };
  watch.message = [this, &m](NodeId sender, ByteView bytes) {
    tell([&](Observer& o) { o.on_message(m, sender, bytes); });
  };
  watch.sends = [this, &m](ByteView bytes) { tell([&](Observer& o) { o.on_send(m, bytes); }); };
  return watch;
}

void Cluster::make_node(Machine& m, const Ports& host_ports, membership::RingState state) {
  Ports ports = host_ports;
  m.life = state.self();
  m.view = {};
  m.quorum = {};
  m.processes = make_processes(real_, m.name, ports);
  ports.processes = m.processes.get();
  m.journal = std::make_unique<SimJournal>(m.disk, *ports.timers, *ports.random);
  m.scheduler = std::make_unique<SimScheduler>(
      *ports.timers, SeededRandom(world_.random().next()), shape_.double_checks,
      [this, &m](WallTime now, bool same) { tell([&](Observer& o) { o.on_plan(m, now, same); }); });
  const Logger log = world_.logger(m.name);
  auto ring = membership::RingNode::create({.ports = m.host->ring_ports(),
                                            .log = log.named("membership"),
                                            .config = config_,
                                            .state = std::move(state),
                                            .key = key_});
  check(ring.has_value(), ring ? "" : ring.error().message.c_str());
  m.ring = std::make_unique<WatchedRing>(world_, std::move(*ring), watch(m));
  controller::Node::Parts parts;
  parts.ports = ports;
  parts.log = log;
  parts.config = config_;
  parts.self = m.life;
  parts.membership = m.ring.get();
  parts.journal = m.journal.get();
  parts.scheduler = m.scheduler.get();
  parts.stopped = [this, &m, life = m.life] {
    world_.after(Duration::zero(), [this, &m, life] {
      if (!m.alive() || m.life != life) return;
      crash_daemon(m);  // Exits; nothing of it runs any more. Started again a while later.
      boot_after(m, kRestart);
    });
  };
  m.node = std::make_unique<controller::Node>(std::move(parts));
  m.node->on_change([this, &m](const cib::Change& c) { tell([&](Observer& o) { o.on_change(m, c); }); });
  m.node->on_fencing(
      [this, &m](const stonith::Outcome& outcome) { tell([&](Observer& o) { o.on_fencing(m, outcome); }); });
}

// The objects of a life are freed in an event of the world's own: the crash may come out of one of their
// calls.
void Cluster::stop_life(Machine& m) {
  world_.wake();
  const bool was_alive = m.alive();
  m.host->crash();
  m.node.reset();
  m.ring.reset();
  m.scheduler.reset();
  m.journal.reset();
  m.processes.reset();
  m.disk.power_lost = false;
  if (was_alive) tell([&](Observer& o) { o.on_end(m); });
}

void Cluster::crash_host(Machine& m) {
  m.disk.power_lost = true;
  stop_life(m);
  real_.host_lost(m.name);
}

void Cluster::crash_daemon(Machine& m) {
  if (!m.alive()) return;
  stop_life(m);
  m.host->boot();
}

void Cluster::set_power(const std::string& name, bool on, const std::string& by) {
  Machine& m = machine(name);
  if (real_.powered(name) == on) return;
  if (!on) {
    m.disk.power_lost = true;
    stop_life(m);
  }
  real_.set_power(name, on, by);
  if (on) boot_after(m, kBootTime);
}

// Every so often, by the ring's own time.
void Cluster::look_for_quiet() {
  world_.after_ring(kQuietLook, [this] {
    look_for_quiet();
    std::uint64_t sent = 0;
    for (const auto& m : machines_)
      sent += m->alive() ? m->ring->sent() + (raw(m->life.incarnation) << 8U) : 0;
    if (std::exchange(sent_, sent) == sent && quiet()) world_.rest();
  });
}

// Whether the ring would only tell itself that it is idle: all that live are in one view, all have delivered
// all that was sent, and nothing of the network is out of order. Who is not in the view may be about to come
// in.
bool Cluster::quiet() const {
  if (!world_.whole()) return false;
  const Machine* first = nullptr;
  std::size_t alive = 0;
  for (const auto& m : machines_) {
    if (!m->alive()) continue;
    ++alive;
    if (first == nullptr) first = m.get();
    if (m->view != first->view || m->ring->outstanding() > 0 ||
        m->ring->delivered() != first->ring->delivered())
      return false;
    const membership::RingStatus status = m->ring->status();
    if (status.state != membership::RingStatus::State::kOperational || status.view != first->view)
      return false;
  }
  return first == nullptr || first->view.members.size() == alive;
}

}  // namespace systole::sim
