// Is this a valid CIB? Structure (elements, attributes, types, unique ids) and references (id-ref,
// constraints to resources). Messages are for a person, with the line where known and the remedy.
#pragma once

#include <string>
#include <vector>

#include "cib/document.h"

namespace systole::cib {

struct Finding {
  bool error = true;  // Refused; otherwise a warning.
  int line = 0;       // Of the serialised or given document; 0: unknown.
  std::string message;
};
// Structure: what makes a document refused when written.
std::vector<Finding> validate(const Document& document);

}  // namespace systole::cib
