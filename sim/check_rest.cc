// S16: plans are pure, and empty at rest. Liveness: once faults have stopped, one view, one DC, one document,
// and everything runs where the document says.
#include <algorithm>

#include "sim/checkers.h"

namespace systole::sim {
namespace {

using Event = ClusterWorld::Event;
using Kind = Event::Kind;
using Machine = Cluster::Machine;

constexpr unsigned kMostStarts = 30, kMostViews = 40;

class Plans : public Checker {
 public:
  using Checker::Checker;
  void on_plan(Machine& m, WallTime, bool same_again) override {
    if (!same_again)
      bench_.violated("S16 pure plans", m.name + " plans otherwise when it plans the same document again");
  }
};

}  // namespace

std::unique_ptr<Checker> check_plans(Bench& bench) { return std::make_unique<Plans>(bench); }

void Rest::happened(const Event& event) {
  if (!calm_ || event.kind != Kind::kStarted ||
      ++starts_[event.resource] <= kMostStarts * std::max(1U, bench_.workload.nodes / 3))
    return;
  bench_.violated("L6 no ping-pong", fmt::format("{} was started {} times after faults had stopped",
                                                 event.resource, starts_[event.resource]));
}

void Rest::on_view(Machine&, const membership::View&) {
  if (calm_ && ++views_ > kMostViews * bench_.workload.nodes)
    bench_.violated("L8 calm ring",
                    fmt::format("{} views after faults had stopped", views_ / bench_.workload.nodes));
}

void Rest::on_plan(Machine&, WallTime now, bool) { planned_ = now; }

// By the time of the last plan: what has expired since is due at the next recheck.
std::string Rest::left_to_do() {
  const Machine* dc = bench_.cluster.dc();
  if (dc == nullptr) return "there is no DC";
  pengine::Options options;
  options.now = planned_;
  const pengine::Plan plan = pengine::schedule(dc->node->cib().document(), options);
  const auto& actions = plan.graph.actions;
  // Pseudo actions alone (load_stopped of placement strategies, as Pacemaker has it) do nothing.
  const auto real = std::find_if(actions.begin(), actions.end(), [](const pengine::Action& action) {
    return action.kind != pengine::Action::Kind::kPseudo;
  });
  return real == actions.end() ? "" : real->key;
}

void Rest::calm() { calm_ = bench_.world().now(); }

std::string Rest::not_yet_one_view() {
  const Machine* first = bench_.cluster.machines()[0].get();
  for (const auto& m : bench_.cluster.machines()) {
    if (!m->alive()) return "L1 one view: " + m->name + " is not running";
    if (m->ring->status().state != membership::RingStatus::State::kOperational)
      return "L1 one view: " + m->name + " has no ring";
    if (m->view != first->view)
      return fmt::format("L1 one view: {} and {} are in different views", first->name, m->name);
  }
  return first->view.members.size() == bench_.workload.nodes ? "" : "L1 one view: the view is not whole";
}

std::string Rest::not_yet_stable() {
  if (std::string why = not_yet_one_view(); !why.empty()) return why;
  const Machine& first = *bench_.cluster.machines()[0];
  std::size_t idle = 0;
  for (const auto& m : bench_.cluster.machines()) {
    if (!m->node->status().synced) return "L5 one configuration: " + m->name + " is not synced";
    if (m->node->cib().version() != first.node->cib().version())
      return "L5 one configuration: " + m->name + " has another version";
    const controller::NodeStatus status = m->node->status();
    if (status.dc != first.node->status().dc) return "L2 one DC: " + m->name + " knows another DC";
    if (status.state == "S_IDLE") ++idle;
    if (status.state != "S_IDLE" && status.state != "S_NOT_DC")
      return fmt::format("L2 one DC: {} is in {}", m->name, status.state);
  }
  return idle == 1 ? "" : fmt::format("L2 one DC: {} of them are idle", idle);
}

// What the document says of each service and node, against what is true.
std::string Rest::not_as_believed() {
  const cib::Document& document = bench_.cluster.machines()[0]->node->cib().document();
  for (const pugi::xml_node state : document.section("status").children("node_state")) {
    const std::string node = state.attribute("uname").value();
    for (const pugi::xml_node resource : state.child("lrm").child("lrm_resources").children("lrm_resource")) {
      const std::string id = resource.attribute("id").value();
      if (bench_.workload.service(id) == nullptr) continue;
      std::string task;
      int call = -1, rc = 0;
      for (const pugi::xml_node op : resource.children("lrm_rsc_op")) {
        const int at = op.attribute("call-id").as_int(-1);
        if (at < call || op.attribute("interval").as_int(0) != 0) continue;
        call = at;
        rc = op.attribute("rc-code").as_int(-1);
        task = op.attribute("operation").value();
      }
      const bool said = rc == 0 ? task != "stop" && task != "migrate_to" : rc == 8;
      const bool unsure = rc != 0 && rc != 7 && rc != 8;
      if (unsure || said == bench_.real().active(node, id)) continue;
      return fmt::format("{} {} on {}, and the document says otherwise", id, said ? "does not run" : "runs",
                         node);
    }
  }
  return {};
}

void Rest::at_rest() {
  if (const std::string why = not_as_believed(); !why.empty()) bench_.violated("L3 what runs", why);
  for (const auto& [first, then] : bench_.workload.with) {
    for (const std::string& node : bench_.real().where(then)) {
      if (bench_.real().active(node, first)) continue;
      bench_.violated("S10 colocation", fmt::format("{} runs on {} without {}", then, node, first));
    }
  }
  const cib::Document& document = bench_.cluster.machines()[0]->node->cib().document();
  const pugi::xml_node ticket = document.section("status").child("tickets").child("ticket_state");
  if (!ticket || ticket.attribute("granted").as_bool() || bench_.workload.ticket_freezes) return;
  for (const std::string& service : bench_.workload.ticketed) {
    if (!bench_.real().where(service).empty())
      bench_.violated("L3 what runs", service + " runs without its ticket");
  }
}

}  // namespace systole::sim
