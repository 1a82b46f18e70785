// PathSize: how large a packet may be on the path to one peer over one link, found by probes that must not be
// fragmented and that the peer answers (RFC 4821, RFC 8899): no ICMP is needed, so a black hole is seen too.
// It begins with what every path carries, climbs the usual sizes, and asks again from time to time whether
// what it found still passes. Pure; time is passed in.
#pragma once

#include <optional>

#include "base/time.h"

namespace systole::membership {

class PathSize {
 public:
  static constexpr std::uint16_t kLeast = 576, kMost = 9000;

  // `most`: never more, by configuration. `interval`: between checks; 0: `most` is taken unasked.
  PathSize(std::uint16_t most, Duration interval);

  std::uint16_t size() const { return size_; }  // Bytes of an IP packet.
  // Asks soon: the path has come up, or something large did not pass.
  void ask(Time now);
  // The same, but at most once in a second: something large got no answer, which has other reasons too.
  void doubt(Time now);
  // The probe to send now, if one is due.
  std::optional<std::uint16_t> probe(Time now, Duration round_trip);
  // The interface does not take a packet of this size.
  void too_large(std::uint16_t size, Time now);
  void answered(std::uint16_t size, Time now);
  Time due() const { return due_; }

 private:
  std::uint16_t above(std::uint16_t size) const;
  void refused(Time now);
  void rest(Time now);

  std::uint16_t most_, size_;
  Duration interval_;
  std::uint16_t asking_ = 0;  // Probe under way; 0: none.
  unsigned tries_ = 0;
  bool confirming_ = false;  // That size_ still passes.
  Time doubted_at_{};
  Time due_ = Time::max();
};

}  // namespace systole::membership
