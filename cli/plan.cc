#include "cli/plan.h"

namespace systole::cli {

pengine::Plan plan_for(const cib::Document& document, WallTime now, bool reasons) {
  pengine::Options options;
  options.now = now;
  options.reasons = reasons;
#ifdef SYSTOLE_WITH_PENGINE
  return pengine::schedule(document, options);
#else
  (void)document;
  return {};
#endif
}

}  // namespace systole::cli
