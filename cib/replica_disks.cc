// Replica's acknowledgements: what members say of their disks, to whom and when, and what follows for the
// changes that wait.
//
// The author of a change needs the disks of a majority. Each member's journal tells it beside the order as
// soon as the change is on that disk; all say the same in order when nothing came for a while, so a word that
// is lost costs that while.
#include <algorithm>

#include "cib/replica_state.h"

namespace systole::cib {
namespace {

constexpr Milliseconds kReportLater{10};    // After the last change.
constexpr Milliseconds kReportLatest{100};  // While changes go on.

}  // namespace

// --- The author -------------------------------------------------------------------------------------------

Replica::State::Count Replica::State::count(const Version& version) const {
  Count count;
  for (const NodeLife& member : view.members) {
    const auto found = disks.find(member.node);
    if (found == disks.end()) continue;
    const Disk& disk = found->second;
    if (disk.journaled && *disk.journaled >= version) {
      ++count.written;
      count.own = count.own || member.node == self.node;
    } else if (disk.failing && disk.refused >= version) {
      ++count.refused;
      count.reasons +=
          fmt::format("{}node {}: {}", count.reasons.empty() ? "" : "; ", raw(member.node), disk.reason);
    }
  }
  return count;
}

// The journal is asked only when nothing but its own word is missing: until then that would wake the loop in
// vain.
void Replica::State::ask_own_disk() {
  Version wanted;
  for (const auto& [sequence, p] : pending) {
    if (!p.applied || p.version <= collected) continue;
    const Count counted = count(p.version);
    if (!counted.own && counted.written + 1 >= majority_of_members()) wanted = std::max(wanted, p.version);
  }
  if (wanted <= collected) return;
  collected = wanted;
  keeper.collect();
  note_disk(self.node, own_disk());
}

void Replica::State::settle() {
  if (!synced) return;
  ask_own_disk();
  std::vector<std::pair<std::uint64_t, Result<Applied>>> over;
  for (auto& [sequence, p] : pending) {
    if (!p.applied) continue;
    const Count counted = count(p.version);
    if (counted.written >= majority_of_members()) {
      over.emplace_back(sequence, std::move(p.result));
    } else if (view.members.size() - counted.refused < majority_of_members()) {
      over.emplace_back(
          sequence,
          fail(Errc::kIo,
               "configuration {} is in effect on all members but not on the disks of a majority, so "
               "a power loss of all of them would lose it ({}); make room or repair the disks, then "
               "it is written without being asked for again",
               to_string(p.version), counted.reasons));
    }
  }
  for (auto& [sequence, result] : over) finish(sequence, std::move(result));
}

// Only ever adds: it may be older than what was said in order.
void Replica::State::on_told(NodeId sender, ByteView payload) {
  const auto message = decode(payload);
  const auto* durable = message ? std::get_if<DurableMessage>(&*message) : nullptr;
  if (durable == nullptr || !synced || durable->sync != sync_id() || !durable->durable) return;
  Disk& disk = disks[sender];
  if (disk.failing || disk.journaled >= durable->journaled) return;
  disk.journaled = durable->journaled;
  settle();
}

void Replica::State::on_durable(NodeId sender, const DurableMessage& message) {
  if (!synced || message.sync != sync_id()) return;
  compare(sender, message.seen);
  if (sender == self.node) return;
  note_disk(sender, message);
  settle();
}

void Replica::State::note_disk(NodeId node, const DurableMessage& said) {
  Disk& disk = disks[node];
  disk.journaled = said.durable ? std::optional(said.journaled) : std::nullopt;
  disk.failing = said.failing;
  disk.refused = said.refused;
  disk.reason = said.reason;
}

// --- The others -------------------------------------------------------------------------------------------

Journal::Word Replica::State::word_for(const OpMessage& message) {
  if (message.from == self || !effects.tell) return {};
  DurableMessage word;
  word.sync = sync_id();
  word.seen = stamp();
  word.durable = true;
  word.journaled = document.version();
  return {raw(message.from.node),
          [tell = effects.tell, to = message.from.node, bytes = encode(word)] { tell(to, bytes); }};
}

// `written`: the journal has been given a word for it.
void Replica::State::await(NodeId author, const Version& version, bool written) {
  awaited = {version, author, effects.tell && !written};
  if (effects.tell && written) return;
  keeper.collect();  // Nothing speaks for it but this.
  disk_progressed();
}

void Replica::State::disk_progressed() {
  if (progress_posted) return;
  progress_posted = true;
  ports.timers->post([this, watch = std::weak_ptr(alive)] {
    if (watch.expired()) return;
    progress_posted = false;
    if (!synced) return;  // The next agreement tells it.
    say();
    report_later();
    // Of its own disk this node need not hear from the ring.
    note_disk(self.node, own_disk());
    settle();
  });
}

// Whether the author can still be waiting for this node's disk, as far as it is known here.
bool Replica::State::awaits() const {
  if (reported >= awaited.version) return false;
  std::size_t written = awaited.by == NodeId{} ? 0 : 1;  // Its own disk may be as fast.
  for (const NodeLife& member : view.members) {
    const auto disk = disks.find(member.node);
    if (member.node != self.node && member.node != awaited.by && disk != disks.end() &&
        disk->second.journaled >= awaited.version)
      ++written;
  }
  return written < majority_of_members();
}

void Replica::State::say() {
  if (keeper.failing()) return report_disk();
  if (!awaits()) return;
  if (!effects.tell || awaited.by == NodeId{}) return report_disk();
  if (!awaited.untold || keeper.journaled().value_or(Version{}) < awaited.version) return;
  awaited.untold = false;  // Once; in order it comes later.
  effects.tell(awaited.by, encode(own_disk()));
}

// Nobody waits for it, as far as this node knows: the token is not called for that alone, nor for each of
// many changes. Words are cumulative, so only the last of a stream that was lost needs the report.
void Replica::State::report_later() {
  const Time now = ports.clock->now();
  if (!report_at) report_latest = now + kReportLatest;
  report_at = std::min(now + kReportLater, report_latest);
  if (report_timer == 0) report_when_due();
}

void Replica::State::report_when_due() {
  report_timer = ports.timers->after(*report_at - ports.clock->now(), [this] {
    report_timer = 0;
    if (ports.clock->now() < *report_at) return report_when_due();
    report_at.reset();
    if (!synced) return;
    keeper.collect();
    if (reported < keeper.journaled().value_or(Version{})) report_disk();
  });
}

DurableMessage Replica::State::own_disk() {
  DurableMessage message;
  message.sync = sync_id();
  message.seen = stamp();
  message.durable = keeper.journaled().has_value();
  message.journaled = keeper.journaled().value_or(Version{});
  message.failing = keeper.failing();
  message.refused = keeper.refused();
  message.reason = keeper.reason();
  return message;
}

void Replica::State::report_disk() {
  const DurableMessage message = own_disk();
  reported = message.journaled;
  channel.send(encode(message));
}

}  // namespace systole::cib
