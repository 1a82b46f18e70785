#include "qdevice/arbiter.h"

#include <algorithm>

namespace systole::qdevice {
namespace {

// How long members who only heard from others that the vote is theirs may still believe in a ring that has
// broken up: twice what a silent member takes to be noticed with the default timers.
constexpr Seconds kBreakup{4};

bool contains(const std::vector<NodeId>& nodes, NodeId node) {
  return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

}  // namespace

Arbiter::Arbiter(Settings settings, Time quiet_until)
    : settings_(std::move(settings)), quiet_until_(quiet_until) {}

Time Arbiter::lease_end(const NodeStatus& node) const {
  return node.heard + settings_.lease + settings_.lease / 10;  // Clocks drift.
}

bool Arbiter::fresh(Time now, const NodeStatus& node) const { return now < node.heard + settings_.lease / 4; }

Result<void> Arbiter::join(Time now, NodeLife life, const Settings& settings) {
  if (!contains(settings.rules.nodes, life.node))
    return fail(Errc::kDenied, "node {} is not in its own nodelist", raw(life.node));
  const auto known = lives_.find(life.node);
  if (known != lives_.end() && life.incarnation < known->second)
    return fail(Errc::kDenied, "node {} is known in a later life", raw(life.node));
  Settings same_nodes = settings;  // The nodelist may grow while the others run: the newest one counts.
  same_nodes.rules.nodes = settings_.rules.nodes;
  if (same_nodes != settings_) {
    const bool alone = std::all_of(nodes_.begin(), nodes_.end(),
                                   [&](const auto& other) { return other.first == life.node; });
    if (!alone)
      return fail(Errc::kInvalidConfig,
                  "node {} has another algorithm, tie_breaker or timeout than the nodes that are "
                  "here: copy one corosync.conf to all",
                  raw(life.node));
  }
  settings_ = settings;
  if (known != lives_.end() &&
      known->second != life.incarnation) {  // What it was told in an earlier life ended with that.
    std::vector<RingId> rings;
    for (const auto& [ring, grant] : grants_) rings.push_back(ring);
    for (const RingId& ring : rings) release(now, life.node, ring);
  }
  lives_[life.node] = life.incarnation;
  nodes_[life.node] = {life, {}, NodeStatus::Told::kNothing, now};
  advance(now);
  return {};
}

void Arbiter::report(Time now, Report report) {
  const auto found = nodes_.find(report.node);
  if (found == nodes_.end()) return;
  NodeStatus& node = found->second;
  node.heard = now;
  const RingId ring = report.ring;
  if (!node.report || node.report->ring != ring) {
    node.told = NodeStatus::Told::kNothing;
    std::vector<RingId> left;
    for (const auto& [other, grant] : grants_) {
      if (other < ring) left.push_back(other);  // It may be on its way into a later one.
    }
    node.report = std::move(report);
    for (const RingId& other : left) release(now, found->first, other);
  } else {
    node.report = std::move(report);
  }
  if (node.report->counts && node.told == NodeStatus::Told::kNothing) {
    Grant& grant = grants_[ring];
    grant.members = node.report->members;
    grant.told[found->first] = lease_end(node);
    grant.gone.erase(found->first);
    node.told = NodeStatus::Told::kYes;
  }
  heard(now, found->first);
}

void Arbiter::heard(Time now, NodeId id) {
  const auto found = nodes_.find(id);
  if (found == nodes_.end()) return;
  NodeStatus& node = found->second;
  node.heard = now;
  if (node.report && node.told == NodeStatus::Told::kYes) {
    if (const auto grant = grants_.find(node.report->ring); grant != grants_.end())
      grant->second.told[id] = lease_end(node);
  }
  advance(now);
}

void Arbiter::released(Time now, NodeId id, const RingId& ring) {
  const auto found = nodes_.find(id);
  if (found == nodes_.end()) return;
  // What it was told since counts: a late confirmation is about an earlier no.
  const bool again = found->second.told == NodeStatus::Told::kYes && found->second.report &&
                     found->second.report->ring == ring;
  if (!again) release(now, id, ring);
  advance(now);
}

void Arbiter::release(Time now, NodeId id, const RingId& ring) {
  const auto found = grants_.find(ring);
  if (found == grants_.end()) return;
  Grant& grant = found->second;
  const bool was_told = grant.told.erase(id) > 0;
  grant.gone.insert(id);
  if (grant.told.empty()) outlive(now, grant, was_told);
}

// Nobody is told any more. Members that have not said so may count, for a while, what they heard from others.
void Arbiter::outlive(Time now, Grant& grant, bool just_now) {
  const auto left = std::count_if(grant.members.begin(), grant.members.end(),
                                  [&](NodeId member) { return !grant.gone.contains(member); });
  const bool alone = grant.members.size() == 1;  // It heard it from nobody else.
  if (left == 0 || alone) {
    grant.until = now;
  } else if (just_now) {
    grant.until = std::max(grant.until, now + kBreakup);
  }
}

void Arbiter::leave(Time now, NodeId id) {
  nodes_.erase(id);
  advance(now);
}

void Arbiter::forget(Time now) {
  for (auto grant = grants_.begin(); grant != grants_.end();) {
    const auto ended = std::erase_if(grant->second.told, [&](const auto& told) {
      if (told.second > now) return false;
      // It may come back to life and beat again: what it was told is over.
      const auto node = nodes_.find(told.first);
      if (node != nodes_.end() && node->second.told == NodeStatus::Told::kYes) tell(node->second, false);
      return true;
    });
    if (ended > 0 && grant->second.told.empty()) outlive(now, grant->second, true);
    const bool over = grant->second.told.empty() && grant->second.until <= now;
    grant = over ? grants_.erase(grant) : std::next(grant);
  }
}

// Some node is well heard and still reports a ring that another has left: it will have another one soon.
bool Arbiter::settling(Time now) {
  const bool unsettled = std::any_of(nodes_.begin(), nodes_.end(), [&](const auto& entry) {
    const NodeStatus& node = entry.second;
    if (!node.report || !fresh(now, node)) return false;
    return std::any_of(node.report->members.begin(), node.report->members.end(), [&](NodeId member) {
      const auto other = nodes_.find(member);
      return other != nodes_.end() && other->second.report && other->second.report->ring > node.report->ring;
    });
  });
  if (!unsettled) settling_since_.reset();
  if (unsettled && !settling_since_) settling_since_ = now;
  return unsettled && now < *settling_since_ + settings_.lease;
}

bool Arbiter::free_for(const RingId& ring) const {
  return std::all_of(grants_.begin(), grants_.end(), [&](const auto& entry) {
    const auto& [other, grant] = entry;
    if (other == ring) return true;
    return ring > other && std::any_of(nodes_.begin(), nodes_.end(), [&](const auto& node) {
             return node.second.report && node.second.report->ring == ring &&
                    contains(entry.second.members, node.first);
           });
  });
}

void Arbiter::tell(NodeStatus& node, bool casts) {
  const auto told = casts ? NodeStatus::Told::kYes : NodeStatus::Told::kNo;
  if (std::exchange(node.told, told) != told) out_.push_back({node.life.node, node.report->ring, casts});
}

void Arbiter::decide(Time now) {
  std::vector<Report> reports;
  std::size_t known = 0;
  for (const auto& [id, node] : nodes_) {
    if (!node.report || node.heard + settings_.lease <= now) continue;
    ++known;
    const bool left = std::any_of(nodes_.begin(), nodes_.end(), [&](const auto& other) {
      return other.second.report && other.second.report->ring > node.report->ring &&
             contains(node.report->members, other.first);
    });
    if (!left || fresh(now, node)) reports.push_back(*node.report);
  }
  if (now < quiet_until_ && known < settings_.rules.nodes.size()) return;
  if (settling(now)) return;
  winner_ = choose(settings_.rules, reports, active_);
  const bool free = winner_ && free_for(*winner_);
  for (auto& [id, node] : nodes_) {
    if (!node.report) continue;
    if (!winner_ || node.report->ring != *winner_) {
      tell(node, false);
    } else if (free && now < lease_end(node)) {
      Grant& grant = grants_[*winner_];
      for (const NodeId member : node.report->members) {
        if (!contains(grant.members, member)) grant.members.push_back(member);
      }
      grant.told[id] = lease_end(node);
      grant.gone.erase(id);
      active_ = grant.members;
      tell(node, true);
    }
  }
}

void Arbiter::advance(Time now) {
  now_ = now;
  forget(now);
  decide(now);
}

std::vector<Arbiter::Vote> Arbiter::take() { return std::exchange(out_, {}); }

Time Arbiter::deadline() const {
  Time at = Time::max();
  const auto consider = [&](Time t) {
    if (t > now_) at = std::min(at, t);
  };
  for (const auto& [ring, grant] : grants_) {
    for (const auto& [node, end] : grant.told) consider(end);
    if (grant.told.empty()) consider(grant.until);
  }
  if (!nodes_.empty()) consider(quiet_until_);
  if (settling_since_) consider(*settling_since_ + settings_.lease);
  for (const auto& [id, node] : nodes_) {
    if (!node.report) continue;
    consider(node.heard + settings_.lease / 4);
    consider(node.heard + settings_.lease);
  }
  return at;
}

std::vector<Arbiter::NodeStatus> Arbiter::nodes() const {
  std::vector<NodeStatus> out;
  for (const auto& [id, node] : nodes_) out.push_back(node);
  return out;
}

}  // namespace systole::qdevice
