// RingCluster: RingNodes on the hosts of a World, one per host, with what tests need to start and end their
// lives, to send numbered messages and to ask whether they agree.
#pragma once

#include <memory>

#include "membership/ring_node.h"
#include "sim/ring_checker.h"
#include "sim/world.h"

namespace systole::sim {

class RingCluster {
 public:
  RingCluster(World& world, std::size_t nodes, membership::ClusterConfig config, Logger log);
  // A configuration of `nodes` nodes with ids from 1, addresses 10.0.0.ID.
  static membership::ClusterConfig make_config(std::size_t nodes);

  std::size_t size() const { return nodes_.size(); }
  // Begins a life on the host. False: its disk refused.
  bool start(std::size_t i);
  void kill(std::size_t i);  // Its host stays up and refuses its datagrams.
  void power_off(std::size_t i);
  void leave(std::size_t i);  // With goodbye.
  bool running(std::size_t i) const { return nodes_[i].ring != nullptr; }
  // Sends the next numbered message. False: the queue is full.
  bool send(std::size_t i, std::size_t size, bool safe);
  membership::RingNode& ring(std::size_t i) { return *nodes_[i].ring; }
  Host& host(std::size_t i) { return *world_.hosts()[i]; }
  void partition(const std::vector<std::vector<std::size_t>>& groups);
  void cut(std::size_t from, std::size_t to) { world_.cut(host(from).name(), host(to).name()); }
  NodeLife life(std::size_t i) const { return nodes_[i].life; }
  const std::optional<membership::View>& view(std::size_t i) const { return nodes_[i].view; }
  const membership::Quorum& quorum(std::size_t i) const { return nodes_[i].quorum; }
  std::uint64_t sent(std::size_t i) const { return nodes_[i].sent; }
  std::uint64_t self_delivered(std::size_t i) const { return nodes_[i].self_delivered; }
  // Whether all running nodes are operational in one view that holds exactly them.
  bool agreed() const;
  // Runs the world until `done`, which is asked every millisecond. False: `limit` has passed.
  bool run_until(const std::function<bool()>& done, Duration limit);
  std::string describe() const;
  RingChecker& checker() { return checker_; }

 private:
  struct Node {
    std::unique_ptr<membership::RingNode> ring;
    NodeLife life;
    std::optional<membership::View> view;
    membership::Quorum quorum;
    std::uint64_t sent = 0, self_delivered = 0;
  };
  void end(std::size_t i);

  World& world_;
  membership::ClusterConfig config_;
  Logger log_;
  Bytes key_;
  std::vector<Node> nodes_;
  RingChecker checker_;
};

}  // namespace systole::sim
