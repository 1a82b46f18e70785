// S5: who may tell a node what to do. Each action that an agent is asked must have been ordered in this life,
// by the DC of the view in which the order was delivered; an activation's token is greater than all before
// it. S18: what a DC may order in maintenance mode. S10: what it may order while something else is known to
// be down.
#include "controller/bus.h"
#include "controller/messages.pb.h"
#include "controller/properties.h"
#include "sim/checkers.h"

namespace systole::sim {
namespace {

using Event = ClusterWorld::Event;
using Kind = Event::Kind;
using Machine = Cluster::Machine;

class Orders : public Checker {
 public:
  using Checker::Checker;

  void on_boot(Machine& m) override { allowed_[m.id].clear(); }
  void on_message(Machine& m, NodeId sender, ByteView bytes) override {
    controller::wire::Message message;
    if (!has_actions(bytes, message)) return;
    const auto& batch = message.actions();
    const RingId made_in{batch.view_sequence(), NodeId{batch.view_representative()}};
    if (m.view.members.empty() || made_in != m.view.id || sender != m.view.members.front().node) return;
    for (const auto& action : batch.actions()) {
      if (NodeId{action.node()} == m.id) {
        allowed_[m.id].insert({action.resource(), action.task()});
        if (action.task() == "start" || action.task() == "migrate_from") may_start(action.resource(), m);
      }
    }
  }
  void on_send(Machine& m, ByteView bytes) override {
    controller::wire::Message message;
    if (!has_actions(bytes, message)) return;
    if (!controller::property_is(m.node->cib().document(), "maintenance-mode", false)) return;
    for (const auto& action : message.actions().actions()) {
      const std::string& task = action.task();
      const bool changes = task == "start" || task == "stop" || task == "promote" || task == "demote" ||
                           task == "migrate_to" || task == "migrate_from";
      if (!changes || bench_.workload.service(action.resource()) == nullptr) continue;
      bench_.violated("S18 maintenance",
                      fmt::format("{} orders {} of {} in maintenance mode", m.name, task, action.resource()));
    }
  }
  // A host whose services nobody else may know to be gone has been confirmed down.
  void on_fencing(Machine&, const stonith::Outcome& outcome) override {
    if (!outcome.succeeded || outcome.request.action == "on") return;
    for (const auto& order : bench_.workload.orders) known_down(order.first, outcome.request.target);
  }
  void happened(const Event& event) override {
    if (event.kind == Kind::kAgentEnds && event.action == "monitor" && event.code == 7)
      known_down(event.resource, event.node);
    if (event.kind == Kind::kStarted || (event.kind == Kind::kAgentEnds && event.code != 7))
      down_.erase(event.resource);
    if (event.kind == Kind::kStarted) last_on_[event.resource] = event.node;
    if (event.kind != Kind::kAgentRuns || event.action == "monitor" || event.action == "notify") return;
    Machine& m = bench_.cluster.machine(event.node);
    // A node that leaves, or learns that it counts as down, stops by itself what it has.
    if (event.action != "stop" && !allowed_[m.id].contains({event.resource, event.action})) {
      bench_.violated("S5 stale orders",
                      fmt::format("{} of {} runs on {}, whom no DC of its view has told to in this life",
                                  event.action, event.resource, event.node));
    }
    if (event.action != "start" || event.token == 0) return;
    std::uint64_t& last = tokens_[event.resource];
    const auto* service = bench_.workload.service(event.resource);
    if (service != nullptr && service->single() && event.token <= last) {
      bench_.violated("S5 stale orders", fmt::format("{} starts on {} with activation token {}, after {}",
                                                     event.resource, event.node, event.token, last));
    }
    last = std::max(last, event.token);
  }

 private:
  static bool has_actions(ByteView bytes, controller::wire::Message& message) {
    return !bytes.empty() && bytes[0] == static_cast<std::uint8_t>(controller::Channel::kController) &&
           message.ParseFromArray(bytes.data() + 1, static_cast<int>(bytes.size() - 1)) &&
           message.has_actions();
  }
  void known_down(const std::string& resource, const std::string& node) {
    const auto last = last_on_.find(resource);
    if (last != last_on_.end() && last->second == node && bench_.real().where(resource).empty())
      down_.try_emplace(resource, bench_.world().now());
  }
  // The services' checker sees what agents stopped. What died is another matter: a plan that began before may
  // go on.
  void may_start(const std::string& resource, const Machine& m) {
    for (const auto& order : bench_.workload.orders) {
      const auto down = down_.find(order.first);
      if (order.then != resource || down == down_.end() || bench_.world().now() - down->second < kPlanMost)
        continue;
      bench_.violated("S10 order", fmt::format("{} is ordered to start on {} while {} is known to be down",
                                               resource, m.name, order.first));
    }
  }

  static constexpr Seconds kPlanMost{30};
  std::map<std::string, std::string> last_on_;  // Where it was last started.
  std::map<std::string, Time>
      down_;  // Since when a monitor or a fencing has said so, and nothing started it.
  std::map<NodeId, std::set<std::pair<std::string, std::string>>> allowed_;  // (resource, task)
  std::map<std::string, std::uint64_t> tokens_;
};

}  // namespace

std::unique_ptr<Checker> check_orders(Bench& bench) { return std::make_unique<Orders>(bench); }

}  // namespace systole::sim
