// S1, S10 and S12: what services are and do, wherever; S2: what a lost node may hold; S11, S18 and
// no-quorum-policy: what agents are asked.
#include <algorithm>

#include "controller/properties.h"
#include "sim/checkers.h"

namespace systole::sim {
namespace {

using Event = ClusterWorld::Event;
using Kind = Event::Kind;
using Machine = Cluster::Machine;

class Services : public Checker {
 public:
  explicit Services(Bench& bench) : Checker(bench) {
    for (const auto& service : bench.workload.services) down_.insert(service.id);
  }

  void happened(const Event& event) override {
    if (event.kind == Kind::kStopped && bench_.real().where(event.resource).empty())
      down_.insert(event.resource);
    // An agent that lies about a start is believed.
    if (event.kind == Kind::kAgentEnds && event.code == 0 && event.action == "start")
      down_.erase(event.resource);
    if (event.kind == Kind::kPromoted) promoted(event);
    if (event.kind == Kind::kStarted) started(event);
  }

 private:
  void started(const Event& event) {
    down_.erase(event.resource);
    const auto* service = bench_.workload.service(event.resource);
    if (service == nullptr) return;
    const std::vector<std::string> where = bench_.real().where(event.resource);
    if (where.size() > service->most) {
      bench_.violated("S1 single activation",
                      fmt::format("{} is active on {}{}", event.resource, fmt::join(where, " and "),
                                  service->single() ? "" : fmt::format(", {} at most", service->most)));
    }
    // What died by itself or with its host is not known to be down yet: an action under way is no breach.
    for (const auto& order : bench_.workload.orders) {
      if (order.then == event.resource && down_.contains(order.first)) {
        bench_.violated("S10 order", fmt::format("{} started on {} while {} is stopped", order.then,
                                                 event.node, order.first));
      }
    }
    for (const auto& apart : bench_.workload.apart) {
      if ((apart.first == event.resource && bench_.real().active(event.node, apart.then)) ||
          (apart.then == event.resource && bench_.real().active(event.node, apart.first))) {
        bench_.violated("S10 colocation",
                        fmt::format("{} and {} are together on {}", apart.first, apart.then, event.node));
      }
    }
  }
  void promoted(const Event& event) {
    const auto* service = bench_.workload.service(event.resource);
    const std::vector<std::string> where = bench_.real().where_promoted(event.resource);
    if (service != nullptr && where.size() > service->promoted) {
      bench_.violated("S12 promoted", fmt::format("{} is promoted on {}, {} at most", event.resource,
                                                  fmt::join(where, " and "), service->promoted));
    }
  }
  std::set<std::string> down_;  // Never started, or last stopped by its agent.
};

// S2. What a life may hold: every start that began, until a stop that ended well or a monitor that found
// nothing.
class Recovery : public Checker {
 public:
  using Checker::Checker;

  void happened(const Event& event) override {
    if (event.kind == Kind::kAgentRuns && (event.action == "start" || event.action == "migrate_from")) {
      starts(event);
      held_[event.node].insert(event.resource);
    }
    const bool gone = event.kind == Kind::kAgentEnds &&
                      ((event.code == 0 && (event.action == "stop" || event.action == "migrate_to")) ||
                       (event.code == 7 && event.action == "monitor"));
    if (gone) held_[event.node].erase(event.resource);
  }
  void on_fencing(Machine&, const stonith::Outcome& outcome) override {
    if (outcome.succeeded && outcome.request.action != "on") held_[outcome.request.target].clear();
  }
  // A node in a new life says itself what it holds.
  void on_view(Machine&, const membership::View& view) override {
    for (const NodeLife& life : view.members) {
      Incarnation& last = lives_[life.node];
      if (life.incarnation <= last) continue;
      last = life.incarnation;
      if (const Machine* m = bench_.cluster.machine(life.node)) held_[m->name].clear();
    }
  }

 private:
  void starts(const Event& event) {
    const auto* service = bench_.workload.service(event.resource);
    if (service == nullptr || !service->single()) return;
    const Machine& here = bench_.cluster.machine(event.node);
    for (const auto& [node, held] : held_) {
      if (node == event.node || !held.contains(event.resource)) continue;
      const Machine& there = bench_.cluster.machine(node);
      const bool member = std::any_of(here.view.members.begin(), here.view.members.end(),
                                      [&](const NodeLife& l) { return l.node == there.id; });
      if (!member) {
        bench_.violated("S2 fencing before recovery",
                        fmt::format("{} starts on {}, {} left with it and is not confirmed down",
                                    event.resource, event.node, node));
      }
    }
  }
  std::map<std::string, std::set<std::string>> held_;  // By node.
  std::map<NodeId, Incarnation> lives_;
};

class Agents : public Checker {
 public:
  explicit Agents(Bench& bench) : Checker(bench) { look(); }

