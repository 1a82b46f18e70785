// The fencer as its users see it: configuration, views, questions.
#include "stonith/fencer_state.h"

namespace systole::stonith {
namespace {

constexpr std::size_t kHistoryBytes = 512 * 1024;  // Of one message; a message may have 1 MiB.

}  // namespace

Fencer::Fencer(Ports ports, Logger log, Paths paths, NodeLife self, std::string node_name, Effects effects)
    : state_(std::make_unique<State>(ports, std::move(log), std::move(paths), self, std::move(node_name),
                                     std::move(effects))) {}

Fencer::~Fencer() {
  State& s = *state_;
  *s.alive = false;
  s.ports.timers->cancel(s.outbox_timer);
  for (auto& [id, p] : s.pending) {
    for (const auto timer : {p.deadline_timer, p.last_timer, p.hold_timer}) s.ports.timers->cancel(timer);
  }
  for (auto& [key, execution] : s.executions) execution.shot->abandon();
}

void Fencer::configure(const cib::Document& document) {
  State& s = *state_;
  Registry before = std::exchange(s.registry, parse_registry(document.root()));
  for (const auto& [id, device] : s.registry.devices) {
    const auto known = before.devices.find(id);
    const bool same = known != before.devices.end() && known->second.type == device.type &&
                      known->second.parameters == device.parameters && known->second.defect == device.defect;
    if (same) continue;
    s.lists.erase(id);
    if (!device.defect.empty()) s.log.error("fencing device {} cannot be used: {}", id, device.defect);
    s.refresh_list(device);
  }
  std::erase_if(s.lists, [&](const auto& item) { return s.registry.devices.count(item.first) == 0; });
}

void Fencer::on_view(const membership::View& view, const std::vector<std::string>& names) {
  State& s = *state_;
  const membership::View before = std::exchange(s.view, view);
  s.names.clear();
  for (std::size_t i = 0; i < view.members.size() && i < names.size(); ++i) {
    s.names[view.members[i].node] = names[i];
    s.last_lives[names[i]] = view.members[i];
  }
  s.open.clear();
  const auto stayed = [&](const NodeLife& member) {
    return std::find(before.members.begin(), before.members.end(), member) != before.members.end();
  };
  const bool somebody_new = !std::all_of(view.members.begin(), view.members.end(), stayed);
  const auto first = std::find_if(view.members.begin(), view.members.end(), stayed);
  if (somebody_new && first != view.members.end() && *first == s.self) s.send_history();
  std::vector<State::Key> mine;
  for (const auto& [key, p] : s.pending) mine.push_back(key);
  for (const auto key : mine) {
    const auto found = s.pending.find(key);
    if (found == s.pending.end()) continue;
    Pending& p = found->second;
    // What was ended in another partition under the old name does not end it here.
    p.id = {s.self, s.next_number++};
    p.merged = false;
    const NodeLife* executor = s.member(p.executor.node);
    if (raw(p.executor.node) != 0 && (executor == nullptr || *executor != p.executor)) {
      p.failures.push_back(fmt::format("{} left while it was at it", s.name_of(p.executor.node)));
      p.executor = {};
    }
    s.issue(key);
  }
}

void Fencer::State::send_history() {
  HistoryPage page;
  std::size_t size = 0;
  for (const auto& entry : history) {
    size += encode(Message(entry)).size();
    if (size > kHistoryBytes) break;
    page.entries.push_back(entry);
  }
  if (!page.entries.empty()) send(std::move(page));
}

const NodeLife* Fencer::State::member(NodeId node) const {
  const auto found = std::find_if(view.members.begin(), view.members.end(),
                                  [&](const NodeLife& m) { return m.node == node; });
  return found == view.members.end() ? nullptr : &*found;
}

std::string Fencer::State::name_of(NodeId node) const {
  if (node == self.node) return name;
  if (const auto found = names.find(node); found != names.end()) return found->second;
  for (const auto& [known, id] : registry.nodes) {
    if (id == node) return known;
  }
  return fmt::format("node {}", raw(node));
}

NodeId Fencer::State::id_of(const std::string& node) const {
  for (const auto& [id, known] : names) {
    if (known == node) return id;
  }
  const auto found = registry.nodes.find(node);
  return found == registry.nodes.end() ? NodeId{} : found->second;
}

std::vector<Outcome> Fencer::history() const {
  std::vector<Outcome> outcomes;
  for (const auto& entry : state_->history) outcomes.push_back(entry.outcome);
  return outcomes;
}

std::vector<std::string> Fencer::devices() const {
  std::vector<std::string> ids;
  for (const auto& [id, device] : state_->registry.devices) ids.push_back(id);
  return ids;
}

bool Fencer::can_fence(const std::string& target) const {
  Request request;
  request.target = target;
  request.action = "off";
  const auto& members = state_->view.members;
  return std::any_of(members.begin(), members.end(),
                     [&](const NodeLife& m) { return state_->able(state_->name_of(m.node), request); });
}

void Fencer::metadata(const std::string& type, std::function<void(Result<std::string>)> done) {
  state_->runner.metadata(type, std::move(done));
}

std::vector<std::string> Fencer::types() const {
  std::vector<std::string> found;
  const auto names = state_->ports.files->list(state_->paths.fence_agents);
  const std::set<std::string> no_agents{"fence_ack_manual", "fence_legacy",   "fence_node",    "fence_tool",
                                        "fence_pcmk",       "fence_sanlockd", "fence_watchdog"};
  for (const auto& agent : names.value_or(std::vector<std::string>{})) {
    if (!is_agent_type(agent) || no_agents.count(agent) != 0) continue;
    const auto status = state_->ports.files->status(state_->paths.fence_agents + "/" + agent);
    if (status && !status->directory && (status->mode & 0111U) != 0) found.push_back(agent);
  }
  found.emplace_back(kTestAgent);
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

}  // namespace systole::stonith
