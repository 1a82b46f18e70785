// Paths: the XPath of patches ("/cib/status/node_state[@id='1']"), made and found without an XPath engine,
// and XPath 1.0 for what people write.
#pragma once

#include <pugixml.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace systole::cib {

// The path with each element's id; elements without one are named alone.
std::string path_of(pugi::xml_node element);
// Whether path_of() finds this element and no other.
bool is_unambiguous(pugi::xml_node element);
// The elements that the path selects, in document order, at most `most`. An attribute stands for its element.
// Error: kInvalidArgument for what is no XPath 1.0 or selects no nodes.
Result<std::vector<pugi::xml_node>> find_path(pugi::xml_node document, const std::string& path,
                                              std::size_t most);

}  // namespace systole::cib
