// The internal messages of changes to the running ring: what is proposed, who is ready. They travel in total
// order, so that every member sees the last one become ready at the same place.
#pragma once

#include <optional>
#include <string>

#include "membership/codec.h"
#include "membership/membership.h"

namespace systole::membership {

// [ type u8 | kind u8 | id u64 | payload ]  and  [ type u8 | id u64 | problem, empty: ready ]
inline constexpr std::uint8_t kProposal = 4, kPrepared = 5;

inline Bytes encode_proposal(const RingChange& change) {
  Bytes out;
  Writer w(out);
  w.u8(kProposal);
  w.u8(static_cast<std::uint8_t>(change.kind));
  w.u64(change.id);
  w.bytes(change.payload);
  return out;
}

inline std::optional<RingChange> decode_proposal(ByteView message) {
  Reader r(message);
  if (r.u8() != kProposal) return {};
  RingChange change;
  const std::uint8_t kind = r.u8();
  change.kind = static_cast<RingChange::Kind>(kind);
  change.id = r.u64();
  const ByteView payload = r.rest();
  change.payload.assign(payload.begin(), payload.end());
  if (!r.ok() || kind < 1 || kind > 2) return {};
  return change;
}

struct PreparedAnswer {
  std::uint64_t id = 0;
  std::string problem;
};

inline Bytes encode_prepared(const PreparedAnswer& answer) {
  Bytes out;
  Writer w(out);
  w.u8(kPrepared);
  w.u64(answer.id);
  w.bytes(as_bytes(answer.problem));
  return out;
}

inline std::optional<PreparedAnswer> decode_prepared(ByteView message) {
  Reader r(message);
  if (r.u8() != kPrepared) return {};
  PreparedAnswer answer;
  answer.id = r.u64();
  answer.problem = std::string(as_text(r.rest()));
  if (!r.ok()) return {};
  return answer;
}

}  // namespace systole::membership
