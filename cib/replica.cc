#include "cib/replica.h"

#include <algorithm>

#include "base/mutation.h"
#include "cib/replica_state.h"

namespace systole::cib {
namespace {

constexpr std::size_t kMaxPending = 4096;
constexpr std::size_t kRememberedDigests = 512;
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
  ports.timers->cancel(report_timer);
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
  Result<Applied> result = apply_here(message.op, &message);
  // A change that finds all as it asks for rests on an earlier one, which may not be on the disks yet: it
  // waits too.
  const Version now = document.version(), configuration{now.admin_epoch, now.epoch, 0};
  const bool rests_on_earlier = result && !result->changed_configuration && !result->changed_status &&
                                message.op.kind != Op::Kind::kQuery && message.op.section != "status" &&
                                configuration > Version{};
  if (message.from != self && result && (result->changed_configuration || rests_on_earlier))
    await(message.from.node, configuration, result->changed_configuration);
  if (mine == pending.end()) return;
  if (!result || (!result->changed_configuration && !rests_on_earlier) || mutation("ack-before-disk"))
    return finish(message.sequence, std::move(result));
  mine->second.applied = true;
  mine->second.version = configuration;
  mine->second.result = std::move(*result);
  settle();
}

Result<Applied> Replica::State::apply_here(const Op& op, const OpMessage* message) {
  const Version before = document.version();
  Op op_here = op;
  op_here.quorum_view =
      has_majority ? fmt::format("{}.{}", view.id.sequence, raw(view.id.representative)) : "";
  Result<Applied> result = cib::apply(document, op_here);
  stamped.reset();
  if (!result) {
    log.info("a change by {} is refused: {}", author_of(op), result.error().message);
    return result;
  }
  if (!result->changed_configuration && !result->changed_status) return result;
  remember();
  if (result->changed_configuration && has_majority) mark_majority();
  if (result->changed_configuration) {
    keeper.changed(op, *result, author_of(op), message == nullptr ? Journal::Word{} : word_for(*message));
    report_later();
  }
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
  if (!node.empty() && !mutation("answer-forgotten")) node.mapped().done(std::move(result));
}

const Stamp& Replica::State::stamp() {
  if (!stamped) stamped = {document.version(), document.digest()};
  return *stamped;
}

void Replica::State::remember() {
  digests[document.version()] = stamp().digest;
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
  state_->stamped.reset();
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
