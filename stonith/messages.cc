#include "stonith/messages.h"

#include "lrmd/wire.h"

namespace systole::stonith {
namespace {

using lrmd::Reader;
using lrmd::Writer;

constexpr std::size_t kMostText = 1024;
constexpr std::size_t kMostReasons = 64;
constexpr std::int64_t kMostMilliseconds = 1'000'000'000;

enum : std::uint8_t { kOrder = 1, kFailed, kEnded, kConfirmed, kHistory };

void put(Writer& w, std::string_view text) { w.text(text.substr(0, kMostText)); }
std::string text(Reader& r) { return r.text(kMostText); }

Milliseconds span(Reader& r) {
  const std::int64_t value = r.i64();
  if (value < -1 || value > kMostMilliseconds) r.refuse();
  return Milliseconds(r.ok() ? value : 0);
}

void put(Writer& w, const NodeLife& life) { w.u32(raw(life.node)).u64(raw(life.incarnation)); }
NodeLife life(Reader& r) {
  const NodeId node{r.u32()};
  return {node, Incarnation{r.u64()}};
}

void put(Writer& w, const RequestId& id) {
  put(w, id.origin);
  w.u64(id.number);
}
RequestId request_id(Reader& r) {
  const NodeLife origin = life(r);
  return {origin, r.u64()};
}

void put(Writer& w, const Request& request) {
  put(w, request.target);
  put(w, request.life);
  put(w, request.action);
  w.i64(request.timeout.count()).i64(request.delay.count());
  put(w, request.origin);
}
Request request(Reader& r) {
  Request out;
  out.target = text(r);
  out.life = life(r);
  out.action = text(r);
  out.timeout = span(r);
  out.delay = span(r);
  out.origin = text(r);
  return out;
}

void put(Writer& w, const Outcome& outcome) {
  put(w, outcome.request);
  w.u8(outcome.succeeded ? 1 : 0);
  put(w, outcome.device);
  put(w, outcome.executed_by);
  put(w, outcome.reason);
  w.i64(outcome.completed.time_since_epoch().count());
}
Outcome outcome(Reader& r) {
  Outcome out;
  out.request = request(r);
  out.succeeded = r.u8() == 1;
  out.device = text(r);
  out.executed_by = text(r);
  out.reason = text(r);
  out.completed = WallTime(Duration(r.i64()));
  return out;
}

Order order(Reader& r) {
  Order out;
  out.id = request_id(r);
  out.attempt = r.u32();
  out.executor = NodeId{r.u32()};
  out.budget = span(r);
  out.request = request(r);
  for (std::size_t n = r.count(kMostReasons); n > 0 && r.ok(); --n) out.already_failed.push_back(text(r));
  return out;
}

Ended ended(Reader& r) {
  const RequestId id = request_id(r);
  return {id, outcome(r)};
}

struct Encoder {
  Writer& w;
  void operator()(const Order& m) const {
    w.u8(kOrder);
    put(w, m.id);
    w.u32(m.attempt).u32(raw(m.executor)).i64(m.budget.count());
    put(w, m.request);
    const std::size_t reasons = std::min(m.already_failed.size(), kMostReasons);
    w.u32(static_cast<std::uint32_t>(reasons));
    for (std::size_t i = 0; i < reasons; ++i) put(w, m.already_failed[i]);
  }
  void operator()(const Failed& m) const {
    w.u8(kFailed);
    put(w, m.id);
    w.u32(m.attempt);
    put(w, m.reason);
  }
  void operator()(const Ended& m) const {
    w.u8(kEnded);
    put(w, m.id);
    put(w, m.outcome);
  }
  void operator()(const Confirmed& m) const {
    w.u8(kConfirmed);
    put(w, m.id);
    put(w, m.outcome);
  }
  void operator()(const HistoryPage& m) const {
    w.u8(kHistory);
    const std::size_t entries = std::min(m.entries.size(), kMostHistory);
    w.u32(static_cast<std::uint32_t>(entries));
    for (std::size_t i = 0; i < entries; ++i) {
      put(w, m.entries[i].id);
      put(w, m.entries[i].outcome);
    }
  }
};

}  // namespace

Bytes encode(const Message& message) {
  Writer w;
  std::visit(Encoder{w}, message);
  return w.take();
}

Result<Message> decode(ByteView bytes) {
  Reader r(bytes);
  Message message;
  switch (r.u8()) {
    case kOrder:
      message = order(r);
      break;
    case kFailed: {
      Failed failed;
      failed.id = request_id(r);
      failed.attempt = r.u32();
      failed.reason = text(r);
      message = std::move(failed);
      break;
    }
    case kEnded:
      message = ended(r);
      break;
    case kConfirmed: {
      Ended e = ended(r);
      message = Confirmed{e.id, std::move(e.outcome)};
      break;
    }
    case kHistory: {
      HistoryPage page;
      for (std::size_t n = r.count(kMostHistory); n > 0 && r.ok(); --n) page.entries.push_back(ended(r));
      message = std::move(page);
      break;
    }
    default:
      r.refuse();
  }
  if (!r.at_end()) return fail(Errc::kParse, "a fencing message of {} bytes is malformed", bytes.size());
  return message;
}

}  // namespace systole::stonith
