// Who is DC, and when it may act: pure functions of the view and of what this node has seen.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "cib/document.h"
#include "membership/config.h"
#include "membership/membership.h"

namespace systole::controller {

// A node that has not yet been in a quorate view acts as DC only after this time from its start (Pacemaker's
// dc-deadtime): until then the others are probably starting too.
constexpr Duration kDcDeadtime = Seconds(20);
// After quorum (or after kDcDeadtime without it) configured nodes that this cluster has never seen get this
// long to appear before startup-fencing takes them for unclean. Nothing is started meanwhile.
constexpr Duration kStartGrace = Seconds(5);
// How long the DC waits for a member to say what runs on it. One that does not is unclean: nobody knows what
// it holds, so it is fenced before anything of it is recovered.
constexpr Duration kJoinPatience = Seconds(20);

// The member with the lowest id: views are agreed, so all members name the same. Empty view: none.
inline std::optional<NodeId> dc_of(const membership::View& view) {
  if (view.members.empty()) return {};
  return view.members.front().node;
}

struct Seen {
  Time started{};
  std::optional<Time> quorate_since;  // First quorate view of this life.
};

// When this node may act as DC: at once after having had quorum, else at the returned moment.
inline Time may_act_at(const Seen& seen) { return seen.quorate_since.value_or(seen.started + kDcDeadtime); }

// Names of configured nodes of which the document knows nothing.
std::vector<std::string> unseen_nodes(const cib::Document& document, const membership::ClusterConfig& config);
// Whether unseen nodes would be fenced: stonith-enabled and startup-fencing, both true by default.
bool startup_fencing(const cib::Document& document);
// Names of members that the document says are joining (join="pending").
std::vector<std::string> joining_nodes(const cib::Document& document);

}  // namespace systole::controller
