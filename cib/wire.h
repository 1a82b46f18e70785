// What replicas say to each other, and how it looks as bytes: integers little-endian, strings with their
// length.
#pragma once

#include <map>
#include <set>
#include <variant>

#include "base/bytes.h"
#include "base/ids.h"
#include "cib/document.h"
#include "cib/ops.h"

namespace systole::cib {

// Which operations of one life of a node have been applied: all up to `low`, and those in `above`.
struct Sequences {
  std::uint64_t low = 0;
  std::set<std::uint64_t> above;
  bool contains(std::uint64_t n) const { return n <= low || above.contains(n); }
  void insert(std::uint64_t n);
  bool operator==(const Sequences&) const = default;
};
using AppliedTable = std::map<NodeLife, Sequences>;  // Part of the replicated state.

// One agreement on the document: a view, and the attempts in it.
struct SyncId {
  RingId view;
  std::uint32_t round = 0;
  auto operator<=>(const SyncId&) const = default;
};

struct Stamp {  // A document by name.
  Version version;
  std::string digest;
  bool operator==(const Stamp&) const = default;
};

// How far a document went with a majority: the last view that had one, and the configuration's epoch there.
// Zero: not known to have gone with any.
struct MajorityMark {
  RingId view;
  std::uint64_t epoch = 0;
  auto operator<=>(const MajorityMark&) const = default;
};

struct OpMessage {
  NodeLife from;
  std::uint64_t sequence = 0;  // From 1, in each life.
  SyncId sync;                 // The agreement after which the sender sent this,
  Stamp seen;                  // and its document then.
  Op op;
};
struct StateMessage {
  SyncId sync;
  Stamp stamp;
  RingId lineage;         // The view in which this document was last agreed on; zero: never in this life.
  MajorityMark majority;  // Of this document.
  bool durable = false;
  Version journaled;  // When durable: the version up to which it is on the disk.
  AppliedTable applied;
};
struct DocumentMessage {
  SyncId sync;
  std::string xml;
};
struct DurableMessage {
  SyncId sync;
  Stamp seen;
  bool durable = false;
  Version journaled;
  bool failing = false;  // The disk refuses everything up to `refused`.
  Version refused;
  std::string reason;
};
struct ResyncMessage {
  SyncId sync;  // The round asked for.
};
using Message = std::variant<OpMessage, StateMessage, DocumentMessage, DurableMessage, ResyncMessage>;

Bytes encode(const Message& message);
Result<Message> decode(ByteView bytes);  // kParse: cut short, too long, or values that do not exist.

}  // namespace systole::cib
