// The protocol between fencers. A request belongs to its origin, the member that was asked: it names the
// executor in an ordered message, names another when that one fails or leaves, and gives up at the deadline.
// The first end of a request in the total order counts, on every member alike. What a member knows of open
// requests lasts for one view: after a change each origin says again what it still wants.
#include "stonith/fencer.h"

#include <deque>
#include <optional>
#include <set>

#include <fmt/ranges.h>

#include "lrmd/executor.h"
#include "lrmd/invocation.h"
#include "stonith/guard.h"
#include "stonith/messages.h"
#include "stonith/shot.h"

namespace systole::stonith {
namespace {

constexpr Milliseconds kSendAgain{50};
constexpr std::size_t kMostPending = 256;
constexpr std::size_t kHistoryBytes = 512 * 1024;  // Of one message; a message may have 1 MiB.

using Done = std::function<void(const Outcome&)>;

// A request of this node's.
struct Pending {
  RequestId id;  // A new one in each view.
  Request request;
  std::vector<Done> done;
  std::uint32_t attempt = 0;
  NodeLife executor{};     // Node 0: none named.
  std::set<NodeId> tried;  // In vain.
  std::vector<std::string> failures;
  bool merged = false;  // Into another's request.
  std::optional<Time> not_before;
  bool brake_logged = false;
  Time deadline{};
  Timers::Id deadline_timer = 0, last_timer = 0, hold_timer = 0;
};

// A request that is under way in this view, whoever asked.
struct Open {
  Request request;
  std::uint32_t attempt = 0;
  std::optional<RequestId> merged;
};

// What this node is carrying out.
struct Execution {
  std::shared_ptr<Shot> shot;
  Request request;
  std::map<RequestId, std::uint32_t> answers;  // To whom, and for which attempt.
  RequestId latest;                            // Of the answers.
};

bool cuts(const std::string& action) { return action == "off" || action == "reboot"; }

// Does carrying out `one` also do what `other` asks?
bool covers(const Request& one, const Request& other) {
  if (one.target != other.target || one.life != other.life) return false;
  return one.action == other.action || (one.action == "off" && other.action == "reboot");
}

}  // namespace

struct Fencer::State {
  using Key = std::uint64_t;  // Of a pending request.

  State(Ports p, Logger l, Paths pa, NodeLife s, std::string n, Effects e)
      : ports(p),
        log(std::move(l)),
        paths(std::move(pa)),
        self(s),
        name(std::move(n)),
        effects(std::move(e)),
        runner(ports, log, paths, name) {}

  // Origin.
  void issue(Key key);
  bool held(Key key, Pending& pending);
  Pending* find(const RequestId& id);
  std::optional<NodeLife> choose(const Pending& pending) const;
  bool able(const std::string& node, const Request& request) const;
  void give_up(Key key, const std::string& why);
  void close(Key key, const Outcome& outcome);
  // Messages.
  void on(NodeId sender, const Order& order);
  void on(NodeId sender, const Failed& failed);
  void on(NodeId sender, const Ended& ended);
  void on(NodeId sender, const Confirmed& confirmed);
  void on(NodeId sender, const HistoryPage& page);
  using Over = std::function<bool(const RequestId&, const Request&, bool merged)>;
  void finish(const RequestId& ender, const Outcome& outcome, const Over& over);
  void send(Message message);
  void flush();
  // Executor.
  void execute(const Order& order);
  void executed(std::uint64_t key, const Shot::Result& result);
  std::string objection(const Request& request) const;
  void abandon(const RequestId& id);
  // View.
  void send_history();
  void record(const Ended& ended);
  const NodeLife* member(NodeId node) const;
  std::string name_of(NodeId node) const;
  NodeId id_of(const std::string& node) const;
  // Devices.
  void refresh_list(const Device& device);
  void check_device(const Device& device, Milliseconds timeout, std::function<void(int, std::string)> done);

