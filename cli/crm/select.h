// What `show`, `save` and `edit` print: the objects that a person named, as text or XML.
#pragma once

#include <string>

#include "base/result.h"
#include "cli/crm/shell.h"

namespace systole::crm {

struct Selection {
  bool xml = false, changed = false;
  Words filters;  // Ids, patterns (*, ?), type:KIND, tag:TAG, related:ID. None: everything.
};
Selection parse_selection(const Words& words);

// kNotFound names the filter that nothing fits, when it is an id.
Result<std::vector<pugi::xml_node>> select_objects(const WorkingCopy& copy, const Selection& selection,
                                                   bool sorted);
Result<std::string> show_selection(const WorkingCopy& copy, const Selection& selection, bool sorted);
bool glob_match(std::string_view pattern, std::string_view text);

}  // namespace systole::crm
