#include "sim/cluster.h"

#include "base/check.h"
#include "controller/follower.h"

namespace systole::sim {
namespace {

// Plans are made at once and come back after the time a worker thread might take.
class SimScheduler : public controller::SchedulerPort {
 public:
  SimScheduler(Timers& timers, SeededRandom random) : timers_(timers), random_(random) {}
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
    const pengine::Plan scratch = pengine::schedule(follower_.document(), options);
    check(plan->graph.to_xml(0) == scratch.graph.to_xml(0));
    timers_.after(random_.between(Milliseconds(1), Milliseconds(30)),
                  [plan, done] { done(std::move(*plan)); });
  }

  Timers& timers_;
  SeededRandom random_;
  controller::Follower follower_;
};

std::string address_of(unsigned i) { return fmt::format("10.0.0.{}", i); }

membership::ClusterConfig make_config(unsigned nodes) {
  membership::ClusterConfig config;
  config.totem.cluster_name = "sim";
  for (unsigned i = 1; i <= nodes; ++i) {
    config.nodes.push_back({NodeId{i}, fmt::format("n{}", i), {address_of(i)}, 1});
  }
  config.quorum.expected_votes = nodes;
  config.quorum.two_node = nodes == 2;
  return config;
}

}  // namespace

Cluster::Cluster(World& world, unsigned nodes, const std::string& cib)
    : world_(world),
      real_([this](const std::string& n) { world_.after(Duration::zero(), [this, n] { power_off(n); }); },
            [this](const std::string& n) { world_.after(Duration::zero(), [this, n] { power_on(n); }); }),
      config_(make_config(nodes)),
      key_(256) {
  world_.random().fill(key_);
  auto document = cib::Document::parse(cib);
  check(document.has_value(), "the workload's document parses");
  for (const membership::ConfiguredNode& configured : config_.nodes) {
    auto m = std::make_unique<Machine>();
    m->id = configured.id;
    m->name = configured.name;
    m->host = &world_.add_host(configured.name, configured.addresses);
    m->disk.entries.push_back({document->version(), document->digest(), "root", world_.wall(), "", cib, ""});
    const std::string program = "#!/bin/sh\n";
    (void)m->host->files().write_atomic("/usr/lib/ocf/resource.d/pacemaker/Dummy", as_bytes(program), 0755);
    (void)m->host->files().write_atomic("/usr/sbin/fence_sim", as_bytes(program), 0755);
    machines_.push_back(std::move(m));
  }
  for (auto& m : machines_) boot(*m);
}

Cluster::~Cluster() {
  world_.checker = nullptr;
  for (auto& m : machines_) stop_life(*m);
}

Cluster::Machine& Cluster::machine(const std::string& name) {
  for (auto& m : machines_) {
    if (m->name == name) return *m;
  }
  check(false, "a machine of this name");
  std::abort();
}

void Cluster::boot(Machine& m) {
  if (m.node || !real_.powered(m.name)) return;
  if (!m.host->up()) m.host->boot();
  Ports ports = m.host->ports();
  m.processes = make_processes(real_, m.name, *ports.timers, *ports.clock, *ports.random);
  ports.processes = m.processes.get();
  m.journal = std::make_unique<SimJournal>(m.disk, *ports.timers, *ports.random);
  m.scheduler = std::make_unique<SimScheduler>(*ports.timers, SeededRandom(world_.random().next()));
  const Logger log = world_.logger(m.name);
  auto state = membership::RingState::begin_life(*ports.files, *ports.clock, "/var/lib/systole", m.id, log);
  if (!state) {
    // A full disk: the daemon says why and exits; somebody starts it again.
    world_.trace(m.name + " cannot start: " + state.error().message);
    return retry_boot(m);
  }
  const NodeLife self = state->self();
  auto ring = membership::RingNode::create({.ports = ports,
                                            .log = log.named("membership"),
                                            .config = config_,
                                            .state = std::move(*state),
                                            .key = key_});
  check(ring.has_value(), ring ? "" : ring.error().message.c_str());
  m.ring = std::make_unique<WatchedRing>(
      std::move(*ring), WatchedRing::Observer{[&m](const membership::View& v) { m.survivors = v.members; }});
  controller::Node::Parts parts;
  parts.ports = ports;
  parts.log = log;
  parts.config = config_;
  parts.self = self;
  parts.membership = m.ring.get();
  parts.journal = m.journal.get();
  parts.scheduler = m.scheduler.get();
  parts.stopped = [this, &m] {
    world_.after(Duration::zero(), [this, &m] {
      crash_daemon(m);  // Exits; nothing of it runs any more. Started again a while later.
      world_.after(Seconds(10), [this, &m] { boot(m); });
    });
  };
  m.node = std::make_unique<controller::Node>(std::move(parts));
  m.node->on_change([this, &m](const cib::Change& c) {
    if (on_change) on_change(m, c);
  });
  m.node->on_view([this, &m](const membership::View& v) {
    m.view = v;
    m.survivors.clear();
    if (on_view) on_view(m, v);
  });
  const auto started = m.node->start();
  check(started.has_value(), started ? "" : started.error().message.c_str());
}

void Cluster::retry_boot(Machine& m) {
  stop_life(m);
  world_.after(Seconds(10), [this, &m] { boot(m); });
}

// The objects of a life are freed in an event of the world's own: the crash may come out of one of their
// calls.
void Cluster::stop_life(Machine& m) {
  m.host->crash();
  m.node.reset();
  m.ring.reset();
  m.scheduler.reset();
  m.journal.reset();
  m.processes.reset();
}

void Cluster::crash_host(Machine& m) {
  stop_life(m);
  real_.host_lost(m.name);
}

void Cluster::crash_daemon(Machine& m) { stop_life(m); }

void Cluster::power_off(const std::string& name) {
  Machine& m = machine(name);
  if (!real_.powered(name)) return;
  stop_life(m);
  real_.set_power(name, false);
}

void Cluster::power_on(const std::string& name) {
  Machine& m = machine(name);
  if (real_.powered(name)) return;
  real_.set_power(name, true);
  world_.after(Seconds(5), [this, &m] { boot(m); });
}

}  // namespace systole::sim
