// Is this a valid CIB? Structure (elements, attributes, types, unique ids) and references (id-ref,
// constraints to resources). Messages are for a person, with the line where known and the remedy.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cib/document.h"

namespace systole::cib {

class Edit;

inline constexpr const char* kNewestSchema = "pacemaker-3.9";  // What new documents and upgrades get.
inline constexpr const char* kFeatureSet = "3.16.1";

struct Finding {
  bool error = true;       // Refused; otherwise a warning.
  bool reference = false;  // About an id that is named somewhere and defined nowhere.
  int line = 0;            // Of the serialised or given document; 0: unknown.
  std::string message;
};
// Structure and references: what makes a document refused when written. With validate-with="none" only what
// would make it unusable. At most 100 findings.
std::vector<Finding> validate(const Document& document);
// The same of what an edit touched: new and changed elements, ids and references that it added or left
// dangling.
std::vector<Finding> validate(const Edit& edit);
// pacemaker-1.0 and later, transitional-0.6, pacemaker-next, none.
bool is_known_schema(std::string_view name);
int schema_rank(std::string_view name);  // Greater for later versions; -1 for none and what has no version.

}  // namespace systole::cib
