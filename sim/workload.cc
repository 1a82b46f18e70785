#include "sim/workload.h"

#include <algorithm>

namespace systole::sim {
namespace {

std::string primitive(SeededRandom& random, const std::string& id) {
  std::string xml = fmt::format(R"(<primitive id="{0}" class="ocf" provider="pacemaker" type="Dummy">)", id);
  if (random.chance(0.5)) {
    xml += fmt::format(
        R"(<meta_attributes id="{0}-meta"><nvpair id="{0}-m1" name="migration-threshold" value="{1}"/>)"
        R"(<nvpair id="{0}-m2" name="failure-timeout" value="20s"/></meta_attributes>)",
        id, 1 + random.below(3));
  }
  xml += fmt::format(
      R"(<operations><op id="{0}-start" name="start" interval="0" timeout="10s"/>)"
      R"(<op id="{0}-stop" name="stop" interval="0" timeout="10s"/>)"
      R"(<op id="{0}-mon" name="monitor" interval="{1}s" timeout="5s"/></operations></primitive>)",
      id, 2 + random.below(8));
  return xml;
}

std::string property(const std::string& name, const std::string& value) {
  return fmt::format(R"(<nvpair id="cib-bootstrap-options-{0}" name="{0}" value="{1}"/>)", name, value);
}

struct Builder {
  SeededRandom& random;
  Workload& w;
  std::string resources, constraints;

  void add_resources() {
    const std::uint64_t count = 1 + random.below(5);
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::string id = fmt::format("r{}", i);
      if (random.chance(0.25)) {
        const std::string a = id + "a", b = id + "b";
        resources +=
            fmt::format(R"(<group id="g{}">)", i) + primitive(random, a) + primitive(random, b) + "</group>";
        w.singles.insert(w.singles.end(), {a, b});
        w.orders.push_back({a, b});
      } else {
        resources += primitive(random, id);
        w.singles.push_back(id);
      }
    }
  }

  std::string draw_single() { return w.singles[random.below(w.singles.size())]; }

  void add_constraints() {
    for (std::uint64_t i = random.below(4); i > 0; --i) {
      const std::string rsc = draw_single(), node = fmt::format("n{}", 1 + random.below(w.nodes));
      const std::string score = random.chance(0.2) ? "-INFINITY" : std::to_string(random.below(400));
      constraints +=
          fmt::format(R"(<rsc_location id="loc{}" rsc="{}" node="{}" score="{}"/>)", i, rsc, node, score);
    }
    if (w.singles.size() < 2) return;
    // Pairs only from plain primitives, each once, in one direction: no loops.
    std::vector<std::string> plain;
    std::copy_if(w.singles.begin(), w.singles.end(), std::back_inserter(plain),
                 [](const std::string& s) { return s.back() != 'a' && s.back() != 'b'; });
    for (std::size_t i = 0; i + 1 < plain.size(); i += 2) {
      const std::string &a = plain[i], &b = plain[i + 1];
      if (random.chance(0.3)) {
        constraints += fmt::format(R"(<rsc_order id="o{}" first="{}" then="{}" kind="Mandatory"/>)", i, a, b);
        w.orders.push_back({a, b});
      }
      if (random.chance(0.3)) {
        constraints +=
            fmt::format(R"(<rsc_colocation id="c{}" rsc="{}" with-rsc="{}" score="INFINITY"/>)", i, b, a);
      } else if (random.chance(0.2)) {
        constraints +=
            fmt::format(R"(<rsc_colocation id="c{}" rsc="{}" with-rsc="{}" score="-INFINITY"/>)", i, b, a);
        w.apart.push_back({a, b});
      }
    }
  }

  std::string document() {
    std::string nodes;
    for (unsigned i = 1; i <= w.nodes; ++i) nodes += fmt::format(R"(<node id="{0}" uname="n{0}"/>)", i);
    const std::string policy = random.chance(0.7) ? "stop" : random.chance(0.5) ? "freeze" : "suicide";
    const std::string stickiness = std::to_string(random.below(3) * 100);
    resources += R"(<primitive id="fencing" class="stonith" type="fence_sim"><operations>)"
                 R"(<op id="fencing-mon" name="monitor" interval="60s"/></operations></primitive>)";
    return R"(<cib validate-with="pacemaker-3.9" admin_epoch="0" epoch="1" num_updates="0"><configuration><crm_config>)"
           R"(<cluster_property_set id="cib-bootstrap-options">)" +
           property("stonith-enabled", "true") + property("no-quorum-policy", policy) +
           property("cluster-recheck-interval", "30s") + "</cluster_property_set></crm_config><nodes>" +
           nodes + "</nodes><resources>" + resources + "</resources><constraints>" + constraints +
           "</constraints>" +
           R"(<rsc_defaults><meta_attributes id="rsc-options"><nvpair id="rsc-options-s" name="resource-stickiness" value=")" +
           stickiness + R"("/></meta_attributes></rsc_defaults></configuration><status/></cib>)";
  }
};

constexpr std::pair<Workload::Fault::Kind, unsigned> kWeights[] = {
    {Workload::Fault::Kind::kCrashHost, 6},   {Workload::Fault::Kind::kCrashDaemon, 5},
    {Workload::Fault::Kind::kPause, 4},       {Workload::Fault::Kind::kPartition, 5},
    {Workload::Fault::Kind::kOneWayCut, 3},   {Workload::Fault::Kind::kHeal, 8},
    {Workload::Fault::Kind::kLoss, 3},        {Workload::Fault::Kind::kCalm, 4},
    {Workload::Fault::Kind::kDiskFails, 2},   {Workload::Fault::Kind::kDiskGood, 3},
    {Workload::Fault::Kind::kAgentFaults, 3}, {Workload::Fault::Kind::kAgentsGood, 4},
    {Workload::Fault::Kind::kFenceFaults, 2}, {Workload::Fault::Kind::kFenceGood, 3},
    {Workload::Fault::Kind::kAdmin, 12},      {Workload::Fault::Kind::kClockJump, 1},
    {Workload::Fault::Kind::kShutdown, 3},
};

void draw_faults(SeededRandom& random, Workload& w, double intensity) {
  unsigned total = 0;
  for (const auto& [kind, weight] : kWeights) total += weight;
  const auto count = static_cast<std::uint64_t>(intensity * static_cast<double>(4 + random.below(24)));
  Duration when = Seconds(3);
  for (std::uint64_t i = 0; i < count; ++i) {
    when += random.between(Milliseconds(5), Seconds(random.chance(0.5) ? 2 : 15));
    std::uint64_t pick = random.below(total);
    for (const auto& [kind, weight] : kWeights) {
      if (pick < weight) {
        w.faults.push_back({kind, when, random.next()});
        break;
      }
      pick -= weight;
    }
  }
  w.faults_end = when + Seconds(5);
}

}  // namespace

Workload draw_workload(std::uint64_t seed, double intensity) {
  SeededRandom random(seed ^ 0x776f726b6c6f6164ULL);
  Workload w;
  w.nodes = static_cast<unsigned>(random.chance(0.15) ? 2 : random.chance(0.7) ? 3 : 3 + random.below(4));
  Builder builder{random, w, {}, {}};
  builder.add_resources();
  builder.add_constraints();
  w.cib = builder.document();
  draw_faults(random, w, intensity);
  return w;
}

std::string describe(const Workload& w) {
  return fmt::format("{} nodes, {} services, {} faults over {} s", w.nodes, w.singles.size(), w.faults.size(),
                     std::chrono::duration_cast<Seconds>(w.faults_end).count());
}

}  // namespace systole::sim
