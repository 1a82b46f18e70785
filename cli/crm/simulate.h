// What the scheduler would do, and whether a resource runs: the shell's views on the other modules.
#pragma once

#include "cli/crm/shell.h"

namespace systole::crm {

bool run_simulate(Shell& shell, const Invocation& call);
bool run_scores(Shell& shell, const Invocation& call);
bool is_running(cli::Session& session, const std::string& resource);

}  // namespace systole::crm
