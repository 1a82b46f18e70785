// For tests: whole Nodes in one process, on a clock that the test moves, a ring that keeps a perfect order,
// and a world of services that says what is true. The planner is a small one of the tests' own: probes, one
// instance of each primitive on the lowest usable node, fencing before recovery, orderly stops.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "controller/node.h"

namespace systole::controller {

// Events in order of time, then of asking.
class TestLoop : public Clock, public Timers {
 public:
  Time now() const override { return now_; }
  WallTime wall() const override { return WallTime(Seconds(1'800'000'000)) + (now_ - Time{}); }
  Id after(Duration delay, std::function<void()> fire) override;
  void cancel(Id id) override;
  void post(std::function<void()> task) override { after(Duration::zero(), std::move(task)); }
  bool step();
  void run_for(Duration span);

 private:
  std::map<std::pair<Time, Id>, std::function<void()>> queue_;
  std::map<Id, Time> when_;
  Time now_{Seconds(1000)};
  Id next_ = 1;
};

// A host's own clock: wrong by as much as a test says.
class HostClock : public Clock {
 public:
  explicit HostClock(const TestLoop& loop) : loop_(loop) {}
  Time now() const override { return loop_.now(); }
  WallTime wall() const override { return loop_.wall() + wrong; }
  Duration wrong{};

 private:
  const TestLoop& loop_;
};

// Timers that die with their node's life.
class LifeTimers : public Timers {
 public:
  explicit LifeTimers(TestLoop& loop) : loop_(loop) {}
  Id after(Duration delay, std::function<void()> fire) override {
    return loop_.after(delay, [alive = alive_, fire = std::move(fire)] {
      if (*alive) fire();
    });
  }
  void cancel(Id id) override { loop_.cancel(id); }
  void post(std::function<void()> task) override { after(Duration::zero(), std::move(task)); }
  void end() { *alive_ = false; }

 private:
  TestLoop& loop_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

class TestCluster {
 public:
  struct Host;

  explicit TestCluster(unsigned nodes);
  ~TestCluster();
  TestCluster(const TestCluster&) = delete;
  TestCluster& operator=(const TestCluster&) = delete;

  void boot(const std::string& name);          // A new life of its daemon.
  void crash(const std::string& name);         // The machine: services gone, no goodbye.
  void crash_daemon(const std::string& name);  // Services go on.
  void partition(const std::vector<std::vector<std::string>>& parts);  // Views of exactly these.
  void clock_is_wrong(const std::string& node, Duration by);
  void run_for(Duration span) { loop.run_for(span); }
  // Until every live node is synced and the DC of each view is idle; false after `most`.
  bool settle(Duration most = Seconds(60));

  Node& node(const std::string& name);
  bool up(const std::string& name) const;
  // By any live node: applies, or fails the test.
  void change(cib::Op op);
  void configure(const std::string& section, const std::string& xml);
  void primitive(const std::string& id, Milliseconds monitor = Milliseconds(0));
  std::string query(const std::string& on, const std::string& xpath);  // "" when nothing matches.
  std::string state(const std::string& of, const char* attribute, const std::string& seen_by);

  // The truth.
  std::set<std::string> running(const std::string& node) const;
  std::set<std::string> where(const std::string& resource) const;
  void fails_next(const std::string& node, const std::string& resource, const std::string& action, int rc);
  void dies(const std::string& node, const std::string& resource);

  TestLoop loop;
  Duration agent_takes{Milliseconds(20)};
  int fence_exit = 0;
  std::vector<std::string> ran;     // "n1 r start"
  std::vector<std::string> fenced;  // Names, as devices were asked.
  bool twice = false;               // A resource was active on two hosts with power.

 private:
  friend struct Host;
  class Ring;
  class Member;
  class Agents;
  class Planner;
  void note_start(const std::string& resource);
  std::map<std::string, std::unique_ptr<Host>> hosts_;
  std::unique_ptr<Ring> ring_;
  membership::ClusterConfig config_;
};

}  // namespace systole::controller
