// The port of a quorum device: whatever is outside of the ring and votes in it.
#pragma once

#include <functional>

#include "membership/membership.h"

namespace systole::qdevice {

class QuorumDevice {
 public:
  // What the device says of a view; as Membership::set_device_vote() takes it.
  using Say = std::function<void(const RingId& view, const membership::QuorumDeviceVote& vote)>;

  virtual ~QuorumDevice() = default;  // Says nothing after it.
  virtual void start(Say say) = 0;
  // A new view: what was said of others is void. The device says something of this one as soon as it can; no
  // later than it knows that it cannot.
  virtual void view(const membership::View& view, const membership::Quorum& without) = 0;
  // The ring's judgement of the view now.
  virtual void counted(const membership::Quorum& /*quorum*/) {}
};

}  // namespace systole::qdevice
