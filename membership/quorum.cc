#include "membership/quorum.h"

namespace systole::membership {

QuorumJudge::QuorumJudge(const ClusterConfig& config) : config_(config) {
  for (const ConfiguredNode& node : config.nodes) expected_votes_ += node.votes;
  if (config.quorum.expected_votes) expected_votes_ = *config.quorum.expected_votes;
  wait_for_all_ = config.quorum.wait_for_all.value_or(config.quorum.two_node);
}

Quorum QuorumJudge::judge(const View& view, bool seen_all, unsigned expected_votes) {
  view_ = view;
  seen_all_ |= seen_all;
  expected_votes_ = std::max(expected_votes_, expected_votes);
  return again();
}

Quorum QuorumJudge::again() {
  Quorum q;
  q.two_node = config_.quorum.two_node && expected_votes_ == 2;
  q.wait_for_all = wait_for_all_;
  for (const NodeLife& life : view_.members) {
    const ConfiguredNode* node = config_.find(life.node);
    q.votes += node != nullptr ? node->votes : 0;
  }
  expected_votes_ = std::max(expected_votes_, q.votes);
  q.expected_votes = expected_votes_;
  q.threshold = q.two_node ? 1 : expected_votes_ / 2 + 1;
  if (q.votes >= expected_votes_) seen_all_ = true;
  q.waiting_for_all = wait_for_all_ && !seen_all_;
  q.quorate = q.votes >= q.threshold && !q.waiting_for_all;
  if (!config_.quorum.enabled) {
    q.quorate = true;
    q.waiting_for_all = false;
  }
  return q;
}

Result<void> QuorumJudge::set_expected_votes(unsigned votes) {
  if (votes == 0) return fail(Errc::kInvalidArgument, "expected votes must be 1 or more");
  expected_votes_ = votes;
  return {};
}

}  // namespace systole::membership
