#include "sim/programs.h"

#include <cerrno>
#include <csignal>

namespace systole::sim {
namespace {

using Kind = ClusterWorld::Event::Kind;

// OCF exit codes, as far as the model uses them.
constexpr int kOk = 0, kFailed = 1, kUnimplemented = 3, kNotRunning = 7, kPromoted = 8;
constexpr int kOff = 2;  // A fence agent's status.

constexpr std::string_view kFenceMetadata = R"(<?xml version="1.0"?>
<resource-agent name="fence_sim" shortdesc="simulated power switch"><parameters>
<parameter name="action" required="1"><getopt mixed="-o"/><content type="string" default="reboot"/></parameter>
<parameter name="port" required="0"><getopt mixed="-n"/><content type="string"/></parameter></parameters>
<actions><action name="on" automatic="0"/><action name="off"/><action name="reboot"/><action name="status"/>
<action name="monitor"/><action name="list"/><action name="metadata"/></actions></resource-agent>)";

constexpr std::string_view kAgentMetadata = R"(<?xml version="1.0"?>
<resource-agent name="Stateful" version="1.0"><version>1.1</version><shortdesc lang="en">simulated service</shortdesc>
<parameters/><actions><action name="start" timeout="20s"/><action name="stop" timeout="20s"/>
<action name="promote" timeout="20s"/><action name="demote" timeout="20s"/><action name="notify" timeout="20s"/>
<action name="migrate_to" timeout="20s"/><action name="migrate_from" timeout="20s"/>
<action name="monitor" timeout="20s" interval="10s"/><action name="meta-data" timeout="5s"/></actions></resource-agent>)";

std::map<std::string, std::string> options_of(const std::string& input) {
  std::map<std::string, std::string> options;
  for (std::size_t at = 0; at < input.size();) {
    const std::size_t end = std::min(input.find('\n', at), input.size());
    const std::string line = input.substr(at, end - at);
    if (const std::size_t equals = line.find('='); equals != std::string::npos) {
      options[line.substr(0, equals)] = line.substr(equals + 1);
    }
    at = end + 1;
  }
  return options;
}

class SimProcesses : public Processes {
 public:
  SimProcesses(ClusterWorld& world, std::string node, const Ports& ports)
      : world_(world),
        node_(std::move(node)),
        timers_(*ports.timers),
        clock_(*ports.clock),
        random_(*ports.random) {}
  ~SimProcesses() override {
    for (auto& [id, running] : running_) ended(running, -1);
  }
  SimProcesses(const SimProcesses&) = delete;
  SimProcesses& operator=(const SimProcesses&) = delete;

