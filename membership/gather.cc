#include "membership/gather.h"

namespace systole::membership {

bool Gather::add(NodeLife life, Time now) {
  const auto [it, added] = candidates_.try_emplace(life.node, Candidate{life, now});
  if (!added) {
    if (it->second.life.incarnation >= life.incarnation) return false;
    it->second = {life, now};
  }
  changed_ = now;
  return true;
}

bool Gather::fail(NodeLife life, Time now) {
  if (life == self_ || !failed_.insert(life).second) return false;
  changed_ = now;
  return true;
}

bool Gather::merge(NodeLife from, const Join& join, Time now) {
  Sets theirs;
  theirs.ring_sequence = join.ring_sequence;
  for (const Opinion& o : join.nodes) {
    if (o.candidate()) theirs.candidates.insert(o.life);
    if (o.failed()) theirs.failed.insert(o.life);
  }
  bool changed = false;
  if (theirs.failed.contains(self_)) {
    changed = fail(from, now);  // It will not go with us.
  } else {
    for (const NodeLife& life : theirs.candidates) changed |= life.node != self_.node && add(life, now);
    for (const NodeLife& life : theirs.failed) changed |= fail(life, now);
  }
  joins_[from.node] = {from, std::move(theirs)};
  return changed;
}

bool Gather::is_candidate(NodeLife life) const {
  const auto found = candidates_.find(life.node);
  return found != candidates_.end() && found->second.life == life;
}

std::vector<NodeLife> Gather::active() const {
  std::vector<NodeLife> lives;
  for (const auto& [id, candidate] : candidates_) {
    if (!failed_.contains(candidate.life)) lives.push_back(candidate.life);
  }
  return lives;
}

std::set<NodeLife> Gather::candidate_set() const {
  std::set<NodeLife> lives;
  for (const auto& [id, candidate] : candidates_) lives.insert(candidate.life);
  return lives;
}

bool Gather::agrees(NodeLife life) const {
  if (life == self_) return true;
  const auto found = joins_.find(life.node);
  if (found == joins_.end() || found->second.first != life) return false;
  const Sets& theirs = found->second.second;
  return theirs.failed == failed_ && theirs.candidates == candidate_set();
}

bool Gather::agreed() const {
  const std::set<NodeLife> mine = candidate_set();
  for (const NodeLife& life : active()) {
    if (life == self_) continue;
    const auto found = joins_.find(life.node);
    if (found == joins_.end() || found->second.first != life) return false;
    const Sets& theirs = found->second.second;
    if (theirs.failed != failed_ || theirs.candidates != mine) return false;
  }
  return true;
}

std::uint64_t Gather::highest_ring_sequence() const {
  std::uint64_t highest = 0;
  for (const NodeLife& life : active()) {
    const auto found = joins_.find(life.node);
    if (found != joins_.end() && found->second.first == life) {
      highest = std::max(highest, found->second.second.ring_sequence);
    }
  }
  return highest;
}

}  // namespace systole::membership
