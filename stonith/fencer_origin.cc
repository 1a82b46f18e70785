// The side of the member that was asked: whom it names, when it waits, when it gives up.
#include <fmt/ranges.h>

#include "lrmd/invocation.h"
#include "stonith/fencer_state.h"

namespace systole::stonith {
namespace {

constexpr std::size_t kMostPending = 256;

}  // namespace

void Fencer::fence(Request request, std::function<void(const Outcome&)> done) {
  State& s = *state_;
  request.life = s.completed(request.target, request.life);
  for (auto& [key, p] : s.pending) {
    if (!covers(p.request, request)) continue;
    s.log.notice("fencing of {} ({}) asked by {} joins the request that is under way", request.target,
                 request.action, request.origin);
    p.done.push_back(std::move(done));
    return;
  }
  const auto refuse = [&](std::string why) {
    Outcome outcome{request, false, "", "", std::move(why), s.ports.clock->wall()};
    s.ports.timers->post([guard = s.alive, done, outcome = std::move(outcome)] {
      if (*guard && done) done(outcome);
    });
  };
  if (request.target.empty() || !(cuts(request.action) || request.action == "on")) {
    return refuse(fmt::format("\"{}\" of \"{}\" is nothing that a fencer does: off, reboot or on, of a node",
                              request.action, request.target));
  }
  if (s.pending.size() >= kMostPending) return refuse("too many fencing requests are open");
  const State::Key key = s.next_number++;
  Pending& p = s.pending[key];
  p.id = {s.self, key};
  p.request = std::move(request);
  p.majority = s.majority();
  p.done.push_back(std::move(done));
  const Milliseconds allowed = p.request.timeout + std::max(p.request.delay, Milliseconds::zero());
  p.deadline = s.ports.clock->now() + allowed;
  p.deadline_timer = s.ports.timers->after(allowed, [&s, key, allowed] {
    s.give_up(key, fmt::format("no success within {} s", allowed.count() / 1000));
  });
  // If even that cannot be told to the others, the asker learns of it all the same.
  p.last_timer = s.ports.timers->after(allowed + allowed / 5, [&s, key] {
    const auto late = s.pending.find(key);
    if (late == s.pending.end()) return;
    s.close(key, {late->second.request, false, "", "",
                  "no success in time, and no way to tell the other nodes", s.ports.clock->wall()});
  });
  s.log.notice("fencing of {} ({}) is asked for by {}", p.request.target, p.request.action, p.request.origin);
  s.issue(key);
}

// A life that the asker does not know is the one that the target has now, or was last seen in. Settled once,
// here: a life that begins later is not meant.
NodeLife Fencer::State::completed(const std::string& target, NodeLife life) const {
  if (raw(life.node) == 0) life.node = id_of(target);
  const auto seen = last_lives.find(target);
  if (raw(life.incarnation) == 0 && seen != last_lives.end() && seen->second.node == life.node)
    return seen->second;
  return life;
}

Pending* Fencer::State::find(const RequestId& id) {
  for (auto& [key, p] : pending) {
    if (p.id == id) return &p;
  }
  return nullptr;
}

void Fencer::State::issue(Key key) {
  Pending& p = pending.at(key);
  if (view.members.empty()) return;  // The first view will come here again.
  if (const std::string why = objection(p.request, p.majority); !why.empty()) return give_up(key, why);
  if (cuts(p.request.action) && raw(p.executor.node) == 0 && held(key, p)) return;
  if (raw(p.executor.node) == 0) {
    const auto chosen = choose(p);
    if (!chosen) {
      const std::string none =
          p.failures.empty()
              ? fmt::format("no device and node can fence {}: configure a stonith resource", p.request.target)
              : fmt::format("{}", fmt::join(p.failures, "; "));
      return give_up(key, none);
    }
    p.executor = *chosen;
    ++p.attempt;
  }
  Order order{p.id, p.attempt, p.executor.node, {}, p.request, p.failures};
  const Duration left = std::max<Duration>(p.deadline - ports.clock->now(), Milliseconds(1));
  // Something is kept for another member, where there is one.
  Pending others = p;
  others.tried.insert(p.executor.node);
  others.done.clear();
  const bool shared = choose(others).has_value();
  order.budget = std::chrono::duration_cast<Milliseconds>(shared ? left / 2 : left);
  send(std::move(order));
}

// Waits, if it must, and comes back to issue().
bool Fencer::State::held(Key key, Pending& p) {
  const Time now = ports.clock->now();
  if (!p.not_before) {
    bool has_delay = p.request.delay != Milliseconds::zero();
    for (const auto& [device_id, device] : registry.devices) {
      has_delay = has_delay || (device.has_delay() && can_reach(device, lists, p.request.target));
    }
    const Milliseconds wait =
        tie_break(registry, self.node, view.members.size(), id_of(p.request.target), has_delay);
    p.not_before = now + wait;
    if (wait > Milliseconds::zero()) {
      log.notice("fencing of {} waits {} ms: of two nodes, the one with the lower id goes first",
                 p.request.target, wait.count());
    }
  }
  Duration wait = *p.not_before - now;
  if (wait <= Duration::zero() && p.attempt == 0) {
    wait = brake.hold(p.request.target, view.members.size(), registry.nodes.size(), now);
    if (wait > Duration::zero() && !std::exchange(p.brake_logged, true)) {
      log.critical(
          "fencing of {} is held back: more nodes vanished at once than {} of {} nodes can be believed "
          "about; check "
          "the network",
          p.request.target, view.members.size(), registry.nodes.size());
    }
  }
  if (wait <= Duration::zero()) return false;
  ports.timers->cancel(p.hold_timer);
  p.hold_timer = ports.timers->after(wait, [this, key] {
    if (pending.count(key) != 0) issue(key);
  });
  return true;
}

// The lowest member that can and has not failed; the target itself only when nobody else is left. To be
// allowed on again (unfencing) is the target's own business first.
std::optional<NodeLife> Fencer::State::choose(const Pending& p) const {
  std::optional<NodeLife> target;
  std::optional<NodeLife> best;
  for (const auto& candidate : view.members) {
    if (p.tried.count(candidate.node) != 0 || !able(name_of(candidate.node), p.request)) continue;
    if (name_of(candidate.node) == p.request.target) {
      target = candidate;
    } else if (!best) {
      best = candidate;
    }
  }
  return (p.request.action == "on" && target) || !best ? target : best;
}

bool Fencer::State::able(const std::string& node, const Request& request) const {
  for (const auto& level : plan_levels(registry, lists, request.target, request.action)) {
    const bool all = std::all_of(level.begin(), level.end(), [&](const std::string& id) {
      const auto device = registry.devices.find(id);
      return device != registry.devices.end() && device->second.banned_nodes.count(node) == 0;
    });
    if (all) return true;
  }
  return false;
}

void Fencer::State::give_up(Key key, const std::string& why) {
  const auto found = pending.find(key);
  if (found == pending.end()) return;
  const Pending& p = found->second;
  std::string reason = why;
  if (!p.failures.empty() && why.find(p.failures.back()) == std::string::npos) {
    reason = fmt::format("{}: {}", why, fmt::join(p.failures, "; "));
  }
  send(Ended{p.id, {p.request, false, "", "", lrmd::printable(reason, 1000), ports.clock->wall()}});
}

// Tells those who asked. The request is over for this node.
void Fencer::State::close(Key key, const Outcome& outcome) {
  const auto found = pending.find(key);
  if (found == pending.end()) return;
  const Pending p = std::move(found->second);
  pending.erase(found);
  for (const auto timer : {p.deadline_timer, p.last_timer, p.hold_timer}) ports.timers->cancel(timer);
  for (const auto& done : p.done) {
    if (done) done(outcome);
  }
}

void Fencer::confirm(const std::string& target, const std::string& who) {
  State& s = *state_;
  Request request;
  request.target = target;
  request.action = "off";
  request.origin = who;
  request.life = s.completed(target, {});
  s.send(Confirmed{{s.self, s.next_number++},
                   {request, true, "", s.name, "manual confirmation by " + who, s.ports.clock->wall()}});
}

}  // namespace systole::stonith
