// WatchedRing: a RingNode as a simulated node's Membership, with what a simulator adds: whoever sends wakes
// the ring's time, and an observer sees what is delivered before the node does.
#pragma once

#include <memory>

#include "membership/ring_node.h"
#include "sim/world.h"

namespace systole::sim {

class WatchedRing : public membership::Membership {
 public:
  struct Observer {
    std::function<void(const membership::View& surviving)> transitional;
    std::function<void(const membership::View& view, const membership::Quorum& quorum)> view;
    std::function<void(const membership::Quorum& quorum)> quorum;
    std::function<void(NodeId sender, ByteView message)> message;
    std::function<void(ByteView message)> sends;  // This node, to all.
  };
  WatchedRing(World& world, std::unique_ptr<membership::RingNode> ring, Observer observer)
      : world_(world), ring_(std::move(ring)), observer_(std::move(observer)) {}

  void start(Handler handler) override {
    handler_ = std::move(handler);
    Handler watched = handler_;
    watched.transitional = [this](const membership::View& v) {
      observer_.transitional(v);
      handler_.transitional(v);
    };
    watched.view = [this](const membership::View& v, const membership::Quorum& q) {
      delivered_ = 0;
      observer_.view(v, q);
      handler_.view(v, q);
    };
    watched.quorum = [this](const membership::Quorum& q) {
      observer_.quorum(q);
      handler_.quorum(q);
    };
    watched.message = [this](NodeId sender, ByteView m) {
      ++delivered_;
      if (sender == ring_->self().node && outstanding_ > 0) --outstanding_;
      observer_.message(sender, m);
      handler_.message(sender, m);
    };
    world_.wake();
    ring_->start(std::move(watched));
  }
  Result<void> multicast(Bytes message, membership::Delivery delivery) override {
    world_.wake();
    ++sent_;
    observer_.sends(message);
    auto accepted = ring_->multicast(std::move(message), delivery);
    if (accepted) ++outstanding_;
    return accepted;
  }
  void tell(NodeId member, Bytes message) override {
    world_.wake();
    ++sent_;
    ring_->tell(member, std::move(message));
  }
  void leave() override {
    world_.wake();
    ring_->leave();
  }
  membership::RingStatus status() const override { return ring_->status(); }
  Result<void> set_expected_votes(unsigned votes) override {
    world_.wake();
    return ring_->set_expected_votes(votes);
  }
  Result<void> set_device_vote(const RingId& view, const membership::QuorumDeviceVote& vote) override {
    world_.wake();
    return ring_->set_device_vote(view, vote);
  }
  void set_congested(bool congested) override { ring_->set_congested(congested); }
  bool has_room(std::size_t size) override { return ring_->has_room(size); }
  std::uint64_t sent() const { return sent_; }
  std::uint64_t outstanding() const { return outstanding_; }  // Of its own, not delivered to itself yet.
  std::uint64_t delivered() const { return delivered_; }      // In this view.
  NodeLife self() const { return ring_->self(); }

 private:
  World& world_;
  std::unique_ptr<membership::RingNode> ring_;
  Observer observer_;
  Handler handler_;
  std::uint64_t sent_ = 0, outstanding_ = 0, delivered_ = 0;
};

}  // namespace systole::sim
