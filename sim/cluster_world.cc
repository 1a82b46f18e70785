#include "sim/cluster_world.h"

#include <cerrno>
#include <csignal>

namespace systole::sim {

void ClusterWorld::set_power(const std::string& node, bool on) {
  if (on) {
    off_.erase(node);
  } else {
    off_.insert(node);
    host_lost(node);
  }
  if (happened) happened({on ? Event::Kind::kPowerOn : Event::Kind::kPowerOff, node, {}});
}

void ClusterWorld::host_lost(const std::string& node) {
  std::erase_if(active_, [&](const Activity& a) { return a.node == node; });
}

void ClusterWorld::activate(const std::string& node, const std::string& resource) {
  if (!active_.insert({node, resource}).second) return;
  if (happened) happened({Event::Kind::kStarted, node, resource});
}

void ClusterWorld::deactivate(const std::string& node, const std::string& resource) {
  if (active_.erase({node, resource}) == 0) return;
  if (happened) happened({Event::Kind::kStopped, node, resource});
}

void ClusterWorld::die(const std::string& node, const std::string& resource) {
  if (active_.erase({node, resource}) != 0 && happened) happened({Event::Kind::kDied, node, resource});
}

bool ClusterWorld::active(const std::string& node, const std::string& resource) const {
  return active_.contains({node, resource});
}

std::vector<std::string> ClusterWorld::where(const std::string& resource) const {
  std::vector<std::string> nodes;
  for (const Activity& a : active_) {
    if (a.resource == resource && powered(a.node)) nodes.push_back(a.node);
  }
  return nodes;
}

namespace {

// OCF exit codes, as far as the model uses them.
constexpr int kOk = 0, kFailed = 1, kUnimplemented = 3, kNotRunning = 7;

constexpr std::string_view kFenceMetadata = R"(<?xml version="1.0"?>
<resource-agent name="fence_sim" shortdesc="simulated power switch"><parameters>
<parameter name="action" required="1"><getopt mixed="-o"/><content type="string" default="reboot"/></parameter>
<parameter name="port" required="0"><getopt mixed="-n"/><content type="string"/></parameter></parameters>
<actions><action name="on" automatic="0"/><action name="off"/><action name="reboot"/><action name="status"/>
<action name="monitor"/><action name="list"/><action name="metadata"/></actions></resource-agent>)";

constexpr std::string_view kAgentMetadata = R"(<?xml version="1.0"?>
<resource-agent name="Dummy" version="1.0"><version>1.1</version><shortdesc lang="en">simulated service</shortdesc>
<parameters/><actions><action name="start" timeout="20s"/><action name="stop" timeout="20s"/>
<action name="monitor" timeout="20s" interval="10s"/><action name="meta-data" timeout="5s"/></actions></resource-agent>)";

class SimProcesses : public Processes {
 public:
  SimProcesses(ClusterWorld& world, std::string node, Timers& timers, Clock& clock, Random& random)
      : world_(world), node_(std::move(node)), timers_(timers), clock_(clock), random_(random) {}

  Id start(ProcessSpec spec, std::function<void(ProcessResult)> done) override {
    const Id id = next_++;
    running_[id] = {std::move(done), clock_.now(), 0};
    const std::string program = spec.argv.empty() ? "" : spec.argv[0];
    if (program.ends_with("/fence_sim")) {
      run_fence(id, spec);
    } else if (program.find("/resource.d/") != std::string::npos ||
               program.find("/agents/") != std::string::npos) {
      run_agent(id, spec);
    } else {
      finish_after(id, Milliseconds(1), {.end = ProcessResult::End::kFailedToStart, .code = ENOENT});
    }
    return id;
  }

  void kill(Id id, int signal) override {
    const auto found = running_.find(id);
    if (found == running_.end() || (signal != SIGKILL && signal != SIGTERM)) return;
    if (signal == SIGTERM && chance(0.5)) return;  // Half of all programs that hang ignore it.
    timers_.cancel(found->second.timer);
    finish_after(id, Milliseconds(1), {.end = ProcessResult::End::kKilledByUs, .code = signal});
  }

 private:
  struct Running {
    std::function<void(ProcessResult)> done;
    Time since;
    Timers::Id timer = 0;
  };

  bool chance(double p) { return p > 0 && static_cast<double>(random_.below(1'000'000)) < p * 1e6; }
  Duration between(Duration least, Duration most) {
    return least + Duration(static_cast<std::int64_t>(
                       random_.below(static_cast<std::uint64_t>((most - least).count()) + 1)));
  }

