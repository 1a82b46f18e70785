#include "controller/transition.h"

namespace systole::controller {
namespace {

bool is_probe(const pengine::Action& a) {
  return a.kind == pengine::Action::Kind::kResource && a.key.ends_with("_monitor_0");
}

// A node does not leave before it was asked about what may run there: it would run on, and nobody would know.
void let_probes_end_before_shutdown(pengine::Graph& graph) {
  for (pengine::Synapse& synapse : graph.synapses) {
    const auto at = static_cast<std::size_t>(synapse.action);
    if (synapse.action < 0 || at >= graph.actions.size() || graph.actions[at].task != "do_shutdown") continue;
    std::set<int> inputs(synapse.inputs.begin(), synapse.inputs.end());
    for (std::size_t i = 0; i < graph.actions.size(); ++i) {
      const auto probe = static_cast<int>(i);
      if (is_probe(graph.actions[i]) && graph.actions[i].node == graph.actions[at].node &&
          inputs.insert(probe).second)
        synapse.inputs.push_back(probe);
    }
  }
}

bool is_migration(const pengine::Action& a) { return a.task == "migrate_to" || a.task == "migrate_from"; }

}  // namespace

bool Transition::ByPriority::operator()(int a, int b) const {
  const int pa = (*priority)[static_cast<std::size_t>(a)], pb = (*priority)[static_cast<std::size_t>(b)];
  return pa != pb ? pa > pb : a < b;
}

Transition::Transition(int id, pengine::Graph graph, TransitionLimits limits)
    : id_(id),
      graph_(std::move(graph)),
      limits_(limits),
      state_(graph_.actions.size(), Progress::kWaiting),
      priority_(graph_.actions.size(), 0),
      missing_(graph_.actions.size(), -1),
      dependents_(graph_.actions.size()),
      ready_(ByPriority{&priority_}) {
  let_probes_end_before_shutdown(graph_);
  const auto known = [this](int i) { return i >= 0 && static_cast<std::size_t>(i) < state_.size(); };
  for (std::size_t i = 0; i < graph_.actions.size(); ++i)
    by_id_.emplace(graph_.actions[i].id, static_cast<int>(i));
  for (const pengine::Synapse& synapse : graph_.synapses) {
    if (!known(synapse.action)) continue;
    const auto a = static_cast<std::size_t>(synapse.action);
    priority_[a] = synapse.priority;
    missing_[a] = 0;
    for (const int input : synapse.inputs) {
      if (!known(input)) continue;
      ++missing_[a];
      dependents_[static_cast<std::size_t>(input)].push_back(synapse.action);
    }
  }
  for (std::size_t i = 0; i < missing_.size(); ++i) {
    if (missing_[i] != 0) continue;
    state_[i] = Progress::kReady;
    ready_.insert(static_cast<int>(i));
  }
}

bool Transition::has_room(const pengine::Action& a) const {
  if (limits_.batch > 0 && in_flight_ >= static_cast<std::size_t>(limits_.batch)) return false;
  if (a.kind != pengine::Action::Kind::kResource) return true;
  const auto count_on = [&a](const std::map<std::string, int>& counts) {
    const auto found = counts.find(a.node);
    return found == counts.end() ? 0 : found->second;
  };
  if (limits_.per_node > 0 && count_on(running_on_) >= limits_.per_node) return false;
  return limits_.migrations < 0 || !is_migration(a) || count_on(migrating_on_) < limits_.migrations;
}

void Transition::count(const pengine::Action& a, int change) {
  in_flight_ = static_cast<std::size_t>(static_cast<std::int64_t>(in_flight_) + change);
  if (a.kind != pengine::Action::Kind::kResource) return;
  running_on_[a.node] += change;
  if (is_migration(a)) migrating_on_[a.node] += change;
}

std::vector<int> Transition::next() {
  std::vector<int> start;
  for (auto it = ready_.begin(); it != ready_.end();) {
    const int i = *it;
    if (priority_of(i) < abort_priority_) break;  // All after it are no higher.
    const pengine::Action& a = action(i);
    if (a.kind == pengine::Action::Kind::kPseudo) {
      ready_.erase(it);
      progress(i) = Progress::kSucceeded;
      release(i);
      it = ready_.begin();  // What it released may come before.
    } else if (has_room(a)) {
      it = ready_.erase(it);
      progress(i) = Progress::kInFlight;
      count(a, 1);
      start.push_back(i);
    } else {
      ++it;
    }
  }
  return start;
}

void Transition::release(int ended) {
  for (const int dependent : dependents_[static_cast<std::size_t>(ended)]) {
    if (--missing_[static_cast<std::size_t>(dependent)] > 0 || progress(dependent) != Progress::kWaiting)
      continue;
    progress(dependent) = Progress::kReady;
    ready_.insert(dependent);
  }
}

bool Transition::confirm(int i, bool succeeded) {
  if (i < 0 || static_cast<std::size_t>(i) >= state_.size() || progress(i) != Progress::kInFlight)
    return false;
  progress(i) = succeeded ? Progress::kSucceeded : Progress::kFailed;
  count(action(i), -1);
  if (succeeded || action(i).can_fail) release(i);
  if (!succeeded && !action(i).can_fail) {
    failed_ = true;
    abort(priority_of(i) + 1, action(i).key + " on " + action(i).node + " failed");
  }
  return true;
}

void Transition::abort(int priority, std::string why) {
  if (priority <= abort_priority_) return;
  abort_priority_ = priority;
  abort_reason_ = std::move(why);
}

int Transition::index_of(int action_id) const {
  const auto found = by_id_.find(action_id);
  return found == by_id_.end() ? -1 : found->second;
}

bool Transition::finished() const {
  if (in_flight_ > 0) return false;
  return ready_.empty() || priority_of(*ready_.begin()) < abort_priority_;
}

std::size_t Transition::incomplete() const {
  return static_cast<std::size_t>(std::count_if(state_.begin(), state_.end(), [](Progress p) {
    return p == Progress::kWaiting || p == Progress::kReady;
  }));
}

}  // namespace systole::controller
