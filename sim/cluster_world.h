// ClusterWorld: what is true, whatever the daemons believe: which host has power, which resource's service is
// really active where, what the fencing devices really did. The checkers of design §5 look only at this.
//
// Agents and fencing devices are modelled as programs of a simulated Processes port: an agent's start and
// stop take drawn times, may fail, hang or lie; a fencing device may be slow, fail, hang, or claim a success
// that it did not bring about (only where a plan asks for lies).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/ports.h"

namespace systole::sim {

// How badly agents and devices behave; probabilities in 0..1 for each operation.
struct AgentFaults {
  double start_fails = 0, stop_fails = 0, monitor_fails = 0, hangs = 0;
  double service_dies = 0;  // A running service has died by itself when it is next monitored.
  Duration least{Milliseconds(2)}, most{Milliseconds(60)};
};
struct FenceFaults {
  double fails = 0, hangs = 0, late = 0, lies = 0;
  Duration least{Milliseconds(5)}, most{Milliseconds(300)};
};

class ClusterWorld {
 public:
  struct Activity {
    std::string node, resource;
    auto operator<=>(const Activity&) const = default;
  };

  // `power_off` is called when a device really cuts the power of a host: the simulator crashes the node.
  // `power_on` likewise. Both come as events of their own, never from inside another node's callback.
  ClusterWorld(std::function<void(const std::string& node)> power_off,
               std::function<void(const std::string& node)> power_on)
      : power_off_(std::move(power_off)), power_on_(std::move(power_on)) {}

  AgentFaults agents;
  FenceFaults fencing;

  bool powered(const std::string& node) const { return !off_.contains(node); }
  void set_power(const std::string& node, bool on);
  // The host is gone or fresh: nothing runs there.
  void host_lost(const std::string& node);

  void activate(const std::string& node, const std::string& resource);
  void deactivate(const std::string& node, const std::string& resource);  // By its agent.
  void die(const std::string& node, const std::string& resource);         // By itself.
  bool active(const std::string& node, const std::string& resource) const;
  // Where `resource` is active on hosts with power.
  std::vector<std::string> where(const std::string& resource) const;
  const std::set<Activity>& activities() const { return active_; }
  // Seconds do not matter: an ordered list of what really happened, for checks of order and for --trace.
  struct Event {
    enum class Kind { kStarted, kStopped, kDied, kPowerOff, kPowerOn } kind;
    std::string node, resource;
  };
  std::function<void(const Event&)> happened;

  void cut_power(const std::string& node) { power_off_(node); }
  void give_power(const std::string& node) { power_on_(node); }

 private:
  std::function<void(const std::string&)> power_off_, power_on_;
  std::set<std::string> off_;
  std::set<Activity> active_;
};

// The Processes port of one life of one simulated host. Programs are known by their path:
//   …/resource.d/…/TYPE   an OCF agent (environment OCF_RESOURCE_INSTANCE, argument = action)
//   …/fence_sim           a fence agent (options on standard input: action, port or nodename, id)
// Anything else ends with "not installed" (ENOENT).
std::unique_ptr<Processes> make_processes(ClusterWorld& world, std::string node, Timers& timers, Clock& clock,
                                          Random& random);

}  // namespace systole::sim
