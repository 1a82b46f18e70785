#include "qdevice/ballot.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace systole::qdevice {
namespace {

bool contains(const std::vector<NodeId>& nodes, NodeId node) {
  return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

// How well a partition answers to the tie breaker: more is better, and no two are equal.
std::int64_t tie_rank(const Rules& rules, const Partition& partition) {
  if (partition.members.empty()) return INT64_MIN;
  const auto lowest = -static_cast<std::int64_t>(raw(partition.members.front()));
  switch (rules.tie_breaker) {
    case Rules::TieBreaker::kHighest:
      return raw(partition.members.back());
    case Rules::TieBreaker::kNode:
      if (contains(partition.members, rules.tie_breaker_node)) return 1;
      [[fallthrough]];
    case Rules::TieBreaker::kLowest:
      break;
  }
  return lowest;
}

}  // namespace

std::vector<Partition> partitions(const std::vector<Report>& reports) {
  std::map<NodeId, RingId> ring_of;
  for (const Report& report : reports) ring_of[report.node] = report.ring;
  std::map<RingId, Partition> found;
  for (const Report& report : reports) {
    Partition& p = found[report.ring];
    p.ring = report.ring;
    ++p.connected;
    p.score += 1 + (report.heuristics == Heuristics::kPassed ? 1 : 0) -
               (report.heuristics == Heuristics::kFailed ? 1 : 0);
    for (const NodeId node : report.members) {
      const auto other = ring_of.find(node);
      const bool elsewhere = other != ring_of.end() && other->second != report.ring;
      if (!elsewhere && !contains(p.members, node)) p.members.push_back(node);
    }
  }
  std::vector<Partition> out;
  for (auto& [ring, partition] : found) {
    std::sort(partition.members.begin(), partition.members.end());
    out.push_back(std::move(partition));
  }
  return out;
}

std::optional<RingId> choose(const Rules& rules, const std::vector<Report>& reports,
                             const std::vector<NodeId>& active) {
  using Rank = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t>;
  std::optional<std::pair<Rank, RingId>> best;
  for (const Partition& p : partitions(reports)) {
    const auto size = std::count_if(p.members.begin(), p.members.end(),
                                    [&](NodeId node) { return contains(rules.nodes, node); });
    const auto kept = std::count_if(p.members.begin(), p.members.end(),
                                    [&](NodeId node) { return contains(active, node); });
    const std::int64_t tie = tie_rank(rules, p);
    Rank rank;
    switch (rules.algorithm) {
      case Rules::Algorithm::kFfsplit:
        if (2 * size < static_cast<std::ptrdiff_t>(rules.nodes.size())) continue;
        rank = {size, p.score, p.connected, rules.keep_active ? kept : 0, tie};
        break;
      case Rules::Algorithm::kLms:
        if (size == 0) continue;
        rank = {p.score, size, kept, tie, 0};
        break;
      case Rules::Algorithm::kTest:
        rank = {static_cast<std::int64_t>(p.ring.sequence), tie, 0, 0, 0};
        break;
    }
    if (!best || best->first < rank) best = {rank, p.ring};
  }
  if (!best) return {};
  return best->second;
}

}  // namespace systole::qdevice
