// Checkers: the invariants of docs/design.md §5, each with a name, evaluated on the simulated world when
// something happens that could break them; and liveness, once faults have stopped. What daemons believe
// counts nowhere: a checker sees services, power, disks, what the ring delivered, and the documents.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "sim/cluster.h"
#include "sim/workload.h"

namespace systole::sim {

struct CheckerName {
  const char* name;
  const char* says;
};
std::span<const CheckerName> checker_names();

// What every checker has: the world, and where to report.
struct Bench {
  Cluster& cluster;
  const Workload& workload;
  std::string violation;  // The first: "S1 single activation: web is active on n1 and n3".
  void violated(const char* checker, const std::string& what);
  World& world() { return cluster.world(); }
  ClusterWorld& real() { return cluster.real(); }
};

class Checker : public Cluster::Observer {
 public:
  explicit Checker(Bench& bench) : bench_(bench) {}
  virtual void happened(const ClusterWorld::Event&) {}
  virtual void at_rest() {}  // The cluster has come to rest: a last look.

 protected:
  Bench& bench_;
};

class Checkers {
 public:
  Checkers(Cluster& cluster, const Workload& workload);
  ~Checkers();
  Checkers(const Checkers&) = delete;
  Checkers& operator=(const Checkers&) = delete;

  const std::string& violation() const { return bench_.violation; }
  Bench& bench() { return bench_; }
  // An administrator's mark was acknowledged (set), or is being deleted.
  void acknowledged(const std::string& mark, bool set);
  void asked(const std::string& what);
  void answered(const std::string& what);
  // Faults have stopped: what is not yet as it should be; empty: all is well.
  std::string not_yet_stable();
  // What the DC would do if it planned once more; empty: nothing.
  std::string left_to_do();
  void calm();     // From now on nothing fails.
  void at_rest();  // It has been stable for a while.

 private:
  void story(const ClusterWorld::Event& event);

  Bench bench_;
  std::vector<std::unique_ptr<Checker>> checkers_;
  class Promises* promises_ = nullptr;  // One of checkers_.
  class Rest* rest_ = nullptr;          // One of checkers_.
};

// check_services.cc: S1, S2, S10, S11, S12, S18, no-quorum-policy. check_ring.cc: S6, S7, L9. check_cib.cc:
// S8, S9. check_fencing.cc: S3, S4, S15. check_orders.cc: S5, S10, S18. check_rest.cc: S16 and liveness.
std::unique_ptr<Checker> check_services(Bench&);
std::unique_ptr<Checker> check_recovery(Bench&);
std::unique_ptr<Checker> check_agents(Bench&);
std::unique_ptr<Checker> check_views(Bench&);
std::unique_ptr<Checker> check_delivery(Bench&);
std::unique_ptr<Checker> check_departures(Bench&);
std::unique_ptr<Checker> check_documents(Bench&);
std::unique_ptr<Checker> check_fencing(Bench&);
std::unique_ptr<Checker> check_orders(Bench&);
std::unique_ptr<Checker> check_plans(Bench&);

// S8: what was acknowledged is there in the end; L7: every question gets an answer.
class Promises : public Checker {
 public:
  using Checker::Checker;
  void acknowledged(const std::string& mark, bool set);
  void asked(const std::string& what) { ++owed_[what]; }
  void answered(const std::string& what);
  void at_rest() override;

 private:
  std::set<std::string> marks_;
  std::map<std::string, int> owed_;
};

// Liveness L1 to L6 and L8.
class Rest : public Checker {
 public:
  using Checker::Checker;
  void happened(const ClusterWorld::Event& event) override;
  void on_view(Cluster::Machine&, const membership::View&) override;
  void on_plan(Cluster::Machine&, WallTime now, bool same_again) override;
  void calm();
  std::string not_yet_stable();
  std::string left_to_do();
  void at_rest() override;

 private:
  std::string not_yet_one_view();
  std::string not_as_believed();
  std::optional<Time> calm_;
  WallTime planned_{};
  std::map<std::string, unsigned> starts_;  // Since then, by service.
  unsigned views_ = 0;
};

}  // namespace systole::sim
