// Scores that flow back along colocations: what a resource's dependents, and theirs, like of its nodes.
#include <algorithm>
#include <cctype>

#include "pengine/engine.h"

namespace systole::pengine::engine {
namespace {

bool any_available(const Places& places) {
  return std::any_of(places.begin(), places.end(),
                     [](const Place& p) { return node_available(p, true, false); });
}

// The best score of the source's nodes by their value of the attribute.
class BestScores {
 public:
  BestScores(const Colocation& col, const Resource* source, const Places& places) {
    for (const auto& p : places) {
      if (!node_available(p, false, false)) continue;
      auto [at, added] = best_.emplace(folded(colocation_value(p.node, col.attribute, source)), p.score);
      if (!added) at->second = std::max(at->second, p.score);
    }
  }
  int of(const std::optional<std::string>& value) const {
    auto it = best_.find(folded(value));
    return it == best_.end() ? -kInfinity : it->second;
  }

 private:
  static std::optional<std::string> folded(std::optional<std::string> value) {
    if (value)
      for (char& ch : *value) ch = static_cast<char>(std::tolower(static_cast<unsigned char>(ch)));
    return value;
  }
  std::map<std::optional<std::string>, int> best_;
};

// A group's locations weigh on its first member alone. Where a later one is colocated by itself, they count
// too.
bool group_locations_count(const Resource* source, const Colocation& col) {
  const Resource* group = source->parent;
  return source == col.dependent && col.explicit_ && is_group(group) && source != group->children.front();
}

Places with_group_locations(const Resource* source) {
  Resource member;
  member.def = source->def;
  member.allowed = source->allowed;
  member.next_role = source->next_role;
  for (const auto* location : source->parent->locations) apply_location(&member, *location);
  return std::move(member.allowed);
}

bool allowed_on_one(const Resource* r) {
  int n = 0;
  for (const auto& p : r->allowed)
    if (p.score >= 0 && ++n > 1) return false;
  return n == 1;
}

// Marks a node that would have become negative, until the whole chain has been seen.
constexpr int kUnusable = -100 * kInfinity;

void add_matching(Places& nodes, const Resource* source, const Resource* target, const Colocation& col,
                  float factor, bool only_positive) {
  // Names are compared node by node, but for what is inside a bundle: that counts where its container is.
  const bool by_name = col.attribute == "#uname" && !is_bundled(source) && !is_bundled(target);
  std::optional<Places> more;
  if (group_locations_count(source, col)) more = with_group_locations(source);
  const Places& liked = more ? *more : source->allowed;
  std::optional<BestScores> best;
  if (!by_name) best.emplace(col, source, liked);
  for (auto& p : nodes) {
    int score = -kInfinity;
    if (by_name) {
      const Place* s = liked.find(p.node);
      if (s && node_available(*s, false, false)) score = s->score;
    } else {
      score = best->of(colocation_value(p.node, col.attribute, target));
    }
    // What avoids a node makes it no better for the other, unless it has nowhere else to go.
    if (factor < 0 && score < 0 &&
        (col.primary->stickiness >= -score || !has_influence(col, nullptr) || !allowed_on_one(col.dependent)))
      continue;
    if (p.score == kUnusable) continue;
    const float exact = factor * static_cast<float>(score);
    int delta = static_cast<int>(exact < 0 ? exact - 0.5 : exact + 0.5);
    if (delta == 0 && score != 0) delta = factor > 0 ? 1 : factor < 0 ? -1 : 0;
    const int sum = add_scores(delta, p.score);
    if (only_positive && sum < 0) {
      if (p.score > 0) {
        p.score = kUnusable;
        continue;
      }
      if (p.score == 0) continue;
    }
    p.score = sum;
  }
}

}  // namespace

namespace {

// Adds what the resources that are colocated with the source, on one side or the other, like of the nodes.
void add_further(Cluster& c, Resource* source, const Resource* target, const std::string& log_id,
                 Places& nodes, float factor, unsigned flags) {
  const auto list = (flags & kThisWith) ? this_with_colocations(source) : with_this_colocations(source);
  flags |= kAvoidNegatives;
  for (auto* next : list) {
    if (!(flags & kThisWith) && !has_influence(*next, nullptr)) continue;
    add_colocated_scores(c, (flags & kThisWith) ? next->primary : next->dependent, target, log_id, nodes,
                         *next, factor * static_cast<float>(next->score) / static_cast<float>(kInfinity),
                         flags);
  }
}

}  // namespace

void add_colocated_scores(Cluster& c, Resource* source, const Resource* target, const std::string& log_id,
                          Places& nodes, const Colocation& col, float factor, unsigned flags) {
  if (source->detect_loop) return;
  source->detect_loop = true;
  if (is_group(source)) {
    // The first member speaks for the others: they follow it.
    if (!source->children.empty())
      add_colocated_scores(c, source->children.front(), target, log_id, nodes, col, factor, flags);
    source->detect_loop = false;
    return;
  }
  Places work = nodes;
  add_matching(work, source, target, col, factor, (flags & kOnlyPositive) != 0);
  const bool available = any_available(work);
  if (available) add_further(c, source, target, log_id, work, factor, flags);
  // A chain that leaves no node is not followed, but for its first link.
  if (available || !(flags & kAvoidNegatives)) {
    if (flags & kOnlyPositive)
      for (auto& p : work)
        if (p.score == kUnusable) p.score = 1;
    nodes = std::move(work);
  }
  source->detect_loop = false;
}

Places colocated_preferences(Cluster& c, Resource* r) {
  Resource* source = is_group(r) && !r->children.empty() ? r->children.back() : r;
  Places work = source->allowed;
  if (!any_available(work)) return work;
  r->detect_loop = source->detect_loop = true;
  add_further(c, source, source, r->id, work, 1.0F, kThisWith);
  r->detect_loop = source->detect_loop = false;
  return work;
}

}  // namespace systole::pengine::engine
