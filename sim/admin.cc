// What administrators do meanwhile: configuration, attributes, maintenance, moves, upgrades.
#include <algorithm>

#include "controller/properties.h"
#include "sim/faults.h"

namespace systole::sim {

using Machine = Cluster::Machine;

// Every question is answered once: with a yes, a no, or because the node that was asked ends.
void Injector::submit(Machine& m, const std::string& section, const std::string& xml, cib::Op::Kind kind,
                      const std::string& what, std::function<void()> acknowledged) {
  if (!m.alive()) return;
  cib::Op op;
  op.kind = kind;
  op.section = section;
  op.xml = xml;
  op.allow_create = true;
  op.user = "root";
  op.client = "sim";
  op.origin = m.name;
  op.when = world_.wall();
  administration_.asked(what);
  m.node->cib().submit(op, [this, what, acknowledged, view = m.view.id, &m, life = m.life,
                            quorate = m.quorum.quorate && !m.quorum.two_node](const Result<cib::Applied>& r) {
    administration_.answered(what);
    if (!r || !acknowledged || !quorate) return;
    // Only what a majority acknowledged in the view that it was asked in is promised to survive a split.
    if (!m.alive() || m.life != life || m.view.id != view) return;
    acknowledged();
  });
}

void Injector::property(Machine& m, const std::string& name, const std::string& value) {
  submit(
      m, "crm_config",
      fmt::format(
          R"(<cluster_property_set id="cib-bootstrap-options"><nvpair id="cib-bootstrap-options-{0}" name="{0}" value="{1}"/></cluster_property_set>)",
          name, value),
      cib::Op::Kind::kModify, name + "=" + value);
}

void Injector::admin_mark(Machine& m, SeededRandom&) {
  const std::string mark = fmt::format("mark-{}", ++marks_);
  submit(
      m, "crm_config",
      fmt::format(
          R"(<cluster_property_set id="marks"><nvpair id="{0}" name="{0}" value="1"/></cluster_property_set>)",
          mark),
      cib::Op::Kind::kModify, mark, [this, mark] {
        world_.trace("ACKNOWLEDGED " + mark);
        standing_marks_.push_back(mark);
        administration_.acknowledged(mark, true);
      });
}

void Injector::admin_unmark(Machine& m, SeededRandom& random) {
  if (standing_marks_.empty() || !m.alive()) return;
  const std::size_t which = random.below(standing_marks_.size());
  const std::string mark = standing_marks_[which];
  standing_marks_.erase(standing_marks_.begin() + static_cast<std::ptrdiff_t>(which));
  administration_.acknowledged(mark, false);  // From now on it may be gone.
  submit(m, "crm_config", fmt::format(R"(<nvpair id="{0}" name="{0}"/>)", mark), cib::Op::Kind::kDelete,
         "no " + mark);
}

void Injector::admin_standby(Machine& m, SeededRandom& random) {
  if (!m.alive()) return;
  m.node->set_attribute(any(random).name, "standby", random.chance(0.4) ? "on" : "off", true,
                        [](const Result<void>&) {});
}

void Injector::admin_maintenance(Machine& m, SeededRandom& random) {
  property(m, "maintenance-mode", "true");
  world_.after(random.between(Seconds(20), Seconds(60)), [this] {
    if (Machine* dc = cluster_.dc()) property(*dc, "maintenance-mode", "false");
  });
}

std::string Injector::some_top(SeededRandom& random) const {
  return workload_.services.empty() ? "" : workload_.services[random.below(workload_.services.size())].top;
}

void Injector::admin_move(Machine& m, SeededRandom& random) {
  const std::string rsc = some_top(random);
  if (rsc.empty()) return;
  if (random.chance(0.5)) {
    return submit(m, "constraints", fmt::format(R"(<rsc_location id="cli-prefer-{}"/>)", rsc),
                  cib::Op::Kind::kDelete, "clear " + rsc);
  }
  submit(m, "constraints",
         fmt::format(R"(<rsc_location id="cli-prefer-{0}" rsc="{0}" node="{1}" score="INFINITY"/>)", rsc,
                     any(random).name),
         cib::Op::Kind::kModify, "move " + rsc);
}

void Injector::admin_role(Machine& m, SeededRandom& random) {
  if (workload_.services.empty()) return;
  const Workload::Service& service = workload_.services[random.below(workload_.services.size())];
  if (service.id != service.top) return;  // Of a plain primitive.
  const auto role = [id = service.id](const char* value) {
    return fmt::format(
        R"(<primitive id="{0}"><meta_attributes id="{0}-meta"><nvpair id="{0}-meta-target-role" name="target-role" value="{1}"/></meta_attributes></primitive>)",
        id, value);
  };
  submit(m, "resources", role("Stopped"), cib::Op::Kind::kModify, "stop " + service.id);
  world_.after(random.between(Seconds(1), Seconds(30)), [this, role, id = service.id] {
    if (Machine* dc = cluster_.dc())
      submit(*dc, "resources", role("Started"), cib::Op::Kind::kModify, "start " + id);
  });
}

void Injector::admin_cleanup(Machine& m, SeededRandom& random) {
  if (m.alive()) m.node->cleanup(random.chance(0.3) ? "" : some_top(random), "", [](const Result<void>&) {});
}

void Injector::admin_ticket(Machine& m, SeededRandom& random) { grant_ticket(m, random.chance(0.6)); }

void Injector::grant_ticket(Machine& m, bool granted) {
  if (workload_.ticket.empty()) return;
  submit(m, "status",
         fmt::format(R"(<tickets><ticket_state id="{}" granted="{}"/></tickets>)", workload_.ticket, granted),
         cib::Op::Kind::kModify, "ticket");
}

void Injector::admin_options(Machine& m, SeededRandom& random) {
  const std::pair<const char*, const char*> choices[] = {{"batch-limit", "3"},
                                                         {"batch-limit", "0"},
                                                         {"migration-limit", "1"},
                                                         {"concurrent-fencing", "false"},
                                                         {"concurrent-fencing", "true"},
                                                         {"node-action-limit", "1"},
                                                         {"node-action-limit", "8"},
                                                         {"cluster-recheck-interval", "20s"},
                                                         {"stonith-action", "off"},
                                                         {"stonith-action", "reboot"},
                                                         {"start-failure-is-fatal", "false"},
                                                         {"priority-fencing-delay", "2s"}};
  const auto& [name, value] = choices[random.below(std::size(choices))];
  property(m, name, value);
}

void Injector::shutdown(Machine& m, SeededRandom&) {
  if (m.alive()) m.node->shutdown();
}

void Injector::rolling_restart(Machine&, SeededRandom& random) {
  Duration when{};
  for (const auto& m : cluster_.machines()) {
    world_.after(when, [this, &machine = *m] {
      SeededRandom unused(0);
      shutdown(machine, unused);
    });
    when += random.between(Seconds(1), Seconds(30));
  }
}

// There is one wire protocol version, so nothing to negotiate there yet: what can differ is what the document
// says of whoever wrote it.
void Injector::upgrade(Machine& m, SeededRandom& random) {
  const char* sets[] = {"3.0.14", "3.16.1", "3.19.7", "3.20.0"};
  submit(m, "", fmt::format(R"(<cib crm_feature_set="{}"/>)", sets[random.below(std::size(sets))]),
         cib::Op::Kind::kModify, "upgrade");
}

}  // namespace systole::sim
