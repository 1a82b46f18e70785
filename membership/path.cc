#include "membership/path.h"

#include <algorithm>

namespace systole::membership {

bool Path::beat(const Beat& beat, const Beat::Echo* echo, const PathTimes& times, Time now) {
  if (beat.number > number_) {
    const std::uint64_t ahead = beat.number - number_;
    history_ = number_ == 0 || ahead >= 64 ? 0 : history_ << ahead;
    if (number_ == 0) first_ = beat.number;
    number_ = beat.number;
    history_ |= 1;
  } else if (number_ - beat.number < 64) {
    history_ |= 1ULL << (number_ - beat.number);
  }
  if (beat.stamp > stamp_) {
    stamp_ = beat.stamp;
    beat_at_ = now;
  }
  if (echo == nullptr || echo->stamp == 0) return false;
  lost_there_ = std::min<std::uint16_t>(echo->lost, 64);
  const Time sent{Duration(static_cast<std::int64_t>(echo->stamp))};
  const Duration taken = now - sent - Duration(static_cast<std::int64_t>(echo->held));
  if (sent > now || taken < Duration{} || taken > times.timeout || sent <= proven_at_) return false;
  proven_at_ = sent;
  if (suspect_since_ && sent > *suspect_since_) suspect_since_.reset();
  measured_ = std::min<std::uint64_t>(measured_ + 1, std::max(times.precision, 1U));
  latency_ += (taken - latency_) / static_cast<std::int64_t>(measured_);
  latency_min_ = samples_ == 0 ? taken : std::min(latency_min_, taken);
  latency_max_ = std::max(latency_max_, taken);
  ++samples_;
  if (up_ || now - sent > times.timeout) return false;
  if (++proofs_ < times.proofs && was_down_) return false;
  up_ = true;
  ++ups_;
  return true;
}

bool Path::expire(const PathTimes& times, Time now) {
  if (!up_ || now - proven_at_ <= times.timeout) return false;
  up_ = false;
  was_down_ = true;
  ++downs_;
  proofs_ = 0;
  return true;
}

std::uint16_t Path::lost_here() const {
  if (number_ == 0) return 0;
  const std::uint64_t expected = std::min<std::uint64_t>(64, number_ - first_ + 1);
  const auto came = static_cast<std::uint64_t>(std::popcount(history_));
  return static_cast<std::uint16_t>(expected - std::min(expected, came));
}

Beat::Echo Path::echo(NodeId peer, Time now) const {
  if (stamp_ == 0) return {peer, 0, 0, 0};
  return {peer, stamp_, static_cast<std::uint64_t>((now - beat_at_).count()), lost_here()};
}

}  // namespace systole::membership