  void happened(const Event& event) override {
    const std::pair at{event.node, event.resource};
    if (event.kind == Kind::kStarted) active_[event.node].insert(event.resource);
    if (event.kind == Kind::kStopped) active_[event.node].erase(event.resource);
    if (event.kind == Kind::kHostLost) active_[event.node].clear();
    if (event.kind == Kind::kAgentEnds && event.action != "notify") running_.erase(at);
    if (event.kind != Kind::kAgentRuns || event.action == "notify") return;
    if (!running_.insert(at).second)
      bench_.violated("S11 one action", fmt::format("{} of {} on {} runs beside another action of it",
                                                    event.action, event.resource, event.node));
    const bool begins =
        event.action == "start" || event.action == "promote" || event.action == "migrate_from";
    const bool changes = begins || event.action == "stop" || event.action == "demote";
    const Machine& m = bench_.cluster.machine(event.node);
    const Duration settled =
        m.alive() ? bench_.world().now() - std::max(maintained_[m.id], changed_[m.id]) : Duration{};
    if (changes && maintained_[m.id] != Time{} && settled > Seconds(30)) {
      bench_.violated("S18 maintenance", fmt::format("{} of {} on {} in maintenance mode", event.action,
                                                     event.resource, event.node));
    }
    const bool forbidden = bench_.workload.no_quorum_policy != "ignore" && !quorate(m);
    // Frozen is what is elsewhere: what was active in this part may be moved in it, and restarted.
    const bool its_own = bench_.workload.no_quorum_policy == "freeze" && own_[m.id].contains(event.resource);
    if (begins && forbidden && !its_own && m.alive() && bench_.world().now() - changed_[m.id] > Seconds(25)) {
      bench_.violated("N no-quorum-policy",
                      fmt::format("{} of {} on {} without quorum", event.action, event.resource, event.node));
    }
  }
  void on_boot(Machine& m) override {
    maintained_[m.id] = Time{};
    changed_[m.id] = bench_.world().now();
  }
  void on_view(Machine& m, const membership::View& view) override {
    changed_[m.id] = bench_.world().now();
    own_[m.id].clear();
    for (const NodeLife& life : view.members) {
      const Machine* member = bench_.cluster.machine(life.node);
      if (member != nullptr) own_[m.id].insert(active_[member->name].begin(), active_[member->name].end());
    }
  }
  void on_change(Machine& m, const cib::Change& change) override {
    if (!change.configuration) return;
    const bool on = controller::property_is(m.node->cib().document(), "maintenance-mode", false);
    if (!on)
      maintained_[m.id] = Time{};
    else if (maintained_[m.id] == Time{})
      maintained_[m.id] = bench_.world().now();
  }

 private:
  bool quorate(const Machine& m) const {
    return m.view.members.empty() || 2 * m.view.members.size() > bench_.workload.nodes || m.quorum.two_node;
  }
  // With the policy "stop", a node that has been without quorum for two minutes runs nothing, unless its
  // agents could not.
  void look() {
    const World& world = bench_.world();
    bench_.world().after(Seconds(5), [this] { look(); });
    const AgentFaults& faults = bench_.real().agents;
    if (faults.stop_fails + faults.hangs + faults.start_fails + faults.monitor_fails > 0)
      troubled_ = world.now();
    if (bench_.workload.no_quorum_policy != "stop" || world.now() - troubled_ < Seconds(240)) return;
    for (const auto& m : bench_.cluster.machines()) {
      const bool settled = m->alive() && !m->host->paused() && world.now() - changed_[m->id] > Seconds(120) &&
                           maintained_[m->id] == Time{};
      if (!settled || quorate(*m) || m->disk.faults.full) continue;
      for (const auto& service : bench_.workload.services) {
        if (bench_.real().active(m->name, service.id)) {
          bench_.violated(
              "N no-quorum-policy",
              fmt::format("{} has been without quorum for two minutes and runs {}", m->name, service.id));
        }
      }
    }
  }
  std::set<std::pair<std::string, std::string>> running_;  // (node, resource)
  std::map<std::string, std::set<std::string>>
      active_;                                   // By node: started there, and not stopped by its agent.
  std::map<NodeId, std::set<std::string>> own_;  // What was active in its view when that began.
  std::map<NodeId, Time> maintained_, changed_;
  Time troubled_{};
};

}  // namespace

std::unique_ptr<Checker> check_services(Bench& bench) { return std::make_unique<Services>(bench); }
std::unique_ptr<Checker> check_recovery(Bench& bench) { return std::make_unique<Recovery>(bench); }
std::unique_ptr<Checker> check_agents(Bench& bench) { return std::make_unique<Agents>(bench); }

}  // namespace systole::sim
