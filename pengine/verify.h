// verify(): mistakes in a document, as crm_verify tells them: what the scheduler ignores or finds wrong, and
// rules that can never be true. Pure.
#pragma once

#include <vector>

#include "base/time.h"
#include "cib/document.h"
#include "pengine/scheduler.h"

namespace systole::pengine {

std::vector<Problem> verify(const cib::Document& document, WallTime now);

}  // namespace systole::pengine
