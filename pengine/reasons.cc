// Recording of reasons: differences of scores while a cause is at work, the choice that was made, and what is
// left to say at the end.
#include "pengine/reasons.h"

#include <fmt/format.h>

#include <algorithm>

#include "pengine/because.h"
#include "pengine/engine.h"

namespace systole::pengine {

const char* cause_name(Cause cause) {
  static constexpr const char* kNames[] = {
      "location",   "stickiness",  "health",          "migration-threshold", "failure",
      "colocation", "utilization", "ticket",          "shutdown-lock",       "stopped",
      "removed",    "unmanaged",   "multiple-active", "exclusive-discovery", "clone-limits",
      "node-kind",  "promotion"};
  return kNames[static_cast<std::size_t>(cause)];
}

namespace engine {

struct Because::Before {
  Cluster& c;
  Cause cause;
  std::string id, other;
  std::vector<std::pair<const Resource*, Places>> places;
};

namespace {

// What is recorded, with the places of the records.
struct Log : Reasons {
  std::unordered_map<std::string, std::size_t> record_at, placement_at;
  std::vector<std::size_t> stamp;  // Of each record.
  std::size_t count = 0;
};

void snapshot(const Resource* r, std::vector<std::pair<const Resource*, Places>>& out) {
  out.emplace_back(r, r->allowed);
  for (const Resource* child : r->children) snapshot(child, out);
}

// Assignment may be tried several times: the last word counts. Where nothing changes any more, what changed
// it before does.
void put(Reasons& why, Reason reason) {
  if (reason.score == 0 && !reason.node.empty()) return;
  auto& log = static_cast<Log&>(why);
  const std::string key =
      fmt::format("{}\n{}\n{}\n{}\n{}\n{}", static_cast<int>(reason.cause), reason.resource, reason.node,
                  reason.id, reason.other, reason.promotion);
  const auto [at, fresh] = log.record_at.emplace(key, why.records.size());
  if (fresh) {
    why.records.push_back(std::move(reason));
    log.stamp.push_back(++log.count);
  } else {
    why.records[at->second] = std::move(reason);
    log.stamp[at->second] = ++log.count;
  }
}

NodeVerdict::State state_of(const Node& node) {
  using State = NodeVerdict::State;
  if (node.unclean) return State::kUnclean;
  if (!node.online) return State::kOffline;
  if (node.pending) return State::kPending;
  if (node.shutdown) return State::kShutdown;
  if (node.standby_on_fail) return State::kStandbyOnFail;
  if (node.standby) return State::kStandby;
  if (node.maintenance) return State::kMaintenance;
  return State::kUsable;
}

Placement& placement_of(Reasons& why, const Resource* r) {
  auto& log = static_cast<Log&>(why);
  const auto [at, fresh] = log.placement_at.emplace(r->id, why.placements.size());
  if (fresh) why.placements.emplace_back().resource = r->id;
  return why.placements[at->second];
}

// What is promoted with it: itself, or the group that it is in.
const Resource* promotable_instance(const Resource* r) {
  for (const Resource* at = r; at->parent; at = at->parent)
    if (is_clone(at->parent)) return at->parent->promotable ? at : nullptr;
  return nullptr;
}

void describe(Cluster& c, Resource* r, Placement& p) {
  p.configured = r->def->id;
  for (const Resource* up = r->parent; up; up = up->parent) p.ancestors.push_back(up->id);
  for (const Node* node : r->running_on) p.from.push_back(node->name);
  if (r->assigned && r->next_role != Role::kStopped) p.to = r->assigned->name;
  p.role = role_name(r->role);
  p.next_role = role_name(p.to.empty() ? Role::kStopped : r->next_role);
  p.managed = r->managed;
  p.blocked = r->blocked;
  p.maintenance = r->maintenance;
  p.failed = r->failed;
  p.removed = r->removed;
  if (const Resource* instance = promotable_instance(r)) {
    p.promotable = true;
    p.promotion_score = instance->sort_index;
    p.promoted_max = instance->parent->promoted_max;
  }
  for (const Node* node : c.nodes) {
    NodeVerdict v;
    v.node = node->name;
    const Place* place = r->allowed.find(node);
    v.allowed = place != nullptr;
    v.score = place ? place->score : -kInfinity;
    if (place && is_guest(node) && is_bundled(node->remote) &&
        top(r) != top(node->remote, true)->bundle_child)
      put(*c.why, {r->id, node->name, Cause::kNodeKind, -kInfinity, "bundle", top(node->remote, true)->id});
    v.state = state_of(*node);
    const auto known = std::find_if(p.nodes.begin(), p.nodes.end(),
                                    [&](const NodeVerdict& old) { return old.node == v.node; });
    if (known == p.nodes.end()) {
      v.resources = node->assigned_count;
      p.nodes.push_back(v);
    } else {
      v.resources = known->resources;
      *known = v;
    }
  }
}

// "memory: 1024 needed, 512 left"; empty when only together with its partners it needs too much.
std::string shortage(const Resource& r, const Node& node) {
  std::string text;
  for (const auto& [name, value] : r.utilization) {
    const std::string left = meta_or(node.utilization, name, "0");
    if (parse_int(value).value_or(0) <= parse_int(left).value_or(0)) continue;
    text += fmt::format("{}{}: {} needed, {} left", text.empty() ? "" : "; ", name, value, left);
  }
  return text;
}

// Whether an instance is there, or all that there may be are placed.
void instance_limits(const Resource& instance, const Node* node, Reason& reason) {
  const Resource* parent = instance.parent;
  if (!parent) return;
  const bool bundle = is_bundle(parent);
  if (reason.id == "clone-max") {
    reason.limit = bundle ? static_cast<int>(parent->replicas.size()) : parent->clone_max;
    return;
  }
  reason.limit = bundle ? parent->replicas_per_host : parent->clone_node_max;
  if (const Place* place = parent->allowed.find(node)) reason.count = place->count;
}

}  // namespace

std::shared_ptr<Reasons> start_reasons() { return std::make_shared<Log>(); }

int score_difference(int before, int after) {
  if (after >= kInfinity || after <= -kInfinity) return after;
  if (before >= kInfinity || before <= -kInfinity) return after;
  return after - before;
}

std::size_t reasons_so_far(const Cluster& c) { return c.why ? static_cast<const Log&>(*c.why).count : 0; }

void forget_reasons(Cluster& c, std::size_t since, const Resource* r) {
  if (!c.why) return;
  auto& log = static_cast<Log&>(*c.why);
  for (std::size_t i = 0; i < log.records.size(); ++i)
    if (log.stamp[i] > since && log.records[i].resource == r->id) log.records[i].score = 0;
}

void record_reason(Cluster& c, Reason reason) { put(*c.why, std::move(reason)); }

void Because::begin(Cluster& c, const Resource* r, Cause cause, std::string_view id, std::string_view other) {
  before_ = new Before{c, cause, std::string(id), std::string(other), {}};
  snapshot(r, before_->places);
}

void Because::end() {
  const std::unique_ptr<Before> b(before_);
  bool any = false;
  for (const auto& [r, before] : b->places) {
    for (const Place& place : r->allowed) {
      const Place* old = before.find(place.node);
      const int from = old ? old->score : place.node->base_score;
      if (from == place.score) continue;
      any = true;
      Reason reason{r->id, place.node->name, b->cause, score_difference(from, place.score), b->id, b->other};
      if (b->cause == Cause::kThreshold && is_primitive(r)) {
        reason.count = fail_count(b->c, place.node, const_cast<Resource*>(r), kFailEffective | kFailFillers);
        reason.limit = r->migration_threshold;
      }
      if (b->cause == Cause::kUtilization) reason.other = shortage(*r, *place.node);
      if (b->cause == Cause::kInstances) instance_limits(*b->places.front().first, place.node, reason);
      put(*b->c.why, std::move(reason));
    }
  }
  // One that changes nothing as things are may do so when the partner's change.
  if (!any && b->cause == Cause::kColocation)
    put(*b->c.why, {b->places.front().first->id, "", b->cause, 0, b->id, b->other});
}

void note_choice(Cluster& c, const Resource* r, const std::vector<Place>& sorted, const Node* chosen,
                 bool preferred) {
  if (!c.why) return;
  Placement& p = placement_of(*c.why, r);
  p.nodes.clear();
  for (const Place& place : sorted) {
    NodeVerdict v;
    v.node = place.node->name;
    v.resources = place.node->assigned_count;
    p.nodes.push_back(std::move(v));
  }
  std::sort(p.nodes.begin(), p.nodes.end(),
            [](const NodeVerdict& a, const NodeVerdict& b) { return compare_numeric(a.node, b.node) < 0; });
  using Choice = Placement::Choice;
  p.choice = Choice::kNone;
  if (!chosen) return;
  const Place* mine = nullptr;
  const Place* rival = nullptr;
  for (const Place& place : sorted) {
    if (place.node == chosen)
      mine = &place;
    else if (!rival && node_available(place, true, false))
      rival = &place;
  }
  if (preferred) {
    p.choice = Choice::kPreferred;
  } else if (mine && !rival) {
    p.choice = Choice::kOnly;
  } else if (!mine || rival->score != mine->score) {
    p.choice = Choice::kScore;
  } else if (contains(r->running_on, chosen)) {
    p.choice = Choice::kCurrent;
  } else if (c.config.placement == Config::Placement::kBalanced &&
             compare_capacity(c, chosen, rival->node) != 0) {
    p.choice = Choice::kCapacity;
  } else if (c.config.placement != Config::Placement::kMinimal &&
             chosen->assigned_count < rival->node->assigned_count) {
    p.choice = Choice::kBalance;
  } else {
    p.choice = Choice::kName;
  }
}

void finish_reasons(Cluster& c) {
  if (!c.why) return;
  Reasons& why = *c.why;
  std::erase_if(why.records, [](const Reason& r) { return r.score == 0 && !r.node.empty(); });
  for (Resource* top_one : c.resources)
    for (Resource* r : primitives_of(top_one)) describe(c, r, placement_of(why, r));
  for (const Action* a : c.actions) {
    if (a->optional || a->runnable || a->pseudo || !a->resource) continue;
    why.blocked.push_back({a->resource->id, a->task, a->node ? a->node->name : "", a->reason});
  }
  why.symmetric = c.config.symmetric;
  why.quorate = c.config.have_quorum;
  why.maintenance_mode = c.config.maintenance;
  why.stop_all = c.config.stop_all;
  why.fencing_without_device = c.config.fencing && !c.config.have_stonith_resource;
  why.no_quorum_policy = c.property({"no-quorum-policy"}, "stop");
}

}  // namespace engine
}  // namespace systole::pengine
