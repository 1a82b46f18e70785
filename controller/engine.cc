// Engine: when to act, when to plan. What a plan's execution does is in engine_run.cc.
#include "controller/engine.h"

#include "base/mutation.h"
#include "controller/actions.h"
#include "controller/cluster_properties.h"
#include "controller/node_states.h"
#include "controller/properties.h"

namespace systole::controller {
namespace {

// While configuration changes pour in, plans are void before they come back. Such a plan is used all the same
// after this time: it was right a moment ago, and the next one follows at once.
constexpr Duration kVoidMost = Milliseconds(300);
constexpr Duration kVoidStep = Milliseconds(10);
constexpr unsigned kVoidSteps = 10;
// Changes of the configuration that come to nothing, one after the other, are not planned faster than this.
constexpr Duration kPace = Milliseconds(20);
constexpr std::size_t kPatchesMost = 256;  // For the scheduler to follow; beyond, a snapshot is cheaper.
constexpr Milliseconds kRecheckDefault = std::chrono::minutes(15);

std::string make_uuid(Random& random) {
  std::uint8_t b[16];
  random.fill(b);
  std::string text;
  for (std::size_t i = 0; i < sizeof b; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += fmt::format("{:02x}", b[i]);
  }
  return text;
}

}  // namespace

Engine::Engine(Ports ports, Logger log, NodeLife self, const membership::ClusterConfig& config,
               unsigned cores, const cib::Replica& replica, SchedulerPort& scheduler, Effects effects)
    : ports_(ports),
      log_(std::move(log)),
      self_(self),
      config_(config),
      cores_(std::max(1U, cores)),
      replica_(replica),
      scheduler_(scheduler),
      effects_(std::move(effects)),
      uuid_(make_uuid(*ports.random)),
      alive_(std::make_shared<bool>(true)) {
  seen_.started = ports_.clock->now();
}

Engine::~Engine() {
  *alive_ = false;
  resign();
}

void Engine::on_view(const membership::View& view, bool quorate) {
  view_ = view;
  quorate_ = quorate;
  synced_ = false;
  note_quorum();
  if (!mutation("old-dc-acts")) resign();
}

void Engine::note_quorum() {
  if (!quorate_) return;
  if (!seen_.quorate_since) seen_.quorate_since = ports_.clock->now();
  if (std::exchange(quorate_sequence_, view_.id.sequence) != view_.id.sequence) fencings_ = 0;
}

// What was under way goes on without this engine; the document knows of it, and so will the next plan.
void Engine::resign() {
  acting_ = false;
  due_ = due_by_status_ = scheduling_ = holding_ = false;
  ++generation_;
  writes_ = std::make_shared<unsigned>(0);  // Those under way are counted for nobody.
  drop_transition();
  ports_.timers->cancel(wake_);
  ports_.timers->cancel(recheck_);
  wake_ = recheck_ = 0;
}

void Engine::on_synced(const membership::View& view, const std::vector<NodeId>& joined) {
  view_ = view;
  synced_ = true;
  synced_at_ = ports_.clock->now();
  joined_ = joined;
  // A node that is back is no longer down, whatever was once confirmed.
  std::erase_if(fenced_, [this](const auto& entry) { return member(entry.first).has_value(); });
  try_to_act();
}

void Engine::on_quorum(bool quorate) {
  quorate_ = quorate;
  note_quorum();
  if (acting_) {
    write_view({});
  } else {
    try_to_act();
  }
}

void Engine::try_to_act() {
  if (acting_ || !synced_ || dc_of(view_) != self_.node) return;
  const Time when = may_act_at(seen_);
  if (ports_.clock->now() < when) return wake_at(when);
  acting_ = true;
  log_.notice("this node is the DC of a view of {} nodes, {} quorum", view_.members.size(),
              quorate_ ? "with" : "without");
  write_view(std::exchange(joined_, {}));
  for (const auto& [name, life] : std::map(fenced_)) confirm_down(name, life);
  if (auto departed = forget_departed(replica_.document(), view_))
    submit(std::move(*departed), "departed nodes", true);
  if (auto nodes = node_entries(replica_.document(), config_)) submit(std::move(*nodes), "the nodes section");
  write_properties();
  due(true, "a new view");
}

void Engine::write_view(const std::vector<NodeId>& joined) {
  if (auto update = view_update(replica_.document(), view_, quorate_, joined, config_)) {
    submit(std::move(*update), "node states", true);
  }
}

void Engine::write_properties() {
  if (auto update = property_update(replica_.document(), config_, false))
    submit(std::move(*update), "cluster properties");
}

void Engine::submit(cib::Op op, const char* what, bool wait) {
  op.when = ports_.clock->wall();
  if (const auto* self = config_.find(self_.node)) op.origin = self->name;
  if (wait) ++*writes_;
  effects_.submit(std::move(op),
                  [this, what, wait, writes = writes_, alive = alive_](const Result<cib::Applied>& applied) {
                    if (!*alive) return;
                    if (!applied) log_.error("the DC could not write {}: {}", what, applied.error().message);
                    if (!wait) return;
                    --*writes;
                    if (*writes == 0) poke();
                  });
}

// --- Fencing outcomes -------------------------------------------------------------------------------------

void Engine::on_outcome(const stonith::Outcome& outcome) {
  stonith::Request request = outcome.request;
  if (!outcome.succeeded || request.action == "on") return;
  // A person speaks of the node as it is known, and of no member.
  if (outcome.device.empty()) {
    const NodeLife known = known_life(replica_.document(), request.target);
    if (raw(known.incarnation) != 0) request.life = known;
  }
  const auto present = std::find_if(view_.members.begin(), view_.members.end(),
                                    [&](const NodeLife& m) { return m.node == request.life.node; });
  if (present != view_.members.end() && present->incarnation != request.life.incarnation &&
      !mutation("older-life-confirmed"))
    return;
  ++fencings_;
  fence_failures_.erase(request.target);
  fenced_[request.target] = request.life;
  if (acting_) confirm_down(request.target, request.life);
}

void Engine::confirm_down(const std::string& target, const NodeLife& life) {
  const auto* node = config_.find(target);
  if (node == nullptr || !needs_confirmation(replica_.document(), life, target)) return;
  log_.notice("{} is confirmed down", target);
  submit(confirmed_down(replica_.document(), target, node->id), "a node's fencing", true);
}

// --- When to plan -----------------------------------------------------------------------------------------

void Engine::on_change(const cib::Change& change) {
  if (!acting_ || change.patch.empty() || (patches_ && patches_->size() == kPatchesMost))
    patches_.reset();
  else if (patches_)
    patches_->emplace_back(change.patch);
  if (!acting_) return;
  const std::string_view client = change.op == nullptr ? std::string_view() : change.op->client;
  if (change.configuration) {
    write_properties();
    due(false, "the configuration changed");
  }
  if (change.op == nullptr) return due(true, "another document was taken over");
  if (!change.status || client == clients::kPending) return;
  if (client == clients::kResult) return on_results(*change.op);
  if (client == clients::kFencing && fences(change.op->xml)) return;  // Planned: the transition goes on.
  due(true, client == clients::kAttributes ? "a node attribute changed" : "the status changed");
}

void Engine::recheck(const char* why) {
  if (acting_) due(true, why);
}

void Engine::due(bool status, std::string why) {
  if (!due_) why_ = why;
  due_ = true;
  due_by_status_ = due_by_status_ || status;
  if (transition_) transition_->abort(Transition::kAbortAll, std::move(why));
  poke();
}

void Engine::poke() {
  if (std::exchange(poked_, true)) return;
  ports_.timers->post([this, alive = alive_] {
    if (!*alive) return;
    poked_ = false;
    evaluate();
  });
}

void Engine::wake_at(Time when) {
  if (wake_ != 0 && wake_time_ <= when) return;
  ports_.timers->cancel(wake_);
  wake_time_ = when;
  wake_ = ports_.timers->after(when - ports_.clock->now(), [this] {
    wake_ = 0;
    try_to_act();
    poke();
  });
}

void Engine::evaluate() {
  if (transition_ && transition_->finished()) complete();
  if (!acting_ || scheduling_) return;
  if (!due_) {
    if (idle() && effects_.idle) effects_.idle();
    return;
  }
  if (transition_) return;  // Waits for what is in flight.
  if (const Time when = may_plan_at(); ports_.clock->now() < when) return wake_at(when);
  holding_ = hold();
  if (!holding_) schedule();
}

Time Engine::may_plan_at() const {
  if (due_by_status_ || !idle_plan_at_) return not_before_;
  return std::max(not_before_, *idle_plan_at_ + kPace);
}

// Whether it is too early to plan: members have not said yet what runs on them, or nodes that nobody has seen
// since the cluster started may be about to appear.
bool Engine::hold() {
  const Time now = ports_.clock->now();
  const cib::Document& document = replica_.document();
  if (*writes_ > 0) return true;
  if (const auto joining = joining_nodes(document); !joining.empty()) {
    if (now < synced_at_ + kJoinPatience) {
      wake_at(synced_at_ + kJoinPatience);
    } else {
      log_.error("{} did not say what runs there within {} s", fmt::join(joining, " "),
                 std::chrono::duration_cast<Seconds>(kJoinPatience).count());
      submit(unresponsive(joining, config_), "members that do not answer", true);
    }
    return true;
  }
  const Time appeared = may_act_at(seen_) + kStartGrace;
  if (now < appeared && startup_fencing(document) && !unseen_nodes(document, config_).empty()) {
    wake_at(appeared);
    return true;
  }
  return false;
}

void Engine::schedule() {
  due_ = due_by_status_ = false;
  scheduling_ = true;
  fence_failed_ = false;
  log_.debug("planning: {}", why_);
  const std::function<void(pengine::Plan)> done = [this, generation = ++generation_,
                                                   alive = alive_](pengine::Plan plan) {
    if (*alive) planned(generation, std::move(plan));
  };
  const auto refused = [this, generation = generation_, alive = alive_] {
    if (*alive) replan(generation);
  };
  const WallTime now = ports_.clock->wall();
  if (!patches_ || !scheduler_.schedule_after(*patches_, now, done, refused))
    scheduler_.schedule(replica_.document().clone(), now, done);
  patches_.emplace();
}

// From a snapshot: the scheduler's own document has gone astray.
void Engine::replan(std::uint64_t generation) {
  if (generation != generation_) return;
  log_.error("the scheduler's copy of the CIB does not follow; it gets a new one");
  patches_.reset();
  scheduling_ = false;
  due_ = true;
  poke();
}

void Engine::planned(std::uint64_t generation, pengine::Plan plan) {
  if (generation != generation_) return;  // Of a time before the last view.
  scheduling_ = false;
  const Time now = ports_.clock->now();
  if (due_) {
    if (!void_since_) void_since_ = now;
    if (due_by_status_ || now - *void_since_ < kVoidMost) {
      voids_ = std::min(voids_ + 1, kVoidSteps);
      not_before_ = due_by_status_ ? now : now + kVoidStep * voids_;
      return poke();
    }
  }
  void_since_.reset();
  voids_ = 0;
  begin(std::move(plan));
}

void Engine::begin(pengine::Plan plan) {
  for (const pengine::Problem& problem : plan.problems) {
    if (problem.severity == pengine::Problem::Severity::kError) {
      log_.error("{}", problem.message);
    } else {
      log_.info("{}", problem.message);
    }
  }
  for (const pengine::Decision& decision : plan.decisions) log_.notice("{}", decision.text);
  set_recheck(plan.graph);
  if (plan.graph.actions.empty()) {
    idle_plan_at_ = ports_.clock->now();
    return poke();
  }
  const TransitionLimits bounds = limits(plan.graph);
  begun_ = ports_.clock->now();
  transition_.emplace(++transition_id_, std::move(plan.graph), bounds);
  log_.notice("transition {} begins: {} actions ({})", transition_id_, transition_->graph().actions.size(),
              why_);
  if (due_) transition_->abort(Transition::kAbortAll, "the configuration changed meanwhile");
  run();
}

TransitionLimits Engine::limits(const pengine::Graph& graph) const {
  TransitionLimits bounds;
  bounds.batch = graph.batch_limit;
  bounds.migrations = graph.migration_limit;
  bounds.per_node = static_cast<int>(2 * cores_);
  if (const auto set = property(replica_.document(), "node-action-limit")) {
    const auto number = parse_number(*set);
    if (number && *number > 0 && *number < 100'000) bounds.per_node = static_cast<int>(*number);
  }
  return bounds;
}

void Engine::set_recheck(const pengine::Graph& graph) {
  ports_.timers->cancel(recheck_);
  recheck_ = 0;
  std::optional<Duration> wait;
  const auto set = property(replica_.document(), "cluster-recheck-interval");
  const Milliseconds interval = set ? parse_interval(*set).value_or(kRecheckDefault) : kRecheckDefault;
  if (interval > Milliseconds::zero()) wait = interval;
  if (graph.recheck_by) {
    // A second's fraction later: what expires is judged in whole seconds.
    const Duration until =
        std::max<Duration>(*graph.recheck_by - ports_.clock->wall(), Duration::zero()) + Seconds(1);
    wait = wait ? std::min(*wait, until) : until;
  }
  if (!wait) return;
  recheck_ = ports_.timers->after(*wait, [this] {
    recheck_ = 0;
    recheck("time has passed");
  });
}

bool Engine::idle() const { return acting_ && !due_ && !scheduling_ && !transition_ && !fence_retry_; }

const char* Engine::state() const {
  if (!synced_) return "S_STARTING";
  if (dc_of(view_) != self_.node) return "S_NOT_DC";
  if (!acting_ || holding_) return "S_INTEGRATION";
  if (transition_) return "S_TRANSITION_ENGINE";
  if (scheduling_ || due_) return "S_POLICY_ENGINE";
  return "S_IDLE";
}

std::optional<NodeId> Engine::member(const std::string& name) const {
  const auto* node = config_.find(name);
  if (node == nullptr) return {};
  const bool there = std::any_of(view_.members.begin(), view_.members.end(),
                                 [node](const NodeLife& m) { return m.node == node->id; });
  return there ? std::optional(node->id) : std::nullopt;
}

}  // namespace systole::controller
