#include "membership/path_size.h"

#include <algorithm>

namespace systole::membership {
namespace {

// Sizes in use: PPP, tunnels of many kinds, Ethernet, jumbo frames. 1280 is the least of IPv6 (RFC 8200).
constexpr std::uint16_t kSizes[] = {576,  1006, 1280, 1350, 1380, 1400, 1420, 1440, 1450,
                                    1460, 1480, 1492, 1500, 2002, 4352, 8166, 8900, 9000};
constexpr std::uint16_t kFirst = 1280;
constexpr unsigned kTries = 3;

}  // namespace

PathSize::PathSize(std::uint16_t most, Duration interval)
    : most_(std::clamp<std::uint16_t>(most, kLeast, kMost)),
      size_(interval == Duration{} ? most_ : std::min(most_, kFirst)),
      interval_(interval) {}

std::uint16_t PathSize::above(std::uint16_t size) const {
  for (const std::uint16_t each : kSizes) {
    if (each > size) return std::min(each, most_);
  }
  return most_;
}

void PathSize::ask(Time now) {
  if (interval_ == Duration{} || asking_ != 0) return;
  asking_ = size_;
  confirming_ = true;
  tries_ = 0;
  due_ = now;
}

void PathSize::doubt(Time now) {
  if (now - doubted_at_ < Seconds(1)) return;
  doubted_at_ = now;
  ask(now);
}

std::optional<std::uint16_t> PathSize::probe(Time now, Duration round_trip) {
  if (due_ > now) return {};
  if (asking_ == 0) {  // Rested.
    ask(now);
  } else if (tries_ >= kTries) {
    refused(now);
    if (due_ > now) return {};
  }
  ++tries_;
  due_ = now + std::clamp<Duration>(4 * round_trip, Milliseconds(20), Seconds(1));
  return asking_;
}

// `asking_` does not pass.
void PathSize::refused(Time now) {
  if (!confirming_ || size_ == kLeast) {
    rest(now);
    return;
  }
  // Not even what passed before: from the bottom.
  size_ = size_ > kFirst ? kFirst : kLeast;
  asking_ = size_;
  tries_ = 0;
  due_ = now;
}

void PathSize::rest(Time now) {
  asking_ = 0;
  tries_ = 0;
  due_ = now + interval_;
}

void PathSize::too_large(std::uint16_t size, Time now) {
  if (size != asking_) return;
  tries_ = kTries;
  due_ = now;
}

void PathSize::answered(std::uint16_t size, Time now) {
  if (asking_ == 0 || size != asking_) return;
  size_ = std::max(size_, size);
  confirming_ = false;
  if (size_ >= most_) {
    rest(now);
    return;
  }
  asking_ = above(size_);
  tries_ = 0;
  due_ = now;
}

}  // namespace systole::membership
