// Faults: everything that may go wrong in a simulated cluster, by name, and the Injector that brings it
// about. A fault's draw decides its details, so that leaving out one fault changes nothing about the others.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "sim/cluster.h"
#include "sim/workload.h"

namespace systole::sim {

class Injector;
struct FaultKind {
  const char* name;
  unsigned weight;  // How often it is drawn, among the others; 0: in scenarios only.
  const char* says;
  void (Injector::*bring)(Cluster::Machine&, SeededRandom&);
};
std::span<const FaultKind> fault_kinds();
void draw_faults(SeededRandom& random, Workload& workload, Profile profile);

class Injector : public Cluster::Observer {
 public:
  // What an administrator asked and was told.
  struct Administration {
    std::function<void(const std::string& mark, bool set)> acknowledged;
    std::function<void(const std::string& what)> asked;     // One more answer is owed.
    std::function<void(const std::string& what)> answered;  // Or its node ended.
    std::function<void(const std::string& what)> outsider;  // An outsider's datagram was not refused.
  };
  Injector(Cluster& cluster, const Workload& workload, Administration administration);

  void schedule();   // All of the workload's faults.
  void calm();       // Everything works again, and whatever is down is started.
  void switch_on();  // Again and again while the cluster comes to rest: hosts without power get it.

  // The kinds.
  void crash_host(Cluster::Machine&, SeededRandom&);
  void crash_daemon(Cluster::Machine&, SeededRandom&);
  void crash_at(Cluster::Machine&, SeededRandom&);
  void crash_in_sync(Cluster::Machine&, SeededRandom&);
  void die_young(Cluster::Machine&, SeededRandom&);
  void blackout(Cluster::Machine&, SeededRandom&);
  void dc_loss(Cluster::Machine&, SeededRandom&);
  void back_while_fenced(Cluster::Machine&, SeededRandom&);
  void pause(Cluster::Machine&, SeededRandom&);
  void pause_long(Cluster::Machine&, SeededRandom&);
  void partition(Cluster::Machine&, SeededRandom&);
  void one_way(Cluster::Machine&, SeededRandom&);
  void partial(Cluster::Machine&, SeededRandom&);
  void isolate(Cluster::Machine&, SeededRandom&);
  void unplug(Cluster::Machine&, SeededRandom&);
  void flap(Cluster::Machine&, SeededRandom&);
  void heal(Cluster::Machine&, SeededRandom&);
  void loss(Cluster::Machine&, SeededRandom&);
  void spikes(Cluster::Machine&, SeededRandom&);
  void freeze(Cluster::Machine&, SeededRandom&);
  void network_good(Cluster::Machine&, SeededRandom&);
  void disk_fails(Cluster::Machine&, SeededRandom&);
  void disk_full(Cluster::Machine&, SeededRandom&);
  void disk_lies(Cluster::Machine&, SeededRandom&);
  void disk_good(Cluster::Machine&, SeededRandom&);
  void agents_bad(Cluster::Machine&, SeededRandom&);
  void agents_hang(Cluster::Machine&, SeededRandom&);
  void agents_lie(Cluster::Machine&, SeededRandom&);
  void agents_good(Cluster::Machine&, SeededRandom&);
  void service_dies(Cluster::Machine&, SeededRandom&);
  void fencing_bad(Cluster::Machine&, SeededRandom&);
  void fencing_lies(Cluster::Machine&, SeededRandom&);
  void fencing_good(Cluster::Machine&, SeededRandom&);
  void clock_jumps(Cluster::Machine&, SeededRandom&);
  void shutdown(Cluster::Machine&, SeededRandom&);
  void rolling_restart(Cluster::Machine&, SeededRandom&);
  void upgrade(Cluster::Machine&, SeededRandom&);
  void attack(Cluster::Machine&, SeededRandom&);
  void admin_mark(Cluster::Machine&, SeededRandom&);
  void admin_unmark(Cluster::Machine&, SeededRandom&);
  void admin_standby(Cluster::Machine&, SeededRandom&);
  void admin_maintenance(Cluster::Machine&, SeededRandom&);
  void admin_move(Cluster::Machine&, SeededRandom&);
  void admin_role(Cluster::Machine&, SeededRandom&);
  void admin_cleanup(Cluster::Machine&, SeededRandom&);
  void admin_ticket(Cluster::Machine&, SeededRandom&);
  void grant_ticket(Cluster::Machine& m, bool granted);
  void admin_options(Cluster::Machine&, SeededRandom&);

 private:
  void on_message(Cluster::Machine&, NodeId sender, ByteView message) override;
  void inject(const Fault& fault);
  Cluster::Machine& any(SeededRandom& random) {
    return *cluster_.machines()[random.below(cluster_.machines().size())];
  }
  void submit(Cluster::Machine& m, const std::string& section, const std::string& xml, cib::Op::Kind kind,
              const std::string& what, std::function<void()> acknowledged = {});
  void property(Cluster::Machine& m, const std::string& name, const std::string& value);
  std::string some_top(SeededRandom& random) const;

  Cluster& cluster_;
  World& world_;
  const Workload& workload_;
  Administration administration_;
  unsigned marks_ = 0;
  std::vector<std::string> standing_marks_;
  unsigned flapping_ = 0;  // Ends flapping of an earlier calm.
  Time frozen_until_{};
  bool put_right_ =
      false;  // Faults have stopped: the administrator still has to end maintenance and grant tickets.
  std::function<void()> next_actions_;  // Runs when a DC's next actions are delivered.
  std::function<void(const std::string& target)> next_fencing_;
  // Datagrams that arrived, for the attacker, with who received them in which life.
  struct Recorded {
    Endpoint to;
    Bytes bytes;
    std::string receiver;
    NodeLife life;
    Time when{};
  };
  void record();
  std::vector<Recorded> recorded_;
};

}  // namespace systole::sim