  Id start(ProcessSpec spec, std::function<void(ProcessResult)> done) override {
    const Id id = next_++;
    Running& running = running_[id];
    running.done = std::move(done);
    running.since = clock_.now();
    const std::string program = spec.argv.empty() ? "" : spec.argv[0];
    if (const auto name = program.rfind("/fence_sim"); name != std::string::npos) {
      run_fence(id, program.substr(name + 1), options_of(spec.input));
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
    ClusterWorld::Event event{};  // What was told at its start; no node: nothing.
  };

  bool chance(double p) { return p > 0 && static_cast<double>(random_.below(1'000'000)) < p * 1e6; }
  Duration between(Duration least, Duration most) {
    return least + Duration(static_cast<std::int64_t>(
                       random_.below(static_cast<std::uint64_t>((most - least).count()) + 1)));
  }
  void began(Id id, ClusterWorld::Event event) {
    running_[id].event = event;
    world_.tell(event);
  }
  void ended(const Running& running, int code) {
    if (running.event.node.empty()) return;
    ClusterWorld::Event event = running.event;
    event.kind = event.kind == Kind::kAgentRuns ? Kind::kAgentEnds : Kind::kFenceEnds;
    event.code = code;
    world_.tell(event);
  }
  void finish(Id id, ProcessResult result) {
    const auto found = running_.find(id);
    if (found == running_.end()) return;
    Running running = std::move(found->second);
    running_.erase(found);
    result.ran = clock_.now() - running.since;
    ended(running, result.end == ProcessResult::End::kExited ? result.code : -1);
    running.done(std::move(result));
  }
  void finish_after(Id id, Duration delay, ProcessResult result) {
    running_[id].timer = timers_.after(
        delay, [this, id, result = std::move(result)]() mutable { finish(id, std::move(result)); });
  }
  void exit_after(Id id, Duration delay, int code, std::string output = {}) {
    finish_after(id, delay, {.end = ProcessResult::End::kExited, .code = code, .output = std::move(output)});
  }

  void run_agent(Id id, const ProcessSpec& spec);
  void effect(const std::string& resource, const std::string& action);
  int judge(const std::string& resource);
  void run_fence(Id id, const std::string& device, std::map<std::string, std::string> options);
  void cut(Id id, const FenceFaults& faults, const std::string& action, const std::string& target);

  ClusterWorld& world_;
  std::string node_;
  Timers& timers_;
  Clock& clock_;
  Random& random_;
  std::map<Id, Running> running_;
  Id next_ = 1;
};

void SimProcesses::effect(const std::string& resource, const std::string& action) {
  if (action == "start" || action == "migrate_from") world_.activate(node_, resource);
  if (action == "stop" || action == "migrate_to") world_.deactivate(node_, resource);
  if (action == "promote" || action == "demote") world_.promote(node_, resource, action == "promote");
}

int SimProcesses::judge(const std::string& resource) {
  const AgentFaults& faults = world_.agents;
  if (world_.active(node_, resource) && chance(faults.service_dies)) {
    world_.die(node_, resource);
    if (chance(faults.monitor_lies)) return kOk;
  }
  if (chance(faults.monitor_fails)) return kFailed;
  if (!world_.active(node_, resource)) return kNotRunning;
  return world_.promoted(node_, resource) ? kPromoted : kOk;
}

void SimProcesses::run_agent(Id id, const ProcessSpec& spec) {
  const AgentFaults& faults = world_.agents;
  const std::string action = spec.argv.size() > 1 ? spec.argv[1] : "";
  std::string resource;
  std::uint64_t token = 0;
  for (const auto& [name, value] : spec.environment) {
    if (name == "OCF_RESOURCE_INSTANCE") resource = value;
    if (name == "OCF_RESKEY_CRM_meta_activation") token = std::stoull(value);
  }
  const Duration time = between(faults.least, faults.most);
  if (action == "meta-data") return exit_after(id, time, kOk, std::string(kAgentMetadata));
  began(id, {Kind::kAgentRuns, node_, resource, action, node_, token});
  if (action == "notify") return exit_after(id, time, kOk);
  if (chance(faults.hangs)) {
    // It hangs before or after its effect, until somebody kills it.
    if (action != "stop" && chance(0.5)) effect(resource, action);
    return;
  }
  if (action == "monitor" || action == "status") return exit_after(id, time, judge(resource));
  double fails = 0;
  if (action == "start" || action == "migrate_from") fails = faults.start_fails;
  if (action == "stop" || action == "migrate_to") fails = faults.stop_fails;
  if (action == "promote" || action == "demote") fails = faults.promote_fails;
  const bool known = action == "start" || action == "stop" || action == "promote" || action == "demote" ||
                     action == "migrate_to" || action == "migrate_from";
  if (!known) return exit_after(id, time, kUnimplemented);
  const bool failed = chance(fails), lies = action == "start" && chance(faults.start_lies);
  // It has its effect at some moment of its run, not at its end.
  running_[id].timer = timers_.after(time / 2, [this, id, time, resource, action, failed, lies] {
    if (!failed && !lies) effect(resource, action);
    exit_after(id, time / 2, failed ? kFailed : kOk);
  });
}

void SimProcesses::run_fence(Id id, const std::string& device, std::map<std::string, std::string> options) {
  const std::string action = options.contains("action") ? options["action"] : "reboot";
  const std::string target = options.contains("port") ? options["port"] : options["nodename"];
  const FenceFaults& faults = world_.devices[device];
  const Duration time = between(faults.least, faults.most);
  if (action == "metadata") return exit_after(id, time, kOk, std::string(kFenceMetadata));
  if (action == "monitor" || action == "list") return exit_after(id, time, kOk);
  began(id, {Kind::kFenceRuns, target, {}, action, node_});
  if (action == "status") return exit_after(id, time, world_.powered(target) ? kOk : kOff);
  if (chance(faults.hangs)) return;
  if (chance(faults.fails) || (action == "on" && faults.off_only)) return exit_after(id, time, kFailed);
  if (action == "on") {
    world_.give_power(target, node_);
    return exit_after(id, time, kOk);
  }
  cut(id, faults, action, target);
}

void SimProcesses::cut(Id id, const FenceFaults& faults, const std::string& action,
                       const std::string& target) {
  const Duration time = between(faults.least, faults.most);
  if (chance(faults.lies)) return exit_after(id, time, kOk);  // "Yes, it is off."
  const Duration late = chance(faults.late) ? Duration(Seconds(90)) : Duration::zero();
  // The device does it, whatever becomes of this process; an outlet that reboots comes back a second later.
  ClusterWorld* world = &world_;
  world_.world().after(time / 2 + late, [world, target, by = node_] { world->cut_power(target, by); });
  if (action == "reboot") {
    world_.world().after(time / 2 + late + Seconds(1),
                         [world, target, by = node_] { world->give_power(target, by); });
  }
  exit_after(id, time + late, chance(faults.mute) ? kFailed : kOk);
}

}  // namespace

std::unique_ptr<Processes> make_processes(ClusterWorld& world, std::string node, const Ports& ports) {
  return std::make_unique<SimProcesses>(world, std::move(node), ports);
}

}  // namespace systole::sim
