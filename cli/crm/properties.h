// The names that people set: cluster properties with their defaults, meta attributes, operations' attributes.
// For completion and get_property. Source: "Pacemaker Explained", 2.1.
#pragma once

#include <span>
#include <string_view>

namespace systole::crm {

struct Property {
  std::string_view name, default_value, brief;
};
std::span<const Property> cluster_properties();
std::span<const Property> meta_attributes();
std::span<const Property> op_attributes();
std::string_view property_default(std::string_view name);  // Empty: unknown, or none.

}  // namespace systole::crm
