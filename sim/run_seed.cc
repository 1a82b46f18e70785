#include "sim/run_seed.h"

#include "sim/checkers.h"
#include "sim/cluster.h"
#include "sim/workload.h"

namespace systole::sim {
namespace {

// After faults stop: the longest a device hangs, agents time out, failures expire and hosts boot, and then
// some.
constexpr Duration kRestBound = Seconds(300);

class Run {
 public:
  Run(std::uint64_t seed, const SeedOptions& options)
      : world_(seed),
        workload_(draw_workload(seed, options.intensity)),
        cluster_(start(options)),
        checkers_(*cluster_, workload_) {}

  SeedResult go() {
    for (const Workload::Fault& fault : workload_.faults) {
      world_.at(Time(fault.when), [this, fault] { inject(fault); });
    }
    const Time end(workload_.faults_end);
    while (world_.now() < end && checkers_.violation().empty()) world_.run_for(Milliseconds(100));
    calm();
    rest();
    return {checkers_.violation(), world_.digest(), world_.events(), world_.now().time_since_epoch(),
            describe(workload_)};
  }

 private:
  std::unique_ptr<Cluster> start(const SeedOptions& options) {
    world_.on_trace = options.trace;
    world_.trace(describe(workload_));
    return std::make_unique<Cluster>(world_, workload_.nodes, workload_.cib);
  }

  void inject(const Workload::Fault& fault);
  void administer(std::uint64_t draw);
  void partition(std::uint64_t draw);
  void calm();
  void rest();

  Cluster::Machine& pick(std::uint64_t draw) { return *cluster_->machines()[draw % workload_.nodes]; }

