// What a cleanup erases: one change of the status section, the same on every member. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cib/document.h"
#include "cib/ops.h"

namespace systole::controller {

namespace wire {
class Cleanup;  // controller/messages.pb.h
}

// Nothing when there is nothing to erase.
std::optional<cib::Op> cleanup_op(const cib::Document& document, const wire::Cleanup& what);
// Resources whose history on `node` (name) it erases.
std::vector<std::string> cleaned_resources(const cib::Document& document, const wire::Cleanup& what,
                                           const std::string& node);

}  // namespace systole::controller
