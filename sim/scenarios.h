// Scenarios: incidents that people had (what each is says scenario_kinds()), each with details drawn from the
// seed, so that one scenario is as many stories as wanted.
#pragma once

#include <span>

#include "sim/workload.h"

namespace systole::sim {

struct ScenarioKind {
  const char* name;
  const char* says;
};
std::span<const ScenarioKind> scenario_kinds();

}  // namespace systole::sim
