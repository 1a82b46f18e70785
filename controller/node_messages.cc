// What controllers say to each other, as every member applies it.
#include "base/mutation.h"
#include "controller/actions.h"
#include "controller/cleanup.h"
#include "controller/node_state.h"
#include "controller/node_states.h"

namespace systole::controller {
namespace {

// What a batch of actions changes in the document before any of them has run. Every member makes the same.
class Beginning {
 public:
  explicit Beginning(const wire::ActionBatch& batch) : batch_(batch) {
    status_ = change_.append_child("status");
  }
  void begins(const wire::Action& action, const std::string& key) {
    const Recorded op = pending(action, key, batch_.now_ms() / 1000);
    const std::vector<Entry> entries = history_entries(op);
    if (entries.empty()) return;
    const std::string id = std::to_string(action.node());
    pugi::xml_node state = status_.find_child_by_attribute("node_state", "id", id.c_str());
    if (!state) {
      state = status_.append_child("node_state");
      state.append_attribute("id") = id.c_str();
      state.append_attribute("uname") = action.node_name().c_str();
    }
    append_history(state, id, op.resource, op.kind, entries);
  }
  void erases(const wire::Action& action, bool whole_resource) {
    std::string path =
        fmt::format("/cib/status/node_state[@id='{}']/lrm/lrm_resources/lrm_resource[@id='{}']",
                    action.node(), action.resource());
    if (!whole_resource) {
      path += fmt::format("/lrm_rsc_op[@id='{}']",
                          operation_key(action.resource(), action.task(), action.interval_ms()));
    }
    paths_ += (paths_.empty() ? "" : " | ") + path;
  }
  void apply(cib::Replica& replica, const Logger& log) {
    cib::Op op;
    op.user = "hacluster";
    op.client = clients::kPending;
    if (!paths_.empty()) {
      op.kind = cib::Op::Kind::kDeleteAll;
      op.xpath = paths_;
      report(replica.apply_local(op), log);
    }
    if (!status_.first_child()) return;
    op.kind = cib::Op::Kind::kModify;
    op.section = "status";
    op.xpath.clear();
    op.xml = cib::to_xml(status_);
    op.allow_create = true;
    report(replica.apply_local(op), log);
  }

 private:
  static void report(const Result<cib::Applied>& applied, const Logger& log) {
    if (!applied) log.error("actions under way could not be entered: {}", applied.error().message);
  }
  const wire::ActionBatch& batch_;
  pugi::xml_document change_;
  pugi::xml_node status_;
  std::string paths_;
};

}  // namespace

void Node::State::on_message(NodeId sender, ByteView bytes) {
  wire::Message message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    log.error("node {} sent the controller something that is not a message", raw(sender));
    return;
  }
  switch (message.body_case()) {
    case wire::Message::kActions:
      return on_actions(sender, message.actions());
    case wire::Message::kResult:
      return engine.on_result(message.result());
    case wire::Message::kCleanup:
      return on_cleanup(sender, message.cleanup());
    case wire::Message::kIdleQuery:
      return on_idle_query(sender, message.idle_query());
    case wire::Message::kIdleReply:
      return on_idle_reply(message.idle_reply());
    case wire::Message::kRecheck:
      return engine.recheck("somebody asked for it");
    case wire::Message::BODY_NOT_SET:
      return;
  }
}

// Dropped by all alike where the view is another than the DC's: the order of messages and views is one, and
// so is what "synced" means at this place of it.
void Node::State::on_actions(NodeId sender, const wire::ActionBatch& batch) {
  const RingId made_in{batch.view_sequence(), NodeId{batch.view_representative()}};
  const bool stale = made_in != view.id && !mutation("stale-view-accepted");
  if (stale || !replica.synced() || (dc_of(view) != sender && !mutation("old-dc-acts"))) {
    log.info("actions of node {} for view {} come too late and are dropped", raw(sender),
             batch.view_sequence());
    return;
  }
  runner.heard_of_dc(WallTime(Milliseconds(batch.now_ms())));
  Beginning beginning(batch);
  bool told_to_go = false;
  for (const wire::Action& action : batch.actions()) {
    const bool mine = NodeId{action.node()} == parts.self.node;
    const std::string key = transition_key(action, static_cast<int>(batch.transition()), batch.uuid());
    switch (action.kind()) {
      case wire::Action::CANCEL:
        beginning.erases(action, false);
        if (mine) runner.cancel(action);
        break;
      case wire::Action::DELETE:
        beginning.erases(action, true);
        if (mine) runner.erase(action.resource());
        break;
      case wire::Action::SHUTDOWN:
        if (const auto applied = replica.apply_local(leaving(action.node_name(), NodeId{action.node()}));
            !applied) {
          log.error("{}", applied.error().message);
        }
        told_to_go = told_to_go || mine;
        break;
      default:
        beginning.begins(action, key);
        if (mine) runner.perform(action, key, batch.now_ms() / 1000);
    }
  }
  beginning.apply(replica, log);
  engine.on_delivered(batch);
  if (told_to_go) leave();
}

void Node::State::on_cleanup(NodeId sender, const wire::Cleanup& what) {
  Result<void> outcome;
  if (!replica.synced()) {
    outcome = fail(Errc::kUnavailable, "the cluster is just forming again: try the cleanup once more");
  } else {
    for (const std::string& resource : cleaned_resources(replica.document(), what, name))
      runner.cleanup(resource);
    if (const auto op = cleanup_op(replica.document(), what)) {
      if (const auto applied = replica.apply_local(*op); !applied) outcome = fail(applied.error());
    }
  }
  if (sender != parts.self.node) return;
  auto waiting = waiting_cleanup.extract(what.id());
  if (!waiting.empty()) waiting.mapped()(outcome);
}

// --- Waiting for a stable cluster --------------------------------------------------------------------------

void Node::State::ask_idle(std::uint64_t id) {
  wire::Message message;
  message.mutable_idle_query()->set_id(id);
  if (const auto sent = send(message); !sent) log.error("{}", sent.error().message);
}

void Node::State::on_idle_query(NodeId sender, const wire::IdleQuery& query) {
  if (dc_of(view) != parts.self.node) return;
  constexpr std::size_t kQueries = 10'000;
  if (idle_queries.size() < kQueries) idle_queries.emplace_back(sender, query.id());
  answer_idle();
}

void Node::State::answer_idle() {
  if (!engine.idle()) return;
  for (const auto& [node, id] : std::exchange(idle_queries, {})) {
    wire::Message message;
    message.mutable_idle_reply()->set_id(id);
    message.mutable_idle_reply()->set_node(raw(node));
    if (const auto sent = send(message); !sent) log.error("{}", sent.error().message);
  }
}

void Node::State::on_idle_reply(const wire::IdleReply& reply) {
  if (NodeId{reply.node()} != parts.self.node) return;
  auto waiting = waiting_idle.extract(reply.id());
  if (!waiting.empty()) waiting.mapped()();
}

}  // namespace systole::controller
