#include "lrmd/executor.h"

#include <csignal>
#include <deque>

#include "base/mutation.h"
#include "lrmd/agents.h"
#include "lrmd/invocation.h"
#include "lrmd/metadata.h"

namespace systole::lrmd {
namespace {

// One operation, from execute() to its only report, or, recurring, to its cancellation.
struct Job {
  Operation op;
  Executor::Report report;  // Empty once nobody wants to hear of it.
  int call_id = 0;
  bool recurring = false;
  bool cancelled = false;
  bool queued = false;
  Time due{};      // Since when it waits to be started.
  Time started{};  // The last time.
  WallTime run_at{};
  Timers::Id timer = 0;  // Recurring: the next run. One-shot: the start delay.
  bool reported = false;
  int last_rc = 0;
  OpStatus last_status{};
  WallTime changed_at{};
};
using JobPtr = std::shared_ptr<Job>;
using RecurringKey = std::pair<std::string, std::int64_t>;  // Task, interval in ms.

struct Resource {
  std::deque<JobPtr> queue;
  std::map<RecurringKey, JobPtr> recurring;
  JobPtr active;
  Processes::Id process = 0;  // Of `active`; 0: it ended before it began.
  Timers::Id timeout = 0;
  bool timed_out = false;
  std::vector<JobPtr> delayed;
};

}  // namespace

struct Executor::State {
  State(Ports p, Logger l, Paths pa, std::string name)
      : ports(p), log(std::move(l)), paths(std::move(pa)), node(std::move(name)), metadata(p, paths, node) {}

  void enqueue(const std::string& name, const JobPtr& job);
  void start_next(const std::string& name);
  void begin(const std::string& name, Resource& resource, const JobPtr& job);
  void ended(const std::string& name, const ProcessResult& process);
  void finish(const std::string& name, OpResult result);
  void deliver(const JobPtr& job, OpResult result);
  void schedule_again(const std::string& name, const JobPtr& job);
  void drop(const JobPtr& job);
  void fail_to_begin(const std::string& name, const JobPtr& job, const Error& error);

  Ports ports;
  Logger log;
  Paths paths;
  std::string node;
  MetadataCache metadata;
  std::map<std::string, Resource> resources;
  int last_call = 0;
  std::size_t in_flight = 0;
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);
};

Executor::Executor(Ports ports, Logger log, Paths paths, std::string node_name)
    : state_(std::make_unique<State>(ports, std::move(log), std::move(paths), std::move(node_name))) {}

Executor::~Executor() {
  *state_->alive = false;
  for (auto& [name, resource] : state_->resources) {
    state_->ports.timers->cancel(resource.timeout);
    for (auto& [key, job] : resource.recurring) state_->ports.timers->cancel(job->timer);
    for (auto& job : resource.delayed) state_->ports.timers->cancel(job->timer);
    if (resource.process != 0) state_->ports.processes->kill(resource.process, SIGKILL);
  }
}

int Executor::execute(Operation operation, Report report) {
  State& s = *state_;
  auto job = std::make_shared<Job>();
  job->call_id = ++s.last_call;
  job->recurring = operation.interval > Milliseconds::zero();
  job->op = std::move(operation);
  job->report = std::move(report);
  const std::string name = job->op.resource;
  Resource& resource = s.resources[name];
  if (job->recurring) {
    JobPtr& slot = resource.recurring[{job->op.task, job->op.interval.count()}];
    if (slot) s.drop(slot);
    slot = job;
  }
  if (job->op.start_delay <= Milliseconds::zero()) {
    s.enqueue(name, job);
    return job->call_id;
  }
  resource.delayed.push_back(job);
  job->timer = s.ports.timers->after(job->op.start_delay, [&s, name, job] {
    std::erase(s.resources[name].delayed, job);
    s.enqueue(name, job);
  });
  return job->call_id;
}

void Executor::cancel(const std::string& resource, const std::string& task, Milliseconds interval,
                      std::function<void(bool)> done) {
  State& s = *state_;
  bool found = false;
  if (const auto r = s.resources.find(resource); r != s.resources.end()) {
    const auto job = r->second.recurring.find({task, interval.count()});
    if (job != r->second.recurring.end()) {
      found = true;
      s.drop(job->second);
      std::erase(r->second.queue, job->second);
      std::erase(r->second.delayed, job->second);
      r->second.recurring.erase(job);
    }
  }
  if (!done) return;
  s.ports.timers->post([alive = s.alive, done = std::move(done), found] {
    if (*alive) done(found);
  });
}

void Executor::forget(const std::string& resource) {
  State& s = *state_;
  const auto found = s.resources.find(resource);
  if (found == s.resources.end()) return;
  Resource& r = found->second;
  for (auto& [key, job] : r.recurring) s.drop(job);
  for (auto& job : r.delayed) s.drop(job);
  for (auto& job : r.queue) s.drop(job);
  r.recurring.clear();
  r.delayed.clear();
  r.queue.clear();
  if (!r.active) {
    s.resources.erase(found);
    return;
  }
  // What is started next for this resource waits until this one is reaped.
  s.drop(r.active);
  if (r.process != 0) s.ports.processes->kill(r.process, SIGKILL);
}

std::size_t Executor::running() const { return state_->in_flight; }

void Executor::metadata(const AgentId& agent, std::function<void(Result<std::string>)> done) {
  state_->metadata.get(agent, std::move(done));
}

