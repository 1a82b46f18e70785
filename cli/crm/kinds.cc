#include "cli/crm/kinds.h"

#include <algorithm>
#include <array>

#include "cli/crm/xml.h"

namespace systole::crm {
namespace {

constexpr std::array kKinds = {
    Kind{.keyword = "node", .element = "node", .section = "nodes", .place = 0},
    Kind{.keyword = "rsc_template", .element = "template", .section = "resources", .place = 1},
    Kind{
        .keyword = "primitive", .element = "primitive", .section = "resources", .place = 2, .resource = true},
    Kind{.keyword = "bundle",
         .element = "bundle",
         .section = "resources",
         .place = 3,
         .resource = true,
         .container = true},
    Kind{.keyword = "group",
         .element = "group",
         .section = "resources",
         .place = 4,
         .resource = true,
         .container = true},
    Kind{.keyword = "ms",
         .element = "master",
         .section = "resources",
         .place = 5,
         .resource = true,
         .container = true},
    Kind{.keyword = "clone",
         .element = "clone",
         .section = "resources",
         .place = 6,
         .resource = true,
         .container = true},
    Kind{.keyword = "tag", .element = "tag", .section = "tags", .place = 7},
    Kind{.keyword = "location",
         .element = "rsc_location",
         .section = "constraints",
         .place = 8,
         .constraint = true},
    Kind{.keyword = "colocation",
         .element = "rsc_colocation",
         .section = "constraints",
         .place = 9,
         .constraint = true},
    Kind{.keyword = "order",
         .element = "rsc_order",
         .section = "constraints",
         .place = 10,
         .constraint = true},
    Kind{.keyword = "rsc_ticket",
         .element = "rsc_ticket",
         .section = "constraints",
         .place = 11,
         .constraint = true},
    Kind{.keyword = "fencing_topology", .element = "fencing-topology", .section = "", .place = 12},
    Kind{.keyword = "role", .element = "acl_role", .section = "acls", .place = 13},
    Kind{.keyword = "acl_target", .element = "acl_target", .section = "acls", .place = 14},
    Kind{.keyword = "acl_group", .element = "acl_group", .section = "acls", .place = 14},
    Kind{.keyword = "property",
         .element = "cluster_property_set",
         .section = "crm_config",
         .place = 15,
         .attribute_set = true},
    Kind{.keyword = "rsc_defaults",
         .element = "meta_attributes",
         .section = "rsc_defaults",
         .place = 16,
         .attribute_set = true},
    Kind{.keyword = "op_defaults",
         .element = "meta_attributes",
         .section = "op_defaults",
         .place = 17,
         .attribute_set = true},
    Kind{.keyword = "alert", .element = "alert", .section = "alerts", .place = 18},
};

constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kOtherNames = {
    {{"master", "ms"},
     {"promotable", "clone"},
     {"collocation", "colocation"},
     {"template", "rsc_template"},
     {"ticket", "rsc_ticket"}}};

}  // namespace

std::span<const Kind> kinds() { return kKinds; }

const Kind* kind_named(std::string_view keyword) {
  for (const auto& [other, name] : kOtherNames)
    if (keyword == other) keyword = name;
  const auto it =
      std::find_if(kKinds.begin(), kKinds.end(), [&](const Kind& k) { return k.keyword == keyword; });
  return it == kKinds.end() ? nullptr : &*it;
}

const Kind* kind_of(pugi::xml_node element) {
  const auto name = name_of(element);
  auto parent = element.parent();
  while (const Kind* container = parent ? kind_of(parent) : nullptr) {
    if (!container->container) break;
    parent = parent.parent();
  }
  // rsc_defaults and op_defaults hold the same elements: there the section decides.
  for (const Kind& kind : kKinds) {
    if (kind.element != name) continue;
    if (!kind.attribute_set || name_of(parent) == kind.section) return &kind;
  }
  return nullptr;
}

}  // namespace systole::crm
