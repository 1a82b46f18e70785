#include "cli/crm/running.h"

#include <algorithm>
#include <charconv>

#include "cli/crm/attributes.h"
#include "cli/crm/configuration.h"
#include "cli/crm/xml.h"

namespace systole::crm {
namespace {

using std::string_view;

int number(string_view text, int otherwise) {
  int value = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

bool is_yes(string_view value) {
  return same_nocase(value, "true") || value == "on" || value == "yes" || value == "1";
}

enum class State { kUnknown, kStopped, kStarted, kPromoted };

State after_success(string_view task) {
  if (task == "start" || task == "migrate_from" || task == "demote") return State::kStarted;
  if (task == "promote") return State::kPromoted;
  if (task == "stop" || task == "migrate_to") return State::kStopped;
  return State::kUnknown;
}

State apply_op(State state, pugi::xml_node op) {
  const int status = number(attr(op, "op-status"), 0), rc = number(attr(op, "rc-code"), 0);
  const auto task = attr(op, "operation");
  if (status == -1) return state;
  if (task == "monitor") {
    if (rc == 0 || rc == 190) return state == State::kPromoted ? state : State::kStarted;
    if (rc == 8 || rc == 191) return State::kPromoted;
    return rc == 7 ? State::kStopped : state;
  }
  if (rc == 0 && status <= 0) return after_success(task) == State::kUnknown ? state : after_success(task);
  // Not installed and the like: it never ran. Another failure leaves it as it was, or half started.
  if (task == "start")
    return rc == 5 || rc == 6 || rc == 2 || rc == 3 || rc == 4 || rc == 7 ? State::kStopped : State::kStarted;
  return state;
}

State state_of(pugi::xml_node history) {
  auto ops = elements(history);
  std::stable_sort(ops.begin(), ops.end(), [](auto a, auto b) {
    return number(attr(a, "call-id"), 0) < number(attr(b, "call-id"), 0);
  });
  State state = State::kUnknown;
  for (const auto op : ops)
    if (name_of(op) == "lrm_rsc_op") state = apply_op(state, op);
  return state;
}

bool is_online(pugi::xml_node state) {
  const auto in_ccm = attr(state, "in_ccm"), crmd = attr(state, "crmd");
  // Newer feature sets write the moment since when instead of true and online.
  const bool member = !in_ccm.empty() && in_ccm != "false" && in_ccm != "0";
  const bool controller = !crmd.empty() && crmd != "offline" && crmd != "0";
  return member && controller;
}

pugi::xml_node state_of_node(const cib::Document& document, string_view name) {
  for (const auto state : elements(document.section("status")))
    if (name_of(state) == "node_state" && attr(state, "uname") == name) return state;
  return {};
}

string_view node_attribute(pugi::xml_node node, string_view name) {
  for (const auto set : node.children("instance_attributes"))
    if (const auto pair = find_nvpair(set, name)) return attr(pair, "value");
  return {};
}

void collect_primitives(pugi::xml_node resource, std::vector<std::string>& ids) {
  if (name_of(resource) == "primitive") ids.emplace_back(attr(resource, "id"));
  for (const auto child : elements(resource)) {
    const Kind* kind = kind_of(child);
    if (kind != nullptr && kind->resource) collect_primitives(child, ids);
  }
}

}  // namespace

std::map<std::string, std::vector<Place>> running_places(const cib::Document& document) {
  std::map<std::string, std::vector<Place>> places;
  for (const auto state : elements(document.section("status"))) {
    if (name_of(state) != "node_state") continue;
    const bool remote = is_yes(attr(state, "remote_node"));
    if (!is_online(state) && !remote) continue;
    for (const auto history : elements(state.child("lrm").child("lrm_resources"))) {
      const State result = state_of(history);
      if (result != State::kStarted && result != State::kPromoted) continue;
      std::string id(attr(history, "id"));
      if (const auto colon = id.find(':'); colon != std::string::npos) id.erase(colon);
      places[id].push_back({std::string(attr(state, "uname")), result == State::kPromoted});
    }
  }
  for (auto& [id, list] : places) std::sort(list.begin(), list.end());
  return places;
}

std::vector<Place> places_of(const cib::Document& document, string_view resource) {
  std::vector<std::string> ids;
  collect_primitives(Configuration(document.root()).find_resource(resource), ids);
  const auto all = running_places(document);
  std::map<std::string, bool> nodes;
  for (const auto& id : ids)
    if (const auto it = all.find(id); it != all.end())
      for (const auto& place : it->second) nodes[place.node] |= place.promoted;
  std::vector<Place> list;
  for (const auto& [node, promoted] : nodes) list.push_back({node, promoted});
  return list;
}

int fail_count(const cib::Document& document, string_view resource, string_view node) {
  const std::string exact = fmt::format("fail-count-{}", resource), prefix = exact + '#';
  int sum = 0;
  for (const auto set : elements(state_of_node(document, node).child("transient_attributes")))
    for (const auto pair : elements(set)) {
      const auto name = attr(pair, "name");
      if (name != exact && !name.starts_with(prefix)) continue;
      const auto value = attr(pair, "value");
      sum += value == "INFINITY" ? 1'000'000 : std::clamp(number(value, 0), 0, 1'000'000);
      sum = std::min(sum, 1'000'000);
    }
  return sum;
}

std::vector<NodeState> node_states(const cib::Document& document) {
  std::vector<NodeState> states;
  const Configuration configuration(document.root());
  for (const auto node : elements(configuration.section("nodes"))) {
    if (name_of(node) != "node") continue;
    NodeState state{std::string(attr(node, "uname")),
                    std::string(attr(node, "id")),
                    std::string(attr(node, "type")),
                    false,
                    false,
                    false,
                    false};
    const auto status = state_of_node(document, state.name);
    state.online = is_online(status);
    const auto transient = status.child("transient_attributes");
    state.standby = is_yes(node_attribute(node, "standby")) || is_yes(node_attribute(transient, "standby"));
    state.maintenance =
        is_yes(node_attribute(node, "maintenance")) || is_yes(configuration.property("maintenance-mode"));
    state.unclean = !state.online && attr(status, "join") == "member" && attr(status, "expected") == "member";
    states.push_back(std::move(state));
  }
  return states;
}

}  // namespace systole::crm
