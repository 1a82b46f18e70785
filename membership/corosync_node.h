// CorosyncNode: Membership over a Corosync that runs on this host already (corosync.conf: `systole {
// provider: corosync }`), for those who have one and want to keep it: order and members from libcpg, quorum
// from libquorum and libvotequorum, links from libcfg; see cpg_overview(3), quorum_overview(3),
// votequorum_overview(3). CpgGroup makes views of it.
//
// It calls Corosync over its local sockets and may wait there as long as Corosync does: run it on a thread of
// its own (RingThread). While Corosync does not run this node is alone and not quorate; it is asked again
// every half second.
#pragma once

#include <memory>

#include "base/asio_runtime.h"
#include "membership/config.h"
#include "membership/life.h"
#include "membership/membership.h"

namespace systole::membership {

class CorosyncNode : public Membership {
 public:
  struct Parts {
    AsioRuntime* runtime = nullptr;  // The loop that everything here happens on.
    Logger log;
    ClusterConfig config;
    RingState state;  // Of the life begun.
  };
  explicit CorosyncNode(Parts parts);
  ~CorosyncNode() override;

  void start(Handler handler) override;
  Result<void> multicast(Bytes message, Delivery delivery) override;
  void leave() override;
  RingStatus status() const override;
  Result<void> set_expected_votes(unsigned votes) override;
  Result<void> set_device_vote(const RingId& view, const QuorumDeviceVote& vote) override;
  bool has_room(std::size_t size) override;
  void set_congested(bool congested) override;

  struct State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace systole::membership
