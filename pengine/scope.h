// Scope: what of the configuration a plan leaves out, because it is known that nothing has to be done there.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "pengine/model.h"

namespace systole::pengine::engine {

// Which parts there are, and what belongs to which.
struct Parts {
  TextTable<int> of_id;    // Of a resource, by every name that it has.
  TextTable<int> rank_of;  // Of a top-level resource: its place in the order of assignment.
  std::vector<int> part_of_rank;
  // Elements of the configuration with the parts that they speak of.
  std::unordered_map<const void*, std::vector<int>> of_element;

  int find(std::string_view id) const;  // With or without an instance number; -1: of none.
};

struct Scope {
  const Parts* parts = nullptr;
  std::vector<bool> looked_at;  // By part.
  // By rank: on which nodes (slots) how many resources were assigned when its turn had come.
  const std::vector<std::vector<std::pair<int, int>>>* counts = nullptr;

  bool leaves_out(pugi::xml_node element) const;
  bool leaves_out(std::string_view id) const;
};

}  // namespace systole::pengine::engine