std::vector<std::string> Executor::classes() const {
  return installed_classes(state_->paths, *state_->ports.files);
}
std::vector<std::string> Executor::providers(const std::string& agent_class) const {
  return installed_providers(agent_class, state_->paths, *state_->ports.files);
}
std::vector<std::string> Executor::types(const std::string& agent_class, const std::string& provider) const {
  return installed_types(agent_class, provider, state_->paths, *state_->ports.files);
}

void Executor::State::drop(const JobPtr& job) {
  job->cancelled = true;
  job->report = nullptr;
  ports.timers->cancel(job->timer);
  job->timer = 0;
}

void Executor::State::enqueue(const std::string& name, const JobPtr& job) {
  if (job->cancelled || job->queued) return;
  job->queued = true;
  job->due = ports.clock->now();
  resources[name].queue.push_back(job);
  start_next(name);
}

void Executor::State::start_next(const std::string& name) {
  const auto found = resources.find(name);
  if (found == resources.end() || found->second.active) return;
  Resource& resource = found->second;
  while (!resource.queue.empty()) {
    const JobPtr job = resource.queue.front();
    resource.queue.pop_front();
    job->queued = false;
    if (job->cancelled) continue;
    begin(name, resource, job);
    return;
  }
  if (resource.recurring.empty() && resource.delayed.empty()) resources.erase(found);
}

void Executor::State::begin(const std::string& name, Resource& resource, const JobPtr& job) {
  resource.active = job;
  resource.timed_out = false;
  resource.process = 0;
  ++in_flight;
  job->started = ports.clock->now();
  job->run_at = ports.clock->wall();
  const auto program = find_agent(job->op.agent, paths, *ports.files);
  if (!program) return fail_to_begin(name, job, program.error());
  auto spec = invocation(job->op, *program, paths, node);
  if (!spec) return fail_to_begin(name, job, spec.error());
  if (!job->recurring) log.debug("executing {} of {} ({})", job->op.task, name, to_string(job->op.agent));
  resource.process = ports.processes->start(
      std::move(*spec), [this, guard = alive, name, job](const ProcessResult& process) {
        if (!*guard || (mutation("timeout-without-kill") && resources[name].active != job)) return;
        ended(name, process);
      });
  if (job->op.timeout <= Milliseconds::zero()) return;
  resource.timeout = ports.timers->after(job->op.timeout, [this, name] {
    Resource& late = resources[name];
    late.timed_out = true;
    late.timeout = 0;
    if (mutation("timeout-without-kill")) return ended(name, {.end = ProcessResult::End::kKilledByUs});
    ports.processes->kill(late.process, SIGKILL);
  });
}

void Executor::State::fail_to_begin(const std::string& name, const JobPtr& job, const Error& error) {
  OpResult result;
  result.exit_reason = error.message;
  switch (error.code) {
    case Errc::kNotFound:
      result.rc = ocf::kNotInstalled;
      result.status = OpStatus::kNotInstalled;
      break;
    case Errc::kUnsupported:
      result.rc = ocf::kUnimplemented;
      result.status = OpStatus::kNotSupported;
      break;
    default:
      result.rc = ocf::kInvalidArgs;
      result.status = OpStatus::kInvalid;
  }
  ports.timers->post([this, guard = alive, name, job, result = std::move(result)] {
    if (*guard) finish(name, result);
  });
}

void Executor::State::ended(const std::string& name, const ProcessResult& process) {
  Resource& resource = resources[name];
  const JobPtr job = resource.active;
  ports.timers->cancel(resource.timeout);
  resource.timeout = 0;
  OpResult result;
  judge(job->op, process, resource.timed_out, result);
  result.queue_time = process.waited;
  finish(name, std::move(result));
}

void Executor::State::finish(const std::string& name, OpResult result) {
  Resource& resource = resources[name];
  const JobPtr job = std::exchange(resource.active, nullptr);
  resource.process = 0;
  --in_flight;
  result.queue_time += job->started - job->due;
  if (!job->cancelled) deliver(job, std::move(result));
  // The report may have changed everything here, this executor's existence excepted.
  if (job->recurring && !job->cancelled) schedule_again(name, job);
  start_next(name);
}

void Executor::State::deliver(const JobPtr& job, OpResult result) {
  const bool news = !job->reported || result.rc != job->last_rc || result.status != job->last_status;
  if (news) job->changed_at = job->run_at;
  job->reported = true;
  job->last_rc = result.rc;
  job->last_status = result.status;
  if (result.status == OpStatus::kTimedOut) {
    log.warning("{} of {}: {} (machine starved for {} ms of it)", job->op.task, job->op.resource,
                result.exit_reason, to_ms(result.starved));
  }
  if (!news || !job->report) return;
  result.resource = job->op.resource;
  result.task = job->op.task;
  result.interval = job->op.interval;
  result.call_id = job->call_id;
  result.run_at = job->run_at;
  result.changed_at = job->changed_at;
  result.transition_key = job->op.transition_key;
  const Report report = job->report;  // It may cancel this very operation.
  report(result);
}

void Executor::State::schedule_again(const std::string& name, const JobPtr& job) {
  const Time next = job->started + job->op.interval;
  job->timer = ports.timers->after(next - ports.clock->now(), [this, name, job] {
    job->timer = 0;
    enqueue(name, job);
  });
}

}  // namespace systole::lrmd
