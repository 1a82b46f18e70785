// Node::State: the wiring of one node, see node.h. In a header only because node.cc (life and wiring) and
// node_messages.cc (what controllers say to each other) share it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "controller/bus.h"
#include "controller/engine.h"
#include "controller/node.h"
#include "controller/ring_changes.h"
#include "controller/runner.h"

namespace systole::controller {

struct Node::State {
  explicit State(Parts p);
  ~State();

  // From the membership.
  void on_view(const membership::View& installed, const membership::Quorum& judged);
  void on_quorum(const membership::Quorum& judged);
  // Quorate by votes: the lone half of two_node may act, but its documents carry no more weight than the
  // other's.
  bool has_majority() const { return quorum.quorate && 2 * quorum.votes > quorum.expected_votes; }
  // From the replica.
  void on_synced(const membership::View& at, const std::vector<NodeId>& joined);
  void on_change(const cib::Change& change);
  // From the fencer.
  void on_outcome(const stonith::Outcome& outcome);
  // From other controllers, and from this one: the same on every member.
  void on_message(NodeId sender, ByteView bytes);
  void on_actions(NodeId sender, const wire::ActionBatch& batch);
  void on_cleanup(NodeId sender, const wire::Cleanup& what);
  void on_idle_query(NodeId sender, const wire::IdleQuery& query);
  void on_idle_reply(const wire::IdleReply& reply);

  Result<void> send(const wire::Message& message,
                    membership::Delivery delivery = membership::Delivery::kAgreed);
  void save_attributes();
  void check_join();
  void answer_idle();
  void ask_idle(std::uint64_t id);

  bool has_dc() const;
  std::string dc_name() const;
  void shutdown();
  void ask_to_stop();
  void check_shutdown();
  void watch_shutdown();
  void go_unasked(const char* why);
  void stop_here(const char* why, Duration deadline);
  void leave();

  Parts parts;
  std::string name;
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);
  Logger log;
  Bus bus;
  cib::Replica replica;
  lrmd::Executor executor;
  stonith::Fencer fencer;
  Runner runner;
  RingChanges ring_changes;
  Engine engine;

  membership::View view;
  membership::Quorum quorum;
  bool refreshing = false;       // Our own node_state is on its way.
  std::string saved_attributes;  // <transient_attributes> of this node, before the last view.
  std::uint64_t next_id = 1;     // Of what this node asks the others.
  std::map<std::uint64_t, std::function<void()>> waiting_idle;                 // Ours.
  std::map<std::uint64_t, std::function<void(Result<void>)>> waiting_cleanup;  // Ours.
  std::vector<std::pair<NodeId, std::uint64_t>> idle_queries;                  // Of all, answered by the DC.

  bool stopping = false, stopping_here = false, left = false;
  Time dc_seen{}, stop_asked{};

  std::vector<std::function<void(const cib::Change&)>> change_observers;
  std::vector<std::function<void(const membership::View&)>> view_observers;
  std::vector<std::function<void(const stonith::Outcome&)>> fencing_observers;
};

}  // namespace systole::controller
