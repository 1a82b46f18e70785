// TotemRing in GATHER and COMMIT: from disagreement to one list of members with one ring id.
#include <algorithm>

#include "membership/totem_ring.h"

namespace systole::membership {
namespace {

// Joins that a silent candidate may leave unanswered, and how many are sent at the fast pace.
constexpr unsigned kUnansweredJoins = 4;
constexpr unsigned kFastJoins = 10;

Duration fast_pace(const RingParameters& p) {
  return std::clamp<Duration>(p.token / 200, Milliseconds(5), Milliseconds(10));
}
Duration commit_timeout(const RingParameters& p) { return std::max<Duration>(p.token / 5, Milliseconds(50)); }

}  // namespace

void TotemRing::enter_gather(const char* why, const std::vector<NodeLife>& extra,
                             const std::vector<NodeLife>& failed, Duration at_least) {
  log_.debug("gathering: {}", why);
  std::vector<NodeLife> candidates = extra;
  candidates.insert(candidates.end(), ring_->members.begin(), ring_->members.end());
  if (new_ring_) candidates.insert(candidates.end(), new_ring_->members.begin(), new_ring_->members.end());
  if (commit_) candidates.insert(candidates.end(), commit_->members.begin(), commit_->members.end());
  state_ = State::kGather;
  held_.reset();
  retransmit_at_.reset();
  call_at_.reset();
  wanted_ = false;
  new_ring_.reset();
  commit_.reset();
  recovery_ = {};

  gather_ = Gather(self_, now_);
  gathered_at_ = now_;
  for (const NodeLife& life : candidates) {
    const Peer* peer = peers_.find(life.node);
    if (peer == nullptr) continue;
    gather_.add(life, now_);
    if (life.incarnation <= peer->gone || life.incarnation < peer->life.incarnation) gather_.fail(life, now_);
  }
  for (const NodeLife& life : failed) gather_.fail(life, now_);
  gather_until_ = now_ + at_least;
  joins_sent_ = 0;
  consensus_at_ = now_ + parameters_.consensus;
  send_join();
  check_consensus();
}

// After a change of the sets. Many changes in a row, as when a large cluster starts, make one join.
void TotemRing::send_join_soon() {
  if (now_ - joined_at_ >= pace()) {
    send_join();
  } else {
    next_join_ = std::min(next_join_, joined_at_ + pace());
  }
}

void TotemRing::send_join() {
  if (commit_retry_ || refused_sequence_) return;  // Cannot commit: others shall not count on this node.
  Join join{++report_number_, ring_sequence_, {}};
  std::map<NodeLife, std::uint8_t> flags;
  for (const auto& [id, candidate] : gather_.candidates()) flags[candidate.life] |= Opinion::kCandidate;
  for (const NodeLife& life : gather_.failed()) flags[life] |= Opinion::kFailed;
  for (const auto& [id, peer] : peers_.all()) {
    if (peers_.heard(peer, now_)) flags[peer.life] |= Opinion::kHeard;
    if (shuns(peer.life)) flags[peer.life] |= Opinion::kShunned;
  }
  for (const auto& [life, bits] : flags) {
    if (join.nodes.size() < 2 * kMaxNodes) join.nodes.push_back({life, bits});
  }
  frame_.clear();
  encode(frame_, join);
  output_.broadcast(everyone_, frame_);
  ++joins_sent_;
  joined_at_ = now_;
  next_join_ = now_ + (joins_sent_ < kFastJoins ? fast_pace(parameters_) : parameters_.join);
}

void TotemRing::on_join(NodeLife from, Peer& peer, const Join& join) {
  if (!peers_.report(peer, join.number, join.nodes, now_)) return;
  peer.operational = false;
  peer.gathering = true;
  if (!peers_.hears_us(peer)) answer(peer);
  switch (state_) {
    case State::kStopped:
      return;
    case State::kGather:
      gather_join(from, peer, join);
      return;
    case State::kOperational:
      if (ring_->contains(from)) {
        if (join.ring_sequence < ring_->id.sequence) return;  // Sent before it came to this ring.
        enter_gather("a member gathers", {}, {});
        gather_join(from, peer, join);
      } else {
        look_for_merge();
        if (state_ == State::kGather) gather_join(from, peer, join);
      }
      return;
    case State::kCommit:
    case State::kRecovery: {
      const auto& members = state_ == State::kCommit ? commit_->members : new_ring_->members;
      const RingId id = state_ == State::kCommit ? commit_->id : new_ring_->id;
      if (!std::binary_search(members.begin(), members.end(), from)) return;
      bool same = true;
      if (state_ == State::kCommit && join.ring_sequence < id.sequence) {
        std::vector<NodeLife> active;
        std::set<NodeLife> failed;
        for (const Opinion& o : join.nodes) {
          if (o.failed()) failed.insert(o.life);
        }
        for (const Opinion& o : join.nodes) {
          if (o.candidate() && !failed.contains(o.life)) active.push_back(o.life);
        }
        std::sort(active.begin(), active.end());
        same = active == members;
      }
      if (same && join.ring_sequence < id.sequence) return;  // Sent before it committed.
      enter_gather("a member of the coming ring gathers", {}, {});
      gather_join(from, peer, join);
      return;
    }
  }
}

void TotemRing::gather_join(NodeLife from, Peer& peer, const Join& join) {
  if (state_ != State::kGather || gather_.has_failed(from)) return;
  bool changed = false;
  if (!gather_.is_candidate(from)) {
    if (!peers_.mutual(peer, now_) || shuns(from) || peer.shuns_us) return;
    changed = gather_.add(from, now_);
  }
  changed |= gather_.merge(from, join, now_);
  for (const auto& [id, candidate] : gather_.candidates()) {
    const Peer* known = peers_.find(id);
    if (known == nullptr) continue;
    const NodeLife life = candidate.life;
    if (life.incarnation <= known->gone || life.incarnation < known->life.incarnation || shuns(life)) {
      changed |= gather_.fail(life, now_);
    }
  }
  if (changed) send_join_soon();
  check_consensus();
}

void TotemRing::check_consensus() {
  if (state_ != State::kGather || commit_retry_ || !gather_.agreed()) return;
  const std::vector<NodeLife> active = gather_.active();
  if (now_ < gather_until_ && active.size() < parameters_.nodes.size()) return;
  if (active.front() == self_) begin_commit(active);
}

void TotemRing::advance_gather() {
  if (commit_retry_ && *commit_retry_ <= now_) {
    commit_retry_.reset();
    if (!disk_works()) return go_alone();
    send_join();
  }
  if (next_join_ <= now_) {
    send_join();
    next_join_ = std::max(next_join_, now_ + Milliseconds(1));
  }
  judge_candidates();
  check_consensus();
}

// Fails the candidates that will not agree: those that are silent, those that do not hear us, and, once the
// consensus timeout is over, all that still disagree.
void TotemRing::judge_candidates() {
  const Duration patience = fast_pace(parameters_) * kUnansweredJoins;
  const bool out_of_time = consensus_at_ <= now_;
  bool failed = false;
  const bool all_agree = gather_.agreed();
  const std::vector<NodeLife> active = gather_.active();
  for (const NodeLife& life : active) {
    if (life == self_) continue;
    const bool waits_for_it = !gather_.agrees(life) || (all_agree && life == active.front());
    if (!waits_for_it) continue;
    const Peer* peer = peers_.find(life.node);
    const bool asked = now_ - gather_.candidates().at(life.node).since >= patience;
    const bool known = peer != nullptr && peer->life == life;
    const bool silent = !known || !peer->heard_at || now_ - *peer->heard_at >= parameters_.token / 2;
    const bool deaf = known && peer->report_at && *peer->report_at > gather_.started() + patience / 2 &&
                      !peers_.hears_us(*peer);
    // It goes on in a ring without us, although it had time to answer.
    const bool elsewhere = known && peer->operational && peer->report_at > gather_.started() + patience;
    if ((asked && (silent || deaf || elsewhere)) || out_of_time) {
      log_.debug("node {} fails: {}", raw(life.node),
                 silent ? "silent"
                 : deaf ? "does not hear us"
                        : "disagrees");
      failed |= gather_.fail(life, now_);
    }
  }
  if (out_of_time) consensus_at_ = now_ + parameters_.consensus;
  if (failed) send_join();
}

// True when `ring_sequence` may be used: it is on disk. Otherwise this node keeps silent for a while.
bool TotemRing::commit_to(std::uint64_t ring_sequence) {
  if (!output_.store_sequence(ring_sequence)) {
    commit_retry_ = now_ + kRetryDisk;
    refused_sequence_ = std::max(refused_sequence_.value_or(0), ring_sequence);
    return false;
  }
  ring_sequence_ = std::max(ring_sequence_, ring_sequence);
  return true;
}

// Whether the disk has taken by now what it once refused.
bool TotemRing::disk_works() {
  if (!refused_sequence_) return true;
  if (!output_.store_sequence(*refused_sequence_)) return false;
  ring_sequence_ = std::max(ring_sequence_, *refused_sequence_);
  refused_sequence_.reset();
  return true;
}

// Into a ring of this node only, as far as sequences reach that are on disk already: those above must learn
// that there is no quorum here. The others do not count on it, and it does not call them, until the disk
// works.
void TotemRing::go_alone() {
  gather_ = Gather(self_, now_);
  gathered_at_ = now_;
  begin_commit({self_});
}

CommitMember TotemRing::own_commit_member() const {
  CommitMember m;
  m.life = self_;
  m.old_ring = ring_->id;
  m.aru = ring_->store.aru();
  m.high_delivered = ring_->delivered;
  m.quorum = facts_;
  m.obligations.assign(obligations_.begin(), obligations_.end());
  m.left_well.assign(left_well_.begin(), left_well_.end());
  return m;
}

void TotemRing::begin_commit(const std::vector<NodeLife>& members) {
  const std::uint64_t sequence = std::max(ring_sequence_, gather_.highest_ring_sequence()) + 1;
  if (!commit_to(sequence)) return;
  commit_ = Commit{{sequence, self_.node}, members, {}, now_ + commit_timeout(parameters_), now_};
  state_ = State::kCommit;
  commit_->replies[self_.node] = own_commit_member();
  if (members.size() == 1) {
    enter_recovery({commit_->id, {own_commit_member()}});
    return;
  }
  advance_commit();
}

void TotemRing::advance_commit() {
  if (commit_->deadline <= now_) {
    enter_gather("the commit took too long", {}, {});
    return;
  }
  if (commit_->next_send > now_) return;
  commit_->next_send = now_ + fast_pace(parameters_);
  frame_.clear();
  if (commit_->id.representative == self_.node) {
    encode(frame_, CommitRequest{commit_->id, commit_->members});
    std::vector<NodeId> missing;
    for (const NodeLife& life : commit_->members) {
      if (!commit_->replies.contains(life.node)) missing.push_back(life.node);
    }
    output_.broadcast(missing, frame_);
  } else {
    encode(frame_, CommitReply{commit_->id, own_commit_member()});
    output_.send(commit_->id.representative, frame_);
  }
}

void TotemRing::on_commit_request(NodeLife from, const CommitRequest& request) {
  const auto& members = request.members;
  if (request.ring.representative != from.node || members.empty() || members.front() != from) return;
  if (!std::is_sorted(members.begin(), members.end()) || request.ring.sequence <= ring_sequence_) return;
  if (state_ == State::kGather) {
    if (members != gather_.active()) return;
  } else if (state_ != State::kCommit || commit_->members != members) {
    return;
  }
  if (commit_retry_ || !commit_to(request.ring.sequence)) return;
  commit_ = Commit{request.ring, members, {}, now_ + commit_timeout(parameters_), now_};
  state_ = State::kCommit;
  advance_commit();
}

void TotemRing::on_commit_reply(NodeLife from, const CommitReply& reply) {
  if (reply.ring.representative != self_.node || reply.member.life != from) return;
  if (state_ == State::kCommit && commit_->id == reply.ring) {
    if (!std::binary_search(commit_->members.begin(), commit_->members.end(), from)) return;
    commit_->replies[from.node] = reply.member;
    if (commit_->replies.size() < commit_->members.size()) return;
    CommitInfo info{commit_->id, {}};
    for (const NodeLife& life : commit_->members) info.members.push_back(commit_->replies[life.node]);
    enter_recovery(info);
  } else if (Ring* ring = token_ring(); ring != nullptr && ring->id == reply.ring && ring->contains(from)) {
    send_commit_info({from.node});  // It missed the first one.
  }
}

void TotemRing::send_commit_info(const std::vector<NodeId>& to) {
  frame_.clear();
  encode(frame_, last_info_);
  output_.broadcast(to, frame_);
}

void TotemRing::on_commit_info(NodeLife from, const CommitInfo& info) {
  if (state_ != State::kCommit || commit_->id != info.ring || info.ring.representative != from.node) return;
  if (from.node == self_.node || info.members.size() != commit_->members.size()) return;
  for (std::size_t i = 0; i < info.members.size(); ++i) {
    if (info.members[i].life != commit_->members[i]) return;
  }
  enter_recovery(info);
}

}  // namespace systole::membership
