// The commands of the configure level, but for those on files (configure_files.h) and the scheduler
// (simulate.h).
#pragma once

#include "cli/crm/shell.h"

namespace systole::crm {

bool run_define(Shell& shell, const Invocation& call);
bool run_show(Shell& shell, const Invocation& call);
bool run_delete(Shell& shell, const Invocation& call);
bool run_rename(Shell& shell, const Invocation& call);
bool run_modgroup(Shell& shell, const Invocation& call);
bool run_erase(Shell& shell, const Invocation& call);
bool run_commit(Shell& shell, const Invocation& call);
bool run_get_property(Shell& shell, const Invocation& call);
bool run_configure_verify(Shell& shell, const Invocation& call);
bool run_refresh(Shell& shell, const Invocation& call);
bool run_set(Shell& shell, const Invocation& call);
bool run_schema(Shell& shell, const Invocation& call);
bool run_validate_all(Shell& shell, const Invocation& call);

}  // namespace systole::crm
