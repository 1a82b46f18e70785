#include "cib/schema.h"

#include "cib/edit.h"

namespace systole::cib {

std::vector<Finding> validate(const Document&) { return {}; }
std::vector<Finding> validate(const Edit&) { return {}; }
bool is_known_schema(std::string_view) { return true; }

}  // namespace systole::cib
