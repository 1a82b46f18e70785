#include "controller/node_states.h"

#include <charconv>

#include "controller/properties.h"

namespace systole::controller {
namespace {

using Pairs = std::vector<std::pair<const char*, std::string>>;

// Sets what differs; says whether anything did.
bool add_differing(pugi::xml_node state, pugi::xml_node existing, const Pairs& wanted) {
  bool any = false;
  for (const auto& [name, value] : wanted) {
    if (existing && value == existing.attribute(name).value()) continue;
    state.append_attribute(name) = value.c_str();
    any = true;
  }
  return any;
}

std::string incarnation_text(const NodeLife& life) { return std::to_string(raw(life.incarnation)); }

bool is_current(pugi::xml_node state, const NodeLife& life, const std::vector<NodeId>& joined) {
  return state && std::string_view(state.attribute("join").value()) == "member" &&
         std::string_view(state.attribute("crmd").value()) == "online" &&
         incarnation_text(life) == state.attribute("incarnation").value() &&
         std::find(joined.begin(), joined.end(), life.node) == joined.end();
}

// A member that has been told to go, and has not gone yet.
bool is_leaving(pugi::xml_node state, const NodeLife& life, const std::vector<NodeId>& joined) {
  return is_current(state, life, joined) && std::string_view(state.attribute("in_ccm").value()) == "true" &&
         std::string_view(state.attribute("expected").value()) == "down";
}

std::string name_of(NodeId id, pugi::xml_node state, const membership::ClusterConfig& config) {
  if (const auto* node = config.find(id)) return node->name;
  return state ? state.attribute("uname").value() : fmt::format("node{}", raw(id));
}

cib::Op status_op(cib::Op::Kind kind, std::string xml, const char* client) {
  cib::Op op;
  op.kind = kind;
  op.section = "status";
  op.xml = std::move(xml);
  op.allow_create = true;
  op.user = "hacluster";
  op.client = client;
  return op;
}

pugi::xml_node append_state(pugi::xml_node status, NodeId id, const std::string& name) {
  pugi::xml_node state = status.append_child("node_state");
  state.append_attribute("id") = std::to_string(raw(id)).c_str();
  state.append_attribute("uname") = name.c_str();
  return state;
}

bool is_member(const membership::View& view, std::string_view id) {
  return std::any_of(view.members.begin(), view.members.end(),
                     [&](const NodeLife& m) { return id == std::to_string(raw(m.node)); });
}

void set_down(pugi::xml_node state) {
  for (const auto& [name, value] :
       Pairs{{"in_ccm", "false"}, {"crmd", "offline"}, {"join", "down"}, {"expected", "down"}}) {
    state.append_attribute(name) = value.c_str();
  }
}

}  // namespace

bool is_reserved_client(std::string_view client) {
  return client.starts_with("crmd") || client == clients::kAttributes;
}

std::optional<cib::Op> view_update(const cib::Document& document, const membership::View& view, bool quorate,
                                   const std::vector<NodeId>& joined,
                                   const membership::ClusterConfig& config) {
  pugi::xml_document change;
  pugi::xml_node root = change.append_child("cib");
  const Pairs wanted_root{{"have-quorum", quorate ? "1" : "0"},
                          {"dc-uuid", std::to_string(raw(view.members.front().node))}};
  bool any = add_differing(root, document.root(), wanted_root);
  pugi::xml_node status = root.append_child("status");
  const auto enter = [&](NodeId id, pugi::xml_node existing, const Pairs& wanted) {
    pugi::xml_node state = append_state(status, id, name_of(id, existing, config));
    if (add_differing(state, existing, wanted)) {
      any = true;
    } else {
      status.remove_child(state);
    }
  };
  for (const NodeLife& member : view.members) {
    const pugi::xml_node existing = node_state(document, member.node);
    enter(member.node, existing,
          {{"in_ccm", "true"},
           {"crmd", "online"},
           {"join", is_current(existing, member, joined) ? "member" : "pending"},
           {"expected", is_leaving(existing, member, joined) ? "down" : "member"},
           {"incarnation", incarnation_text(member)}});
  }
  for (const pugi::xml_node existing : document.section("status").children("node_state")) {
    const std::string_view id = existing.attribute("id").value();
    const auto number = parse_number(id);
    // Remote nodes have their name as id: they are resources' business.
    if (!number || *number <= 0 || *number > UINT32_MAX || is_member(view, id)) continue;
    enter(NodeId{static_cast<std::uint32_t>(*number)}, existing,
          {{"in_ccm", "false"}, {"crmd", "offline"}, {"join", "down"}});
  }
  if (!any) return {};
  return [&] {
    cib::Op op = status_op(cib::Op::Kind::kModify, cib::to_xml(root), clients::kController);
    op.section.clear();
    return op;
  }();
}

std::optional<cib::Op> forget_departed(const cib::Document& document, const membership::View& view) {
  std::string paths;
  for (const pugi::xml_node state : document.section("status").children("node_state")) {
    const std::string_view id = state.attribute("id").value();
    if (!parse_number(id) || is_member(view, id) || !state.child("transient_attributes") ||
        std::string_view(state.attribute("expected").value()) != "down") {
      continue;
    }
    if (!paths.empty()) paths += " | ";
    paths += fmt::format("/cib/status/node_state[@id='{}']/transient_attributes", id);
  }
  if (paths.empty()) return {};
  cib::Op op = status_op(cib::Op::Kind::kDeleteAll, "", clients::kController);
  op.section.clear();
  op.xpath = std::move(paths);
  return op;
}

cib::Op confirmed_down(const cib::Document& document, const std::string& name, NodeId id) {
  pugi::xml_document change;
  const bool known = static_cast<bool>(node_state(document, id));
  pugi::xml_node parent = known ? pugi::xml_node(change) : change.append_child("status");
  set_down(append_state(parent, id, name));
  // Replacing what is there erases its history and attributes.
  return status_op(known ? cib::Op::Kind::kReplace : cib::Op::Kind::kModify,
                   cib::to_xml(change.first_child()), clients::kFencing);
}

bool needs_confirmation(const cib::Document& document, const NodeLife& fenced, const std::string& name) {
  const pugi::xml_node state = node_state(document, name);
  if (!state) return true;
  const NodeLife known = known_life(document, name);
  if (raw(known.incarnation) != 0 && known.incarnation != fenced.incarnation) return false;
  return std::string_view(state.attribute("expected").value()) != "down" ||
         std::string_view(state.attribute("crmd").value()) != "offline" || state.first_child();
}

cib::Op leaving(const std::string& name, NodeId id) {
  pugi::xml_document change;
  pugi::xml_node state = append_state(change.append_child("status"), id, name);
  state.append_attribute("expected") = "down";
  return status_op(cib::Op::Kind::kModify, cib::to_xml(change.first_child()), clients::kPending);
}

cib::Op own_state(const std::string& name, const NodeLife& self, const std::string& lrm,
                  const std::string& attributes) {
  pugi::xml_document change;
  pugi::xml_node state = append_state(change, self.node, name);
  for (const auto& [key, value] : Pairs{{"in_ccm", "true"},
                                        {"crmd", "online"},
                                        {"join", "member"},
                                        {"expected", "member"},
                                        {"incarnation", incarnation_text(self)}}) {
    state.append_attribute(key) = value.c_str();
  }
  for (const std::string* part : {&lrm, &attributes}) {
    if (!part->empty()) state.append_buffer(part->data(), part->size());
  }
  return status_op(cib::Op::Kind::kReplace, cib::to_xml(state), clients::kJoin);
}

cib::Op unresponsive(const std::vector<std::string>& names, const membership::ClusterConfig& config) {
  pugi::xml_document change;
  pugi::xml_node status = change.append_child("status");
  for (const std::string& name : names) {
    const auto* node = config.find(name);
    if (node != nullptr) append_state(status, node->id, name).append_attribute("crmd") = "offline";
  }
  return status_op(cib::Op::Kind::kModify, cib::to_xml(status), clients::kController);
}

NodeLife known_life(const cib::Document& document, const std::string& name) {
  const pugi::xml_node state = node_state(document, name);
  const auto id = parse_number(state.attribute("id").value());
  const auto incarnation = parse_number(state.attribute("incarnation").value());
  if (!id || *id <= 0 || *id > UINT32_MAX) return {};
  return {NodeId{static_cast<std::uint32_t>(*id)},
          Incarnation{static_cast<std::uint64_t>(incarnation.value_or(0))}};
}

}  // namespace systole::controller
