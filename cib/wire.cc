#include "cib/wire.h"

namespace systole::cib {
namespace {

class Writer {
 public:
  template <typename T>
  void number(T value) {
    const auto bits = static_cast<std::uint64_t>(value);
    for (unsigned i = 0; i < sizeof(T); ++i) out.push_back(static_cast<std::uint8_t>(bits >> (8 * i)));
  }
  void text(std::string_view s) {
    number(static_cast<std::uint32_t>(s.size()));
    out.insert(out.end(), s.begin(), s.end());
  }
  void put(const Version& v) {
    number(v.admin_epoch);
    number(v.epoch);
    number(v.num_updates);
  }
  void put(const RingId& id) {
    number(id.sequence);
    number(raw(id.representative));
  }
  void put(const SyncId& id) {
    put(id.view);
    number(id.round);
  }
  void put(const Stamp& s) {
    put(s.version);
    text(s.digest);
  }
  void put(const NodeLife& life) {
    number(raw(life.node));
    number(raw(life.incarnation));
  }
  void put(const AppliedTable& table) {
    number(static_cast<std::uint32_t>(table.size()));
    for (const auto& [life, sequences] : table) {
      put(life);
      number(sequences.low);
      number(static_cast<std::uint32_t>(sequences.above.size()));
      for (const std::uint64_t n : sequences.above) number(n);
    }
  }
  void put(const Op& op) {
    number(static_cast<std::uint8_t>(op.kind));
    for (const std::string* s : {&op.section, &op.xpath, &op.xml, &op.user, &op.client, &op.origin}) text(*s);
    number(
        static_cast<std::uint8_t>((op.allow_create ? 1 : 0) | (op.force ? 2 : 0) | (op.keep_status ? 4 : 0)));
    number(op.when.time_since_epoch().count());
  }
  Bytes out;
};

class Reader {
 public:
  explicit Reader(ByteView in) : in_(in) {}
  template <typename T>
  T number() {
    std::uint64_t bits = 0;
    if (in_.size() < sizeof(T)) {
      ok_ = false;
      return {};
    }
    for (unsigned i = 0; i < sizeof(T); ++i) bits |= std::uint64_t{in_[i]} << (8 * i);
    in_ = in_.subspan(sizeof(T));
    return static_cast<T>(bits);
  }
  std::string text() {
    const auto size = number<std::uint32_t>();
    if (size > in_.size()) {
      ok_ = false;
      return {};
    }
    std::string s(as_text(in_.first(size)));
    in_ = in_.subspan(size);
    return s;
  }
  bool flag() { return number<std::uint8_t>() != 0; }
  Version version() {
    Version v;
    v.admin_epoch = number<std::uint64_t>();
    v.epoch = number<std::uint64_t>();
    v.num_updates = number<std::uint64_t>();
    return v;
  }
  RingId ring() {
    RingId id;
    id.sequence = number<std::uint64_t>();
    id.representative = NodeId{number<std::uint32_t>()};
    return id;
  }
  SyncId sync() {
    SyncId id;
    id.view = ring();
    id.round = number<std::uint32_t>();
    return id;
  }
  Stamp stamp() {
    Stamp s;
    s.version = version();
    s.digest = text();
    return s;
  }
  NodeLife life() {
    NodeLife life;
    life.node = NodeId{number<std::uint32_t>()};
    life.incarnation = Incarnation{number<std::uint64_t>()};
    return life;
  }
  AppliedTable table() {
    AppliedTable table;
    for (auto n = number<std::uint32_t>(); n > 0 && ok_; --n) {
      Sequences& sequences = table[life()];
      sequences.low = number<std::uint64_t>();
      for (auto k = number<std::uint32_t>(); k > 0 && ok_; --k)
        sequences.above.insert(number<std::uint64_t>());
    }
    return table;
  }
  Op op() {
    Op op;
    const auto kind = number<std::uint8_t>();
    ok_ = ok_ && kind <= static_cast<std::uint8_t>(Op::Kind::kBump);
    op.kind = static_cast<Op::Kind>(kind);
    for (std::string* s : {&op.section, &op.xpath, &op.xml, &op.user, &op.client, &op.origin}) *s = text();
    const auto flags = number<std::uint8_t>();
    op.allow_create = (flags & 1) != 0;
    op.force = (flags & 2) != 0;
    op.keep_status = (flags & 4) != 0;
    op.when = WallTime(Duration(number<Duration::rep>()));
    return op;
  }
  bool complete() const { return ok_ && in_.empty(); }

