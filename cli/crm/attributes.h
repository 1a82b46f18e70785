// Sets of name-value pairs (instance_attributes, meta_attributes, utilization, property sets), in both
// directions:
//
//   [$id=ID | $id-ref=ID] [SCORE:] [rule ...] [NAME=VALUE | @NVPAIR-ID[:NAME]]...
#pragma once

#include <optional>
#include <pugixml.hpp>
#include <set>
#include <string>

#include "base/result.h"
#include "cli/crm/cursor.h"

namespace systole::crm {

using Ids = std::set<std::string>;

// Reads one set and appends it as `element` to `parent`, with id `base` unless one is given. Stops at the
// first word that belongs to no set. An attribute given twice: the last holds.
Result<pugi::xml_node> parse_set(Cursor& c, pugi::xml_node parent, std::string_view element,
                                 const std::string& base, Ids& used);
// Sets NAME to `value` in `set`, making the nvpair "SET-ID-NAME" where it is missing.
void set_nvpair(pugi::xml_node set, std::string_view name, std::string_view value, Ids& used);
pugi::xml_node find_nvpair(pugi::xml_node set, std::string_view name);

// The set's words; `named` are the ids that others refer to, which are shown. None when it cannot be said.
std::optional<std::string> format_set(pugi::xml_node set, const Ids& named);
std::string format_pair(std::string_view name, std::string_view value);

}  // namespace systole::crm
