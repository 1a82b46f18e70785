#include "pengine/whatif.h"

#include <algorithm>
#include <map>

#include "pengine/cluster_status.h"
#include "pengine/explain.h"
#include "pengine/explain_text.h"
#include "pengine/whatif_events.h"

namespace systole::pengine {
namespace {

using Fate = ServiceOutcome::Fate;

bool lives(pugi::xml_node state) {
  const std::string_view crmd = state.attribute("crmd").value();
  return !crmd.empty() && crmd != "offline" && crmd != "0";
}

void set(pugi::xml_node node, const char* name, const std::string& value) {
  pugi::xml_attribute a = node.attribute(name);
  if (!a) a = node.append_attribute(name);
  a = value.c_str();
}

std::string base_id(const std::string& id) { return id.substr(0, id.find(':')); }

void gather(const ResourceStatus& r, const std::set<std::string>& alive,
            std::map<std::string, Service>& out) {
  for (const ResourceStatus& child : r.children) gather(child, alive, out);
  if (!r.children.empty() || r.orphaned || r.kind != ResourceStatus::Kind::kPrimitive) return;
  Service& s = out[base_id(r.id)];
  s.id = base_id(r.id);
  s.blocked = s.blocked || r.blocked;
  for (const std::string& node : r.nodes) {
    if (!alive.contains(node)) continue;
    s.nodes.push_back(node);
    if (r.role == "Promoted") s.promoted.push_back(node);
  }
}

// What happens to resources on the way: stops and demotions, by configured id.
void note_touched(Situation& s, const Plan& plan) {
  for (const Action& a : plan.graph.actions) {
    if (a.kind == Action::Kind::kResource &&
        (a.task == "stop" || a.task == "demote" || a.task == "migrate_to"))
      s.touched.insert(base_id(a.resource));
  }
}

std::set<std::string> unfenceable(Situation& s, const Plan& plan, const FencingPaths& fencing) {
  std::set<std::string> out;
  for (const Action& a : plan.graph.actions) {
    if (a.task != "stonith" || a.kind != Action::Kind::kCluster) continue;
    s.node_effects = true;
    if (fencing.possible(a.node, s.failed_devices))
      s.fenced.insert(a.node);
    else
      out.insert(a.node);
  }
  return out;
}

// Nodes that shut down in an orderly way are gone afterwards.
void finish_shutdowns(Situation& s, const Plan& plan) {
  for (const Action& a : plan.graph.actions)
    if (a.task == "do_shutdown") inject_node(s.document, a.node, false, true);
}

// The living node with the lowest id decides.
void choose_dc(cib::Document& document) {
  pugi::xml_node best;
  for (const pugi::xml_node state : document.section("status").children("node_state")) {
    if (!lives(state) || std::string_view(state.attribute("remote_node").value()) == "true") continue;
    if (!best || state.attribute("id").as_llong() < best.attribute("id").as_llong()) best = state;
  }
  if (best) set(document.root(), "dc-uuid", best.attribute("id").value());
}

}  // namespace

Situation Situation::copy() const {
  Situation s{document.clone(), failing, failed_devices, true, 0, {}, {}, {}, {}, false};
  return s;
}

void settle(Situation& s, WallTime now, const FencingPaths& fencing, int most) {
  Options options;
  options.now = now;
  for (s.rounds = 0; s.rounds < most; ++s.rounds) {
    const Plan plan = schedule(s.document, options);
    const bool idle = std::none_of(plan.graph.actions.begin(), plan.graph.actions.end(),
                                   [](const Action& a) { return a.kind != Action::Kind::kPseudo; });
    s.unfenced.clear();
    if (idle) return;
    s.unfenced = unfenceable(s, plan, fencing);
    Simulation done = simulate(s.document, plan, now, {s.failing, s.unfenced, true});
    // Nothing could be done but to fail at fencing again.
    const bool stuck = done.executed == 0 && done.failed == 0;
    s.lines.insert(s.lines.end(), done.lines.begin(), done.lines.end());
    if (stuck) return;
    note_touched(s, plan);
    s.document = std::move(done.after);
    finish_shutdowns(s, plan);
  }
  s.settled = false;
}

void fail_node(Situation& s, const std::string& node, const Votes& votes) {
  inject_node(s.document, node, false, false);
  follow_membership(s.document, votes);
}

void follow_membership(cib::Document& document, const Votes& votes) {
  int members = 0, alive = 0;
  for (const pugi::xml_node node : document.section("nodes").children("node")) {
    const std::string_view type = node.attribute("type").value();
    if (type == "remote" || type == "ping") continue;
    ++members;
    const pugi::xml_node state =
        document.section("status").find_child_by_attribute("node_state", "id", node.attribute("id").value());
    if (lives(state)) ++alive;
  }
  const int expected = votes.expected > 0 ? votes.expected : members;
  const bool quorate = alive * 2 > expected || (votes.two_node && expected == 2 && alive > 0);
  inject_quorum(document, quorate);
  choose_dc(document);
}

bool fail_resource(Situation& s, const std::vector<Service>& services, const std::string& resource,
                   std::string node, bool for_good, WallTime now) {
  const auto service = std::find_if(services.begin(), services.end(),
                                    [&](const Service& each) { return each.id == base_id(resource); });
  if (service == services.end() || service->nodes.empty()) return false;
  if (node.empty()) node = service->promoted.empty() ? service->nodes.front() : service->promoted.front();
  if (std::find(service->nodes.begin(), service->nodes.end(), node) == service->nodes.end()) return false;
  const pugi::xml_node primitive = s.document.section("resources").find_node([&](pugi::xml_node n) {
    return std::string_view(n.name()) == "primitive" && resource == n.attribute("id").value();
  });
  const bool promoted =
      std::find(service->promoted.begin(), service->promoted.end(), node) != service->promoted.end();
  InjectedOp monitor{resource, "monitor", node, 10'000, promoted ? 9 : 1};
  for (const pugi::xml_node op : primitive.child("operations").children("op")) {
    if (std::string_view(op.attribute("name").value()) != "monitor") continue;
    const std::int64_t interval = interval_ms(op.attribute("interval").value());
    const std::string_view role = op.attribute("role").value();
    const bool for_promoted = role == "Promoted" || role == "Master";
    if (interval > 0 && for_promoted == promoted) {
      monitor.interval_ms = interval;
      break;
    }
  }
  if (!inject_op(s.document, monitor, now)) return false;
  if (for_good) s.failing.push_back({resource, "start", node, 0, 1});
  return true;
}

std::vector<Service> services_of(const cib::Document& document, WallTime now) {
  const ClusterStatus status = cluster_status(document, now);
  std::set<std::string> alive;
  for (const NodeStatus& node : status.nodes)
    if (node.online && !node.unclean) alive.insert(node.name);
  std::map<std::string, Service> all;
  for (const ResourceStatus& r : status.resources) gather(r, alive, all);
  std::vector<Service> out;
  for (auto& [id, service] : all) {
    std::sort(service.nodes.begin(), service.nodes.end());
    std::sort(service.promoted.begin(), service.promoted.end());
    out.push_back(std::move(service));
  }
  return out;
}

const char* fate_name(Fate fate) {
  static constexpr const char* kNames[] = {"untouched",       "restarts", "moves", "fewer instances",
                                           "loses promotion", "stops",    "starts"};
  return kNames[static_cast<std::size_t>(fate)];
}

namespace {

Fate fate_of(const Service& before, const Service& after, bool touched) {
  if (before.nodes.empty()) return after.nodes.empty() ? Fate::kUntouched : Fate::kStarts;
  if (after.nodes.empty()) return Fate::kStops;
  if (!before.promoted.empty() && after.promoted.empty()) return Fate::kLosesPromoted;
  if (before.promoted != after.promoted) return Fate::kMoves;
  if (before.nodes == after.nodes) return touched ? Fate::kRestarts : Fate::kUntouched;
  const bool fewer =
      std::includes(before.nodes.begin(), before.nodes.end(), after.nodes.begin(), after.nodes.end());
  return fewer ? Fate::kFewer : Fate::kMoves;
}

std::string fencing_reason(const Situation& s, const FencingPaths& fencing, const std::string& node) {
  const auto paths = fencing.paths(node);
  if (paths.empty()) return fmt::format("{} cannot be fenced: no device is configured for it", node);
  std::vector<std::string> all;
  for (const FencingPath& path : paths)
    all.push_back(fmt::format("{}{}", path.level > 0 ? fmt::format("level {}: ", path.level) : "",
                              fmt::join(path.devices, " and ")));
  return fmt::format("{} cannot be fenced: {} would be needed, and {} failed", node, fmt::join(all, " or "),
                     fmt::join(s.failed_devices, ", "));
}

void dead_ends(const Situation& s, WallTime now, const FencingPaths& fencing, WhatIf& out) {
  for (const std::string& node : s.unfenced) out.dead_ends.push_back(fencing_reason(s, fencing, node));
  Options options;
  options.now = now;
  options.reasons = true;
  const Plan plan = schedule(s.document, options);
  const ClusterStatus status = cluster_status(s.document, now);
  for (const NodeStatus& node : status.nodes) {
    if (node.unclean && !s.unfenced.contains(node.name))
      out.dead_ends.push_back(fmt::format("{} is unclean and is not fenced{}", node.name,
                                          plan.quorate ? "" : ": a partition without quorum fences nobody"));
  }
  std::set<std::string> said;
  for (const BlockedAction& b : plan.reasons->blocked) {
    const std::string text =
        fmt::format("the {} of {}{} is not possible{}", b.task, base_id(b.resource),
                    b.node.empty() ? "" : " on " + b.node, b.reason.empty() ? "" : ": " + b.reason);
    if (said.insert(text).second) out.dead_ends.push_back(text);
  }
  for (const Placement& p : plan.reasons->placements) {
    if (p.blocked && said.insert(p.configured).second)
      out.dead_ends.push_back(fmt::format(
          "{} is blocked: the cluster leaves it as it is until somebody cleans up", p.configured));
  }
  if (!s.settled)
    out.dead_ends.push_back(fmt::format("the cluster is still at it after {} transitions", s.rounds));
}

}  // namespace

Result<WhatIf> what_if(const cib::Document& document, WallTime now, const std::vector<std::string>& events,
                       const Votes& votes) {
  const FencingPaths fencing(document);
  Situation s{document.clone(), {}, {}, true, 0, {}, {}, {}, {}, false};
  WhatIf out;
  settle(s, now, fencing);
  if (s.rounds > 0)
    out.assumptions.push_back(
        "what the cluster has to do already is done first; \"before\" is how that ends");
  const std::vector<Service> before = services_of(s.document, now);
  s = s.copy();
  for (const std::string& text : events) {
    auto understood = apply_event(text, s, fencing, votes, now);
    if (!understood) return tl::make_unexpected(understood.error());
    out.events.push_back(std::move(*understood));
  }
  if (votes.assumed)
    out.assumptions.push_back(votes.two_node ? "one vote a node; with two nodes, one alone keeps quorum"
                                             : "one vote a node");
  settle(s, now, fencing);
  const std::vector<Service> after = services_of(s.document, now);
  for (const Service& was : before) {
    ServiceOutcome o{was.id, Fate::kUntouched, was.nodes, {}, was.promoted, {}};
    const auto is =
        std::find_if(after.begin(), after.end(), [&](const Service& each) { return each.id == was.id; });
    const Service now_is = is == after.end() ? Service{was.id, {}, {}, false} : *is;
    o.after = now_is.nodes;
    o.promoted_after = now_is.promoted;
    o.fate = fate_of(was, now_is, s.touched.contains(was.id));
    out.services.push_back(std::move(o));
  }
  for (const NodeStatus& node : cluster_status(s.document, now).nodes)
    out.node_states.push_back(fmt::format("{}: {}", node.name, node.state_text()));
  dead_ends(s, now, fencing, out);
  out.lines = std::move(s.lines);
  out.rounds = s.rounds;
  out.settled = s.settled;
  return out;
}

}  // namespace systole::pengine
