// Inside the fencer: what it knows, and the parts that its sources are divided into.
//
// The protocol between fencers. A request belongs to its origin, the member that was asked: it names the
// executor in an ordered message, names another when that one fails or leaves, and gives up at the deadline.
// The first end of a request in the total order counts, on every member alike. What a member knows of open
// requests lasts for one view: after a change each origin says again what it still wants.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>

#include "stonith/fencer.h"
#include "stonith/guard.h"
#include "stonith/messages.h"
#include "stonith/shot.h"

namespace systole::stonith {

// A request of this node's.
struct Pending {
  RequestId id;  // A new one in each view.
  Request request;
  std::vector<std::function<void(const Outcome&)>> done;
  std::uint32_t attempt = 0;
  NodeLife executor{};     // Node 0: none named.
  std::set<NodeId> tried;  // In vain.
  std::vector<std::string> failures;
  bool merged = false;    // Into another's request.
  bool majority = false;  // Whether it was asked for in one.
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

inline bool cuts(const std::string& action) { return action == "off" || action == "reboot"; }

// Does carrying out `one` also do what `other` asks?
inline bool covers(const Request& one, const Request& other) {
  if (one.target != other.target || one.life != other.life) return false;
  return one.action == other.action || (one.action == "off" && other.action == "reboot");
}

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
  NodeLife completed(const std::string& target, NodeLife life) const;
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
  std::string objection(const Request& request, bool had_majority) const;
  bool majority() const;  // Of the configured nodes.
  void abandon(const RequestId& id);
  // View.
  void send_history();
  void mark_ended(const RequestId& id);
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
  std::set<RequestId> ended;  // The newest of them, those merged into others too.
  std::deque<RequestId> ended_in_order;
  std::deque<Bytes> outbox;
  Timers::Id outbox_timer = 0;
  std::set<std::string> started;
  std::uint64_t next_number = 1;
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);
};

}  // namespace systole::stonith
