// Quorum: votequorum(5)'s judgement as a function of the view, with the little state that it has: expected
// votes and whether all nodes have been seen. Pure.
#pragma once

#include "membership/config.h"
#include "membership/membership.h"

namespace systole::membership {

class QuorumJudge {
 public:
  explicit QuorumJudge(const ClusterConfig& config);

  // `seen_all` and `expected_votes` as members of the new view know them: wait_for_all is satisfied for a
  // node that joins nodes for which it is, and the greatest of the expected votes counts.
  Quorum judge(const View& view, bool seen_all, unsigned expected_votes);
  // votequorum's expected_votes, as an administrator sets it. Errors: kInvalidArgument for 0.
  Result<void> set_expected_votes(unsigned votes);
  // Again for the view judged last.
  Quorum again();

  bool seen_all() const { return seen_all_; }
  unsigned expected_votes() const { return expected_votes_; }

 private:
  ClusterConfig config_;
  unsigned expected_votes_ = 0;
  bool wait_for_all_ = false;
  bool seen_all_ = false;
  View view_;
};

}  // namespace systole::membership
