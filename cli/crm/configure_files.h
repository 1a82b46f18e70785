// load, save and edit: the configuration as text outside of the shell.
#pragma once

#include "cli/crm/shell.h"

namespace systole::crm {

bool run_load(Shell& shell, const Invocation& call);
bool run_save(Shell& shell, const Invocation& call);
bool run_edit(Shell& shell, const Invocation& call);

// Objects of a text in the shell's language or of a CIB's XML, members before their containers. All errors,
// each with its line, or none.
struct ReadObjects {
  std::vector<Object> objects;
  std::vector<std::string> errors;
};
ReadObjects read_objects(std::string_view text, bool xml);

// Puts all of them. With `only`, what is there and not among them is removed: all objects, or those named in
// `only`.
Result<void> put_objects(Configuration& configuration, const std::vector<Object>& objects,
                         Configuration::Put how, const std::vector<std::string>* only);

}  // namespace systole::crm
