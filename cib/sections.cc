#include "cib/sections.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

namespace systole::cib {
namespace {

constexpr std::string_view kInConfiguration[] = {
    "crm_config",   "nodes",       "resources", "constraints", "fencing-topology",
    "rsc_defaults", "op_defaults", "acls",      "tags",        "alerts"};

constexpr std::pair<std::string_view, std::string_view> kPlaces[] = {{"cluster_property_set", "crm_config"},
                                                                     {"node", "nodes"},
                                                                     {"primitive", "resources"},
                                                                     {"group", "resources"},
                                                                     {"clone", "resources"},
                                                                     {"master", "resources"},
                                                                     {"bundle", "resources"},
                                                                     {"template", "resources"},
                                                                     {"rsc_location", "constraints"},
                                                                     {"rsc_colocation", "constraints"},
                                                                     {"rsc_order", "constraints"},
                                                                     {"rsc_ticket", "constraints"},
                                                                     {"fencing-level", "fencing-topology"},
                                                                     {"acl_role", "acls"},
                                                                     {"acl_target", "acls"},
                                                                     {"acl_group", "acls"},
                                                                     {"acl_user", "acls"},
                                                                     {"tag", "tags"},
                                                                     {"alert", "alerts"},
                                                                     {"node_state", "status"},
                                                                     {"ticket_state", "tickets"}};

}  // namespace

bool is_whole(std::string_view section) { return section.empty() || section == "all" || section == "cib"; }

bool is_section(std::string_view name) {
  return name == "configuration" || name == "status" || name == "tickets" ||
         std::find(std::begin(kInConfiguration), std::end(kInConfiguration), name) !=
             std::end(kInConfiguration);
}

pugi::xml_node find_section(pugi::xml_node root, std::string_view name) {
  if (is_whole(name)) return root;
  if (!is_section(name)) return {};
  const std::string key(name);
  if (name == "configuration" || name == "status") return root.child(key.c_str());
  return root.child(name == "tickets" ? "status" : "configuration").child(key.c_str());
}

std::string_view implied_section(std::string_view element) {
  for (const auto& [name, section] : kPlaces)
    if (name == element) return section;
  return {};
}

}  // namespace systole::cib
