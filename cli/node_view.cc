// Nodes of a ClusterView.
#include <charconv>

#include "cli/cluster_view.h"
#include "cli/cluster_view_parts.h"
#include "cli/resource_tree.h"

namespace systole::cli {
namespace {

std::string node_attribute(pugi::xml_node holder, std::string_view name) {
  for (const pugi::xml_node set : holder.children("instance_attributes")) {
    for (const pugi::xml_node pair : set.children("nvpair")) {
      if (name == pair.attribute("name").value()) return pair.attribute("value").value();
    }
  }
  return "";
}

// in_ccm and crmd are booleans and words in older documents, moments (0: no) in newer ones.
bool in_membership(pugi::xml_node state) {
  const std::string_view value = state.attribute("in_ccm").value();
  return is_true(value) ||
         (!value.empty() && value != "0" && value.find_first_not_of("0123456789") == std::string_view::npos);
}
bool has_controller(pugi::xml_node state) {
  const std::string_view value = state.attribute("crmd").value();
  return value == "online" ||
         (!value.empty() && value != "0" && value.find_first_not_of("0123456789") == std::string_view::npos);
}

void judge_member(NodeView& node, pugi::xml_node state, bool fencing, bool startup_fencing) {
  if (!state) {
    node.unclean = fencing && startup_fencing;
    return;
  }
  const std::string_view join = state.attribute("join").value(),
                         expected = state.attribute("expected").value();
  const bool member = in_membership(state), controller = has_controller(state), joined = join == "member";
  node.expected_up = expected == "member";
  node.online = member && controller && joined;
  if (node.online) return;
  if (!fencing) {
    node.pending = member && controller && expected == "member";
    return;
  }
  if (member && controller)
    node.online = node.pending = true;  // On its way in.
  else if (member && !controller && !node.expected_up && join != "member")
    node.pending = node.online = true;
  else
    node.unclean = node.expected_up || (!member && controller);
}

}  // namespace

bool is_true(std::string_view text) {
  return text == "true" || text == "yes" || text == "on" || text == "y" || text == "1" || text == "True" ||
         text == "TRUE";
}

std::string property(const cib::Document& document, std::string_view name, std::string_view otherwise) {
  for (const pugi::xml_node set : document.section("crm_config").children("cluster_property_set")) {
    for (const pugi::xml_node pair : set.children("nvpair")) {
      if (name == pair.attribute("name").value()) return pair.attribute("value").value();
    }
  }
  return std::string(otherwise);
}

pugi::xml_node state_of(const cib::Document& document, std::string_view node) {
  for (const pugi::xml_node state : document.section("status").children("node_state")) {
    if (node == state.attribute("uname").value()) return state;
  }
  return {};
}

std::vector<NodeView> view_nodes(const cib::Document& document, bool fencing) {
  std::vector<NodeView> nodes;
  const std::string dc = document.root().attribute("dc-uuid").value();
  const bool startup_fencing = is_true(property(document, "startup-fencing", "true"));
  for (const pugi::xml_node entry : document.section("nodes").children("node")) {
    NodeView node;
    node.id = entry.attribute("id").value();
    node.name = entry.attribute("uname").value();
    const pugi::xml_node state = state_of(document, node.name),
                         transient = state.child("transient_attributes");
    const bool remote = std::string_view(entry.attribute("type").value()) == "remote";
    if (remote)
      node.kind = NodeView::Kind::kRemote;
    else
      judge_member(node, state, fencing, startup_fencing);
    const auto either = [&](std::string_view name) {
      const std::string permanent = node_attribute(entry, name);
      return permanent.empty() ? node_attribute(transient, name) : permanent;
    };
    node.is_dc = !dc.empty() && dc == node.id;
    node.standby = is_true(either("standby"));
    node.maintenance = is_true(either("maintenance"));
    const std::string shutdown = node_attribute(transient, "shutdown");
    node.shutdown = !shutdown.empty() && shutdown != "0";
    node.feature_set = node_attribute(transient, "#feature-set");
    nodes.push_back(std::move(node));
  }
  // A cluster without a <node> entry yet still has its members' states.
  for (const pugi::xml_node state : document.section("status").children("node_state")) {
    const std::string name = state.attribute("uname").value();
    const bool known =
        std::any_of(nodes.begin(), nodes.end(), [&](const NodeView& n) { return n.name == name; });
    if (known || name.empty() || is_true(state.attribute("remote_node").value())) continue;
    NodeView node;
    node.id = state.attribute("id").value();
    node.name = name;
    judge_member(node, state, fencing, startup_fencing);
    nodes.push_back(std::move(node));
  }
  std::stable_sort(nodes.begin(), nodes.end(),
                   [](const NodeView& a, const NodeView& b) { return a.name < b.name; });
  return nodes;
}

}  // namespace systole::cli
