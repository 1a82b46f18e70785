// Cluster: whole nodes (controller::Node with the real ring, replica, engine, executor and fencer) on
// simulated ports. Hosts crash and boot; daemons die and come back; the world of services and power goes on
// regardless.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "controller/node.h"
#include "sim/cluster_world.h"
#include "sim/sim_journal.h"
#include "sim/watched_ring.h"
#include "sim/world.h"

namespace systole::sim {

class Cluster {
 public:
  // One machine: its host, its disk, and the daemon's present life, if any.
  struct Machine {
    Host* host = nullptr;
    Disk disk;
    NodeId id{};
    std::string name;
    std::unique_ptr<Processes> processes;
    std::unique_ptr<cib::Journal> journal;
    std::unique_ptr<controller::SchedulerPort> scheduler;
    std::unique_ptr<WatchedRing> ring;
    std::unique_ptr<controller::Node> node;
    membership::View view;  // Last installed, as the node's observer saw it.
    std::vector<NodeLife>
        survivors;  // While `view` ends: who gets the rest of its messages; empty otherwise.
    membership::Quorum quorum;
  };

  // `nodes` machines n1…nN, powered and booted, with the same initial CIB already on their disks.
  Cluster(World& world, unsigned nodes, const std::string& cib);
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  World& world() { return world_; }
  ClusterWorld& real() { return real_; }
  std::vector<std::unique_ptr<Machine>>& machines() { return machines_; }
  Machine& machine(const std::string& name);

  void boot(Machine& m);          // Starts the daemon; the host has power.
  void crash_host(Machine& m);    // Power lost: services gone, no goodbye. Does not boot by itself.
  void crash_daemon(Machine& m);  // kill -9 of the daemon: services go on.
  void power_off(const std::string& name);
  void power_on(const std::string& name);  // Boots the daemon after a boot time.

  // Observers for the checkers.
  std::function<void(Machine&, const cib::Change&)> on_change;
  std::function<void(Machine&, const membership::View&)> on_view;

 private:
  void stop_life(Machine& m);
  void retry_boot(Machine& m);

  World& world_;
  ClusterWorld real_;
  membership::ClusterConfig config_;
  Bytes key_;
  std::vector<std::unique_ptr<Machine>> machines_;
};

}  // namespace systole::sim
