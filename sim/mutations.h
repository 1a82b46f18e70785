// Mutations: mistakes that were made once, or are easily made, re-introduced one at a time into production
// code (base/mutation.h), to show that checkers catch them. A checker that catches nothing is not a checker.
#pragma once

#include <span>
#include <string>

#include "sim/campaign.h"

namespace systole::sim {

struct Mutation {
  const char* name;
  const char* says;
  Arena arena;           // Where it is looked for.
  const char* scenario;  // And in which stories; empty: random ones.
};
std::span<const Mutation> mutations();
bool mutations_built();                      // Whether this program can make them.
void set_mutation(const std::string& name);  // From now on. Unknown: none.
// Runs seeds with each mistake (or only the one named) until it is caught in enough of them, and prints by
// which checker. 0: every one was caught.
int run_mutations(unsigned jobs, const std::string& only);

}  // namespace systole::sim
