#include "sim/scenarios.h"

#include <algorithm>

namespace systole::sim {
namespace {

struct Scenario {
  ScenarioKind kind;
  unsigned least, most;  // Nodes.
  void (*faults)(SeededRandom&, Workload&);
};

void add(Workload& w, SeededRandom& random, const char* kind, Duration when) {
  w.faults.push_back({kind, when, random.next()});
  w.faults_end = std::max(w.faults_end, when + Seconds(30));
}

constexpr Duration kUp = Seconds(15);  // Everything runs by then.

constexpr Scenario kScenarios[] = {
    {{"join-and-die",
      "nodes join and die in the same round, again and again: no survivor stalls or dies (corosync 660, "
      "828)"},
     3,
     16,
     [](SeededRandom& random, Workload& w) {
       for (int i = 0; i < 6; ++i)
         add(w, random, random.chance(0.7) ? "die-young" : "crash-at", kUp + Milliseconds(3000 * i));
     }},
    {{"death-match", "two nodes lose sight of each other: one survives, whatever the timing"},
     2,
     2,
     [](SeededRandom& random, Workload& w) {
       for (int i = 0; i < 4; ++i) {
         const Duration at = kUp + Seconds(60 * i) + random.between({}, Seconds(1));
         add(w, random, random.chance(0.7) ? "isolate" : "freeze", at);
         add(w, random, "heal", at + random.between(Milliseconds(500), Seconds(20)));
       }
     }},
    {{"network-freeze",
      "the whole network stands still for up to 90 s and thaws: no death-match (GitHub 2012)"},
     2,
     8,
     [](SeededRandom& random, Workload& w) {
       add(w, random, "freeze", kUp);
       add(w, random, "freeze", kUp + Seconds(200));
     }},
    {{"stalled-manager",
      "the DC's host stalls for longer than the token while it should act: another acts, it is fenced"},
     3,
     7,
     [](SeededRandom& random, Workload& w) {
       for (int i = 0; i < 3; ++i) {
         add(w, random, "dc-loss", kUp + Seconds(60 * i));
         add(w, random, random.chance(0.5) ? "crash-host" : "admin-standby", kUp + Seconds(60 * i + 1));
         add(w, random, "pause-long", kUp + Seconds(60 * i + 20));
       }
     }},
    {{"many-nodes", "16 to 32 nodes, of which some fall silent: the others go on in time"},
     16,
     32,
     [](SeededRandom& random, Workload& w) {
       for (int i = 0; i < 3; ++i)
         add(w, random, random.chance(0.5) ? "crash-host" : "isolate", kUp + Seconds(20 * i));
     }},
    {{"one-way",
      "one-way and partial cuts, delays of seconds: the largest part that hears each other goes on, all is "
      "well after (corosync 760)"},
     3,
     8,
     [](SeededRandom& random, Workload& w) {
       const char* kinds[] = {"one-way", "partial", "isolate", "spikes"};
       for (int i = 0; i < 6; ++i)
         add(w, random, kinds[random.below(4)], kUp + Seconds(10 * i) + random.between({}, Seconds(9)));
     }},
    {{"flapping", "a node whose links fail and return does not keep the others from working"},
     3,
     8,
     [](SeededRandom& random, Workload& w) {
       for (int i = 0; i < 4; ++i) add(w, random, "flap", kUp + Seconds(15 * i));
     }},
    {{"fenced-after-return",
      "a node comes back in a new life while it is fenced for its old one (Red Hat 5644441)"},
     2,
     5,
     [](SeededRandom& random, Workload& w) {
       for (int i = 0; i < 4; ++i) add(w, random, "back-while-fenced", kUp + Seconds(50 * i));
     }},
    {{"cold-start", "all hosts lose power at once, several times, some while they still start"},
     2,
     8,
     [](SeededRandom& random, Workload& w) {
       for (int i = 0; i < 3; ++i) {
         add(w, random, "admin-mark",
             kUp + Seconds(40 * i) - Milliseconds(static_cast<std::int64_t>(random.below(20))));
         add(w, random, "blackout", kUp + Seconds(40 * i));
       }
     }},
};

}  // namespace

std::span<const ScenarioKind> scenario_kinds() {
  static const std::vector<ScenarioKind> kinds = [] {
    std::vector<ScenarioKind> all;
    for (const Scenario& s : kScenarios) all.push_back(s.kind);
    return all;
  }();
  return kinds;
}

Workload draw_scenario(const std::string& name, std::uint64_t seed, const Drop& drop) {
  const auto found = std::find_if(std::begin(kScenarios), std::end(kScenarios),
                                  [&](const Scenario& s) { return name == s.kind.name; });
  if (found == std::end(kScenarios)) return {};
  SeededRandom random(seed ^ 0x7363656e6172696fULL);
  const auto nodes = static_cast<unsigned>(found->least + random.below(found->most - found->least + 1));
  Workload w = draw_cluster(seed, nodes, drop);
  w.scenario = name;
  found->faults(random, w);
  std::stable_sort(w.faults.begin(), w.faults.end(),
                   [](const Fault& a, const Fault& b) { return a.when < b.when; });
  w.fault_parts = w.faults.size();
  std::vector<Fault> kept;
  for (std::size_t i = 0; i < w.faults.size(); ++i) {
    if (!drop.faults.contains(i)) kept.push_back(w.faults[i]);
  }
  w.faults = std::move(kept);
  return w;
}

}  // namespace systole::sim
