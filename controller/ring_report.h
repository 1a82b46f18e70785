// What the local API says of the ring: its counters, links, peers and settings.
#pragma once

#include "membership/config.h"
#include "membership/membership.h"

namespace systole::ipc {
class Status;
}

namespace systole::controller {

const char* ring_state(membership::RingStatus::State state);  // "OPERATIONAL"…
void add_ring(ipc::Status& out, const membership::RingStatus& ring);
// The timers and limits that the ring uses: what corosync.conf says, or what stands where it says nothing.
void add_settings(ipc::Status& out, const membership::ClusterConfig& config);

}  // namespace systole::controller
