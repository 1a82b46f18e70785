#include "cib/replica.h"

#include <algorithm>

#include "cib/replica_state.h"

namespace systole::cib {
namespace {

constexpr std::size_t kMaxPending = 4096;
constexpr std::size_t kRememberedDigests = 512;
constexpr Milliseconds kReportLater{10};   // After the disk's last progress.
constexpr Milliseconds kReportLatest{100};  // While it goes on progressing.

std::string author_of(const Op& op) {
  std::string author = op.user.empty() ? "?" : op.user;
  if (!op.origin.empty()) author += "@" + op.origin;
  if (!op.client.empty()) author += " via " + op.client;
  return author;
}

}  // namespace

Replica::State::State(Ports p, Logger l, NodeLife life, std::string name, Journal& journal, Effects e)
    : ports(p),
      log(std::move(l)),
      self(life),
      node_name(std::move(name)),
      effects(std::move(e)),
      keeper(
          *ports.timers, log, journal, [this]() -> const Document& { return document; },
          [this] { disk_progressed(); }),
      channel(*ports.timers, log, [this](Bytes m) { return effects.multicast(std::move(m)); }) {}

Replica::State::~State() {
  alive.reset();
  auto left = std::move(pending);
  for (auto& [sequence, p] : left)
    p.done(fail(Errc::kUnavailable,
                "this node leaves the cluster before the change is acknowledged: it may have "
                "been made; ask another node"));
}

void Replica::State::submit(Op op, Done done) {
  if (op.kind == Op::Kind::kQuery) return done(cib::apply(document, op));
  if (pending.size() >= kMaxPending)
    return done(fail(Errc::kUnavailable, "{} changes of the CIB already wait on {}: try again later",
                     pending.size(), node_name));
  if (op.xml.size() > kMaxDocument)
    return done(fail(Errc::kInvalidArgument, "a change of {} bytes is refused: the limit is {} MiB",
                     op.xml.size(), kMaxDocument >> 20));
  op.keep_status = true;
  if (op.when == WallTime{}) op.when = ports.clock->wall();
  if (op.origin.empty()) op.origin = node_name;
  const std::uint64_t sequence = ++last_sequence;
  const auto at = pending.emplace(sequence, Pending{std::move(op), std::move(done), false, {}, {}}).first;
  if (synced) send_op(sequence, at->second);
}

void Replica::State::send_op(std::uint64_t sequence, const Pending& p) {
  channel.send(encode(OpMessage{self, sequence, sync_id(), stamp(), p.op}));
}

void Replica::State::on_op(const OpMessage& message) {
  if (!synced) return queue.push_back(message);
  if (message.sync == sync_id()) compare(message.from.node, message.seen);
  if (applied[message.from].contains(message.sequence)) return;  // Sent again after a view change.
  applied[message.from].insert(message.sequence);
  const auto mine = message.from == self ? pending.find(message.sequence) : pending.end();
  Result<Applied> result = apply_here(message.op);
  // A change that finds all as it asks for rests on an earlier one, which may not be on the disks yet: it
  // waits too.
  const Version now = document.version(), configuration{now.admin_epoch, now.epoch, 0};
  const bool rests_on_earlier = result && !result->changed_configuration && !result->changed_status &&
                                message.op.kind != Op::Kind::kQuery && message.op.section != "status" &&
                                configuration > Version{};
  if (message.from != self && result && (result->changed_configuration || rests_on_earlier)) {
    awaited = configuration;
    awaited_by = message.from.node;
    if (rests_on_earlier) disk_progressed();
  }
  if (mine == pending.end()) return;
  if (!result || (!result->changed_configuration && !rests_on_earlier))
    return finish(message.sequence, std::move(result));
  mine->second.applied = true;
  mine->second.version = configuration;
  mine->second.result = std::move(*result);
  settle();
}

Result<Applied> Replica::State::apply_here(const Op& op) {
  const Version before = document.version();
  Op stamped = op;
  stamped.quorum_view =
      has_majority ? fmt::format("{}.{}", view.id.sequence, raw(view.id.representative)) : "";
  Result<Applied> result = cib::apply(document, stamped);
  if (!result) {
    log.info("a change by {} is refused: {}", author_of(op), result.error().message);
    return result;
  }
  if (!result->changed_configuration && !result->changed_status) return result;
  remember();
  if (result->changed_configuration && has_majority) mark_majority();
  if (result->changed_configuration) keeper.changed(op, *result, author_of(op));
  Change change;
  change.op = &op;
  change.configuration = result->changed_configuration;
  change.status = result->changed_status;
  change.before = before;
  change.after = document.version();
  change.patch = result->patch;
  if (effects.changed) effects.changed(change);
  return result;
}

void Replica::State::finish(std::uint64_t sequence, Result<Applied> result) {
  auto node = pending.extract(sequence);
  if (!node.empty()) node.mapped().done(std::move(result));
}

void Replica::State::settle() {
  if (!synced) return;
  const std::size_t majority = view.members.size() / 2 + 1;
  std::vector<std::pair<std::uint64_t, Result<Applied>>> settled;
  for (auto& [sequence, p] : pending) {
    if (!p.applied) continue;
    std::size_t written = 0, refused = 0;
    std::string reasons;
    for (const NodeLife& member : view.members) {
      const Disk& disk = disks[member.node];
      if (disk.journaled && *disk.journaled >= p.version) {
        ++written;
      } else if (disk.failing && disk.refused >= p.version) {
        ++refused;
        reasons += fmt::format("{}node {}: {}", reasons.empty() ? "" : "; ", raw(member.node), disk.reason);
      }
    }
    if (written >= majority)
      settled.emplace_back(sequence, std::move(p.result));
    else if (view.members.size() - refused < majority)
      settled.emplace_back(
          sequence,
          fail(Errc::kIo,
               "configuration {} is in effect on all members but not on the disks of a majority, so "
               "a power loss of all of them would lose it ({}); make room or repair the disks, then "
               "it is written without being asked for again",
               to_string(p.version), reasons));
  }
  for (auto& [sequence, result] : settled) finish(sequence, std::move(result));
}

void Replica::State::disk_progressed() {
  if (progress_posted) return;
  progress_posted = true;
  ports.timers->post([this, watch = std::weak_ptr(alive)] {
    if (watch.expired()) return;
    progress_posted = false;
    if (!synced) return;  // The next agreement tells it.
    const bool waited_for = reported < awaited && !majority_said(awaited);
    if (keeper.failing() || (waited_for && (!effects.tell || awaited_by == NodeId{}))) {
      report_disk();
    } else {
      if (waited_for) tell_author();
      report_later();
    }
    // Of its own disk this node need not hear from the ring.
    note_disk(self.node, own_disk());
    settle();
  });
}

// Whether who waits for it can know already: by what others said, and by its own disk, if that is as fast.
bool Replica::State::majority_said(const Version& version) const {
  std::size_t written = awaited_by == NodeId{} ? 0 : 1;
  for (const NodeLife& member : view.members) {
    const auto disk = disks.find(member.node);
    if (member.node != self.node && member.node != awaited_by && disk != disks.end() &&
        disk->second.journaled >= version)
      ++written;
  }
  return written >= view.members.size() / 2 + 1;
}

// Nobody waits for it, as far as this node knows: the token is not called for that alone, nor for each of many
// changes. Words are cumulative, so only the last of a stream that was lost needs the report.
void Replica::State::report_later() {
  const Time now = ports.clock->now();
  if (!report_due) report_latest = now + kReportLatest;
  report_at = std::min(now + kReportLater, report_latest);
  if (std::exchange(report_due, true)) return;
  report_when_due();
}

void Replica::State::report_when_due() {
  ports.timers->after(report_at - ports.clock->now(), [this, watch = std::weak_ptr(alive)] {
    if (watch.expired()) return;
    if (ports.clock->now() < report_at) return report_when_due();
    report_due = false;
    if (synced && reported < keeper.journaled().value_or(Version{})) report_disk();
  });
}

DurableMessage Replica::State::own_disk() const {
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

void Replica::State::tell_author() {
  const Version here = keeper.journaled().value_or(Version{});
  if (here < awaited) return;  // Not this one yet.
  effects.tell(awaited_by, encode(own_disk()));
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

void Replica::State::remember() {
  digests[document.version()] = document.digest();
  if (digests.size() > kRememberedDigests) digests.erase(digests.begin());
}

void Replica::State::compare(NodeId sender, const Stamp& seen) {
  const auto mine = digests.find(seen.version);
  if (mine == digests.end() || mine->second == seen.digest) return;
  log.critical(
      "the CIB {} here differs from node {}'s: replicas have diverged, the majority's is taken; keep both "
      "journals and report this",
      to_string(seen.version), raw(sender));
  request_resync();
}

void Replica::State::dispatch(NodeId sender, ByteView payload) {
  auto message = decode(payload);
  if (!message) return log.error("from node {}: {}", raw(sender), message.error().message);
  if (auto* op = std::get_if<OpMessage>(&*message)) {
    if (op->from.node == sender) return on_op(*op);
    log.error("node {} sends an operation of node {}: dropped", raw(sender), raw(op->from.node));
  } else if (auto* state = std::get_if<StateMessage>(&*message)) {
    on_state(sender, std::move(*state));
  } else if (auto* whole = std::get_if<DocumentMessage>(&*message)) {
    on_document(sender, *whole);
  } else if (auto* durable = std::get_if<DurableMessage>(&*message)) {
    on_durable(sender, *durable);
  } else if (auto* resync = std::get_if<ResyncMessage>(&*message)) {
    on_resync(*resync);
  }
}

Replica::Replica(Ports ports, Logger log, NodeLife self, std::string node_name, Journal& journal,
                 Effects effects)
    : state_(std::make_unique<State>(ports, std::move(log), self, std::move(node_name), journal,
                                     std::move(effects))) {}
Replica::~Replica() = default;

Result<void> Replica::start() {
  auto loaded = state_->keeper.load();
  if (!loaded) return fail(std::move(loaded.error()));
  state_->document = std::move(*loaded);
  state_->document.track_digest();
  return {};
}

void Replica::on_view(const membership::View& view, bool majority) { state_->on_view(view, majority); }
void Replica::on_quorum(bool majority) {
  state_->has_majority = majority;
  if (majority && state_->synced) state_->mark_majority();
}
// Less than most of the view's members do not speak for its majority any more, whatever they still make of
// it: another part of the view may make something else.
void Replica::on_transitional(const membership::View& surviving) {
  if (2 * surviving.members.size() <= state_->view.members.size()) state_->has_majority = false;
}
void Replica::on_message(NodeId sender, ByteView message) {
  if (const auto payload = state_->channel.receive(sender, message)) state_->dispatch(sender, *payload);
}
void Replica::submit(Op op, Done done) { state_->submit(std::move(op), std::move(done)); }
Result<Applied> Replica::apply_local(const Op& op) { return state_->apply_here(op); }
void Replica::on_told(NodeId sender, ByteView message) { state_->on_told(sender, message); }
bool Replica::synced() const { return state_->synced; }
const Document& Replica::document() const { return state_->document; }
Version Replica::version() const { return state_->document.version(); }

}  // namespace systole::cib
