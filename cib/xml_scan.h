// What must hold of XML text before the tree parser sees it: well-formed enough to be bounded, and nothing in
// it that could expand, hide or nest without end. One pass, no memory but one tag's attribute names.
#pragma once

#include <pugixml.hpp>
#include <string_view>

#include "base/result.h"

namespace systole::cib {

// Errors: kParse with line and column: DTD, unknown entity, characters that XML does not allow, not UTF-8,
// an attribute twice in an element, nesting above kMaxDepth, more than `limit` bytes.
Result<void> scan_xml(std::string_view xml, std::size_t limit);

// What the tree parser made of it is one element, and comments. Errors: kParse with line and column.
Result<void> check_parsed(std::string_view xml, pugi::xml_node tree, const pugi::xml_parse_result& parsed);

// "line 3, column 14" of a byte offset, both counted from 1.
std::string position_in(std::string_view xml, std::size_t offset);

}  // namespace systole::cib
