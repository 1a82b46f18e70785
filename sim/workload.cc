// The cluster of a workload: its nodes, resources and constraints. Its faults are drawn in faults.cc.
#include "sim/workload.h"

#include <algorithm>

namespace systole::sim {
namespace {

std::string nvpair(const std::string& id, const std::string& name, const std::string& value) {
  return fmt::format(R"(<nvpair id="{}-{}" name="{}" value="{}"/>)", id, name, name, value);
}

// A part of the configuration that can be left out.
struct Part {
  std::string id, xml;
  std::vector<Workload::Service> services;
  bool plain = false;  // Single: its services can stand in orders that the checkers judge.
};
struct Tie {
  std::string xml;
  std::vector<std::size_t> parts;  // It speaks of these.
  std::vector<Workload::Pair> orders, apart, with;
};

class Draft {
 public:
  Draft(std::uint64_t seed, unsigned nodes) : random_(seed ^ 0x776f726b6c6f6164ULL) {
    draw_nodes();
    if (nodes > 0) w_.nodes = nodes;
    utilization_ = random_.chance(0.2);
    if (random_.chance(0.15)) w_.ticket = "ticketA";
    w_.secret = fmt::format("s3cret-{:x}", random_.next());
    for (std::uint64_t i = 0, count = 1 + random_.below(6); i < count; ++i) draw_part(i);
    draw_ties();
  }
  Workload assemble(const Drop& drop);

 private:
  void draw_nodes();
  void draw_part(std::uint64_t i);
  void draw_ties();
  void draw_sets();
  void draw_location(std::uint64_t i);
  std::string primitive(const std::string& id, bool stateful, bool migrates);
  std::string meta(const std::string& id, std::vector<std::pair<std::string, std::string>> values);
  std::string document(const std::string& resources, const std::string& constraints);

