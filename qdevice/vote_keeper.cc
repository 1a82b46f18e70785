#include "qdevice/vote_keeper.h"

#include <utility>

namespace systole::qdevice {

void VoteKeeper::view(Time now, const RingId& ring) {
  out_.say.reset();
  ring_ = ring;
  vote_.reset();
  said_.reset();
  counts_ = in_flight_ = asked_back_ = false;
  out_.report = connected_;
  settle(now);
}

void VoteKeeper::connected(Time now) {
  connected_ = true;
  reported_.reset();
  out_.report = ring_.sequence != 0;
  vote_.reset();  // It will say it again; what was said stays true until the lease ends.
  settle(now);
}

void VoteKeeper::reported(Time now) {
  if (!reported_) reported_ = now;
}

void VoteKeeper::disconnected(Time now) {
  reported_.reset();
  connected_ = false;
  asked_back_ = false;
  out_.report = false;
  out_.confirm.reset();
  settle(now);
}

void VoteKeeper::vote(Time now, const RingId& ring, bool casts) {
  if (ring != ring_) {
    if (!casts) out_.confirm = ring;  // That ring is gone here.
    return;
  }
  vote_ = casts;
  asked_back_ = !casts;
  settle(now);
}

void VoteKeeper::answered(Time now, Time beat_sent) {
  if (!reported_ || beat_sent < *reported_) return;
  lease_end_ = std::max(lease_end_, beat_sent + lease_);
  settle(now);
  if (said_ == true) out_.say = true;  // It holds longer.
}

void VoteKeeper::counted(bool device_casts) {
  if (device_casts) in_flight_ = false;
  counts_ = device_casts || in_flight_;
  if (asked_back_ && !counts_) {
    out_.confirm = ring_;
    asked_back_ = false;
  }
}

std::optional<Time> VoteKeeper::deadline() const {
  if (said_ == true) return lease_end_;
  return {};
}

void VoteKeeper::advance(Time now) { settle(now); }

void VoteKeeper::say(bool casts) {
  if (said_ == casts || ring_.sequence == 0) return;
  if (casts && !counts_) counts_ = in_flight_ = true;
  said_ = casts;
  out_.say = casts;
}

void VoteKeeper::settle(Time now) {
  const bool leased = now < lease_end_;
  if (vote_ == true && leased) say(true);
  if (vote_ == false) say(false);
  if (said_ == true && !leased) say(false);
  if (!said_ && !connected_) say(false);  // Nobody to wait for.
  if (asked_back_ && !counts_) {
    out_.confirm = ring_;
    asked_back_ = false;
  }
}

VoteKeeper::Out VoteKeeper::take() {
  out_.ring = ring_;
  out_.until = lease_end_;
  return std::exchange(out_, {});
}

}  // namespace systole::qdevice
