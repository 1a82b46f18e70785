#include "membership/quorum.h"

#include <algorithm>

#include "base/mutation.h"

namespace systole::membership {
namespace {

bool contains(const View& view, NodeId node) {
  return std::any_of(view.members.begin(), view.members.end(),
                     [node](const NodeLife& life) { return life.node == node; });
}

}  // namespace

QuorumJudge::QuorumJudge(const ClusterConfig& config) { set_config(config); }

void QuorumJudge::set_config(const ClusterConfig& config) {
  config_ = config;
  two_node_ = config.quorum.two_node;
  expected_votes_ = 0;
  for (const ConfiguredNode& node : config.nodes) expected_votes_ += node.votes;
  expected_votes_ += config.quorum.device_votes.value_or(0);
  if (config.quorum.expected_votes) expected_votes_ = *config.quorum.expected_votes;
  configured_votes_ = expected_votes_;
  elected_ = {};
  electors_.clear();
  wait_for_all_ = config.quorum.wait_for_all.value_or(config.quorum.two_node);
}

unsigned QuorumJudge::votes_of(NodeId node) const {
  const ConfiguredNode* configured = config_.find(node);
  return configured != nullptr ? configured->votes : 0;
}

bool QuorumJudge::device_casts() const {
  return config_.quorum.device_votes &&
         std::any_of(device_.begin(), device_.end(), [](const auto& heard) { return heard.second.casts; });
}

bool QuorumJudge::device_has_spoken() const {
  return !config_.quorum.device_votes || device_casts() ||
         std::all_of(view_.members.begin(), view_.members.end(),
                     [this](const NodeLife& life) { return device_.contains(life.node); });
}

unsigned QuorumJudge::present() const {
  unsigned votes = device_casts() ? *config_.quorum.device_votes : 0;
  for (const NodeLife& life : view_.members) votes += votes_of(life.node);
  return votes;
}

unsigned QuorumJudge::counted() const {
  if (elected_.sequence == 0) return present();
  unsigned votes = 0;
  for (const NodeId node : electors_) votes += contains(view_, node) ? votes_of(node) : 0;
  return votes;
}

// More than half of what is expected, and of what is here should that be more.
unsigned QuorumJudge::threshold(unsigned expected, unsigned votes) const {
  if (two_node_ && expected == 2) return 1;
  return std::max(expected, votes) / 2 + (mutation("majority-counted-wrong") ? 0 : 1);
}

NodeId QuorumJudge::tie_breaker_of(const View& view) const {
  if (!config_.quorum.auto_tie_breaker || view.members.empty()) return {};
  switch (config_.quorum.tie_breaker) {
    case QuorumOptions::TieBreaker::kLowest:
      return view.members.front().node;
    case QuorumOptions::TieBreaker::kHighest:
      return view.members.back().node;
    case QuorumOptions::TieBreaker::kList:
      for (const NodeId node : config_.quorum.tie_breaker_nodes) {
        if (contains(view, node)) return node;
      }
  }
  return {};
}

bool QuorumJudge::wins_tie(unsigned votes) const {
  return config_.quorum.auto_tie_breaker && 2 * votes == expected_votes_ && last_quorate_.sequence != 0 &&
         tie_breaker_ != NodeId{} && contains(view_, tie_breaker_);
}

Quorum QuorumJudge::judge(const View& view, const ViewFacts& facts) {
  view_ = view;
  device_.clear();
  seen_all_ |= facts.all.seen_all;
  if (facts.all.quorate) {
    expected_votes_ = facts.all.expected_votes;
  } else {
    expected_votes_ = std::max(expected_votes_, facts.all.expected_votes);
  }
  if (config_.quorum.allow_downscale) {
    for (const NodeId node : facts.left_well) {
      const unsigned votes = contains(view, node) ? 0 : votes_of(node);
      expected_votes_ = std::max(configured_votes_, expected_votes_ - std::min(expected_votes_, votes));
    }
  }
  if (facts.all.last_quorate > last_quorate_) {
    last_quorate_ = facts.all.last_quorate;
    tie_breaker_ = facts.all.tie_breaker;
  }
  if (facts.all.elected > elected_) {
    elected_ = facts.all.elected;
    electors_ = facts.all.electors;
  }
  if (elected_.sequence != 0) {
    expected_votes_ = 0;
    for (const NodeId node : electors_) expected_votes_ += votes_of(node);
  }
  return again();
}

Quorum QuorumJudge::again() {
  Quorum q;
  if (view_.members.size() > 2) two_node_ = false;
  q.votes = present();
  const unsigned votes = counted();
  expected_votes_ = std::max(expected_votes_, votes);
  q.two_node = two_node_ && expected_votes_ == 2;
  q.wait_for_all = wait_for_all_;
  q.last_man_standing = config_.quorum.last_man_standing;
  q.auto_tie_breaker = config_.quorum.auto_tie_breaker;
  q.allow_downscale = config_.quorum.allow_downscale;
  q.device_votes = config_.quorum.device_votes.value_or(0);
  q.device_casts = device_casts();
  q.expected_votes = expected_votes_;
  q.threshold = threshold(expected_votes_, votes);
  if (q.votes >= expected_votes_) seen_all_ = true;
  q.waiting_for_all = wait_for_all_ && !seen_all_;
  const bool master = q.device_casts && std::any_of(device_.begin(), device_.end(), [](const auto& heard) {
                        return heard.second.casts && heard.second.master_wins;
                      });
  q.quorate = votes >= q.threshold || master;
  if (!q.quorate && wins_tie(votes)) q.quorate = q.by_tie_breaker = true;
  q.quorate &= !q.waiting_for_all;
  if (!config_.quorum.enabled) {
    q.quorate = true;
    q.waiting_for_all = false;
  }
  quorate_ = q.quorate;
  if (quorate_ && view_.id != last_quorate_) {
    last_quorate_ = view_.id;
    tie_breaker_ = tie_breaker_of(view_);
  }
  return q;
}

Result<void> may_set_expected_votes(const Quorum& now, unsigned votes) {
  if (votes == 0) return fail(Errc::kInvalidArgument, "expected votes must be 1 or more");
  const unsigned needed = now.two_node && votes == 2 ? 1 : std::max(votes, now.votes) / 2 + 1;
  if (needed > now.votes) {
    return fail(Errc::kInvalidArgument,
                "cannot expect {} votes: {} would be needed for a quorum, and only {} are present", votes,
                needed, now.votes);
  }
  return {};
}

Result<void> QuorumJudge::set_expected_votes(unsigned votes) {
  if (votes == 0) return fail(Errc::kInvalidArgument, "expected votes must be 1 or more");
  expected_votes_ = votes;
  elected_ = {};  // The administrator's word is about all nodes.
  electors_.clear();
  return {};
}

std::optional<Duration> QuorumJudge::window() const {
  if (!config_.quorum.last_man_standing || !quorate_) return {};
  // Nobody is missing, and nobody's vote is waiting to count.
  if (counted() >= expected_votes_ && present() == counted()) return {};
  return config_.quorum.last_man_standing_window;
}

void QuorumJudge::recalculate() {
  if (!quorate_) return;
  elected_ = view_.id;
  electors_.clear();
  for (const NodeLife& life : view_.members) electors_.push_back(life.node);
  expected_votes_ = present();
}

QuorumFacts QuorumJudge::facts() const {
  return {seen_all_, quorate_, expected_votes_, last_quorate_, tie_breaker_, elected_, electors_};
}

}  // namespace systole::membership