 private:
  ByteView in_;
  bool ok_ = true;
};

struct Encoder {
  Writer& w;
  void operator()(const OpMessage& m) const {
    w.put(m.from);
    w.number(m.sequence);
    w.put(m.sync);
    w.put(m.seen);
    w.put(m.op);
  }
  void operator()(const StateMessage& m) const {
    w.put(m.sync);
    w.put(m.stamp);
    w.put(m.lineage);
    w.put(m.majority.view);
    w.number(m.majority.epoch);
    w.number<std::uint8_t>(m.durable);
    w.put(m.journaled);
    w.put(m.applied);
  }
  void operator()(const DocumentMessage& m) const {
    w.put(m.sync);
    w.text(m.xml);
  }
  void operator()(const DurableMessage& m) const {
    w.put(m.sync);
    w.put(m.seen);
    w.number<std::uint8_t>(m.durable);
    w.put(m.journaled);
    w.number<std::uint8_t>(m.failing);
    w.put(m.refused);
    w.text(m.reason);
  }
  void operator()(const ResyncMessage& m) const { w.put(m.sync); }
};

// Fields are read in the order in which they are written above.
Message read_message(std::uint8_t type, Reader& r) {
  switch (type) {
    case 0: {
      OpMessage m;
      m.from = r.life();
      m.sequence = r.number<std::uint64_t>();
      m.sync = r.sync();
      m.seen = r.stamp();
      m.op = r.op();
      return m;
    }
    case 1: {
      StateMessage m;
      m.sync = r.sync();
      m.stamp = r.stamp();
      m.lineage = r.ring();
      m.majority.view = r.ring();
      m.majority.epoch = r.number<std::uint64_t>();
      m.durable = r.flag();
      m.journaled = r.version();
      m.applied = r.table();
      return m;
    }
    case 2: {
      DocumentMessage m;
      m.sync = r.sync();
      m.xml = r.text();
      return m;
    }
    case 3: {
      DurableMessage m;
      m.sync = r.sync();
      m.seen = r.stamp();
      m.durable = r.flag();
      m.journaled = r.version();
      m.failing = r.flag();
      m.refused = r.version();
      m.reason = r.text();
      return m;
    }
    default: {
      ResyncMessage m;
      m.sync = r.sync();
      return m;
    }
  }
}

}  // namespace

void Sequences::insert(std::uint64_t n) {
  if (n <= low) return;
  above.insert(n);
  while (!above.empty() && *above.begin() == low + 1) {
    ++low;
    above.erase(above.begin());
  }
}

Bytes encode(const Message& message) {
  Writer writer;
  writer.number(static_cast<std::uint8_t>(message.index()));
  std::visit(Encoder{writer}, message);
  return std::move(writer.out);
}

Result<Message> decode(ByteView bytes) {
  if (bytes.empty() || bytes[0] >= std::variant_size_v<Message>)
    return fail(Errc::kParse,
                "a CIB message of unknown type: the sender runs another version of this program");
  Reader reader(bytes.subspan(1));
  Message message = read_message(bytes[0], reader);
  if (!reader.complete())
    return fail(Errc::kParse, "a CIB message of {} bytes is not as its type says", bytes.size());
  return message;
}

}  // namespace systole::cib
