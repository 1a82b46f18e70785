// Engine: a plan's execution, action by action.
#include "base/mutation.h"
#include "controller/actions.h"
#include "controller/engine.h"
#include "controller/node_states.h"
#include "controller/properties.h"

namespace systole::controller {
namespace {

constexpr int kBatch = 128;  // Actions in one message.
constexpr Seconds kFenceRetryMost{60};
constexpr Milliseconds kAtOnce{10};

std::string quoted(const std::string& text) {
  // XPath 1.0 has no escapes in strings: what holds both kinds of quotes cannot be an id anyway.
  return text.find('\'') == std::string::npos ? "'" + text + "'" : "\"" + text + "\"";
}

}  // namespace

void Engine::run() {
  wire::ActionBatch batch;
  for (;;) {
    const std::vector<int> start = transition_->next();
    if (start.empty()) break;
    for (const int index : start) dispatch(index, batch);
  }
  send(std::move(batch));
  if (transition_ && transition_->finished()) poke();
}

void Engine::send(wire::ActionBatch batch) {
  bool shutdown = false;
  const auto send_some = [&](wire::ActionBatch& some) {
    some.set_view_sequence(view_.id.sequence);
    some.set_view_representative(raw(view_.id.representative));
    some.set_uuid(uuid_);
    some.set_transition(static_cast<std::uint32_t>(transition_->id()));
    some.set_now_ms(to_ms(ports_.clock->wall().time_since_epoch()));
    wire::Message message;
    message.mutable_actions()->Swap(&some);
    // Nobody leaves before everybody knows that it leaves in good order.
    const auto delivery = shutdown ? membership::Delivery::kSafe : membership::Delivery::kAgreed;
    if (const auto sent = effects_.send(message, delivery); !sent) {
      log_.error("the actions of transition {} cannot be sent: {}", transition_->id(), sent.error().message);
      transition_->abort(Transition::kAbortAll, "the ring takes no messages");
    }
  };
  wire::ActionBatch some;
  for (wire::Action& action : *batch.mutable_actions()) {
    shutdown = shutdown || action.kind() == wire::Action::SHUTDOWN;
    some.add_actions()->Swap(&action);
    if (some.actions_size() == kBatch) {
      send_some(some);
      some.Clear();
    }
  }
  if (some.actions_size() > 0) send_some(some);
}

void Engine::dispatch(int index, wire::ActionBatch& batch) {
  const pengine::Action& action = transition_->graph().actions[static_cast<std::size_t>(index)];
  if (action.kind == pengine::Action::Kind::kCluster) return dispatch_event(index, batch);
  const auto target = member(action.router_node.empty() ? action.node : action.router_node);
  if (!target) {
    log_.error("{} is to run on {}, which is not a member", action.key, action.node);
    transition_->confirm(index, false);
    return;
  }
  const std::uint64_t token = action.task == "start" ? next_activation() : 0;
  *batch.add_actions() = to_wire(action, *target, transition_->graph(), token);
  log_.info("{} on {}", action.key, action.node);
  if (action_attribute(action, "CRM_meta_op_no_wait") == "true") {
    transition_->confirm(index, true);
    return;
  }
  patience_[index] =
      ports_.timers->after(patience(action, transition_->graph()), [this, index] { out_of_patience(index); });
}

// A resource's later activation has the greater token, whichever part of the cluster it comes from: first the
// last view with quorum (a majority's next one has a greater number than any that a minority came from), then
// the views and fencings since (of two nodes, each with quorum, the winner has fenced), then a count.
std::uint64_t Engine::next_activation() {
  constexpr std::uint64_t kStepMost = 0xfff, kCountMost = 0xffffff;
  const std::uint64_t step = std::min(view_.id.sequence - quorate_sequence_ + fencings_, kStepMost);
  const std::uint64_t base = mutation("token-reused") ? 0 : quorate_sequence_ << 36U | step << 24U;
  return base | (++activations_ & kCountMost);
}

void Engine::dispatch_event(int index, wire::ActionBatch& batch) {
  const pengine::Action& action = transition_->graph().actions[static_cast<std::size_t>(index)];
  if (action.task == "stonith") return dispatch_fencing(index);
  if (action.task == "do_shutdown") {
    if (const auto target = member(action.node)) {
      log_.notice("{} may leave", action.node);
      *batch.add_actions() = to_wire(action, *target, transition_->graph(), 0);
      patience_[index] =
          ports_.timers->after(transition_->graph().cluster_delay, [this, index] { out_of_patience(index); });
    } else {
      transition_->confirm(index, true);
    }
    return;
  }
  if (action.task == "clear_failcount") clear_failcount(action);
  transition_->confirm(index, true);
}

void Engine::dispatch_fencing(int index) {
  const pengine::Action& action = transition_->graph().actions[static_cast<std::size_t>(index)];
  NodeLife life = known_life(replica_.document(), action.node);
  if (const auto* node = config_.find(action.node)) life.node = node->id;
  const auto* self = config_.find(self_.node);
  stonith::Request request =
      fencing_request(action, life, transition_->graph(),
                      fmt::format("controller on {}", self != nullptr ? self->name : "?"));
  log_.warning("fencing {} ({})", request.target, request.action);
  effects_.fence(std::move(request),
                 [this, alive = alive_, index, id = transition_->id()](const stonith::Outcome& outcome) {
                   if (*alive) fenced(id, index, outcome);
                 });
  if (mutation("start-before-fencing")) confirm(index, true);
}

void Engine::fenced(int transition, int index, const stonith::Outcome& outcome) {
  if (!acting_ || !transition_ || transition_->id() != transition) return;
  // on_outcome() came before this, so the document is on its way to say it: what follows in the graph comes
  // after.
  if (outcome.succeeded) return confirm(index, true);
  const std::string& target = outcome.request.target;
  const unsigned failures = ++fence_failures_[target];
  const Duration wait = std::min<Duration>(kFenceRetryMost, Seconds(1) * (1U << std::min(failures - 1, 10U)));
  log_.error("{} could not be fenced ({} times now): {}; the next attempt is in {} s", target, failures,
             outcome.reason, std::chrono::duration_cast<Seconds>(wait).count());
  fence_failed_ = true;
  confirm(index, false);
  if (std::exchange(fence_retry_, true)) return;
  ports_.timers->after(wait, [this, alive = alive_] {
    if (!*alive) return;
    fence_retry_ = false;
    recheck("a node has yet to be fenced");
  });
}

// fail-count-R#… and last-failure-R#… of one resource on one node, and the failure that they count.
void Engine::clear_failcount(const pengine::Action& action) {
  std::string resource = action.resource;
  if (resource.empty()) resource = action.key.substr(0, action.key.find("_clear_failcount"));
  const std::string state = fmt::format("/cib/status/node_state[@uname={}]", quoted(action.node));
  const std::string pairs = state + "/transient_attributes/instance_attributes/nvpair";
  cib::Op op;
  op.kind = cib::Op::Kind::kDeleteAll;
  op.xpath = fmt::format(
      "{0}[starts-with(@name,{1})] | {0}[starts-with(@name,{2})] | "
      "{3}/lrm/lrm_resources/lrm_resource/lrm_rsc_op[@id={4}]",
      pairs, quoted("fail-count-" + resource + "#"), quoted("last-failure-" + resource + "#"), state,
      quoted(resource + "_last_failure_0"));
  op.user = "hacluster";
  op.client = clients::kCleanup;
  submit(std::move(op), "a cleared fail count");
}

void Engine::confirm(int index, bool succeeded) {
  if (!transition_ || !transition_->confirm(index, succeeded)) return;
  if (const auto timer = patience_.find(index); timer != patience_.end()) {
    ports_.timers->cancel(timer->second);
    patience_.erase(timer);
  }
  if (!succeeded) log_.warning("transition {}: {}", transition_->id(), transition_->abort_reason());
  run();
}

// The node is a member and yet does not answer: the operation is taken as timed out.
void Engine::out_of_patience(int index) {
  patience_.erase(index);
  if (!transition_) return;
  const pengine::Action& action = transition_->graph().actions[static_cast<std::size_t>(index)];
  log_.error("{} on {} was not answered in time", action.key, action.node);
  const auto target = member(action.router_node.empty() ? action.node : action.router_node);
  if (target && action.kind == pengine::Action::Kind::kResource && is_recorded(action.task)) {
    const wire::Action sent = to_wire(action, *target, transition_->graph(), 0);
    Recorded op =
        pending(sent, transition_key(sent, transition_->id(), uuid_), epoch_seconds(ports_.clock->wall()));
    op.status = static_cast<int>(lrmd::OpStatus::kTimedOut);
    op.rc = lrmd::ocf::kGenericError;
    op.exit_reason = "the node did not answer";
    pugi::xml_document change;
    pugi::xml_node state = change.append_child("status").append_child("node_state");
    const std::string id = std::to_string(raw(*target));
    state.append_attribute("id") = id.c_str();
    append_history(state, id, op.resource, op.kind, history_entries(op));
    cib::Op update;
    update.kind = cib::Op::Kind::kModify;
    update.section = "status";
    update.xml = cib::to_xml(change.first_child());
    update.allow_create = true;
    update.user = "hacluster";
    update.client = clients::kController;
    submit(std::move(update), "an operation without answer");
  }
  confirm(index, false);
}

void Engine::complete() {
  const bool again = transition_->failed() || transition_->aborted();
  log_.notice("transition {} {}: {} of {} actions done{}", transition_->id(),
              again ? "ends early" : "is complete",
              transition_->graph().actions.size() - transition_->incomplete(),
              transition_->graph().actions.size(), again ? " (" + transition_->abort_reason() + ")" : "");
  // One that fails at once would do so for ever: ever longer pauses keep it from eating the machine.
  const bool at_once = transition_->failed() && !due_ && ports_.clock->now() - begun_ < kAtOnce;
  futile_ = at_once ? std::min(futile_ + 1, 9U) : 0;
  if (futile_ > 3) not_before_ = ports_.clock->now() + kAtOnce * (1U << futile_);
  drop_transition();
  // After a failed fencing the retry's timer comes, unless something else is due.
  if (again && !fence_failed_) due(true, "the last transition did not complete");
}

// Whether the transition under way asked for the fencing of which `xml`, a node_state, tells.
bool Engine::fences(const std::string& xml) const {
  if (!transition_) return false;
  const auto& actions = transition_->graph().actions;
  return std::any_of(actions.begin(), actions.end(), [&](const pengine::Action& a) {
    return a.task == "stonith" && xml.find("uname=\"" + a.node + "\"") != std::string::npos;
  });
}

void Engine::drop_transition() {
  for (const auto& [index, timer] : patience_) ports_.timers->cancel(timer);
  patience_.clear();
  transition_.reset();
}

// --- Results ----------------------------------------------------------------------------------------------

void Engine::on_results(const cib::Op& op) {
  pugi::xml_document change;
  if (!change.load_buffer(op.xml.data(), op.xml.size())) return due(true, "a result cannot be read");
  std::set<std::string> keys;
  bool unexpected = false;
  for (const pugi::xpath_node& found : change.select_nodes("//lrm_rsc_op")) {
    const pugi::xml_node entry = found.node();
    const std::string key = entry.attribute("transition-key").value();
    // One operation may leave two entries.
    if (!keys.insert(key).second) continue;
    if (!on_key(key, entry.attribute("rc-code").as_int(-1), entry.attribute("op-status").as_int(-1)))
      unexpected = true;
  }
  if (unexpected) due(true, "a result that this transition did not ask for");
}

void Engine::on_result(const wire::ActionResult& result) {
  if (acting_) on_key(result.transition_key(), result.rc(), result.status());
}

bool Engine::on_key(const std::string& text, int rc, int status) {
  const auto key = parse_transition_key(text);
  if (!key || key->uuid != uuid_ || !transition_ || key->transition != transition_->id()) return false;
  const int index = transition_->index_of(key->action);
  if (index < 0 || !transition_->in_flight(index)) return false;
  confirm(index, status == static_cast<int>(lrmd::OpStatus::kDone) && rc == key->expected_rc);
  return true;
}

void Engine::on_delivered(const wire::ActionBatch& batch) {
  if (!acting_ || !transition_ || batch.uuid() != uuid_ ||
      batch.transition() != static_cast<std::uint32_t>(transition_->id())) {
    return;
  }
  for (const wire::Action& action : batch.actions()) {
    if (action.kind() == wire::Action::RUN || !transition_) continue;
    confirm(transition_->index_of(action.id()), true);
  }
}

}  // namespace systole::controller
