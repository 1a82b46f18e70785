// S3, S4 and S15: who shoots whom, and whether a shot that counts has hit.
#include <algorithm>
#include <optional>

#include "sim/checkers.h"

namespace systole::sim {
namespace {

using Event = ClusterWorld::Event;
using Kind = Event::Kind;
using Machine = Cluster::Machine;

constexpr Duration kWindow = Seconds(10);  // As stonith/guard.h promises.
constexpr Duration kAttempts =
    Seconds(130);  // Between two at one node: two operations' timeouts, and a margin.
constexpr Duration kBadMost =
    Seconds(200);  // The longest that a bad device's deed may come after the request.

class Fencing : public Checker {
 public:
  using Checker::Checker;

  void on_boot(Machine& m) override {
    born_[m.life] = bench_.world().now();
    aimed_[m.name].clear();
  }
  void happened(const Event& event) override {
    if (event.kind == Kind::kPowerOff) power_lost(event);
    if (event.kind == Kind::kFenceRuns && event.action != "status" && event.action != "on") shoots(event);
  }
  // S3: the life that was meant began before the target's power was last off.
  void on_fencing(Machine&, const stonith::Outcome& outcome) override {
    const stonith::Request& request = outcome.request;
    if (!outcome.succeeded || request.action == "on" || outcome.device.empty()) return;
    const auto born = born_.find(request.life);
    const auto off = off_.find(request.target);
    const bool hit = off != off_.end() && (born == born_.end() || off->second >= born->second);
    if (!hit) {
      bench_.violated(
          "S3 true fencing",
          fmt::format("the fencing of {} counts as done by {}, but it never lost its power in that life",
                      request.target, outcome.device));
    }
  }

 private:
  void power_lost(const Event& event) {
    off_[event.node] = bench_.world().now();
    if (bench_.workload.nodes != 2) return;
    // The shooter was shot by this node, and had fired before. (A device that acts late may do that to
    // anybody.)
    const auto fired = fired_.find({event.by, event.node});
    const bool badly = bad_ && bench_.world().now() - *bad_ < kBadMost;
    if (fired != fired_.end() && off_by_[event.by] == event.node && fired->second <= off_[event.by] &&
        !badly) {
      bench_.violated("S4 who may fence", fmt::format("{} and {} shot each other", event.node, event.by));
    }
    off_by_[event.node] = event.by;
  }
  // Whatever becomes of the shots.
  void storm(const Event& event, const Machine& m) {
    const Time now = bench_.world().now();
    auto& aimed = aimed_[event.by];
    const auto [shot, fresh] = aimed.try_emplace(event.node, now, now);
    // Another attempt at the same node is no new shot.
    if (!fresh && now - std::exchange(shot->second.second, now) < kAttempts) return;
    const bool minority = 2 * m.view.members.size() <= bench_.workload.nodes;
    shot->second = {minority ? now : now - kWindow, now};
    if (!minority) return;
    const auto recent = std::count_if(aimed.begin(), aimed.end(),
                                      [&](const auto& s) { return now - s.second.first < kWindow; });
    if (static_cast<std::size_t>(recent) > std::max<std::size_t>(1, m.view.members.size())) {
      bench_.violated("S15 fencing storm",
                      fmt::format("{}, one of a minority of {}, shoots {} nodes within 10 s", event.by,
                                  m.view.members.size(), recent));
    }
  }
  void shoots(const Event& event) {
    const Machine* m = shooter_of(event.by);
    if (m == nullptr || m->view.members.empty()) return;
    fired_[{event.by, event.node}] = bench_.world().now();
    for (const auto& [name, faults] : bench_.real().devices) {
      if (faults.late + faults.hangs + faults.fails + faults.lies + faults.mute > 0)
        bad_ = bench_.world().now();
    }
    storm(event, *m);
    const std::size_t members = m->view.members.size();
    const bool quorate = 2 * members > bench_.workload.nodes || m->quorum.two_node;
    const bool sees = std::any_of(m->view.members.begin(), m->view.members.end(), [&](const NodeLife& l) {
      const Machine* other = bench_.cluster.machine(l.node);
      return other != nullptr && other->name == event.node;
    });
    if (!quorate && !sees) {
      // It may shoot whom nobody quorate holds: what it must not shoot is a member of a quorate view.
      const Machine& target = bench_.cluster.machine(event.node);
      const bool holds =
          target.member() && 2 * target.view.members.size() > bench_.workload.nodes && !target.host->paused();
      if (holds)
        bench_.violated("S4 who may fence",
                        fmt::format("{}, without quorum, shoots {}, which has quorum", event.by, event.node));
    }
  }
  const Machine* shooter_of(const std::string& name) {
    for (const auto& m : bench_.cluster.machines()) {
      if (m->name == name) return m->alive() ? m.get() : nullptr;
    }
    return nullptr;
  }
  std::map<NodeLife, Time> born_;
  std::map<std::string, Time> off_;
  std::map<std::pair<std::string, std::string>, Time> fired_;  // (by, at)
  std::map<std::string, std::string> off_by_;
  std::optional<Time> bad_;  // When a device that may act late or lie was last asked.
  std::map<std::string, std::map<std::string, std::pair<Time, Time>>> aimed_;  // By, at: first and last.
};

}  // namespace

std::unique_ptr<Checker> check_fencing(Bench& bench) { return std::make_unique<Fencing>(bench); }

}  // namespace systole::sim
