// Cluster: whole nodes (controller::Node with the real ring, replica, engine, executor and fencer) on
// simulated ports. Hosts crash and boot; daemons die and come back; the world of services and power goes on
// regardless. While a whole ring is idle and nobody sends, its time rests (world.h).
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

struct ClusterShape {
  unsigned nodes = 3, links = 1;
  double drift = 0;            // Each host's clocks run up to so much faster or slower.
  std::string cib;             // The initial document, on all disks.
  bool double_checks = false;  // Every plan is made twice and compared.
};

class Cluster {
 public:
  // One machine: its host, its disk, and the daemon's present life, if any.
  struct Machine {
    Host* host = nullptr;
    Disk disk;
    NodeId id{};
    std::string name;
    std::vector<std::string> addresses;
    std::unique_ptr<Processes> processes;
    std::unique_ptr<cib::Journal> journal;
    std::unique_ptr<controller::SchedulerPort> scheduler;
    std::unique_ptr<WatchedRing> ring;
    std::unique_ptr<controller::Node> node;
    NodeLife life;          // Of the daemon: the present one, or the last.
    Time born{};            // When it began.
    membership::View view;  // Last installed in this life.
    membership::Quorum quorum;
    bool alive() const { return node != nullptr; }
    bool member() const { return alive() && !view.members.empty(); }
  };
  // What the checkers may see; every function is called before the node itself learns of it.
  class Observer {
   public:
    virtual ~Observer() = default;
    virtual void on_boot(Machine&) {}
    virtual void on_end(Machine&) {}  // The daemon's life is over.
    virtual void on_transitional(Machine&, const membership::View&) {}
    virtual void on_view(Machine&, const membership::View&) {}
    virtual void on_message(Machine&, NodeId /*sender*/, ByteView) {}
    virtual void on_send(Machine&, ByteView) {}              // To all.
    virtual void on_change(Machine&, const cib::Change&) {}  // After the change.
    virtual void on_fencing(Machine&, const stonith::Outcome&) {}
    virtual void on_plan(Machine&, WallTime /*now*/, bool /*same_again*/) {}
  };

  Cluster(World& world, ClusterShape shape);
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  World& world() { return world_; }
  ClusterWorld& real() { return real_; }
  const ClusterShape& shape() const { return shape_; }
  const membership::ClusterConfig& config() const { return config_; }
  std::vector<std::unique_ptr<Machine>>& machines() { return machines_; }
  Machine& machine(const std::string& name);
  Machine* machine(NodeId id);
  Machine* dc();  // Who is one and can act, as far as a machine says so itself.
  ByteView key() const { return key_; }

  void observe(Observer* observer) { observers_.push_back(observer); }
  void forget_observers();
  void end();  // Of all daemons; nobody observes any more.

  void boot(Machine& m);          // Starts the daemon, if the host has power.
  void crash_host(Machine& m);    // Power lost: services gone, no goodbye. Does not boot by itself.
  void crash_daemon(Machine& m);  // kill -9 of the daemon: services go on, its port refuses.
  void set_power(const std::string& name, bool on, const std::string& by);
  // Starts the daemon a while later.
  void boot_after(Machine& m, Duration delay) {
    world_.after(delay, [this, &m] { boot(m); });
  }

 private:
  void stop_life(Machine& m);
  void make_node(Machine& m, const Ports& ports, membership::RingState state);
  WatchedRing::Observer watch(Machine& m);
  void look_for_quiet();
  bool quiet() const;
  template <typename Call>
  void tell(Call call) {
    for (Observer* observer : observers_) call(*observer);
  }

  World& world_;
  ClusterShape shape_;
  ClusterWorld real_;
  membership::ClusterConfig config_;
  Bytes key_;
  std::vector<std::unique_ptr<Machine>> machines_;
  std::vector<Observer*> observers_;
  std::uint64_t sent_ = 0;  // By all, when last looked.
};

}  // namespace systole::sim
