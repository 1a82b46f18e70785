// RingCluster: RingNodes on the hosts of a World, one per host, with what tests need to start and end their
// lives, to send numbered messages and to ask whether they agree.
#pragma once

#include <memory>

#include "membership/ring_node.h"
#include "sim/ring_checker.h"
#include "sim/ring_lines.h"
#include "sim/world.h"

namespace systole::sim {

class RingCluster {
 public:
  RingCluster(World& world, std::size_t nodes, membership::ClusterConfig config, Logger log);
  // A configuration of `nodes` nodes with ids from 1, addresses 10.LINK.0.ID.
  static membership::ClusterConfig make_config(std::size_t nodes, std::size_t links = 1);

  // For lives that begin later, and what members answer when a change of the configuration is prepared.
  void set_config(membership::ClusterConfig config) { config_ = std::move(config); }
  // Nodes keep lines to each other in lives that begin later; without them they knock.
  RingLines& use_lines() {
    lines_ = std::make_unique<RingLines>(world_, size());
    return *lines_;
  }
  // What a node's disk holds of the cluster's key, and the changes of its ring that it was told of.
  struct Disk {
    Bytes key, next_key;
    bool full = false;
    bool hangs = false;  // A change is never prepared.
  };
  Disk& disk(std::size_t i) { return disks_[i]; }
  struct Told {
    membership::RingChange change;
    std::string problem;  // Empty: made.
  };
  const std::vector<Told>& told(std::size_t i) const { return nodes_[i].told; }

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
  // What `from` sends to `to` on one network is lost; both ways for all nodes: the network is out.
  void cut_link(std::size_t from, std::size_t to, std::size_t link);
  void cut_network(std::size_t link);
  void mend_network(std::size_t link);
  const std::string& address(std::size_t i, std::size_t link) const {
    return config_.nodes[i].addresses[link];
  }
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
    std::vector<Told> told;
  };
  void prepare(std::size_t i, const membership::RingChange& change);
  void end(std::size_t i);

  World& world_;
  std::unique_ptr<RingLines> lines_;
  membership::ClusterConfig config_;
  Logger log_;
  std::vector<Disk> disks_;
  std::vector<Node> nodes_;
  RingChecker checker_;
};

}  // namespace systole::sim
