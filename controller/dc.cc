#include "controller/dc.h"

#include "controller/properties.h"

namespace systole::controller {

std::vector<std::string> unseen_nodes(const cib::Document& document,
                                      const membership::ClusterConfig& config) {
  std::vector<std::string> unseen;
  for (const membership::ConfiguredNode& node : config.nodes) {
    if (!node_state(document, node.id)) unseen.push_back(node.name);
  }
  return unseen;
}

bool startup_fencing(const cib::Document& document) {
  return property_is(document, "stonith-enabled", true) && property_is(document, "startup-fencing", true);
}

std::vector<std::string> joining_nodes(const cib::Document& document) {
  std::vector<std::string> joining;
  for (const pugi::xml_node node : document.section("status").children("node_state")) {
    if (std::string_view(node.attribute("join").value()) == "pending" &&
        std::string_view(node.attribute("crmd").value()) == "online" &&
        std::string_view(node.attribute("in_ccm").value()) == "true") {
      joining.emplace_back(node.attribute("uname").value());
    }
  }
  return joining;
}

}  // namespace systole::controller
