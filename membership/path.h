// Path: what this node knows of one peer over one link, from the beats that both send: whether frames pass
// both ways, how long they take, how many are lost, how large they may be. Pure bookkeeping; time is passed
// in.
//
// A path is up while the peer's beats prove that it hears ours: a cut of either direction takes it down at
// both ends. It comes back after some proofs in a row, so that a flapping link does not flap the ring.
#pragma once

#include <bit>
#include <optional>

#include "base/ports.h"
#include "base/time.h"
#include "membership/link_wire.h"
#include "membership/membership.h"
#include "membership/path_size.h"

namespace systole::membership {

struct PathTimes {
  Duration interval{};      // Between beats.
  Duration timeout{};       // Without proof: down.
  unsigned proofs = 2;      // In a row: up again.
  unsigned precision = 16;  // Beats over which latency is smoothed.
};

class Path {
 public:
  Path(Endpoint to, PathSize path_size) : remote(std::move(to)), size(path_size) {}

  Endpoint remote;
  PathSize size;

  // Takes a beat of the peer. True: the path came up.
  bool beat(const Beat& beat, const Beat::Echo* echo, const PathTimes& times, Time now);
  // True: the path went down.
  bool expire(const PathTimes& times, Time now);
  // A frame got no answer: others are better until a beat proves it well.
  void suspect(Time now) { suspect_since_ = now; }
  void heard(Time now) { heard_at_ = now; }

  bool up() const { return up_; }
  bool suspected() const { return suspect_since_.has_value(); }
  std::optional<Time> heard_at() const { return heard_at_; }  // Any authentic frame.
  Duration latency() const { return latency_; }               // Smoothed round trip; 0: not known.
  double loss() const {
    return static_cast<double>(std::max(lost_here(), lost_there_)) / 64;
  }  // Of 64 beats.
  // When expire() will say so, unless a beat comes.
  Time expires(const PathTimes& times) const {
    return up_ ? proven_at_ + times.timeout + Duration(1) : Time::max();
  }
  unsigned ups() const { return ups_; }
  unsigned downs() const { return downs_; }
  Duration latency_min() const { return latency_min_; }  // Of all beats; 0: not known.
  Duration latency_max() const { return latency_max_; }
  std::uint64_t samples() const { return samples_; }
  // Counted by who sends and receives: what the ring says, and beats and probes.
  RingStatus::Link::Traffic ring_sent, ring_received, link_sent, link_received;
  Beat::Echo echo(NodeId peer, Time now) const;
  std::optional<Time> answered_at;  // Our last beat beyond the regular ones.
  std::optional<Time> refused_at;   // Its port was closed.

 private:
  std::uint16_t lost_here() const;

  bool up_ = false, was_down_ = false;
  unsigned proofs_ = 0;
  Time proven_at_;  // When the last of our beats that it has heard was sent.
  std::optional<Time> heard_at_, suspect_since_;
  Duration latency_{};
  std::uint64_t measured_ = 0, samples_ = 0;
  Duration latency_min_{}, latency_max_{};
  unsigned ups_ = 0, downs_ = 0;

  // The peer's beats.
  std::uint64_t number_ = 0, first_ = 0;
  std::uint64_t history_ = 0;  // Bit i: number_ - i has come.
  std::uint64_t stamp_ = 0;
  Time beat_at_;
  std::uint16_t lost_there_ = 0;
};

}  // namespace systole::membership
