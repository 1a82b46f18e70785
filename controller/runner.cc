#include "controller/runner.h"

#include "base/mutation.h"
#include "controller/actions.h"
#include "controller/node_states.h"
#include "controller/properties.h"

namespace systole::controller {
namespace {

constexpr Milliseconds kRetry{50};
constexpr Milliseconds kRetryMost{5000};

bool is_device(const wire::Action& a) { return a.agent_class() == "stonith"; }

bool changes_state(const std::string& task) {
  return task == "start" || task == "stop" || task == "promote" || task == "demote" || task == "migrate_to" ||
         task == "migrate_from";
}

Milliseconds later(unsigned refusals) {
  return std::min(kRetryMost, kRetry * (1U << std::min(refusals, 10U)));
}

}  // namespace

Runner::Runner(Ports ports, Logger log, NodeLife self, std::string name, const cib::Replica& replica,
               lrmd::Executor& executor, stonith::Fencer& fencer, Effects effects)
    : ports_(ports),
      log_(std::move(log)),
      self_(self),
      name_(std::move(name)),
      id_(std::to_string(raw(self.node))),
      replica_(replica),
      executor_(executor),
      fencer_(fencer),
      effects_(std::move(effects)),
      alive_(std::make_shared<bool>(true)) {}

Runner::~Runner() {
  *alive_ = false;
  for (const auto& [id, watched] : watched_) ports_.timers->cancel(watched.timer);
}

void Runner::perform(const wire::Action& action, const std::string& key, std::int64_t now) {
  if (action.interval_ms() > 0) return start_recurring(action, key);
  if (changes_state(action.task())) cancel_recurring(action.resource());
  history_.record(pending(action, key, now));
  const auto found = in_flight_.find(id_of(action));
  if (found != in_flight_.end() && found->second->action.digest() == action.digest()) {
    found->second->action = action;
    found->second->key = key;
    return;
  }
  run(action, key);
}

void Runner::run(const wire::Action& action, const std::string& key) {
  if (mutation("secret-logged")) {
    for (const auto& [name, value] : action.parameters()) log_.info("{}: {}={}", action.key(), name, value);
  }
  auto job = std::make_shared<InFlight>(InFlight{action, key});
  in_flight_[id_of(action)] = job;
  if (is_device(action)) return run_device(job);
  executor_.execute(to_operation(action, key),
                    [this, job](const lrmd::OpResult& result) { ended(job, result); });
}

void Runner::run_device(const InFlightPtr& job) {
  const wire::Action& action = job->action;
  const Time asked = ports_.clock->now();
  const auto done = [this, job, asked, alive = alive_](int rc, const std::string& reason) {
    if (!*alive) return;
    lrmd::OpResult result;
    result.call_id = ++device_calls_;
    result.rc = rc;
    const bool plain = rc == lrmd::ocf::kOk || rc == lrmd::ocf::kNotRunning;
    result.status = plain ? lrmd::OpStatus::kDone : lrmd::OpStatus::kError;
    result.exit_reason = reason;
    result.changed_at = ports_.clock->wall();
    result.exec_time = ports_.clock->now() - asked;
    ended(job, result);
  };
  // A device that was not started here is not running here, whatever it would answer.
  if (action.task() == "monitor" && !active_.contains(action.resource())) {
    ports_.timers->post([done] { done(lrmd::ocf::kNotRunning, ""); });
    return;
  }
  fencer_.device_operation(action.resource(), action.task(), Milliseconds(action.timeout_ms()), done);
}

void Runner::start_recurring(const wire::Action& action, const std::string& key) {
  const OpId id = id_of(action);
  if (is_device(action)) {
    ports_.timers->cancel(watched_[id].timer);
    watched_[id] = {action, key, 0, ++device_calls_, -1, false, 0};
    return watch_device(id);
  }
  recurring_[action.resource()].insert(id);
  executor_.execute(to_operation(action, key), [this, action](const lrmd::OpResult& result) {
    finish(action, to_recorded(action, result));
  });
}

void Runner::watch_device(const OpId& id) {
  const auto found = watched_.find(id);
  if (found == watched_.end()) return;
  const wire::Action& action = found->second.action;
  const int call_id = found->second.call_id;
  const Time asked = ports_.clock->now();
  fencer_.device_operation(action.resource(), "monitor", Milliseconds(action.timeout_ms()),
                           [this, id, call_id, asked, alive = alive_](int rc, const std::string& reason) {
                             if (*alive) device_watched(id, call_id, rc, reason, asked);
                           });
}

void Runner::device_watched(const OpId& id, int call_id, int rc, const std::string& reason, Time asked) {
  const auto found = watched_.find(id);
  if (found == watched_.end() || found->second.call_id != call_id) return;
  Watched& w = found->second;
  const Time now = ports_.clock->now();
  const Duration next = std::max(Duration::zero(), Milliseconds(w.action.interval_ms()) - (now - asked));
  w.timer = ports_.timers->after(next, [this, id] { watch_device(id); });
  if (w.reported && w.last_rc == rc) return;
  w.reported = true;
  w.last_rc = rc;
  Recorded op = pending(w.action, w.key, epoch_seconds(ports_.clock->wall()));
  op.call_id = call_id;
  op.rc = rc;
  op.status = static_cast<int>(rc == lrmd::ocf::kOk ? lrmd::OpStatus::kDone : lrmd::OpStatus::kError);
  op.exit_reason = reason;
  op.exec_ms = to_ms(now - asked);
  finish(w.action, std::move(op));
}

void Runner::cancel(const wire::Action& action) {
  const OpId id = id_of(action);
  history_.erase_operation(action.resource(), action.task(), action.interval_ms());
  if (const auto watched = watched_.find(id); watched != watched_.end()) {
    ports_.timers->cancel(watched->second.timer);
    watched_.erase(watched);
    return;
  }
  const auto found = recurring_.find(action.resource());
  if (found == recurring_.end() || found->second.erase(id) == 0) return;
  executor_.cancel(action.resource(), action.task(), Milliseconds(action.interval_ms()), nullptr);
}

// Before the state of a resource changes, what watches it must not judge the change.
void Runner::cancel_recurring(const std::string& resource) {
  for (const OpId& id : recurring_[resource]) {
    executor_.cancel(resource, std::get<1>(id), Milliseconds(std::get<2>(id)), nullptr);
  }
  recurring_.erase(resource);
  for (auto it = watched_.begin(); it != watched_.end();) {
    if (std::get<0>(it->first) != resource) {
      ++it;
      continue;
    }
    ports_.timers->cancel(it->second.timer);
    it = watched_.erase(it);
  }
}

void Runner::erase(const std::string& resource) {
  cancel_recurring(resource);
  executor_.forget(resource);
  history_.erase(resource);
  active_.erase(resource);
  std::erase_if(in_flight_, [&](const auto& entry) { return std::get<0>(entry.first) == resource; });
}

void Runner::cleanup(const std::string& resource) { history_.erase(resource); }

void Runner::ended(const InFlightPtr& job, const lrmd::OpResult& result) {
  const auto found = in_flight_.find(id_of(job->action));
  if (found != in_flight_.end() && found->second == job) in_flight_.erase(found);
  lrmd::OpResult keyed = result;
  keyed.transition_key = job->key;
  if (!is_recorded(job->action.task())) {
    wire::ActionResult unrecorded;
    unrecorded.set_transition_key(job->key);
    unrecorded.set_rc(effective_rc(result.rc));
    unrecorded.set_status(static_cast<int>(result.status));
    return effects_.unrecorded(unrecorded);
  }
  finish(job->action, to_recorded(job->action, keyed));
}

void Runner::heard_of_dc(WallTime now) { dc_said_ = {ports_.clock->now(), now}; }

// By the monotonic clock: this node's wall clock may have been set since.
std::int64_t Runner::at_dc(std::int64_t changed) const {
  if (!dc_said_) return changed;
  const WallTime there = dc_said_->second + (ports_.clock->now() - dc_said_->first);
  return epoch_seconds(WallTime(Seconds(changed)) + (there - ports_.clock->wall()) +
                       Milliseconds(500));  // Nearest.
}

void Runner::finish(const wire::Action& action, Recorded op) {
  op.changed = at_dc(op.changed);
  // A new DC's clock may be behind the last one's: a failure is not older than the success before it.
  const std::int64_t before = history_.last_change(op.resource, op.call_id);
  if (op.changed < before) op.changed = before + 1;
  note_activity(action, op);
  history_.record(op);
  const bool bad = has_failed(op);
  if (bad) {
    log_.warning("{} of {} on {} failed: rc {} {}{}", op.task, op.resource, name_, op.rc,
                 op.status == static_cast<int>(lrmd::OpStatus::kTimedOut) ? "(timed out) " : "",
                 op.exit_reason);
  } else if (op.interval_ms == 0) {
    log_.info("{} of {} on {}: rc {} in {} ms", op.task, op.resource, name_, op.rc, op.exec_ms);
  }
  auto failure = counts_as(op, action.start_failure_is_fatal(), action.stop_failure_is_fatal());
  waiting_.push_back({std::move(op), std::move(failure)});
  post_flush();
}

void Runner::note_activity(const wire::Action& action, const Recorded& op) {
  const bool done = op.status == static_cast<int>(lrmd::OpStatus::kDone);
  if (op.task == "start" || op.task == "promote" || op.task == "migrate_from") {
    // A start that failed may have left something behind: it counts until a stop succeeded.
    active_[op.resource] = {++activations_, action};
  } else if (done && op.task == "monitor" &&
             (op.rc == lrmd::ocf::kOk || op.rc == lrmd::ocf::kRunningPromoted)) {
    if (!active_.contains(op.resource)) active_[op.resource] = {++activations_, action};
  } else if (done && op.rc == lrmd::ocf::kOk && (op.task == "stop" || op.task == "migrate_to")) {
    active_.erase(op.resource);
  }
}

bool Runner::quiet() const { return in_flight_.empty() && waiting_.empty() && sent_.empty(); }

void Runner::stop_all(Duration deadline, std::function<void()> done) {
  for (const auto& [resource, unused] : active_) cancel_recurring(resource);
  stop_next(ports_.clock->now() + deadline, std::make_shared<std::function<void()>>(std::move(done)));
}

// One after the other, the youngest first: the order of constraints is not known without a plan.
void Runner::stop_next(Time deadline, const std::shared_ptr<std::function<void()>>& done) {
  const Time now = ports_.clock->now();
  const auto youngest = std::max_element(active_.begin(), active_.end(), [](const auto& a, const auto& b) {
    return a.second.since < b.second.since;
  });
  if (youngest == active_.end() || now >= deadline) {
    if (youngest != active_.end())
      log_.error("{} resources are still active at the deadline", active_.size());
    ports_.timers->post([done] { (*done)(); });
    return;
  }
  const wire::Action action = youngest->second.action;
  active_.erase(youngest);
  if (is_device(action)) return stop_next(deadline, done);
  lrmd::Operation stop = to_operation(action, "");
  stop.task = "stop";
  stop.interval = stop.start_delay = Milliseconds(0);
  stop.timeout = std::chrono::ceil<Milliseconds>(deadline - now);
  log_.notice("stopping {} without a DC", action.resource());
  executor_.execute(std::move(stop), [this, deadline, done](const lrmd::OpResult& result) {
    if (result.rc != lrmd::ocf::kOk) log_.error("{} did not stop: {}", result.resource, result.exit_reason);
    stop_next(deadline, done);
  });
}

// On a later turn, so that results that come together go together.
void Runner::post_flush() {
  if (flush_posted_ || !sent_.empty()) return;
  flush_posted_ = true;
  ports_.timers->post([this, alive = alive_] {
    if (!*alive) return;
    flush_posted_ = false;
    flush();
  });
}

void Runner::flush() {
  constexpr std::size_t kTogether = 256;
  if (!sent_.empty()) return;
  while (!waiting_.empty() && sent_.size() < kTogether) {
    sent_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  if (sent_.empty()) return;
  effects_.submit(to_change(sent_), [this, alive = alive_](const Result<cib::Applied>& applied) {
    if (*alive) flushed(applied);
  });
}

void Runner::flushed(const Result<cib::Applied>& applied) {
  if (applied) {
    refusals_ = 0;
    sent_.clear();
    return post_flush();
  }
  log_.warning("the results of {} operations could not be recorded and are tried again: {}", sent_.size(),
               applied.error().message);
  std::move(waiting_.begin(), waiting_.end(), std::back_inserter(sent_));
  waiting_.swap(sent_);
  sent_.clear();
  ports_.timers->after(later(refusals_++), [this, alive = alive_] {
    if (*alive) flush();
  });
}

cib::Op Runner::to_change(const std::deque<Finished>& results) const {
  pugi::xml_document change;
  pugi::xml_node status = change.append_child("status");
  pugi::xml_node state = status.append_child("node_state");
  state.append_attribute("id") = id_.c_str();
  state.append_attribute("uname") = name_.c_str();
  std::map<std::string, std::string> counts;
  const pugi::xml_node known = node_state(replica_.document(), self_.node).child("transient_attributes");
  for (const Finished& f : results) {
    append_history(state, id_, f.op.resource, f.op.kind, history_entries(f.op));
    if (!f.failure) continue;
    const std::string name = "fail-count-" + f.failure->suffix;
    auto [count, fresh] = counts.try_emplace(name);
    if (fresh) {
      const pugi::xml_node pair =
          known.child("instance_attributes").find_child_by_attribute("nvpair", "name", name.c_str());
      count->second = pair.attribute("value").value();
    }
    count->second = count_up(count->second, f.failure->fatal);
    append_attribute(state, id_, name, count->second);
    append_attribute(state, id_, "last-failure-" + f.failure->suffix, std::to_string(f.op.changed));
  }
  cib::Op op;
  op.kind = cib::Op::Kind::kModify;
  op.section = "status";
  op.xml = cib::to_xml(status);
  op.allow_create = true;
  op.user = "hacluster";
  op.client = clients::kResult;
  op.origin = name_;
  op.when = ports_.clock->wall();
  return op;
}

}  // namespace systole::controller
