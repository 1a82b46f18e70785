// `crm whatif`: what a fault or an intervention would lead to. On the cluster, a shadow, or a saved
// configuration.
#pragma once

#include "cli/crm/shell.h"

namespace systole::crm {

bool run_whatif(Shell& shell, const Invocation& call);

}  // namespace systole::crm
