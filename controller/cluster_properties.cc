#include "controller/cluster_properties.h"

#include "controller/node_states.h"
#include "controller/properties.h"

namespace systole::controller {

const char* const kDcVersion = "2.1.5-systole";

namespace {

cib::Op configuration_op(const pugi::xml_document& change) {
  cib::Op op;
  op.kind = cib::Op::Kind::kModify;
  op.section = "configuration";
  op.xml = cib::to_xml(change.first_child());
  op.allow_create = true;
  op.user = "hacluster";
  op.client = clients::kController;
  return op;
}

}  // namespace

std::optional<cib::Op> property_update(const cib::Document& document, const membership::ClusterConfig& config,
                                       bool have_watchdog) {
  pugi::xml_document change;
  pugi::xml_node set =
      change.append_child("configuration").append_child("crm_config").append_child("cluster_property_set");
  set.append_attribute("id") = "cib-bootstrap-options";
  const pugi::xml_node existing =
      document.section("crm_config")
          .find_child_by_attribute("cluster_property_set", "id", "cib-bootstrap-options");
  std::vector<std::pair<const char*, std::string>> wanted{{"have-watchdog", have_watchdog ? "true" : "false"},
                                                          {"dc-version", kDcVersion},
                                                          {"cluster-infrastructure", "corosync"}};
  if (!config.totem.cluster_name.empty() && !property(document, "cluster-name")) {
    wanted.emplace_back("cluster-name", config.totem.cluster_name);
  }
  for (const auto& [name, value] : wanted) {
    const pugi::xml_node known = existing.find_child_by_attribute("nvpair", "name", name);
    if (known && value == known.attribute("value").value()) continue;
    pugi::xml_node pair = set.append_child("nvpair");
    const std::string id = std::string("cib-bootstrap-options-") + name;
    pair.append_attribute("id") = known ? known.attribute("id").value() : id.c_str();
    pair.append_attribute("name") = name;
    pair.append_attribute("value") = value.c_str();
  }
  if (!set.first_child()) return {};
  return configuration_op(change);
}

std::optional<cib::Op> node_entries(const cib::Document& document, const membership::ClusterConfig& config) {
  pugi::xml_document change;
  pugi::xml_node nodes = change.append_child("configuration").append_child("nodes");
  for (const membership::ConfiguredNode& node : config.nodes) {
    const std::string id = std::to_string(raw(node.id));
    const pugi::xml_node known = document.section("nodes");
    if (known.find_child_by_attribute("node", "id", id.c_str()) ||
        known.find_child_by_attribute("node", "uname", node.name.c_str())) {
      continue;
    }
    pugi::xml_node entry = nodes.append_child("node");
    entry.append_attribute("id") = id.c_str();
    entry.append_attribute("uname") = node.name.c_str();
  }
  if (!nodes.first_child()) return {};
  return configuration_op(change);
}

}  // namespace systole::controller
