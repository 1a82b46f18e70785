#include "sim/ring_checker.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "membership/codec.h"

namespace systole::sim {
namespace {

std::string text(NodeLife life) {
  return fmt::format("{}.{}", raw(life.node), raw(life.incarnation) % 1000000);
}
std::string text(const RingId& id) { return fmt::format("{}/{}", id.sequence, raw(id.representative)); }
std::string text(const MessageId& id) {
  return fmt::format("{}#{}{}", text(id.sender), id.number, id.safe ? "s" : "");
}

constexpr std::size_t kHead = 4 + 8 + 8 + 1 + 4;

}  // namespace

Bytes make_message(const MessageId& id, std::size_t size) {
  Bytes out;
  membership::Writer w(out);
  w.life(id.sender);
  w.u64(id.number);
  w.u8(id.safe ? 1 : 0);
  size = std::max(size, kHead);
  w.u32(static_cast<std::uint32_t>(size));
  out.reserve(size);
  for (std::size_t i = kHead; i < size; ++i) out.push_back(static_cast<std::uint8_t>(i * 7 + id.number));
  return out;
}

std::optional<MessageId> read_message(ByteView message) {
  membership::Reader r(message);
  MessageId id;
  id.sender = r.life();
  id.number = r.u64();
  id.safe = r.boolean();
  const std::uint32_t size = r.u32();
  if (!r.ok() || size != message.size()) return {};
  for (std::size_t i = kHead; i < size; ++i) {
    if (message[i] != static_cast<std::uint8_t>(i * 7 + id.number)) return {};
  }
  return id;
}

void RingChecker::violated(std::string what) {
  if (violations_.size() < 20) violations_.push_back(std::move(what));
}

void RingChecker::on_transitional(NodeLife at, const membership::View& surviving) {
  Epoch& epoch = lives_[at].epochs.back();
  if (!epoch.view) violated(fmt::format("{}: transitional before any view", text(at)));
  if (epoch.survivors) violated(fmt::format("{}: two transitionals in one view", text(at)));
  if (epoch.view && surviving.id != epoch.view->id)
    violated(fmt::format("{}: transitional of another view", text(at)));
  if (!std::binary_search(surviving.members.begin(), surviving.members.end(), at)) {
    violated(fmt::format("{}: not among the survivors itself", text(at)));
  }
  epoch.survivors = surviving.members;
}

void RingChecker::on_view(NodeLife at, const membership::View& view) {
  ++views_;
  Life& life = lives_[at];
  const auto last = last_view_.find(at.node);
  if (last != last_view_.end() && view.id <= last->second) {
    violated(fmt::format("{}: view {} after {}", text(at), text(view.id), text(last->second)));
  }
  last_view_[at.node] = view.id;
  if (!std::is_sorted(view.members.begin(), view.members.end()) ||
      !std::binary_search(view.members.begin(), view.members.end(), at)) {
    violated(fmt::format("{}: view {} is unsorted or without itself", text(at), text(view.id)));
  }
  const auto [known, first] = members_.emplace(view.id, view.members);
  if (!first && known->second != view.members)
    violated(fmt::format("view {} has two lists of members", text(view.id)));
  Epoch& before = life.epochs.back();
  if (before.view && !before.survivors) violated(fmt::format("{}: view without transitional", text(at)));
  before.next = view.id;
  life.epochs.push_back(Epoch{view, {}, {}, {}, {}});
}

void RingChecker::on_message(NodeLife at, NodeId sender, ByteView message) {
  ++deliveries_;
  const auto id = read_message(message);
  if (!id || id->sender.node != sender) {
    violated(fmt::format("{}: a message that nobody sent", text(at)));
    return;
  }
  Life& life = lives_[at];
  Epoch& epoch = life.epochs.back();
  if (!epoch.view) {
    violated(fmt::format("{}: {} before any view", text(at), text(*id)));
    return;
  }
  if (!std::binary_search(epoch.view->members.begin(), epoch.view->members.end(), id->sender)) {
    violated(fmt::format("{}: {} of a non-member of view {}", text(at), text(*id), text(epoch.view->id)));
  }
  auto& [number, when] = life.last_from[id->sender];
  const std::size_t now = life.epochs.size() - 1;
  if (id->number <= number) violated(fmt::format("{}: {} again or out of order", text(at), text(*id)));
  if (number != 0 && when == now && id->number != number + 1 && !epoch.survivors) {
    violated(fmt::format("{}: {} follows number {} within a view", text(at), text(*id), number));
  }
  number = id->number;
  when = now;
  const auto [where, first] = delivered_in_.emplace(*id, epoch.view->id);
  if (!first && where->second != epoch.view->id) {
    violated(fmt::format("{} is delivered in views {} and {}", text(*id), text(where->second),
                         text(epoch.view->id)));
  }
  (epoch.survivors ? epoch.transitional : epoch.regular).push_back(*id);
}

bool RingChecker::has_delivered(NodeLife at, const MessageId& id) const {
  const auto found = lives_.find(at);
  if (found == lives_.end()) return false;
  for (const Epoch& e : found->second.epochs) {
    if (std::find(e.regular.begin(), e.regular.end(), id) != e.regular.end()) return true;
    if (std::find(e.transitional.begin(), e.transitional.end(), id) != e.transitional.end()) return true;
  }
  return false;
}

void RingChecker::finish() {
  check_pairs();
  check_prefixes();
  check_safe();
}

// Virtual synchrony: who goes from one view to the same next view delivers the same in between.
void RingChecker::check_pairs() {
  std::map<std::pair<RingId, RingId>, std::pair<NodeLife, const Epoch*>> seen;
  for (const auto& [life, record] : lives_) {
    for (const Epoch& epoch : record.epochs) {
      if (!epoch.view || !epoch.next) continue;
      const auto [it, first] = seen.try_emplace({epoch.view->id, *epoch.next}, life, &epoch);
      if (first) continue;
      const auto& [other, theirs] = it->second;
      const std::string where = fmt::format("{} and {} from {} to {}", text(other), text(life),
                                            text(epoch.view->id), text(*epoch.next));
      if (epoch.regular != theirs->regular) {
        violated(fmt::format("{}: {} and {} messages in the view differ", where, theirs->regular.size(),
                             epoch.regular.size()));
      }
      if (epoch.transitional != theirs->transitional) {
        violated(fmt::format("{}: {} and {} messages after transitional differ", where,
                             theirs->transitional.size(), epoch.transitional.size()));
      }
      if (epoch.survivors != theirs->survivors) violated(where + ": survivors differ");
      if (epoch.survivors && !std::binary_search(epoch.survivors->begin(), epoch.survivors->end(), other)) {
        violated(where + ": the other is not among the survivors");
      }
    }
  }
}

// Agreed order: in a view all deliver prefixes of one sequence; what comes after transitional keeps its
// order.
void RingChecker::check_prefixes() {
  std::map<RingId, std::vector<MessageId>> longest;
  for (const auto& [life, record] : lives_) {
    for (const Epoch& epoch : record.epochs) {
      if (epoch.view && epoch.regular.size() > longest[epoch.view->id].size())
        longest[epoch.view->id] = epoch.regular;
    }
  }
  std::map<RingId, std::vector<std::pair<NodeLife, std::vector<MessageId>>>> whole;
  for (const auto& [life, record] : lives_) {
    for (const Epoch& epoch : record.epochs) {
      if (!epoch.view) continue;
      const auto& reference = longest[epoch.view->id];
      if (!std::equal(epoch.regular.begin(), epoch.regular.end(), reference.begin())) {
        violated(fmt::format("{}: another order in view {}", text(life), text(epoch.view->id)));
      }
      std::vector<MessageId> all = epoch.regular;
      all.insert(all.end(), epoch.transitional.begin(), epoch.transitional.end());
      whole[epoch.view->id].emplace_back(life, std::move(all));
    }
  }
  for (const auto& [view, sequences] : whole) {
    for (std::size_t a = 0; a < sequences.size() && a < 4; ++a) {
      std::map<MessageId, std::size_t> position;
      for (std::size_t i = 0; i < sequences[a].second.size(); ++i) position[sequences[a].second[i]] = i;
      for (const auto& [life, sequence] : sequences) {
        std::size_t last = 0;
        for (const MessageId& id : sequence) {
          const auto found = position.find(id);
          if (found == position.end()) continue;
          if (found->second + 1 <= last) {
            violated(fmt::format("{} and {} deliver {} in another order in view {}", text(sequences[a].first),
                                 text(life), text(id), text(view)));
          }
          last = found->second + 1;
        }
      }
    }
  }
}

// Safe delivery: what one member delivers as safe in the view, every member delivers unless it ends before.
void RingChecker::check_safe() {
  std::map<RingId, std::set<MessageId>> safe;
  for (const auto& [life, record] : lives_) {
    for (const Epoch& epoch : record.epochs) {
      for (const MessageId& id : epoch.regular) {
        if (id.safe) safe[epoch.view->id].insert(id);
      }
    }
  }
  for (const auto& [view, ids] : safe) {
    for (const NodeLife& member : members_[view]) {
      const auto found = lives_.find(member);
      if (found == lives_.end()) continue;
      const Epoch* of_view = nullptr;
      bool later = false;
      for (const Epoch& epoch : found->second.epochs) {
        if (epoch.view && epoch.view->id == view) of_view = &epoch;
        later |= epoch.view && epoch.view->id > view;
      }
      if (!later) continue;  // It ended in that view, or is still there.
      std::set<MessageId> got;
      if (of_view != nullptr) {
        got.insert(of_view->regular.begin(), of_view->regular.end());
        got.insert(of_view->transitional.begin(), of_view->transitional.end());
      }
      for (const MessageId& id : ids) {
        if (!got.contains(id)) {
          violated(fmt::format("{} went on without the safe {} of view {}{}", text(member), text(id),
                               text(view), of_view == nullptr ? ", which it never installed" : ""));
        }
      }
    }
  }
}

}  // namespace systole::sim