  SeededRandom random_;
  Workload w_;
  bool utilization_ = false;
  std::vector<Part> parts_;
  std::vector<Tie> ties_;
};

void Draft::draw_nodes() {
  const std::uint64_t kind = random_.below(1000);
  w_.nodes = kind < 20    ? 1
             : kind < 170 ? 2
             : kind < 600 ? 3
             : kind < 960 ? static_cast<unsigned>(4 + random_.below(3))
             : kind < 992 ? static_cast<unsigned>(7 + random_.below(6))
             : kind < 998 ? static_cast<unsigned>(13 + random_.below(12))
             : kind < 999 ? 32
                          : 64;
  w_.links = random_.chance(0.25) ? 2 : 1;
  if (random_.chance(0.2)) w_.drift = random_.chance(0.2) ? 0.01 : 0.0005;
}

std::string Draft::meta(const std::string& id, std::vector<std::pair<std::string, std::string>> values) {
  if (values.empty()) return {};
  std::string xml = fmt::format(R"(<meta_attributes id="{}-meta">)", id);
  for (const auto& [name, value] : values) xml += nvpair(id + "-meta", name, value);
  return xml + "</meta_attributes>";
}

std::string Draft::primitive(const std::string& id, bool stateful, bool migrates) {
  std::string xml = fmt::format(R"(<primitive id="{}" class="ocf" provider="pacemaker" type="{}">)", id,
                                stateful ? "Stateful" : "Dummy");
  std::vector<std::pair<std::string, std::string>> values;
  if (random_.chance(0.5)) {
    values.emplace_back("migration-threshold", std::to_string(1 + random_.below(3)));
    values.emplace_back("failure-timeout", "20s");
  }
  if (migrates) values.emplace_back("allow-migrate", "true");
  if (random_.chance(0.2)) values.emplace_back("priority", std::to_string(random_.below(10)));
  xml += meta(id, values);
  if (random_.chance(0.3)) {
    xml += fmt::format(R"(<instance_attributes id="{0}-params">{1}</instance_attributes>)", id,
                       nvpair(id + "-params", "passwd", w_.secret));
  }
  if (utilization_) {
    xml += fmt::format(R"(<utilization id="{0}-util">{1}</utilization>)", id,
                       nvpair(id + "-util", "memory", std::to_string(1 + random_.below(4))));
  }
  xml += fmt::format(R"(<operations><op id="{0}-start" name="start" interval="0" timeout="10s"/>)"
                     R"(<op id="{0}-stop" name="stop" interval="0" timeout="10s"/>)"
                     R"(<op id="{0}-mon" name="monitor" interval="{1}s" timeout="5s"/>)",
                     id, 2 + random_.below(18));
  if (stateful) {
    xml += fmt::format(R"(<op id="{0}-pmon" name="monitor" interval="{1}s" timeout="5s" role="Promoted"/>)",
                       id, 21 + random_.below(10));
  }
  return xml + "</operations></primitive>";
}

void Draft::draw_part(std::uint64_t i) {
  const std::string id = fmt::format("r{}", i);
  const std::uint64_t kind = random_.below(20);
  Part part;
  if (kind < 10) {  // A primitive.
    const bool migrates = random_.chance(0.2);
    part = {id, primitive(id, false, migrates), {{id, id}}, true};
    part.services[0].migrates = migrates;
  } else if (kind < 14) {  // A group.
    part.id = "g" + id;
    part.plain = true;
    const std::uint64_t members = 2 + random_.below(2);
    std::string inside;
    for (std::uint64_t n = 0; n < members; ++n) {
      const std::string member = id + static_cast<char>('a' + n);
      inside += primitive(member, false, false);
      part.services.push_back({member, part.id});
    }
    part.xml = fmt::format(R"(<group id="{}">{}</group>)", part.id, inside);
  } else {  // A clone of a primitive or group, or a promotable one.
    part.id = "c" + id;
    const bool promotable = kind >= 17, group = kind == 16;
    const bool unique = !promotable && !group && random_.chance(0.2);
    std::vector<std::pair<std::string, std::string>> values;
    const unsigned on_node = unique ? 2 : 1;
    const unsigned most =
        random_.chance(0.5) ? static_cast<unsigned>(1 + random_.below(w_.nodes)) : w_.nodes * on_node;
    values.emplace_back("clone-max", std::to_string(most));
    if (unique) values.emplace_back("globally-unique", "true");
    if (unique) values.emplace_back("clone-node-max", std::to_string(on_node));
    if (random_.chance(0.3)) values.emplace_back("interleave", "true");
    if (random_.chance(0.3)) values.emplace_back("notify", "true");
    if (random_.chance(0.2)) values.emplace_back("ordered", "true");
    unsigned promoted = 0;
    if (promotable) {
      promoted = random_.chance(0.8) ? 1 : 2;
      values.emplace_back("promotable", "true");
      values.emplace_back("promoted-max", std::to_string(promoted));
    }
    std::string inside;
    const auto add = [&](const std::string& member) {
      inside += primitive(member, promotable, false);
      // Of a globally unique clone each instance is a service of its own.
      for (unsigned n = 0; unique && n < most; ++n)
        part.services.push_back({fmt::format("{}:{}", member, n), part.id});
      if (!unique) part.services.push_back({member, part.id, most, 1, promoted});
    };
    add(group ? id + "a" : id);
    if (group) {
      add(id + "b");
      inside = fmt::format(R"(<group id="g{}">{}</group>)", id, inside);
    }
    part.xml = fmt::format(R"(<clone id="{}">{}{}</clone>)", part.id, meta(part.id, values), inside);
  }
  parts_.push_back(std::move(part));
}

void Draft::draw_location(std::uint64_t i) {
  const std::size_t at = random_.below(parts_.size());
  const std::string node = fmt::format("n{}", 1 + random_.below(w_.nodes));
  const std::string score = random_.chance(0.2) ? "-INFINITY" : std::to_string(random_.below(400));
  const std::string id = fmt::format("loc{}", i), &rsc = parts_[at].id;
  if (random_.chance(0.7)) {
    ties_.push_back(
        {fmt::format(R"(<rsc_location id="{}" rsc="{}" node="{}" score="{}"/>)", id, rsc, node, score),
         {at},
         {},
         {}});
    return;
  }
  ties_.push_back(
      {fmt::format(
           R"(<rsc_location id="{0}" rsc="{1}"><rule id="{0}-r" score="{2}">)"
           R"(<expression id="{0}-e" attribute="#uname" operation="eq" value="{3}"/></rule></rsc_location>)",
           id, rsc, score, node),
       {at},
       {},
       {}});
}

// Pairs of neighbours, the later after or with the earlier: no loops.
void Draft::draw_ties() {
  for (std::uint64_t i = random_.below(4); i > 0; --i) draw_location(i);
  for (std::size_t i = 0; i + 1 < parts_.size(); ++i) {
    const Part &a = parts_[i], &b = parts_[i + 1];
    if (random_.chance(0.35)) {
      const std::uint64_t kind = random_.below(10);
      const char* name = kind < 7 ? "Mandatory" : kind < 9 ? "Optional" : "Serialize";
      Tie tie{fmt::format(R"(<rsc_order id="o{}" first="{}" then="{}" kind="{}"/>)", i, a.id, b.id, name),
              {i, i + 1},
              {},
              {}};
      if (kind < 7 && a.plain && b.plain) tie.orders.push_back({a.services.back().id, b.services.front().id});
      ties_.push_back(std::move(tie));
    }
    const std::uint64_t kind = random_.below(10);
    if (kind < 3) {
      const std::string score = kind == 0 ? "100" : "INFINITY";
      Tie tie{fmt::format(R"(<rsc_colocation id="c{}" rsc="{}" with-rsc="{}" score="{}"/>)", i, b.id, a.id,
                          score),
              {i, i + 1},
              {},
              {}};
      if (kind != 0 && a.plain && b.plain) tie.with.push_back({a.services.back().id, b.services.front().id});
      ties_.push_back(std::move(tie));
    } else if (kind < 5) {
      Tie tie{fmt::format(R"(<rsc_colocation id="c{}" rsc="{}" with-rsc="{}" score="-INFINITY"/>)", i, b.id,
                          a.id),
              {i, i + 1},
              {},
              {}};
      for (const auto& x : a.services) {
        for (const auto& y : b.services) {
          if (a.plain && b.plain) tie.apart.push_back({x.id, y.id});
        }
      }
      ties_.push_back(std::move(tie));
    } else if (kind < 6 && b.services[0].promoted > 0) {
      ties_.push_back(
          {fmt::format(
               R"(<rsc_colocation id="c{}" rsc="{}" with-rsc="{}" with-rsc-role="Promoted" score="INFINITY"/>)",
               i, a.id, b.id),
           {i, i + 1},
           {},
           {}});
    }
  }
  draw_sets();
  if (!w_.ticket.empty()) {
    const std::size_t at = random_.below(parts_.size());
    w_.ticket_freezes = random_.below(3) == 1;
    for (const auto& service : parts_[at].services) w_.ticketed.push_back(service.id);
    ties_.push_back({fmt::format(R"(<rsc_ticket id="t0" rsc="{}" ticket="{}" loss-policy="{}"/>)",
                                 parts_[at].id, w_.ticket, w_.ticket_freezes ? "freeze" : "stop"),
                     {at},
                     {},
                     {}});
  }
}

// One ordered and one colocated set over the first three primitives that are far enough apart to make no loop
// with the pairs above.
void Draft::draw_sets() {
  std::vector<std::size_t> plain;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    if (parts_[i].plain && parts_[i].services.size() == 1 && !parts_[i].services[0].migrates)
      plain.push_back(i);
  }
  if (plain.size() < 3 || !random_.chance(0.3)) return;
  plain.resize(3);
  const bool sequential = random_.chance(0.7);
  std::string refs;
  for (const std::size_t i : plain) refs += fmt::format(R"(<resource_ref id="{}"/>)", parts_[i].id);
  Tie order{
      fmt::format(
          R"(<rsc_order id="os" kind="Mandatory"><resource_set id="os-0" sequential="{}">{}</resource_set></rsc_order>)",
          sequential, refs),
      plain,
      {},
      {}};
  for (std::size_t i = 0; sequential && i + 1 < plain.size(); ++i) {
    order.orders.push_back({parts_[plain[i]].services[0].id, parts_[plain[i + 1]].services[0].id});
  }
  ties_.push_back(std::move(order));
}

std::string Draft::document(const std::string& resources, const std::string& constraints) {
  std::string nodes;
  for (unsigned i = 1; i <= w_.nodes; ++i) {
    const std::string capacity = utilization_
                                     ? fmt::format(R"(<utilization id="nodes-{0}-util">{1}</utilization>)", i,
                                                   nvpair(fmt::format("nodes-{}-util", i), "memory", "8"))
                                     : "";
    nodes += fmt::format(R"(<node id="{0}" uname="n{0}">{1}</node>)", i, capacity);
  }
  const std::string set = "cib-bootstrap-options";
  std::string properties = nvpair(set, "stonith-enabled", "true") +
                           nvpair(set, "no-quorum-policy", w_.no_quorum_policy) +
                           nvpair(set, "cluster-recheck-interval", "60s");
  if (utilization_) properties += nvpair(set, "placement-strategy", "balanced");
  const std::string device = R"(<primitive id="{0}" class="stonith" type="{1}"><operations>)"
                             R"(<op id="{0}-mon" name="monitor" interval="60s"/></operations></primitive>)";
  std::string fencing = fmt::format(fmt::runtime(device), "fencing", "fence_sim"), topology;
  if (random_.chance(0.4)) {
    fencing += fmt::format(fmt::runtime(device), "fencing2", "fence_sim2");
    for (unsigned i = 1; i <= w_.nodes; ++i) {
      for (unsigned level = 1; level <= 2; ++level) {
        topology += fmt::format(R"(<fencing-level id="fl{0}-{1}" target="n{0}" index="{1}" devices="{2}"/>)",
                                i, level, level == 1 ? "fencing" : "fencing2");
      }
    }
    topology = "<fencing-topology>" + topology + "</fencing-topology>";
  }
  const std::string ticket =
      w_.ticket.empty()
          ? ""
          : fmt::format(R"(<tickets><ticket_state id="{}" granted="true"/></tickets>)", w_.ticket);
  const std::string stickiness = std::to_string(random_.below(3) * 100);
  return R"(<cib validate-with="pacemaker-3.9" admin_epoch="0" epoch="1" num_updates="0"><configuration><crm_config>)" +
         fmt::format(R"(<cluster_property_set id="{}">{}</cluster_property_set></crm_config><nodes>)", set,
                     properties) +
         nodes + "</nodes><resources>" + resources + fencing + "</resources><constraints>" + constraints +
         "</constraints>" + topology + R"(<rsc_defaults><meta_attributes id="rsc-options">)" +
         nvpair("rsc-options", "resource-stickiness", stickiness) +
         "</meta_attributes></rsc_defaults></configuration><status>" + ticket + "</status></cib>";
}

Workload Draft::assemble(const Drop& drop) {
  w_.resource_parts = parts_.size();
  w_.constraint_parts = ties_.size();
  w_.no_quorum_policy = random_.chance(0.7) ? "stop" : random_.chance(0.5) ? "freeze" : "suicide";
  if (drop.nodes > 0) w_.nodes = std::min(w_.nodes, drop.nodes);
  std::string resources, constraints;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    if (drop.resources.contains(i)) continue;
    resources += parts_[i].xml;
    w_.services.insert(w_.services.end(), parts_[i].services.begin(), parts_[i].services.end());
    for (std::size_t n = 0; parts_[i].plain && n + 1 < parts_[i].services.size(); ++n) {
      w_.orders.push_back({parts_[i].services[n].id, parts_[i].services[n + 1].id});
    }
  }
  for (std::size_t i = 0; i < ties_.size(); ++i) {
    const Tie& tie = ties_[i];
    const bool gone = drop.constraints.contains(i) ||
                      std::any_of(tie.parts.begin(), tie.parts.end(),
                                  [&](std::size_t p) { return drop.resources.contains(p); });
    if (gone) continue;
    constraints += tie.xml;
    w_.orders.insert(w_.orders.end(), tie.orders.begin(), tie.orders.end());
    w_.apart.insert(w_.apart.end(), tie.apart.begin(), tie.apart.end());
    w_.with.insert(w_.with.end(), tie.with.begin(), tie.with.end());
  }
  w_.cib = document(resources, constraints);
  return w_;
}

}  // namespace

const Workload::Service* Workload::service(const std::string& id) const {
  const auto found =
      std::find_if(services.begin(), services.end(), [&](const Service& s) { return s.id == id; });
  return found == services.end() ? nullptr : &*found;
}

Workload draw_cluster(std::uint64_t seed, unsigned nodes, const Drop& drop) {
  return Draft(seed, nodes).assemble(drop);
}

std::string describe(const Workload& w) {
  return fmt::format("{}{} nodes, {} links, {} services, {} faults over {} s",
                     w.scenario.empty() ? "" : w.scenario + ": ", w.nodes, w.links, w.services.size(),
                     w.faults.size(), std::chrono::duration_cast<Seconds>(w.faults_end).count());
}

}  // namespace systole::sim
