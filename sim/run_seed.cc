#include "sim/run_seed.h"

#include "sim/checkers.h"
#include "sim/faults.h"

namespace systole::sim {
namespace {

// After faults stop: the longest a device hangs, agents time out, failures expire and hosts boot, and then
// some.
constexpr Duration kRestBound = Seconds(300);
constexpr Duration kLook = Milliseconds(500);
constexpr int kQuietLooks = 20;

Workload draw(std::uint64_t seed, const SeedOptions& options) {
  return options.scenario.empty() ? draw_workload(seed, options.profile, options.drop)
                                  : draw_scenario(options.scenario, seed, options.drop);
}

class Run {
 public:
  Run(std::uint64_t seed, const SeedOptions& options)
      : world_(seed),
        workload_(draw(seed, options)),
        cluster_(start(seed, options)),
        checkers_(*cluster_, workload_),
        injector_(*cluster_, workload_,
                  {[this](const std::string& mark, bool set) { checkers_.acknowledged(mark, set); },
                   [this](const std::string& what) { checkers_.asked(what); },
                   [this](const std::string& what) { checkers_.answered(what); },
                   [this](const std::string& what) { checkers_.bench().violated("S7 outsiders", what); }}) {}

  // A life that ends answers what was asked: whoever listens must still be there.
  ~Run() { cluster_->end(); }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  SeedResult go() {
    injector_.schedule();
    const Time end(workload_.faults_end);
    while (world_.now() < end && checkers_.violation().empty()) world_.run_for(Milliseconds(100));
    injector_.calm();
    checkers_.calm();
    rest();
    if (!checkers_.violation().empty()) {
      for (const auto& m : cluster_->machines())
        if (m->alive())
          world_.trace(fmt::format("DOCUMENT of {}: {}", m->name, m->node->cib().document().serialize()));
    }
    return {checkers_.violation(),           world_.digest(), world_.events(),     workload_.nodes,
            world_.now().time_since_epoch(), world_.rested(), describe(workload_), restless_};
  }

 private:
  std::unique_ptr<Cluster> start(std::uint64_t seed, const SeedOptions& options) {
    if (options.trace) {
      world_.on_trace = [this, trace = options.trace](Time when, std::string_view line) {
        look_for_secrets(line);
        trace(when, line);
      };
    } else if (seed % 16 == 0) {
      world_.on_trace = [this](Time, std::string_view line) { look_for_secrets(line); };
    }
    world_.trace(describe(workload_));
    ClusterShape shape;
    shape.nodes = workload_.nodes;
    shape.links = workload_.links;
    shape.drift = workload_.drift;
    shape.cib = workload_.cib;
    shape.double_checks = seed % 16 == 1;
    return std::make_unique<Cluster>(world_, std::move(shape));
  }
  void look_for_secrets(std::string_view line) {
    if (line.find(workload_.secret) == std::string_view::npos || workload_.secret.empty()) return;
    secret_seen_ = true;
  }
  bool settle();
  void rest();

  World world_;
  Workload workload_;
  bool secret_seen_ = false, restless_ = false;
  std::unique_ptr<Cluster> cluster_;
  Checkers checkers_;
  Injector injector_;
};

// Until all has been well for a while. False: the bound has passed, or something was violated.
bool Run::settle() {
  const Time end = world_.now() + kRestBound;
  std::string missing = "L1 one view: not looked";
  int quiet = 0;
  while (world_.now() < end && checkers_.violation().empty() && quiet < kQuietLooks) {
    world_.run_for(kLook);
    // A host that was powered off by a late device is given power again by the administrator.
    injector_.switch_on();
    missing = checkers_.not_yet_stable();
    quiet = missing.empty() ? quiet + 1 : 0;
  }
  if (secret_seen_) checkers_.bench().violated("S17 secrets", "a log line shows a resource's password");
  if (!checkers_.violation().empty()) return false;
  if (quiet == kQuietLooks) return true;
  const std::size_t colon = missing.find(": ");
  checkers_.bench().violated(missing.substr(0, colon).c_str(),
                             "300 s after faults stopped: " + missing.substr(colon + 2));
  return false;
}

// A plan's outcome may make another placement the better one, as Pacemaker's rules have it: mostly once or
// twice, for some configurations for ever (Pacemaker's own scheduler moves the same resources). They are
// counted.
void Run::rest() {
  constexpr int kMoves = 4;
  for (int moves = 0; settle(); ++moves) {
    const std::string left = checkers_.left_to_do();
    if (left.empty()) return checkers_.at_rest();
    if (moves == kMoves) {
      world_.trace("RESTLESS whenever it plans anew there is something to do: " + left);
      restless_ = true;
      return checkers_.at_rest();
    }
    if (Cluster::Machine* dc = cluster_->dc()) dc->node->recheck();
  }
}

}  // namespace

SeedResult run_seed(std::uint64_t seed, const SeedOptions& options) { return Run(seed, options).go(); }

}  // namespace systole::sim
