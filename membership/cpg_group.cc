#include "membership/cpg_group.h"

#include <algorithm>

#include "membership/codec.h"

namespace systole::membership {
namespace {

enum class Kind : std::uint8_t { kHello = 1, kReady, kChunk, kAck, kAlive, kExclude };
constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kSafeFlag = 1;
constexpr Duration kPaused =
    Seconds(2);  // No call of advance() for this long: this process itself did not run.

Bytes frame_of(Kind kind) { return {kVersion, static_cast<std::uint8_t>(kind)}; }

std::string text(const std::vector<GroupMember>& members) {
  std::string out;
  for (const GroupMember& m : members) out += fmt::format("{}{}", out.empty() ? "" : " ", raw(m.node));
  return out;
}

}  // namespace

CpgGroup::CpgGroup(NodeLife self, std::uint64_t ring_sequence, GroupOutput& output, Logger log)
    : self_(self), sequence_(ring_sequence), output_(output), log_(std::move(log)) {}

RingStatus::State CpgGroup::state() const {
  return phase_ == Phase::kInstalled ? RingStatus::State::kOperational
         : phase_ == Phase::kSyncing ? RingStatus::State::kRecovery
                                     : RingStatus::State::kGather;
}

std::vector<GroupMember> CpgGroup::active() const {
  std::vector<GroupMember> out;
  std::copy_if(members_.begin(), members_.end(), std::back_inserter(out),
               [&](const GroupMember& m) { return !excluded_.contains(m); });
  return out;
}

void CpgGroup::members(Time now, GroupMember own, std::vector<GroupMember> members) {
  own_ = own;
  members_ = std::move(members);
  std::sort(members_.begin(), members_.end());
  const auto is_member = [&](const GroupMember& m) {
    return std::binary_search(members_.begin(), members_.end(), m);
  };
  std::erase_if(excluded_, [&](const GroupMember& m) { return !is_member(m); });
  std::erase_if(heard_, [&](const auto& entry) { return !is_member(entry.first); });
  for (const GroupMember& m : members_) heard_[m] = now;
  if (!is_member(own) || excluded_.contains(own)) return be_alone();
  begin_sync();
}

void CpgGroup::begin_sync() {
  phase_ = Phase::kSyncing;
  hellos_.clear();
  ready_.clear();
  said_ready_.clear();
  assemblies_.clear();
  control_.clear();
  // What was sent and not ordered so far will be dropped by all: it is sent again.
  next_pending_ = next_offset_ = 0;
  log_.debug("group: members {}; saying hello", text(active()));
  // Each hello proposes a sequence of its own, on disk before it is said: who proposed the greatest names the
  // view.
  if (!output_.store_sequence(++sequence_)) return leave_for_disk();
  hello_sequence_ = sequence_;
  Bytes hello = frame_of(Kind::kHello);
  Writer w(hello);
  w.life(self_);
  w.u64(sequence_);
  send_control(std::move(hello));
}

void CpgGroup::lost() {
  members_.clear();
  excluded_.clear();
  quorum_ring_ = {};
  be_alone();
}

// A view of this node alone, never quorate: Corosync has ended, or the others went on without this node.
void CpgGroup::be_alone() {
  phase_ = Phase::kAlone;
  hellos_.clear();
  assemblies_.clear();
  control_.clear();
  next_pending_ = next_offset_ = 0;
  if (view_.members.empty() || view_.members == std::vector{self_}) return tell_quorum();
  if (!output_.store_sequence(++sequence_)) return log_.critical("cannot store the sequence of a view");
  hellos_[own_] = {self_, sequence_};
  install();
}

void CpgGroup::leave_for_disk() {
  log_.critical("cannot store the sequence of the new view: this node leaves the group and tries again");
  phase_ = Phase::kAlone;
  output_.rejoin();
}

void CpgGroup::message(Time now, GroupMember from, ByteView frame) {
  if (!std::binary_search(members_.begin(), members_.end(), from) || excluded_.contains(from)) return;
  heard_[from] = now;
  Reader r(frame);
  const std::uint8_t version = r.u8();
  const auto kind = static_cast<Kind>(r.u8());
  if (!r.ok() || version != kVersion) {
    if (counters_.frames_refused_malformed++ == 0)
      log_.warning("node {} speaks another version of the group's protocol ({}): upgrade the older one",
                   raw(from.node), version);
    return;
  }
  const ByteView body = r.rest();
  switch (kind) {
    case Kind::kHello:
      return on_hello(from, body);
    case Kind::kReady:
      return on_ready(from, body);
    case Kind::kChunk:
      return on_chunk(from, body);
    case Kind::kAck:
      return on_ack(from, body);
    case Kind::kExclude:
      return on_exclude(body);
    case Kind::kAlive:
      return;
  }
  ++counters_.frames_refused_malformed;
}

void CpgGroup::on_hello(GroupMember from, ByteView body) {
  Reader r(body);
  Hello hello{r.life(), r.u64()};
  if (!r.done() || hello.life.node != from.node) {
    ++counters_.frames_refused_malformed;
    return;
  }
  if (phase_ != Phase::kSyncing) return;
  hellos_.insert_or_assign(from, hello);
  try_install();
}

// Who says ready has its own last hello before it: so none that is older than a view can name a later one.
void CpgGroup::on_ready(GroupMember from, ByteView body) {
  if (phase_ != Phase::kSyncing) return;
  ready_[from] = Bytes(body.begin(), body.end());
  try_install();
}

void CpgGroup::try_install() {
  const auto all = active();
  Bytes heard;
  Writer w(heard);
  for (const GroupMember& m : all) {
    const auto hello = hellos_.find(m);
    if (hello == hellos_.end()) return;
    w.node(m.node);
    w.u32(m.pid);
    w.u64(hello->second.sequence);
  }
  if (heard != said_ready_ && hellos_.at(own_).sequence == hello_sequence_) {
    said_ready_ = heard;
    Bytes ready = frame_of(Kind::kReady);
    Writer(ready).bytes(heard);
    send_control(std::move(ready));
  }
  if (!std::all_of(all.begin(), all.end(), [&](const GroupMember& m) { return ready_[m] == heard; })) return;
  exclude_older_lives();
  if (excluded_.contains(own_)) return output_.rejoin();
  std::erase_if(hellos_, [&](const auto& entry) { return excluded_.contains(entry.first); });
  install();
  if (phase_ == Phase::kInstalled) pump();
}

// Two processes of one node, while the elder is on its way out: the younger life is the node. The hellos are
// the same everywhere, so all judge alike.
void CpgGroup::exclude_older_lives() {
  std::map<NodeId, GroupMember> newest;
  for (const auto& [member, hello] : hellos_) {
    if (excluded_.contains(member)) continue;
    const auto [at, first] = newest.try_emplace(member.node, member);
    if (first) continue;
    const bool newer = hellos_.at(at->second).life < hello.life;
    excluded_.insert(newer ? at->second : member);
    if (newer) at->second = member;
  }
}

// Installs the view of those in hellos_.
void CpgGroup::install() {
  View next;
  std::map<GroupMember, NodeLife> lives;
  for (const auto& [member, hello] : hellos_) {
    if (hello.sequence > next.id.sequence) next.id = {hello.sequence, member.node};
    next.members.push_back(hello.life);
    lives[member] = hello.life;
  }
  std::sort(next.members.begin(), next.members.end());
  if (next.id.sequence > sequence_) {
    if (!output_.store_sequence(next.id.sequence)) return leave_for_disk();
    sequence_ = next.id.sequence;
  }
  if (!view_.members.empty()) {
    View surviving{view_.id, {}};
    std::set_intersection(view_.members.begin(), view_.members.end(), next.members.begin(),
                          next.members.end(), std::back_inserter(surviving.members));
    output_.transitional(surviving);
    for (const Held& held : held_) deliver(held);
  }
  held_.clear();
  acks_.clear();
  ordered_ = 0;
  lives_ = std::move(lives);
  view_ = std::move(next);
  phase_ = phase_ == Phase::kSyncing ? Phase::kInstalled : Phase::kAlone;
  told_ = effective_quorum();
  ++counters_.views;
  output_.view(view_, told_);
}

void CpgGroup::on_chunk(GroupMember from, ByteView body) {
  Reader r(body);
  const RingId ring = r.ring();
  const std::uint8_t flags = r.u8();
  const std::uint64_t number = r.u64();
  const std::size_t size = r.u32(), offset = r.u32();
  const ByteView bytes = r.rest();
  if (!r.ok() || size > Membership::kMaxMessage || offset + bytes.size() > size ||
      (flags & ~kSafeFlag) != 0) {
    ++counters_.frames_refused_malformed;
    return;
  }
  if (phase_ != Phase::kInstalled || ring != view_.id) return;  // Its sender sends it again in the next view.
  if (offset == 0 && bytes.size() == size) return complete(from, bytes, (flags & kSafeFlag) != 0);
  Assembly& assembly = assemblies_[from];
  if (offset == 0) assembly = {number, size, {}};
  if (assembly.number != number || assembly.size != size || assembly.bytes.size() != offset) {
    ++counters_.frames_refused_malformed;
    assemblies_.erase(from);
    return;
  }
  assembly.bytes.insert(assembly.bytes.end(), bytes.begin(), bytes.end());
  if (assembly.bytes.size() < size) return;
  const Bytes whole = std::move(assembly.bytes);
  assemblies_.erase(from);
  complete(from, whole, (flags & kSafeFlag) != 0);
}

// A whole message has its place in the order.
void CpgGroup::complete(GroupMember from, ByteView bytes, bool safe) {
  if (from == own_ && !pending_.empty()) {
    pending_bytes_ -= pending_.front().message.size() + 64;
    pending_.pop_front();
    if (next_pending_ > 0) --next_pending_;
  }
  ++ordered_;
  if (safe) {
    Bytes ack = frame_of(Kind::kAck);
    Writer w(ack);
    w.ring(view_.id);
    w.u64(ordered_);
    send_control(std::move(ack));
  }
  held_.push_back({from, Bytes(bytes.begin(), bytes.end()), safe, ordered_});
  release();
}

void CpgGroup::on_ack(GroupMember from, ByteView body) {
  Reader r(body);
  const RingId ring = r.ring();
  const std::uint64_t position = r.u64();
  if (!r.done()) {
    ++counters_.frames_refused_malformed;
    return;
  }
  const bool waited_for =
      std::any_of(held_.begin(), held_.end(), [&](const Held& h) { return h.position == position; });
  if (phase_ != Phase::kInstalled || ring != view_.id || !waited_for) return;
  acks_[position].insert(from);
  release();
}

void CpgGroup::release() {
  while (!held_.empty()) {
    const Held& first = held_.front();
    if (first.safe && acks_[first.position].size() < lives_.size()) return;
    acks_.erase(first.position);
    const Held held = std::move(held_.front());
    held_.pop_front();
    deliver(held);
  }
}

void CpgGroup::deliver(const Held& held) {
  ++counters_.messages_delivered;
  output_.message(held.from.node, held.bytes);
}

void CpgGroup::on_exclude(ByteView body) {
  Reader r(body);
  std::vector<GroupMember> named(r.count(CpgGroup::kChunk, 8));
  for (GroupMember& m : named) m = {r.node(), r.u32()};
  if (!r.done()) {
    ++counters_.frames_refused_malformed;
    return;
  }
  bool changed = false;
  for (const GroupMember& m : named) {
    if (!std::binary_search(members_.begin(), members_.end(), m) || !excluded_.insert(m).second) continue;
    changed = true;
    if (m != own_)
      log_.warning(
          "node {} has said nothing for {} s although its Corosync runs: the cluster goes on without it",
          raw(m.node), std::chrono::duration_cast<Seconds>(kSilent).count());
  }
  if (!changed) return;
  if (excluded_.contains(own_)) {
    log_.error("the others went on without this node, which did not run for a while: it joins anew");
    be_alone();
    return output_.rejoin();
  }
  begin_sync();
}

void CpgGroup::totem_ring(RingId ring) {
  totem_ring_ = ring;
  tell_quorum();
}

void CpgGroup::quorum(RingId ring, const Quorum& quorum) {
  quorum_ring_ = ring;
  engine_quorum_ = quorum;
  tell_quorum();
}

Quorum CpgGroup::effective_quorum() const {
  Quorum q = engine_quorum_;
  q.quorate = q.quorate && phase_ != Phase::kAlone && totem_ring_ == quorum_ring_;
  return q;
}

// While the next view is being formed only bad news is told.
void CpgGroup::tell_quorum() {
  const Quorum now = effective_quorum();
  if (view_.members.empty() || now == told_ || (phase_ == Phase::kSyncing && now.quorate)) return;
  told_ = now;
  output_.quorum(told_);
}

void CpgGroup::enqueue(Bytes message, bool safe) {
  pending_bytes_ += message.size() + 64;
  pending_.push_back({std::move(message), safe, next_number_++});
  ++counters_.messages_sent;
  pump();
}

void CpgGroup::send_control(Bytes frame) {
  control_.push_back(std::move(frame));
  pump();
}

void CpgGroup::pump() {
  while (!control_.empty()) {
    if (!output_.send(control_.front())) return;
    said_something_ = true;
    control_.pop_front();
  }
  while (phase_ == Phase::kInstalled && next_pending_ < pending_.size()) {
    if (!send_next_chunk()) return;
    said_something_ = true;
  }
}

bool CpgGroup::send_next_chunk() {
  const Pending& p = pending_[next_pending_];
  const std::size_t size = std::min(kChunk, p.message.size() - next_offset_);
  Bytes frame = frame_of(Kind::kChunk);
  Writer w(frame);
  w.ring(view_.id);
  w.u8(p.safe ? kSafeFlag : 0);
  w.u64(p.number);
  w.u32(static_cast<std::uint32_t>(p.message.size()));
  w.u32(static_cast<std::uint32_t>(next_offset_));
  w.bytes(ByteView(p.message).subspan(next_offset_, size));
  if (!output_.send(frame)) return false;
  next_offset_ += size;
  if (next_offset_ < p.message.size()) return true;
  ++next_pending_;
  next_offset_ = 0;
  return true;
}

void CpgGroup::advance(Time now) {
  const bool paused = now - advanced_at_ > kPaused;
  advanced_at_ = now;
  if (phase_ == Phase::kAlone) return;
  // Who did not run cannot tell whether others did.
  if (paused)
    for (auto& [member, at] : heard_) at = now;
  if (said_something_) sent_at_ = now;
  said_something_ = false;
  if (control_.empty() && now - sent_at_ >= kAlive) send_control(frame_of(Kind::kAlive));
  judge_silence(now);
}

// The lowest member that is not silent names those that are.
void CpgGroup::judge_silence(Time now) {
  std::vector<GroupMember> silent;
  std::optional<GroupMember> judge;
  for (const GroupMember& m : active()) {
    if (m != own_ && now - heard_[m] > kSilent)
      silent.push_back(m);
    else if (!judge)
      judge = m;
  }
  if (silent.empty() || judge != own_ || now - judged_at_ < kAlive) return;
  judged_at_ = now;
  Bytes frame = frame_of(Kind::kExclude);
  Writer w(frame);
  w.u16(static_cast<std::uint16_t>(silent.size()));
  for (const GroupMember& m : silent) {
    w.node(m.node);
    w.u32(m.pid);
  }
  send_control(std::move(frame));
}

}  // namespace systole::membership