  void finish(Id id, ProcessResult result) {
    const auto found = running_.find(id);
    if (found == running_.end()) return;
    result.ran = clock_.now() - found->second.since;
    const auto done = std::move(found->second.done);
    running_.erase(found);
    done(std::move(result));
  }
  void finish_after(Id id, Duration delay, ProcessResult result) {
    running_[id].timer = timers_.after(delay, [this, id, result = std::move(result)] { finish(id, result); });
  }
  void exit_after(Id id, Duration delay, int code, std::string output = {}) {
    finish_after(id, delay, {.code = code, .output = std::move(output)});
  }

  void run_agent(Id id, const ProcessSpec& spec);
  void run_fence(Id id, const ProcessSpec& spec);
  void fence_off(Id id, const std::string& action, const std::string& target);

  ClusterWorld& world_;
  std::string node_;
  Timers& timers_;
  Clock& clock_;
  Random& random_;
  std::map<Id, Running> running_;
  Id next_ = 1;
};

void SimProcesses::run_agent(Id id, const ProcessSpec& spec) {
  const AgentFaults& faults = world_.agents;
  const std::string action = spec.argv.size() > 1 ? spec.argv[1] : "";
  std::string resource;
  for (const auto& [name, value] : spec.environment) {
    if (name == "OCF_RESOURCE_INSTANCE") resource = value;
  }
  const Duration time = between(faults.least, faults.most);
  if (action == "meta-data") return exit_after(id, time, kOk, std::string(kAgentMetadata));
  if (chance(faults.hangs)) {
    // It hangs before or after its effect, until somebody kills it.
    if (chance(0.5) && action == "start") world_.activate(node_, resource);
    return;
  }
  // A start or stop has its effect at some moment of its run, not at its end.
  const auto effect_then_exit = [&](std::function<void()> effect, int code) {
    running_[id].timer = timers_.after(time / 2, [this, id, time, effect = std::move(effect), code] {
      effect();
      exit_after(id, time / 2, code);
    });
  };
  if (action == "start") {
    const bool fails = chance(faults.start_fails);
    effect_then_exit(
        [this, resource, fails] {
          if (!fails) world_.activate(node_, resource);
        },
        fails ? kFailed : kOk);
  } else if (action == "stop") {
    const bool fails = chance(faults.stop_fails);
    effect_then_exit(
        [this, resource, fails] {
          if (!fails) world_.deactivate(node_, resource);
        },
        fails ? kFailed : kOk);
  } else if (action == "monitor" || action == "status") {
    if (world_.active(node_, resource) && chance(faults.service_dies)) world_.die(node_, resource);
    const int code = chance(faults.monitor_fails)     ? kFailed
                     : world_.active(node_, resource) ? kOk
                                                      : kNotRunning;
    exit_after(id, time, code);
  } else {
    exit_after(id, time, kUnimplemented);
  }
}

void SimProcesses::run_fence(Id id, const ProcessSpec& spec) {
  std::map<std::string, std::string> options;
  for (std::size_t at = 0; at < spec.input.size();) {
    const std::size_t end = std::min(spec.input.find('\n', at), spec.input.size());
    const std::string line = spec.input.substr(at, end - at);
    if (const std::size_t equals = line.find('='); equals != std::string::npos) {
      options[line.substr(0, equals)] = line.substr(equals + 1);
    }
    at = end + 1;
  }
  const std::string action = options.contains("action") ? options["action"] : "reboot";
  const std::string target = options.contains("port") ? options["port"] : options["nodename"];
  const FenceFaults& faults = world_.fencing;
  const Duration time = between(faults.least, faults.most);
  if (action == "metadata") return exit_after(id, time, 0, std::string(kFenceMetadata));
  if (action == "monitor" || action == "list") return exit_after(id, time, 0);
  if (action == "status") return exit_after(id, time, world_.powered(target) ? 0 : 2);
  if (chance(faults.hangs)) return;
  if (chance(faults.fails)) return exit_after(id, time, 1);
  if (action == "on") {
    world_.give_power(target);
    return exit_after(id, time, 0);
  }
  fence_off(id, action, target);
}

void SimProcesses::fence_off(Id id, const std::string& action, const std::string& target) {
  const FenceFaults& faults = world_.fencing;
  const Duration time = between(faults.least, faults.most);
  if (chance(faults.lies)) return exit_after(id, time, 0);  // "Yes, it is off."
  const Duration late = chance(faults.late) ? Duration(Seconds(90)) : Duration::zero();
  running_[id].timer = timers_.after(time / 2 + late, [this, id, time, action, target] {
    world_.cut_power(target);
    if (action == "reboot") {
      // The outlet comes back a second later, whatever became of this process.
      timers_.after(Seconds(1), [this, target] { world_.give_power(target); });
    }
    exit_after(id, time / 2, 0);
  });
}

}  // namespace

std::unique_ptr<Processes> make_processes(ClusterWorld& world, std::string node, Timers& timers, Clock& clock,
                                          Random& random) {
  return std::make_unique<SimProcesses>(world, std::move(node), timers, clock, random);
}

}  // namespace systole::sim
