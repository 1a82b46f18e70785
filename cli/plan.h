// What the scheduler would do with a document, for tools that explain.
#pragma once

#include "pengine/scheduler.h"

namespace systole::cli {

pengine::Plan plan_for(const cib::Document& document, WallTime now, bool reasons);

}  // namespace systole::cli
