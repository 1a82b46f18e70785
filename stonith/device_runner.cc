#include "stonith/device_runner.h"

#include <csignal>
#include <cstring>

#include "lrmd/invocation.h"

namespace systole::stonith {
namespace {

std::string words_of(const ProcessResult& result) {
  std::string said = lrmd::printable(result.errors.empty() ? result.output : result.errors, 300);
  while (!said.empty() && said.back() == '\n') said.pop_back();
  switch (result.end) {
    case ProcessResult::End::kExited:
      return fmt::format("ended with {}{}{}", result.code, said.empty() ? "" : ": ", said);
    case ProcessResult::End::kFailedToStart:
      return fmt::format("cannot be executed: {}", std::strerror(result.code));
    case ProcessResult::End::kSignalled:
      return fmt::format("died of signal {}", result.code);
    case ProcessResult::End::kKilledByUs:
      return "was killed";
  }
  return said;
}

}  // namespace

DeviceRunner::DeviceRunner(Ports ports, Logger log, Paths paths, std::string node_name)
    : ports_(ports),
      log_(std::move(log)),
      paths_(paths),
      metadata_(ports, std::move(paths), std::move(node_name)) {}

DeviceRunner::~DeviceRunner() {
  *alive_ = false;
  for (auto& [id, job] : jobs_) ports_.timers->cancel(job->timer);
  for (auto& [device, lane] : lanes_) {
    for (auto& job : lane.running) ports_.processes->kill(job->process, SIGKILL);
  }
}

DeviceRunner::Id DeviceRunner::run(const Device& device, const std::string& action, const std::string& target,
                                   Milliseconds timeout, Done done) {
  auto job = std::make_shared<Job>();
  job->id = ++last_;
  job->device = device;
  job->action = action;
  job->target = target;
  job->done = std::move(done);
  job->timeout = timeout;
  job->background = action == "monitor" || action == "list";
  jobs_[job->id] = job;
  job->timer = ports_.timers->after(timeout, [this, job] {
    job->timer = 0;
    if (job->process != 0) ports_.processes->kill(job->process, SIGKILL);
    answer(job, {Answer::Kind::kTimedOut, 0, "",
                 fmt::format("did not answer within {} ms", job->timeout.count())});
  });
  Lane& lane = lanes_[device.id];
  if (job->background) {
    lane.waiting.push_back(job);
  } else {
    // Before the checks that wait, after the power actions that wait.
    auto place =
        std::find_if(lane.waiting.begin(), lane.waiting.end(), [](const JobPtr& j) { return j->background; });
    lane.waiting.insert(place, job);
  }
  next(device.id);
  return job->id;
}

void DeviceRunner::cancel(Id id) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return;
  const JobPtr job = found->second;
  job->done = nullptr;
  if (job->process != 0) ports_.processes->kill(job->process, SIGKILL);
  answer(job, {});
}

// Starts what the device has room for. Answered jobs that still wait are dropped.
void DeviceRunner::next(const std::string& device) {
  Lane& lane = lanes_[device];
  while (!lane.waiting.empty()) {
    const JobPtr job = lane.waiting.front();
    if (jobs_.count(job->id) != 0) {
      if (!make_room(lane, *job)) return;
      lane.waiting.pop_front();
      start(lane, job);
    } else {
      lane.waiting.pop_front();
    }
  }
  if (lane.running.empty()) lanes_.erase(device);
}

bool DeviceRunner::make_room(Lane& lane, const Job& job) {
  const int limit = job.device.action_limit;
  if (limit < 0 || lane.running.size() < static_cast<std::size_t>(limit)) return true;
  if (job.background) return false;
  for (const auto& running : lane.running) {
    if (!running->background || running->set_aside) continue;
    running->set_aside = true;
    ports_.processes->kill(running->process, SIGKILL);
    break;
  }
  return false;  // Its end will call next().
}

void DeviceRunner::start(Lane& lane, const JobPtr& job) {
  auto spec = device_spec(job->device, known_facts(job->device), job->action, job->target, paths_);
  if (!spec) return answer_later(job, {Answer::Kind::kFailed, 0, "", spec.error().message});
  job->set_aside = false;
  lane.running.push_back(job);
  log_.debug("device {}: action {} {}", job->device.id, job->action, job->target);
  job->process =
      ports_.processes->start(std::move(*spec), [this, alive = alive_, job](const ProcessResult& result) {
        if (*alive) ended(job, result);
      });
}

void DeviceRunner::ended(const JobPtr& job, const ProcessResult& result) {
  const std::string device = job->device.id;
  Lane& lane = lanes_[device];
  std::erase(lane.running, job);
  job->process = 0;
  const bool waiting_for_it = jobs_.count(job->id) != 0;
  if (job->set_aside && waiting_for_it) {
    lane.waiting.push_back(job);
  } else if (waiting_for_it) {
    Answer a;
    a.kind = result.end == ProcessResult::End::kExited ? Answer::Kind::kExited : Answer::Kind::kFailed;
    a.code = result.code;
    a.output = result.output;
    a.words = words_of(result);
    answer(job, a);
  }
  if (*alive_) next(device);
}

void DeviceRunner::answer(const JobPtr& job, const Answer& answer) {
  if (jobs_.erase(job->id) == 0) return;
  ports_.timers->cancel(job->timer);
  const Done done = std::exchange(job->done, nullptr);
  if (done) done(answer);
}

void DeviceRunner::answer_later(const JobPtr& job, Answer given) {
  ports_.timers->post([this, alive = alive_, job, given = std::move(given)] {
    if (*alive) answer(job, given);
  });
}

void DeviceRunner::metadata(const std::string& type, std::function<void(Result<std::string>)> done) {
  const auto later = [&](Result<std::string> result) {
    ports_.timers->post([alive = alive_, done, result = std::move(result)] {
      if (*alive) done(result);
    });
  };
  if (type == kTestAgent) return later(test_metadata());
  if (!is_agent_type(type)) {
    return later(
        fail(Errc::kInvalidArgument, "\"{}\" is no fence agent's name; they begin with fence_", type));
  }
  const std::string program = paths_.fence_agents + "/" + type;
  if (!ports_.files->status(program)) {
    return later(fail(Errc::kNotFound, "fence agent {} is not installed: no program {}", type, program));
  }
  metadata_.ask("stonith:" + type, program, metadata_spec(program), std::move(done));
}

void DeviceRunner::facts(const Device& device, std::function<void(const AgentFacts&)> done) {
  if (device.type == kTestAgent || facts_.count(device.type) != 0) {
    ports_.timers->post([this, alive = alive_, device, done = std::move(done)] {
      if (*alive) done(known_facts(device));
    });
    return;
  }
  metadata(device.type, [this, device, done = std::move(done)](const Result<std::string>& xml) {
    if (xml) {
      const AgentFacts read = parse_facts(*xml);
      if (read.known) facts_[device.type] = read;
    } else {
      log_.warning("device {}: {}", device.id, xml.error().message);
    }
    done(known_facts(device));
  });
}

const AgentFacts& DeviceRunner::known_facts(const Device& device) const {
  static const AgentFacts unknown;
  if (device.type == kTestAgent) {
    static const AgentFacts without_status = test_facts({});
    static const AgentFacts with_status = [] {
      Device d;
      d.parameters["status_command"] = "";
      return test_facts(d);
    }();
    return device.parameters.count("status_command") != 0 ? with_status : without_status;
  }
  const auto found = facts_.find(device.type);
  return found == facts_.end() ? unknown : found->second;
}

}  // namespace systole::stonith
