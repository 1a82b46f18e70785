// One document in a view. Each member says what it has; all of them then choose alike, by rules that know
// only these statements: the highest admin_epoch; then the document that went furthest with a
// majority, so that what a majority acknowledged never gives way to what a minority made of an older one;
// then the highest version; among several documents of that version the one that most members have, then the
// greater digest. The lowest node that has it sends it when somebody needs it. The place of the last
// statement or of the document in the total order is where the view is synced.
#include <algorithm>
#include <charconv>

#include "base/mutation.h"
#include "cib/replica_state.h"

namespace systole::cib {

namespace {
constexpr std::uint32_t kMaxRounds = 5;  // In one view: a replica that cannot be repaired is left out then.
}

// cib/@update-quorum ("sequence.representative.epoch"), or what this life knows if that is later.
MajorityMark Replica::State::known_mark() const {
  const std::string_view text = document.root().attribute("update-quorum").value();
  std::uint64_t numbers[3] = {};
  const char* at = text.data();
  const char* end = at + text.size();
  for (std::uint64_t& number : numbers) {
    const auto read = std::from_chars(at, end, number);
    if (read.ec != std::errc{}) return mark;
    at = read.ptr == end ? end : read.ptr + 1;
  }
  const RingId stored{numbers[0], NodeId{static_cast<std::uint32_t>(numbers[1])}};
  return std::max(MajorityMark{stored, numbers[2]}, mark);
}

void Replica::State::on_view(const membership::View& v, bool majority_of_votes) {
  view = v;
  has_majority = majority_of_votes;
  in_view = true;
  queue.clear();  // The senders send them again.
  channel.new_view();
  resync_asked = 0;
  begin_round(0);
}

void Replica::State::begin_round(std::uint32_t next) {
  round = next;
  synced = chosen = false;
  states.clear();
  StateMessage message;
  message.sync = sync_id();
  message.stamp = stamp();
  message.lineage = lineage;
  message.majority = known_mark();
  message.durable = keeper.journaled().has_value();
  message.journaled = keeper.journaled().value_or(Version{});
  message.applied = applied;
  channel.send(encode(message));
}

void Replica::State::on_state(NodeId sender, StateMessage message) {
  if (!in_view || message.sync != sync_id() || chosen) return;
  states[sender] = std::move(message);
  for (const NodeLife& member : view.members)
    if (!states.contains(member.node)) return;
  choose();
}

void Replica::State::choose() {
  struct Holders {
    MajorityMark mark;
    std::size_t count = 0;
  };
  std::map<std::pair<Version, std::string>, Holders> documents;
  for (const auto& [node, state] : states) {
    Holders& holders = documents[{state.stamp.version, state.stamp.digest}];
    holders.mark = std::max(holders.mark, state.majority);
    ++holders.count;
  }
  const auto rank = [](const auto& entry) {
    const Version& version = entry.first.first;
    return std::tie(version.admin_epoch, entry.second.mark, version, entry.second.count, entry.first.second);
  };
  const auto best = std::max_element(documents.begin(), documents.end(), [&](const auto& a, const auto& b) {
    return mutation("older-document-wins") ? rank(b) < rank(a) : rank(a) < rank(b);
  });
  const Stamp winner{best->first.first, best->first.second};
  for (auto state = states.rbegin(); state != states.rend(); ++state)
    if (state->second.stamp == winner) source = state->first;
  chosen = true;
  if (best->second.count == states.size()) return complete();
  log.info("the CIB {} of {} is the best of {} members", to_string(winner.version), name_of_source(),
           states.size());
  if (source == self.node) channel.send(encode(DocumentMessage{sync_id(), document.serialize()}));
}

void Replica::State::on_document(NodeId sender, const DocumentMessage& message) {
  if (message.sync != sync_id() || !chosen || synced || sender != source) return;
  if (states[self.node].stamp != states[source].stamp && !adopt(message.xml)) return request_resync();
  complete();
}

bool Replica::State::adopt(const std::string& xml) {
  const Stamp expected = states[source].stamp;
  auto parsed = Document::parse(xml);
  if (!parsed) {
    log.critical("the CIB from {} cannot be read: {}", name_of_source(), parsed.error().message);
    return false;
  }
  parsed->track_digest();
  if (parsed->version() != expected.version || parsed->digest() != expected.digest) {
    log.critical("the CIB {} from {} is not the one that was announced", to_string(parsed->version()),
                 name_of_source());
    return false;
  }
  const Version mine = document.version();
  const bool other_configuration = parsed->configuration_digest() != document.configuration_digest();
  if (other_configuration && mine != Version{}) {
    log.notice("the CIB {} of this node gives way to {} of {}; it is kept in the journal", to_string(mine),
               to_string(expected.version), name_of_source());
    keeper.keep_loser(
        fmt::format("gave way to {} of {} when they met", to_string(expected.version), name_of_source()));
  }
  document = std::move(*parsed);
  stamped.reset();
  keeper.replaced(fmt::format("taken over from {}", name_of_source()));
  Change change;
  change.configuration = change.status = true;
  change.before = mine;
  change.after = expected.version;
  if (effects.changed) effects.changed(change);
  return true;
}

std::vector<NodeId> Replica::State::joined() const {
  const StateMessage& chosen_state = states.at(source);
  std::vector<NodeId> out;
  for (const NodeLife& member : view.members) {
    const StateMessage& state = states.at(member.node);
    if (state.lineage == RingId{} || state.lineage != chosen_state.lineage ||
        state.stamp != chosen_state.stamp)
      out.push_back(member.node);
  }
  return out;
}

// The table belongs to the document: what its history has applied, and nothing else.
void Replica::State::take_over_table() {
  applied = states.at(source).applied;
  for (auto entry = applied.begin(); entry != applied.end();) {
    const auto later = std::next(entry);
    bool over = later != applied.end() && later->first.node == entry->first.node;
    for (const NodeLife& member : view.members)
      over = over || (member.node == entry->first.node && member.incarnation > entry->first.incarnation);
    entry = over ? applied.erase(entry) : later;
  }
}

void Replica::State::complete() {
  take_over_table();
  disks.clear();
  for (const auto& [node, state] : states)
    if (state.stamp == states.at(source).stamp && state.durable) disks[node].journaled = state.journaled;
  const std::vector<NodeId> newcomers = joined();
  lineage = view.id;
  mark = states.at(source).majority;
  if (has_majority) mark_majority();
  synced = true;
  digests.clear();
  remember();
  log.info("in view {}.{} all {} members have the CIB {}", view.id.sequence, raw(view.id.representative),
           view.members.size(), to_string(document.version()));
  reported = {};
  awaited = {};
  awaited.version = document.version();  // Of changes that an earlier view left open.
  awaited.version.num_updates = 0;
  collected = {};
  keeper.collect();
  disk_progressed();
  const SyncId here = sync_id();
  if (effects.synced) effects.synced(view, newcomers);
  const auto waited = std::exchange(queue, {});
  for (const OpMessage& message : waited) on_op(message);
  if (synced && sync_id() == here) resume_pending();
}

void Replica::State::resume_pending() {
  const Sequences& done = applied[self];
  const bool taken_over = states.at(self.node).stamp != states.at(source).stamp;
  for (auto& [sequence, p] : pending) {
    if (!done.contains(sequence)) {
      p.applied = false;
      send_op(sequence, p);
    } else if (!p.applied || taken_over) {  // It is in the document that was taken over; how it went there is
                                            // not known here.
      p.applied = true;
      p.version = document.version();
      p.version.num_updates = 0;  // Status changes are not journaled.
      p.result.changed_configuration = true;
    }
  }
  settle();
}

void Replica::State::request_resync() {
  if (resync_asked >= round + 1) return;
  resync_asked = round + 1;
  if (resync_asked > kMaxRounds) {
    log.critical("the CIB could not be brought to agreement in {} attempts: restart this node's daemon",
                 kMaxRounds);
    return;
  }
  channel.send(encode(ResyncMessage{{view.id, resync_asked}}));
}

void Replica::State::on_resync(const ResyncMessage& message) {
  if (!in_view || message.sync.view != view.id || message.sync.round != round + 1) return;
  log.warning("the CIB is agreed on again in this view, attempt {}", message.sync.round);
  begin_round(message.sync.round);
}

}  // namespace systole::cib
