// DeviceRing: a ring with a quorum device beside it. Whoever uses it sees a Membership as any other.
#pragma once

#include "qdevice/device.h"

namespace systole::qdevice {

class DeviceRing : public membership::Membership {
 public:
  DeviceRing(membership::Membership& ring, QuorumDevice& device) : ring_(ring), device_(device) {}

  void start(Handler handler) override {
    device_.start([this](const RingId& view, const membership::QuorumDeviceVote& vote) {
      (void)ring_.set_device_vote(view, vote);  // A ring that has stopped needs no votes.
    });
    Handler h = handler;
    h.ask_device = [this](const membership::View& view, const membership::Quorum& without) {
      device_.view(view, without);
    };
    h.view = [this, next = std::move(handler.view)](const membership::View& view,
                                                    const membership::Quorum& quorum) {
      device_.counted(quorum);
      next(view, quorum);
    };
    h.quorum = [this, next = std::move(handler.quorum)](const membership::Quorum& quorum) {
      device_.counted(quorum);
      next(quorum);
    };
    ring_.start(std::move(h));
  }
  Result<void> multicast(Bytes message, membership::Delivery delivery) override {
    return ring_.multicast(std::move(message), delivery);
  }
  void tell(NodeId member, Bytes message) override { ring_.tell(member, std::move(message)); }
  void leave() override { ring_.leave(); }
  membership::RingStatus status() const override { return ring_.status(); }
  Result<void> set_expected_votes(unsigned votes) override { return ring_.set_expected_votes(votes); }
  void set_congested(bool congested) override { ring_.set_congested(congested); }
  bool has_room(std::size_t size) override { return ring_.has_room(size); }
  Result<void> propose(membership::RingChange::Kind kind, Bytes payload) override {
    return ring_.propose(kind, std::move(payload));
  }
  void prepared(std::uint64_t id, Result<void> ready,
                std::shared_ptr<const membership::ClusterConfig> config) override {
    ring_.prepared(id, std::move(ready), std::move(config));
  }
  Result<void> set_device_vote(const RingId& view, const membership::QuorumDeviceVote& vote) override {
    return ring_.set_device_vote(view, vote);
  }

 private:
  membership::Membership& ring_;
  QuorumDevice& device_;
};

}  // namespace systole::qdevice
