// What apply() is made of. Each of these changes the document through an Edit, which the caller commits or
// drops.
#pragma once

#include <optional>

#include "cib/edit.h"
#include "cib/ops.h"

namespace systole::cib {

Result<void> create_object(Edit& edit, const Op& op);
Result<void> modify_object(Edit& edit, const Op& op);
Result<void> replace_object(Edit& edit, const Op& op);
Result<void> delete_object(Edit& edit, const Op& op);
Result<void> delete_all(Edit& edit, const Op& op);
void erase(Edit& edit, bool keep_status);

// Returns the version that the patch leads to; none when it names none, or when `force` overrules it.
Result<std::optional<Version>> apply_patch(Edit& edit, std::string_view xml, bool force);

}  // namespace systole::cib
