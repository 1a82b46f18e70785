// Where in a CIB things are: the sections by name, and the section that an element's name implies.
#pragma once

#include <pugixml.hpp>
#include <string_view>

namespace systole::cib {

// "", "all" and "cib": the root itself.
bool is_whole(std::string_view section);
bool is_section(std::string_view name);  // Known, whether present or not; not the whole.
pugi::xml_node find_section(pugi::xml_node root, std::string_view name);
// The section in which an object of this name lies ("primitive": "resources"); empty: none is implied.
std::string_view implied_section(std::string_view element);

}  // namespace systole::cib