  Ports ports;
  Logger log;
  Paths paths;
  NodeLife self;
  std::string name;
  Effects effects;
  DeviceRunner runner;
  Registry registry;
  Lists lists;
  StormBrake brake;
  membership::View view;
  std::map<NodeId, std::string> names;
  std::map<std::string, NodeLife> last_lives;
  std::map<Key, Pending> pending;
  std::map<RequestId, Open> open;
  std::map<std::uint64_t, Execution> executions;
  std::uint64_t next_execution = 1;
  std::deque<Ended> history;  // Newest first.
  std::set<RequestId> ended;  // Of the history, and those merged into it.
  std::deque<Bytes> outbox;
  Timers::Id outbox_timer = 0;
  std::set<std::string> started;
  std::uint64_t next_number = 1;
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);
};

Fencer::Fencer(Ports ports, Logger log, Paths paths, NodeLife self, std::string node_name, Effects effects)
    : state_(std::make_unique<State>(ports, std::move(log), std::move(paths), self, std::move(node_name),
                                     std::move(effects))) {}

Fencer::~Fencer() {
  State& s = *state_;
  *s.alive = false;
  s.ports.timers->cancel(s.outbox_timer);
  for (auto& [id, p] : s.pending) {
    for (const auto timer : {p.deadline_timer, p.last_timer, p.hold_timer}) s.ports.timers->cancel(timer);
  }
  for (auto& [key, execution] : s.executions) execution.shot->abandon();
}

// ---- Configuration and view

void Fencer::configure(const cib::Document& document) {
  State& s = *state_;
  Registry before = std::exchange(s.registry, parse_registry(document.root()));
  for (const auto& [id, device] : s.registry.devices) {
    const auto known = before.devices.find(id);
    const bool same = known != before.devices.end() && known->second.type == device.type &&
                      known->second.parameters == device.parameters && known->second.defect == device.defect;
    if (same) continue;
    s.lists.erase(id);
    if (!device.defect.empty()) s.log.error("fencing device {} cannot be used: {}", id, device.defect);
    s.refresh_list(device);
  }
  std::erase_if(s.lists, [&](const auto& item) { return s.registry.devices.count(item.first) == 0; });
}

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

void Fencer::on_view(const membership::View& view, const std::vector<std::string>& names) {
  State& s = *state_;
  const membership::View before = std::exchange(s.view, view);
  s.names.clear();
  for (std::size_t i = 0; i < view.members.size() && i < names.size(); ++i) {
    s.names[view.members[i].node] = names[i];
    s.last_lives[names[i]] = view.members[i];
  }
  s.open.clear();
  const auto stayed = [&](const NodeLife& member) {
    return std::find(before.members.begin(), before.members.end(), member) != before.members.end();
  };
  const bool somebody_new = !std::all_of(view.members.begin(), view.members.end(), stayed);
  const auto first = std::find_if(view.members.begin(), view.members.end(), stayed);
  if (somebody_new && first != view.members.end() && *first == s.self) s.send_history();
  std::vector<State::Key> mine;
  for (const auto& [key, p] : s.pending) mine.push_back(key);
  for (const auto key : mine) {
    const auto found = s.pending.find(key);
    if (found == s.pending.end()) continue;
    Pending& p = found->second;
    // What was ended in another partition under the old name does not end it here.
    p.id = {s.self, s.next_number++};
    p.merged = false;
    const NodeLife* executor = s.member(p.executor.node);
    if (raw(p.executor.node) != 0 && (executor == nullptr || *executor != p.executor)) {
      p.failures.push_back(fmt::format("{} left while it was at it", s.name_of(p.executor.node)));
      p.executor = {};
    }
    s.issue(key);
  }
}

void Fencer::State::send_history() {
  HistoryPage page;
  std::size_t size = 0;
  for (const auto& entry : history) {
    size += encode(Message(entry)).size();
    if (size > kHistoryBytes) break;
    page.entries.push_back(entry);
  }
  if (!page.entries.empty()) send(std::move(page));
}

