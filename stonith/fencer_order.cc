// What ordered messages do to every member, and the side of the one that carries a request out.
#include "base/mutation.h"
#include "lrmd/invocation.h"
#include "stonith/fencer_state.h"

namespace systole::stonith {
namespace {

constexpr Milliseconds kSendAgain{50};

}  // namespace

void Fencer::State::send(Message message) {
  outbox.push_back(encode(message));
  flush();
}

void Fencer::State::flush() {
  while (!outbox.empty()) {
    if (!effects.multicast(outbox.front())) {
      ports.timers->cancel(outbox_timer);
      outbox_timer = ports.timers->after(kSendAgain, [this] { flush(); });
      return;
    }
    outbox.pop_front();
  }
}

void Fencer::on_message(NodeId sender, ByteView message) {
  State& s = *state_;
  const auto decoded = decode(message);
  if (!decoded) return s.log.error("from {}: {}", s.name_of(sender), decoded.error().message);
  std::visit([&](const auto& m) { s.on(sender, m); }, *decoded);
}

void Fencer::State::on(NodeId, const Order& order) {
  if (ended.count(order.id) != 0) return;
  Open entry{order.request, order.attempt, std::nullopt};
  if (const auto known = open.find(order.id); known != open.end()) {
    if (known->second.merged || order.attempt <= known->second.attempt) return;
  } else {
    for (const auto& [id, other] : open) {
      if (!other.merged && covers(other.request, order.request)) entry.merged = id;
    }
  }
  open[order.id] = entry;
  if (entry.merged) {
    if (Pending* mine = find(order.id)) mine->merged = true;
    return;
  }
  if (order.executor == self.node) execute(order);
}

void Fencer::State::on(NodeId sender, const Failed& failed) {
  for (auto& [key, p] : pending) {
    if (p.id != failed.id || p.merged || failed.attempt != p.attempt || sender != p.executor.node) continue;
    p.failures.push_back(failed.reason);
    p.tried.insert(sender);
    p.executor = {};
    return issue(key);
  }
}

void Fencer::State::on(NodeId, const Ended& message) {
  if (ended.count(message.id) != 0) return;
  const Outcome& outcome = message.outcome;
  record(message);
  log.log(outcome.succeeded ? systole::Level::kNotice : systole::Level::kError, "fencing of {} ({}) {}{}{}{}",
          outcome.request.target, outcome.request.action, outcome.succeeded ? "succeeded" : "failed",
          outcome.executed_by.empty() ? "" : " on " + outcome.executed_by,
          outcome.device.empty() ? "" : " by device " + outcome.device,
          outcome.reason.empty() ? "" : ": " + outcome.reason);
  finish(message.id, outcome, [&](const RequestId& id, const Request& request, bool merged) {
    return id == message.id || merged || (outcome.succeeded && covers(outcome.request, request));
  });
}

// Ends every request of this view that `over` says it of, and tells.
void Fencer::State::finish(const RequestId& ender, const Outcome& outcome, const Over& over) {
  std::set<RequestId> closed{ender};
  for (const auto& [id, entry] : open) {
    if (over(id, entry.request, entry.merged == ender)) closed.insert(id);
  }
  std::vector<Key> mine;
  for (const auto& [key, p] : pending) {
    if (closed.count(p.id) != 0 || over(p.id, p.request, false)) mine.push_back(key);
  }
  for (const auto& id : closed) {
    mark_ended(id);
    open.erase(id);
    abandon(id);
  }
  const auto guard = alive;
  if (effects.outcome) effects.outcome(outcome);
  for (const auto key : mine) {
    if (!*guard) return;
    close(key, outcome);
  }
}

void Fencer::State::on(NodeId, const Confirmed& message) {
  const std::string& target = message.outcome.request.target;
  for (const auto& member : view.members) {
    if (name_of(member.node) != target) continue;
    log.warning("{} says that {} is off, but it is a member of this cluster right now: not believed",
                message.outcome.request.origin, target);
    return;
  }
  if (ended.count(message.id) != 0) return;
  log.notice("{} is off: {}", target, message.outcome.reason);
  record({message.id, message.outcome});
  finish(message.id, message.outcome, [&](const RequestId&, const Request& request, bool) {
    return request.target == target && cuts(request.action);
  });
}

void Fencer::State::on(NodeId, const HistoryPage& page) {
  for (const auto& entry : page.entries) {
    if (ended.count(entry.id) == 0) record(entry);
  }
}

void Fencer::State::record(const Ended& entry) {
  const auto place = std::find_if(history.begin(), history.end(), [&](const Ended& other) {
    return std::pair(other.outcome.completed, other.id) < std::pair(entry.outcome.completed, entry.id);
  });
  history.insert(place, entry);
  mark_ended(entry.id);
  if (history.size() > kMostHistory) history.pop_back();
}

void Fencer::State::mark_ended(const RequestId& id) {
  if (!ended.insert(id).second) return;
  ended_in_order.push_back(id);
  if (ended_in_order.size() <= 4 * kMostHistory) return;
  ended.erase(ended_in_order.front());
  ended_in_order.pop_front();
}

// Why the target must not be shot (any more); empty: nothing speaks against it.
// Who was asked as part of a majority and has lost it since (it slept, it was cut off) stops: the others may
// have taken the target back, and decide now.
std::string Fencer::State::objection(const Request& request, bool had_majority) const {
  if (!cuts(request.action)) return {};
  if (had_majority && !majority()) return fmt::format("{} has lost the majority since it was asked", name);
  for (const auto& member : view.members) {
    const bool is_target = raw(request.life.node) != 0 ? member.node == request.life.node
                                                       : name_of(member.node) == request.target;
    if (is_target && raw(request.life.node) != 0 && member.incarnation > request.life.incarnation) {
      return fmt::format("{} has come back in a newer life and is a member: it is not shot for the old one",
                         request.target);
    }
  }
  return {};
}

bool Fencer::State::majority() const { return 2 * view.members.size() > registry.nodes.size(); }

void Fencer::State::execute(const Order& order) {
  for (auto& [key, execution] : executions) {
    if (!covers(execution.request, order.request)) continue;
    // The same origin asks under a new name in a new view.
    std::erase_if(execution.answers, [&](const auto& item) { return item.first.origin == order.id.origin; });
    execution.answers[order.id] = order.attempt;
    execution.latest = order.id;
    return;
  }
  const std::uint64_t key = next_execution++;
  Execution& execution = executions[key];
  execution.request = order.request;
  execution.answers[order.id] = order.attempt;
  execution.latest = order.id;
  Shot::World world{ports, log, &runner, name,
                    [this, request = order.request, had = majority()] { return objection(request, had); }};
  execution.shot = std::make_shared<Shot>(std::move(world), registry, lists, order.request, order.budget,
                                          [this, guard = alive, key](const Shot::Result& result) {
                                            if (*guard) executed(key, result);
                                          });
  execution.shot->begin();
}

void Fencer::State::executed(std::uint64_t key, const Shot::Result& result) {
  const auto found = executions.find(key);
  if (found == executions.end()) return;
  const Execution execution = std::move(found->second);
  executions.erase(found);
  const std::string reason = lrmd::printable(result.reason, 1000);
  if (result.succeeded || mutation("failed-fencing-done")) {
    // It ends every request that it covers.
    return send(
        Ended{execution.latest, {execution.request, true, result.device, name, "", ports.clock->wall()}});
  }
  for (const auto& [id, attempt] : execution.answers) send(Failed{id, attempt, reason});
}

// The request is over: nobody waits for this node's part in it any more.
void Fencer::State::abandon(const RequestId& id) {
  for (auto it = executions.begin(); it != executions.end();) {
    it->second.answers.erase(id);
    if (it->second.answers.empty()) {
      it->second.shot->abandon();
      it = executions.erase(it);
    } else {
      ++it;
    }
  }
}

}  // namespace systole::stonith
