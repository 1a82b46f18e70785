// Quorum: votequorum(5)'s judgement as a function of the view, with the little state that it has: expected
// votes, whether all nodes have been seen, which half wins a split. Pure: views, facts and votes in,
// judgements out. All members of a view that feed it the same in the same order judge alike.
//
// Stricter than votequorum in two points. auto_tie_breaker decides only splits in exact halves, and only for
// a half that knows a quorate view of its life or of a member's: nodes that merely start together win no tie.
// And when last_man_standing has recalculated, the votes that count are those of the nodes that were there
// (dynamic voting; Jajodia, Mutchler, ACM TODS 15(2), 1990) until the next time: else some of them could make
// up a quorum with nodes that were lost before, beside the quorum of the rest.
#pragma once

#include <map>
#include <optional>

#include "membership/config.h"
#include "membership/facts.h"
#include "membership/membership.h"

namespace systole::membership {

// Whether an administrator may set this: kInvalidArgument for 0, and when the votes present would be fewer
// than the quorum then needed.
Result<void> may_set_expected_votes(const Quorum& now, unsigned votes);

class QuorumJudge {
 public:
  explicit QuorumJudge(const ClusterConfig& config);

  // From now on; again() has the effect. Votes that were set at run time are void.
  void set_config(const ClusterConfig& config);
  // A new view; the quorum device's votes for the last one are void.
  Quorum judge(const View& view, const ViewFacts& facts);
  // Again for the view judged last.
  Quorum again();

  Result<void> set_expected_votes(unsigned votes);
  // What `member` heard from the quorum device about the view judged last. again() has the effect.
  void set_device_vote(NodeId member, const QuorumDeviceVote& vote) { device_[member] = vote; }
  // A member has heard that the device votes, or all have heard something.
  bool device_has_spoken() const;
  // last_man_standing: the window after this view should recalculate; how long it is.
  std::optional<Duration> window() const;
  // The window has passed in this view: expected votes become those that are here. again() has the effect.
  void recalculate();

  QuorumFacts facts() const;  // For the next view.
  const View& view() const { return view_; }

 private:
  unsigned present() const;  // Votes of the view's members and its device.
  unsigned counted() const;  // Of these, the votes that count.
  unsigned threshold(unsigned expected, unsigned votes) const;
  bool wins_tie(unsigned votes) const;
  NodeId tie_breaker_of(const View& view) const;
  bool device_casts() const;
  unsigned votes_of(NodeId node) const;

  ClusterConfig config_;
  unsigned configured_votes_ = 0;  // expected_votes as configured.
  unsigned expected_votes_ = 0;
  bool wait_for_all_ = false;
  bool seen_all_ = false;
  bool two_node_ = false;
  View view_;
  bool quorate_ = false;
  RingId last_quorate_;
  NodeId tie_breaker_{};  // Of last_quorate_.
  RingId elected_;        // The view whose members' votes alone count; none: all do.
  std::vector<NodeId> electors_;
  std::map<NodeId, QuorumDeviceVote> device_;  // By the member that heard it.
};

}  // namespace systole::membership
