#include "sim/cluster_world.h"

namespace systole::sim {

void ClusterWorld::tell(const Event& event) {
  world_.note(static_cast<std::uint64_t>(event.kind) + 1);
  for (const Listener& listener : listeners_) listener(event);
}

void ClusterWorld::set_power(const std::string& node, bool on, const std::string& by) {
  if (on == powered(node)) return;
  if (on) {
    off_.erase(node);
  } else {
    off_.insert(node);
    host_lost(node);
  }
  tell({on ? Event::Kind::kPowerOn : Event::Kind::kPowerOff, node, {}, {}, by});
}

void ClusterWorld::host_lost(const std::string& node) {
  std::erase_if(active_, [&](const auto& entry) { return entry.first.first == node; });
  tell({Event::Kind::kHostLost, node, {}, {}, {}});
}

void ClusterWorld::cut_power(const std::string& node, const std::string& by) {
  world_.after(Duration::zero(), [this, node, by] { power_(node, false, by); });
}

void ClusterWorld::give_power(const std::string& node, const std::string& by) {
  world_.after(Duration::zero(), [this, node, by] { power_(node, true, by); });
}

void ClusterWorld::activate(const std::string& node, const std::string& resource) {
  if (!powered(node)) return;
  if (active_.try_emplace({node, resource}, false).second)
    tell({Event::Kind::kStarted, node, resource, {}, {}});
}

void ClusterWorld::deactivate(const std::string& node, const std::string& resource) {
  promote(node, resource, false);
  active_.erase({node, resource});
  tell({Event::Kind::kStopped, node, resource, {}, {}});
}

void ClusterWorld::die(const std::string& node, const std::string& resource) {
  if (active_.erase({node, resource}) != 0) tell({Event::Kind::kDied, node, resource, {}, {}});
}

void ClusterWorld::promote(const std::string& node, const std::string& resource, bool on) {
  const auto found = active_.find({node, resource});
  if (found == active_.end() || std::exchange(found->second, on) == on) return;
  tell({on ? Event::Kind::kPromoted : Event::Kind::kDemoted, node, resource, {}, {}});
}

bool ClusterWorld::active(const std::string& node, const std::string& resource) const {
  return active_.contains({node, resource});
}

bool ClusterWorld::promoted(const std::string& node, const std::string& resource) const {
  const auto found = active_.find({node, resource});
  return found != active_.end() && found->second;
}

std::vector<std::string> ClusterWorld::where(const std::string& resource) const {
  std::vector<std::string> nodes;
  for (const auto& [at, promoted] : active_) {
    if (at.second == resource && powered(at.first)) nodes.push_back(at.first);
  }
  return nodes;
}

std::vector<std::string> ClusterWorld::where_promoted(const std::string& resource) const {
  std::vector<std::string> nodes;
  for (const auto& [at, promoted] : active_) {
    if (promoted && at.second == resource && powered(at.first)) nodes.push_back(at.first);
  }
  return nodes;
}

}  // namespace systole::sim
