// WatchedRing: a RingNode as a simulated node's Membership, with an observer that sees what is delivered
// before the node does.
#pragma once

#include <memory>

#include "membership/ring_node.h"

namespace systole::sim {

class WatchedRing : public membership::Membership {
 public:
  struct Observer {
    std::function<void(const membership::View& surviving)> transitional;
  };
  WatchedRing(std::unique_ptr<membership::RingNode> ring, Observer observer)
      : ring_(std::move(ring)), observer_(std::move(observer)) {}

  void start(Handler handler) override {
    auto watched = handler;
    watched.transitional = [this, next = std::move(handler.transitional)](const membership::View& v) {
      observer_.transitional(v);
      next(v);
    };
    ring_->start(std::move(watched));
  }
  Result<void> multicast(Bytes message, membership::Delivery delivery) override {
    return ring_->multicast(std::move(message), delivery);
  }
  void tell(NodeId member, Bytes message) override { ring_->tell(member, std::move(message)); }
  void leave() override { ring_->leave(); }
  membership::RingStatus status() const override { return ring_->status(); }
  Result<void> set_expected_votes(unsigned votes) override { return ring_->set_expected_votes(votes); }
  void set_congested(bool congested) override { ring_->set_congested(congested); }
  bool has_room(std::size_t size) override { return ring_->has_room(size); }
  Result<void> set_device_vote(const RingId& view, const membership::QuorumDeviceVote& vote) override {
    return ring_->set_device_vote(view, vote);
  }

 private:
  std::unique_ptr<membership::RingNode> ring_;
  Observer observer_;
};

}  // namespace systole::sim
