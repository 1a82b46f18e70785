// Fencing devices as resources: start, monitor, stop, and what a device says of itself.
#include "lrmd/executor.h"
#include "stonith/fencer_state.h"

namespace systole::stonith {

void Fencer::State::refresh_list(const Device& device) {
  runner.facts(device, [this, guard = alive, device](const AgentFacts& facts) {
    const bool asks = device.host_check == HostCheck::kDynamicList ||
                      (device.host_check == HostCheck::kDefault && !device.lists_hosts());
    if (!*guard || !asks || !facts.known || !facts.offers("list") || device.type == kTestAgent) return;
    const auto own = device.timeouts.find("list");
    runner.run(device, "list", "", own == device.timeouts.end() ? Milliseconds(20000) : own->second,
               [this, device](const DeviceRunner::Answer& answer) {
                 if (answer.succeeded()) lists[device.id] = parse_list(answer.output);
               });
  });
}

void Fencer::device_operation(const std::string& resource, const std::string& task, Milliseconds timeout,
                              std::function<void(int rc, std::string reason)> done) {
  namespace ocf = lrmd::ocf;
  State& s = *state_;
  const auto later = [&](int rc, std::string reason) {
    s.ports.timers->post([guard = s.alive, done, rc, reason = std::move(reason)] {
      if (*guard) done(rc, reason);
    });
  };
  if (task == "stop") {
    s.started.erase(resource);
    return later(ocf::kOk, "");
  }
  if (task == "monitor" && s.started.count(resource) == 0) return later(ocf::kNotRunning, "");
  if (task != "start" && task != "monitor") {
    return later(ocf::kUnimplemented, fmt::format("a fencing device has no action \"{}\"", task));
  }
  const auto found = s.registry.devices.find(resource);
  if (found == s.registry.devices.end()) {
    return later(ocf::kNotConfigured, fmt::format("{} is not configured as a fencing device", resource));
  }
  const Device device = found->second;
  if (!device.defect.empty()) return later(ocf::kNotConfigured, device.defect);
  const std::string program = s.paths.fence_agents + "/" + device.type;
  if (device.type != kTestAgent && (!is_agent_type(device.type) || !s.ports.files->status(program))) {
    return later(ocf::kNotInstalled,
                 fmt::format("fence agent {} is not installed: no program {}", device.type, program));
  }
  s.check_device(device, timeout,
                 [&s, guard = s.alive, task, resource, device, done](int rc, std::string reason) {
                   if (!*guard) return;
                   if (task == "start" && rc == lrmd::ocf::kOk) s.started.insert(resource);
                   if (rc == lrmd::ocf::kOk) s.refresh_list(device);
                   done(rc, std::move(reason));
                 });
}

void Fencer::State::check_device(const Device& device, Milliseconds timeout,
                                 std::function<void(int, std::string)> done) {
  if (device.type == kTestAgent && device.parameters.count("monitor_command") == 0) {
    // Nothing to ask the device with: at least what would be called must be callable.
    const auto spec = device_spec(device, test_facts(device), "off", "node", paths);
    const auto program =
        spec ? ports.files->status(spec->argv[0]) : Result<Files::Status>(fail(spec.error()));
    const bool callable = program && !program->directory && (program->mode & 0111U) != 0;
    const std::string why = callable  ? ""
                            : program ? spec->argv[0] + " is not executable"
                                      : program.error().message;
    ports.timers->post([guard = alive, done = std::move(done), callable, why] {
      if (*guard) done(callable ? lrmd::ocf::kOk : lrmd::ocf::kNotConfigured, why);
    });
    return;
  }
  const auto own = device.timeouts.find("monitor");
  runner.run(device, "monitor", "", own == device.timeouts.end() ? timeout : own->second,
             [device, done = std::move(done)](const DeviceRunner::Answer& answer) {
               if (answer.succeeded()) return done(lrmd::ocf::kOk, "");
               done(lrmd::ocf::kGenericError, fmt::format("monitor of {} {}", device.id, answer.words));
             });
}

}  // namespace systole::stonith
