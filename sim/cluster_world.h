// ClusterWorld: what is true, whatever the daemons believe: which host has power, which resource's service is
// really active or promoted where, what the fencing devices really did. The checkers look only at this.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "sim/world.h"

namespace systole::sim {

// How badly agents behave; probabilities in 0..1 for each operation.
struct AgentFaults {
  double start_fails = 0, stop_fails = 0, promote_fails = 0, monitor_fails = 0, hangs = 0;
  double start_lies = 0;    // Says that it started what it did not.
  double monitor_lies = 0;  // Says that all is well with what has died.
  double service_dies = 0;  // A running service has died by itself when it is next monitored.
  Duration least{Milliseconds(2)}, most{Milliseconds(60)};
};
// How badly a fencing device behaves.
struct FenceFaults {
  double fails = 0;       // Does nothing, says so.
  double hangs = 0;       // Does nothing, says nothing.
  double lies = 0;        // Does nothing, claims success.
  double late = 0;        // Does it 90 s later, and answers then.
  double mute = 0;        // Does it, and says that it failed.
  bool off_only = false;  // Its `on` fails.
  Duration least{Milliseconds(5)}, most{Milliseconds(300)};
};

class ClusterWorld {
 public:
  struct Event {
    enum class Kind {
      kStarted,  // A service, by its agent.
      kStopped,  // By its agent.
      kDied,     // By itself.
      kPromoted,
      kDemoted,
      kPowerOff,  // `by` cut it.
      kPowerOn,
      kHostLost,  // Crashed: whatever ran there is gone.
      kAgentRuns,
      kAgentEnds,
      kFenceRuns,  // `by` runs a device's program: `action` on `node`.
      kFenceEnds,
    } kind;
    std::string node, resource, action, by;
    std::uint64_t token = 0;  // kAgentRuns: the activation's.
    int code = 0;             // kAgentEnds, kFenceEnds: exit code, -1: killed.
  };
  using Listener = std::function<void(const Event&)>;

  // `power` is called when a device really cuts (or gives) a host's power: as an event of its own, never from
  // inside a node's callback.
  ClusterWorld(World& world,
               std::function<void(const std::string& node, bool on, const std::string& by)> power)
      : world_(world), power_(std::move(power)) {}

  World& world() { return world_; }
  AgentFaults agents;
  std::map<std::string, FenceFaults> devices;  // By program: fence_sim, fence_sim2.

  void listen(Listener listener) { listeners_.push_back(std::move(listener)); }
  void forget_listeners() { listeners_.clear(); }
  void tell(const Event& event);

  bool powered(const std::string& node) const { return !off_.contains(node); }
  void set_power(const std::string& node, bool on, const std::string& by);
  void host_lost(const std::string& node);  // Crashed or fresh: nothing runs there.
  void cut_power(const std::string& node, const std::string& by);
  void give_power(const std::string& node, const std::string& by);

  void activate(const std::string& node, const std::string& resource);
  void deactivate(const std::string& node, const std::string& resource);  // By its agent.
  void die(const std::string& node, const std::string& resource);         // By itself.
  void promote(const std::string& node, const std::string& resource, bool on);
  bool active(const std::string& node, const std::string& resource) const;
  bool promoted(const std::string& node, const std::string& resource) const;
  // Where it is active (promoted) on hosts with power.
  std::vector<std::string> where(const std::string& resource) const;
  std::vector<std::string> where_promoted(const std::string& resource) const;
  const std::map<std::pair<std::string, std::string>, bool>& activities() const { return active_; }

 private:
  World& world_;
  std::function<void(const std::string&, bool, const std::string&)> power_;
  std::vector<Listener> listeners_;
  std::set<std::string> off_;
  std::map<std::pair<std::string, std::string>, bool> active_;  // (node, resource): promoted?
};

}  // namespace systole::sim
