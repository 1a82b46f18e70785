#include "cli/plan.h"

namespace systole::cli {

pengine::Plan plan_for(const cib::Document& document, WallTime now, bool reasons) {
  pengine::Options options;
  options.now = now;
  options.reasons = reasons;
  return pengine::schedule(document, options);
}

}  // namespace systole::cli
