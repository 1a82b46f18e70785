#include "sim/checkers.h"

#include <algorithm>

namespace systole::sim {

Checkers::Checkers(Cluster& cluster, const Workload& workload)
    : cluster_(cluster),
      workload_(workload),
      down_by_order_(workload.singles.begin(), workload.singles.end()) {
  cluster_.world().checker = [this] { after_event(); };
  cluster_.real().happened = [this](const ClusterWorld::Event& e) { happened(e); };
  cluster_.on_change = [this](Cluster::Machine& m, const cib::Change& c) { changed(m, c); };
  cluster_.on_view = [this](Cluster::Machine& m, const membership::View& v) { viewed(m, v); };
}

void Checkers::violated(std::string what) {
  if (!violation_.empty()) return;
  violation_ = std::move(what);
  cluster_.world().trace("VIOLATION " + violation_);
}

void Checkers::after_event() {}

// S1: what may be active once is active once, on hosts with power.
void Checkers::single_activation(const std::string& resource) {
  if (std::find(workload_.singles.begin(), workload_.singles.end(), resource) == workload_.singles.end())
    return;
  const std::vector<std::string> where = cluster_.real().where(resource);
  if (where.size() > 1) {
    violated(fmt::format("S1 single activation: {} is active on {} and {}", resource, where[0], where[1]));
  }
}

void Checkers::happened(const ClusterWorld::Event& event) {
  using Kind = ClusterWorld::Event::Kind;
  const char* verb = event.kind == Kind::kStarted    ? "started"
                     : event.kind == Kind::kStopped  ? "stopped"
                     : event.kind == Kind::kDied     ? "died"
                     : event.kind == Kind::kPowerOff ? "power off"
                                                     : "power on";
  cluster_.world().trace(fmt::format("WORLD {} {} {}", event.node, verb, event.resource));
  if (event.kind == Kind::kStopped) down_by_order_.insert(event.resource);
  if (event.kind != Kind::kStarted) return;
  down_by_order_.erase(event.resource);
  single_activation(event.resource);
  // What died by itself or with its host is not known to be down yet: an action under way is no breach.
  for (const Workload::Order& order : workload_.orders) {
    if (order.then == event.resource && down_by_order_.contains(order.first)) {
      violated(
          fmt::format("S7 order: {} started on {} while {} is stopped", order.then, event.node, order.first));
    }
  }
  for (const Workload::Apart& apart : workload_.apart) {
    if ((apart.a == event.resource && cluster_.real().active(event.node, apart.b)) ||
        (apart.b == event.resource && cluster_.real().active(event.node, apart.a))) {
      violated(
          fmt::format("S7 colocation -INFINITY: {} and {} together on {}", apart.a, apart.b, event.node));
    }
  }
}

// S5: one version triple, one document, among the members of a view; at its end, among those that go on
// together: the others may have seen less of it.
void Checkers::changed(Cluster::Machine& m, const cib::Change& change) {
  if (!m.node->cib().synced()) return;
  const std::string digest = m.node->cib().document().digest();
  const auto [found, inserted] = digests_.try_emplace({m.view.id, m.survivors, change.after}, digest);
  if (!inserted && found->second != digest) {
    violated(fmt::format("S5 one document: {} has another document than its peers under version {}", m.name,
                         cib::to_string(change.after)));
  }
}

// S6: a view id means one set of members; ids of one node increase; two quorate views share a member.
void Checkers::viewed(Cluster::Machine& m, const membership::View& view) {
  const auto [found, inserted] = views_.try_emplace(view.id, view.members);
  if (!inserted && found->second != view.members) {
    violated(fmt::format("S6 views: {} has other members in view {}.{} than its peers", m.name,
                         view.id.sequence, raw(view.id.representative)));
  }
  const auto last = last_view_.find(m.id);
  if (last != last_view_.end() && !(last->second < view.id)) {
    violated(fmt::format("S6 views: {} went from view {} back to {}", m.name, last->second.sequence,
                         view.id.sequence));
  }
  last_view_[m.id] = view.id;
  const membership::Quorum quorum = m.ring->status().quorum;
  if (quorum.quorate && !quorum.two_node && 2 * view.members.size() <= workload_.nodes) {
    violated(fmt::format("S6 quorum: {} of {} nodes are quorate", view.members.size(), workload_.nodes));
  }
}

std::string Checkers::not_yet_stable() {
  const Cluster::Machine* first = nullptr;
  std::size_t dcs = 0;
  for (const auto& m : cluster_.machines()) {
    if (!m->node) return m->name + " is not running";
    if (m->ring->status().state != membership::RingStatus::State::kOperational)
      return m->name + " has no ring";
    if (!m->node->status().synced) return m->name + " is not synced";
    if (first == nullptr) first = m.get();
    if (m->view != first->view) return fmt::format("{} and {} are in different views", first->name, m->name);
    if (m->node->cib().version() != first->node->cib().version()) return m->name + " has another version";
    if (m->node->status().dc != first->node->status().dc) return m->name + " knows another DC";
    const std::string state = m->node->status().state;
    if (state == "S_IDLE") ++dcs;
    if (state != "S_IDLE" && state != "S_NOT_DC") return m->name + " is in " + state;
  }
  if (first->view.members.size() != workload_.nodes) return "the view is not whole";
  if (dcs != 1) return fmt::format("{} DCs", dcs);
  return "";
}

void Checkers::check_acknowledged() {
  const std::string document = cluster_.machines()[0]->node->cib().document().serialize();
  for (const std::string& mark : marks_) {
    if (document.find('"' + mark + '"') == std::string::npos) {
      return violated("S8 acknowledged change lost: " + mark);
    }
  }
}

}  // namespace systole::sim