const NodeLife* Fencer::State::member(NodeId node) const {
  const auto found = std::find_if(view.members.begin(), view.members.end(),
                                  [&](const NodeLife& m) { return m.node == node; });
  return found == view.members.end() ? nullptr : &*found;
}

std::string Fencer::State::name_of(NodeId node) const {
  if (node == self.node) return name;
  if (const auto found = names.find(node); found != names.end()) return found->second;
  for (const auto& [known, id] : registry.nodes) {
    if (id == node) return known;
  }
  return fmt::format("node {}", raw(node));
}

NodeId Fencer::State::id_of(const std::string& node) const {
  for (const auto& [id, known] : names) {
    if (known == node) return id;
  }
  const auto found = registry.nodes.find(node);
  return found == registry.nodes.end() ? NodeId{} : found->second;
}

// ---- The origin's side

void Fencer::fence(Request request, std::function<void(const Outcome&)> done) {
  State& s = *state_;
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

Pending* Fencer::State::find(const RequestId& id) {
  for (auto& [key, p] : pending) {
    if (p.id == id) return &p;
  }
  return nullptr;
}

void Fencer::State::issue(Key key) {
  Pending& p = pending.at(key);
  if (view.members.empty()) return;  // The first view will come here again.
  if (const std::string why = objection(p.request); !why.empty()) return give_up(key, why);
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
  const auto seen = s.last_lives.find(target);
  request.life = seen == s.last_lives.end() ? NodeLife{s.id_of(target), {}} : seen->second;
  s.send(Confirmed{{s.self, s.next_number++},
                   {request, true, "", s.name, "manual confirmation by " + who, s.ports.clock->wall()}});
}

// ---- Messages

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
    ended.insert(id);
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
  ended.insert(entry.id);
  if (history.size() > kMostHistory) {
    ended.erase(history.back().id);
    history.pop_back();
  }
  // Those that were merged into others leave by age.
  while (ended.size() > 4 * kMostHistory) ended.erase(ended.begin());
}

// ---- The executor's side

// Why the target must not be shot (any more); empty: nothing speaks against it.
std::string Fencer::State::objection(const Request& request) const {
  if (!cuts(request.action)) return {};
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
                    [this, request = order.request] { return objection(request); }};
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
  if (result.succeeded) {
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

// ---- Devices as resources

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

std::vector<Outcome> Fencer::history() const {
  std::vector<Outcome> outcomes;
  for (const auto& entry : state_->history) outcomes.push_back(entry.outcome);
  return outcomes;
}

std::vector<std::string> Fencer::devices() const {
  std::vector<std::string> ids;
  for (const auto& [id, device] : state_->registry.devices) ids.push_back(id);
  return ids;
}

bool Fencer::can_fence(const std::string& target) const {
  Request request;
  request.target = target;
  request.action = "off";
  const auto& members = state_->view.members;
  return std::any_of(members.begin(), members.end(),
                     [&](const NodeLife& m) { return state_->able(state_->name_of(m.node), request); });
}

void Fencer::metadata(const std::string& type, std::function<void(Result<std::string>)> done) {
  state_->runner.metadata(type, std::move(done));
}

std::vector<std::string> Fencer::types() const {
  std::vector<std::string> found;
  const auto names = state_->ports.files->list(state_->paths.fence_agents);
  const std::set<std::string> no_agents{"fence_ack_manual", "fence_legacy",   "fence_node",    "fence_tool",
                                        "fence_pcmk",       "fence_sanlockd", "fence_watchdog"};
  for (const auto& agent : names.value_or(std::vector<std::string>{})) {
    if (!is_agent_type(agent) || no_agents.count(agent) != 0) continue;
    const auto status = state_->ports.files->status(state_->paths.fence_agents + "/" + agent);
    if (status && !status->directory && (status->mode & 0111U) != 0) found.push_back(agent);
  }
  found.emplace_back(kTestAgent);
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

}  // namespace systole::stonith
