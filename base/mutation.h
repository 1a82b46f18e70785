// mutation("name"): whether a known mistake is to be made here. Only the simulator's second build
// (systole-sim-mutants, which compiles the few sources that ask with SYSTOLE_MUTATIONS) can say yes, to show
// that its checkers catch the mistake. Everywhere else it is false at compile time and leaves no trace.
#pragma once

#include <string_view>

namespace systole {

#ifdef SYSTOLE_MUTATIONS
bool mutation(std::string_view name);  // sim/mutations.cc
#else
constexpr bool mutation(std::string_view /*name*/) { return false; }
#endif

}  // namespace systole
