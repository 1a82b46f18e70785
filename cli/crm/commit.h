// The way of a change into the cluster: judged (references, agents, schema, the scheduler's own complaints),
// merged into what the cluster has by now, sent as a patch that only fits that version, and again from the
// start when somebody was faster.
#pragma once

#include <string>
#include <vector>

#include "cib/document.h"
#include "cli/crm/shell.h"

namespace systole::crm {

struct Judgement {
  std::vector<std::string> refusals;  // Would be refused by the cluster: no force helps.
  std::vector<std::string> errors;    // Refused without force.
  std::vector<std::string> warnings;
  bool report(Shell& shell) const;  // Tells the person; true when nothing but warnings was found.
};
// `before` is what is there already (null: nothing, the whole is judged): agents are asked only about
// resources that differ from it, and the scheduler's complaints that it has too are warnings. `deep` asks the
// agents and the scheduler.
Judgement judge(Shell& shell, const cib::Document* before, const cib::Document& after, bool deep);

// True: it is in the cluster, and `copy` begins anew from there. False: said why; `copy` is as it was.
bool commit_copy(Shell& shell, WorkingCopy& copy, bool force, bool deep);

}  // namespace systole::crm
