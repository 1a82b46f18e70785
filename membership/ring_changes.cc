// RingNode: changes to the running ring, of its configuration and of its key.
//
//     propose ──▶ proposal ──▶ every member: prepare ──▶ prepared(), each its own ──▶ all ready: made by all
//
// All of these are messages in total order, so all members see the last one become ready at the same place,
// and change there. A change of the view, or one that is not ready, ends it with nothing changed.
//
// A new key is accepted as soon as it is proposed, and seals once all have it. Whoever missed that place (its
// view changed, or it was restarted) has the new key still, and seals with it when it hears that another
// does.
#include "membership/ring_change_wire.h"
#include "membership/ring_node.h"

namespace systole::membership {
namespace {

constexpr Duration kPatience = Seconds(20);    // With members that do not answer.
constexpr Duration kKeepOldKey = Seconds(10);  // Frames and nodes may come late.

// What must not change while the ring runs.
Result<void> may_change(const ClusterConfig& now, const ClusterConfig& next, const View& view, bool quorate,
                        NodeId self) {
  const auto refuse = [](const std::string& why) { return fail(Errc::kInvalidConfig, "{}", why); };
  if (next.totem.cluster_name != now.totem.cluster_name)
    return refuse("cluster_name cannot change while the cluster runs: stop all nodes for that");
  if (next.provider != now.provider) return refuse("systole.provider cannot change while the cluster runs");
  if (next.quorum.device_votes != now.quorum.device_votes || next.quorum.device != now.quorum.device)
    return refuse("the quorum device cannot change while the cluster runs: restart all nodes for that");
  const auto name = [&now](NodeId id) {
    const ConfiguredNode* node = now.find(id);
    return node != nullptr ? node->name : fmt::format("node {}", raw(id));
  };
  for (const NodeLife& member : view.members) {
    if (next.find(member.node) == nullptr)
      return refuse(fmt::format("{} is removed, but still running: stop it first", name(member.node)));
  }
  const ConfiguredNode* own = next.find(self);
  if (own == nullptr) return refuse(fmt::format("{} is still running: stop it first", name(self)));
  if (own->name != name(self))
    return refuse(fmt::format("{} cannot change its name while it runs", name(self)));
  for (const ConfiguredNode& node : now.nodes) {
    // Or a minority could make itself a majority, while the others still are one.
    if (!quorate && next.find(node.id) == nullptr)
      return refuse(
          fmt::format("{} cannot be removed without quorum: the removed nodes may be running", node.name));
  }
  return {};
}

Result<void> may_propose(RingChange::Kind kind, const View& view, const ClusterConfig& config) {
  if (kind != RingChange::Kind::kKey || view.members.size() >= config.nodes.size()) return {};
  return fail(
      Errc::kUnavailable,
      "only {} of {} nodes are in the ring: one that is not would be left with the old key. Start it, or "
      "remove it from corosync.conf",
      view.members.size(), config.nodes.size());
}

}  // namespace

Result<void> RingNode::propose(RingChange::Kind kind, Bytes payload) {
  if (auto may = may_propose(kind, judge_.view(), parts_.config); !may) return may;
  const std::uint64_t id = (raw(self_.incarnation) << 8) + ++changes_proposed_;
  return send_internal(encode_proposal({kind, id, self_.node, std::move(payload)}));
}

void RingNode::on_proposal(NodeId sender, RingChange change) {
  change.proposer = sender;
  // Again, at its place in the order: the view may be another one by now.
  auto may = may_propose(change.kind, judge_.view(), parts_.config);
  if (change_) may = fail(Errc::kUnavailable, "another change of the ring is under way: try again");
  if (!may) {
    if (sender == self_.node && handler_.changed) handler_.changed(change, may);
    return;
  }
  if (!next_key_.empty() && links_->heard_other_key()) adopt_key();  // Before it is replaced.
  change_.emplace();
  change_->what = std::move(change);
  for (const NodeLife& member : judge_.view().members) change_->waiting_for.insert(member.node);
  const std::uint64_t id = change_->what.id;
  if (sender == self_.node) {
    change_timer_ = parts_.ports.timers->after(kPatience, [this, id] {
      change_timer_ = 0;
      if (change_ && change_->what.id == id)
        (void)send_internal(
            encode_prepared({id, fmt::format("waited {} s for others", kPatience / Seconds(1))}));
    });
  }
  if (change_->what.kind == RingChange::Kind::kKey) {
    next_key_ = change_->what.payload;
    links_->set_keys({key_, next_key_});
  }
  if (handler_.prepare) {
    handler_.prepare(change_->what);
  } else {
    prepared(id, fail(Errc::kUnsupported, "this node cannot change its ring while it runs"), nullptr);
  }
}

void RingNode::prepared(std::uint64_t id, Result<void> ready, std::shared_ptr<const ClusterConfig> config) {
  if (!running_ || !change_ || change_->what.id != id) return;
  if (ready && change_->what.kind == RingChange::Kind::kConfiguration) {
    ready = may_change(parts_.config, *config, judge_.view(), quorum_.quorate, self_.node);
    if (ready) {
      auto links = links_->prepare(*config);
      if (links) {
        change_->config = std::move(config);
        change_->links = std::move(*links);
      } else {
        ready = fail(links.error());
      }
    }
  }
  (void)send_internal(encode_prepared({id, ready ? "" : ready.error().message}));
}

void RingNode::on_prepared(NodeId sender, std::uint64_t id, const std::string& problem) {
  if (!change_ || change_->what.id != id) return;
  if (!problem.empty()) {
    const ConfiguredNode* node = parts_.config.find(sender);
    conclude(fail(Errc::kInvalidConfig, "{}: {}",
                  node != nullptr ? node->name : fmt::format("node {}", raw(sender)), problem));
    return;
  }
  change_->waiting_for.erase(sender);
  if (change_->waiting_for.empty()) make_change();
}

void RingNode::make_change() {
  if (change_->what.kind == RingChange::Kind::kKey) {
    if (!next_key_.empty()) adopt_key();
    change_->what.payload.clear();  // Told already.
    conclude({});
    return;
  }
  parts_.config = *change_->config;
  links_->apply(*change_->links);
  line_->configure(parts_.config, self_.node);
  ring_.set_parameters(ring_parameters(parts_.config));
  judge_.set_config(parts_.config);
  adapt_packing();
  conclude({});
  judge_again();
}

void RingNode::conclude(Result<void> outcome) {
  if (!change_) return;
  parts_.ports.timers->cancel(change_timer_);
  change_timer_ = 0;
  const Change over = std::move(*change_);
  change_.reset();
  const bool key = over.what.kind == RingChange::Kind::kKey;
  if (outcome) {
    parts_.log.notice("{} changed, as node {} asked",
                      key ? "the cluster's key is" : "corosync.conf is read again, the ring is",
                      raw(over.what.proposer));
  } else {
    parts_.log.warning("{} not changed: {}", key ? "the cluster's key is" : "the ring is",
                       outcome.error().message);
  }
  if (key && outcome) return;  // adopt_key() has told of it.
  if (handler_.changed) handler_.changed(over.what, outcome);
}

void RingNode::adopt_key() {
  old_key_ = std::exchange(key_, std::exchange(next_key_, {}));
  links_->set_keys({key_, old_key_});
  parts_.ports.timers->cancel(key_timer_);
  key_timer_ =
      parts_.ports.timers->after(std::max<Duration>(kKeepOldKey, 10 * parts_.config.totem.token), [this] {
        key_timer_ = 0;
        old_key_.clear();
        links_->set_keys({key_});
      });
  RingChange change{RingChange::Kind::kKey, change_ ? change_->what.id : 0, self_.node, key_};
  if (change_) change.proposer = change_->what.proposer;
  if (handler_.changed) handler_.changed(change, {});
}

}  // namespace systole::membership
