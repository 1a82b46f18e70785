// A transition graph as XML, in Pacemaker's form: what --save-graph writes and the tests compare.
#include <algorithm>
#include <pugixml.hpp>

#include "pengine/scheduler.h"

namespace systole::pengine {
namespace {

const char* element_of(Action::Kind kind) {
  switch (kind) {
    case Action::Kind::kPseudo:
      return "pseudo_event";
    case Action::Kind::kResource:
      return "rsc_op";
    case Action::Kind::kCluster:
      return "crm_event";
  }
  return "pseudo_event";
}

void set(pugi::xml_node node, const char* name, const std::string& value) {
  if (!value.empty()) node.append_attribute(name) = value.c_str();
}

pugi::xml_node append(pugi::xml_node parent, const Action& action) {
  pugi::xml_node node = parent.append_child(element_of(action.kind));
  node.append_attribute("id") = action.id;
  node.append_attribute("operation") = action.task.c_str();
  node.append_attribute("operation_key") = action.key.c_str();
  set(node, "internal_operation_key", action.internal_key);
  if (action.kind != Action::Kind::kPseudo || action.task == "stonith") {
    set(node, "on_node", action.node);
    set(node, "on_node_uuid", action.node_id);
    set(node, "router_node", action.router_node);
  }
  return node;
}

bool is_xml_name(const std::string& name) {
  const auto letter = [](char ch) {
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || ch == '_';
  };
  if (name.empty() || !letter(name.front())) return false;
  return std::all_of(name.begin(), name.end(), [&](char ch) {
    return letter(ch) || (ch >= '0' && ch <= '9') || ch == '-' || ch == '.';
  });
}

void append_whole(pugi::xml_node parent, const Action& action) {
  pugi::xml_node node = append(parent, action);
  if (action.kind != Action::Kind::kPseudo && !action.resource.empty()) {
    pugi::xml_node primitive = node.append_child("primitive");
    primitive.append_attribute("id") = action.resource.c_str();
    set(primitive, "long-id", action.long_id);
    set(primitive, "class", action.agent_class);
    set(primitive, "provider", action.provider);
    set(primitive, "type", action.agent_type);
  }
  pugi::xml_node attributes = node.append_child("attributes");
  for (const auto& [name, value] : action.attributes) {
    if (is_xml_name(name)) {
      attributes.append_attribute(name.c_str()) = value.c_str();
      continue;
    }
    // A parameter may have a name that no attribute can have.
    pugi::xml_node param = attributes.append_child("param");
    param.append_attribute("name") = name.c_str();
    param.append_attribute("value") = value.c_str();
  }
}

std::string seconds(Milliseconds ms) {
  return std::to_string(std::chrono::duration_cast<Seconds>(ms).count()) + "s";
}

struct StringWriter : pugi::xml_writer {
  std::string text;
  void write(const void* data, std::size_t size) override {
    text.append(static_cast<const char*>(data), size);
  }
};

}  // namespace

std::string Graph::to_xml(int transition_id) const {
  pugi::xml_document document;
  pugi::xml_node root = document.append_child("transition_graph");
  root.append_attribute("cluster-delay") = seconds(cluster_delay).c_str();
  root.append_attribute("stonith-timeout") = seconds(stonith_timeout).c_str();
  set(root, "failed-stop-offset", failed_stop_offset);
  set(root, "failed-start-offset", failed_start_offset);
  if (batch_limit > 0) root.append_attribute("batch-limit") = batch_limit;
  if (migration_limit > 0) root.append_attribute("migration-limit") = migration_limit;
  root.append_attribute("transition_id") = transition_id;
  if (recheck_by) root.append_attribute("recheck-by") = static_cast<long long>(epoch_seconds(*recheck_by));
  for (const Synapse& synapse : synapses) {
    pugi::xml_node node = root.append_child("synapse");
    node.append_attribute("id") = synapse.id;
    if (synapse.priority > 0) node.append_attribute("priority") = synapse.priority;
    append_whole(node.append_child("action_set"), actions[static_cast<std::size_t>(synapse.action)]);
    pugi::xml_node inputs = node.append_child("inputs");
    for (const int input : synapse.inputs)
      append(inputs.append_child("trigger"), actions[static_cast<std::size_t>(input)]);
  }
  StringWriter writer;
  document.save(writer, "  ", pugi::format_indent | pugi::format_no_declaration);
  return writer.text;
}

}  // namespace systole::pengine
