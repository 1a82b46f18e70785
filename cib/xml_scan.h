// What must hold of XML text before the tree parser sees it: well-formed enough to be bounded, and nothing in
// it that could expand, hide or nest without end. One pass, no memory but one tag's attribute names.
#pragma once

#include <string_view>

#include "base/result.h"

namespace systole::cib {

// Errors: kParse with line and column: DTD, unknown entity, characters that XML does not allow, not UTF-8,
// an attribute twice in an element, nesting above kMaxDepth, more than `limit` bytes.
Result<void> scan_xml(std::string_view xml, std::size_t limit);

// "line 3, column 14" of a byte offset, both counted from 1.
std::string position_in(std::string_view xml, std::size_t offset);

}  // namespace systole::cib