  World world_;
  Workload workload_;
  std::unique_ptr<Cluster> cluster_;
  Checkers checkers_;
  unsigned marks_ = 0;
};

void Run::partition(std::uint64_t draw) {
  world_.heal();
  for (const auto& a : cluster_->machines()) {
    for (const auto& b : cluster_->machines()) {
      const bool side_a = (draw >> raw(a->id)) & 1, side_b = (draw >> raw(b->id)) & 1;
      if (side_a != side_b) world_.cut(a->name, b->name);
    }
  }
}

void Run::inject(const Workload::Fault& fault) {
  using Kind = Workload::Fault::Kind;
  const std::uint64_t draw = fault.draw;
  Cluster::Machine& m = pick(draw);
  SeededRandom random(draw);
  world_.trace(fmt::format("FAULT {} {}", static_cast<int>(fault.kind), m.name));
  switch (fault.kind) {
    case Kind::kCrashHost:
      if (!m.host->up()) return;
      cluster_->crash_host(m);
      world_.after(random.between(Seconds(2), Seconds(40)), [this, &m] { cluster_->boot(m); });
      return;
    case Kind::kCrashDaemon:
      if (!m.host->up()) return;
      cluster_->crash_daemon(m);
      world_.after(random.between(Milliseconds(50), Seconds(20)), [this, &m] { cluster_->boot(m); });
      return;
    case Kind::kPause:
      if (m.host->up()) m.host->pause(random.between(Milliseconds(100), Seconds(10)));
      return;
    case Kind::kPartition:
      return partition(draw);
    case Kind::kOneWayCut:
      world_.cut(m.name, pick(draw >> 20).name);
      return;
    case Kind::kHeal:
      world_.heal();
      return;
    case Kind::kLoss:
      world_.network.loss = 0.2 * static_cast<double>(random.below(100)) / 100;
      world_.network.duplication = world_.network.corruption = world_.network.loss / 4;
      world_.network.spike = 0.05;
      return;
    case Kind::kCalm:
      world_.network = {};
      return;
    case Kind::kDiskFails:
      m.disk.faults.fails = random.chance(0.5) ? 0.3 : 0;
      m.disk.faults.slow = 0.2;
      m.disk.faults.full = random.chance(0.2);
      return;
    case Kind::kDiskGood:
      m.disk.faults = {};
      return;
    case Kind::kAgentFaults: {
      AgentFaults& faults = cluster_->real().agents;
      faults.start_fails = faults.stop_fails = faults.monitor_fails = 0.1;
      faults.hangs = 0.03;
      faults.service_dies = 0.1;
      return;
    }
    case Kind::kAgentsGood:
      cluster_->real().agents = {};
      return;
    case Kind::kFenceFaults: {
      FenceFaults& faults = cluster_->real().fencing;
      faults.fails = faults.lies = 0.2;
      faults.hangs = faults.late = 0.1;
      return;
    }
    case Kind::kFenceGood:
      cluster_->real().fencing = {};
      return;
    case Kind::kAdmin:
      return administer(draw);
    case Kind::kClockJump:
      m.host->wall_offset += random.between(-Seconds(3600), Seconds(3600));
      return;
    case Kind::kShutdown:
      if (m.node) m.node->shutdown();
      return;
  }
}

// An administrator marks the configuration; what was acknowledged in a quorate view must never be missing.
void Run::administer(std::uint64_t draw) {
  Cluster::Machine& m = pick(draw);
  if (!m.node) return;
  SeededRandom random(draw);
  const auto submit = [&](std::string section, std::string xml, std::string mark) {
    cib::Op op;
    op.kind = cib::Op::Kind::kModify;
    op.section = std::move(section);
    op.xml = std::move(xml);
    op.allow_create = true;
    op.user = "root";
    op.client = "sim";
    op.origin = m.name;
    op.when = world_.wall();
    m.node->cib().submit(op, [this, mark, quorate = 2 * m.view.members.size() > workload_.nodes,
                              view = m.view.id, &m](const Result<cib::Applied>& r) {
      if (!r || mark.empty() || !quorate) return;
      if (!m.ring || m.view.id != view)
        return;  // The view it was acknowledged in is not the one it was asked in.
      world_.trace("ACKNOWLEDGED " + mark);
      checkers_.acknowledged(mark);
    });
  };
  if (random.chance(0.7)) {
    const std::string mark = fmt::format("mark-{}", ++marks_);
    submit(
        "crm_config",
        fmt::format(
            R"(<cluster_property_set id="marks"><nvpair id="{0}" name="{0}" value="1"/></cluster_property_set>)",
            mark),
        mark);
  } else {
    const std::string node = fmt::format("n{}", 1 + random.below(workload_.nodes));
    m.node->set_attribute(node, "standby", random.chance(0.4) ? "on" : "off", true,
                          [](const Result<void>&) {});
  }
}

void Run::calm() {
  world_.trace("CALM");
  world_.heal();
  world_.network = {};
  cluster_->real().agents = {};
  cluster_->real().fencing = {};
  for (const auto& m : cluster_->machines()) {
    m->disk.faults = {};
    cluster_->power_on(m->name);
    world_.after(Seconds(6), [this, &machine = *m] { cluster_->boot(machine); });
  }
}

void Run::rest() {
  const Time end = world_.now() + kRestBound;
  std::string missing = "not looked";
  int quiet = 0;
  while (world_.now() < end && checkers_.violation().empty() && quiet < 20) {
    world_.run_for(Milliseconds(500));
    // A host that was powered off by a late device is given power again by the administrator.
    for (const auto& m : cluster_->machines()) {
      if (!cluster_->real().powered(m->name)) cluster_->power_on(m->name);
    }
    missing = checkers_.not_yet_stable();
    quiet = missing.empty() ? quiet + 1 : 0;
  }
  if (!checkers_.violation().empty()) return;
  if (quiet < 20) return checkers_.violated("L liveness: after faults stopped: " + missing);
  checkers_.check_acknowledged();
}

}  // namespace

SeedResult run_seed(std::uint64_t seed, const SeedOptions& options) { return Run(seed, options).go(); }

}  // namespace systole::sim
