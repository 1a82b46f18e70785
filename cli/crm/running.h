// Where resources run, read from the status section: what each node's operation history ends in. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cib/document.h"

namespace systole::crm {

struct Place {
  std::string node;
  bool promoted = false;
  auto operator<=>(const Place&) const = default;
};
// By primitive (instances ":0" joined under its id), nodes sorted. Nodes that are not online hold nothing.
std::map<std::string, std::vector<Place>> running_places(const cib::Document& document);
// Of a primitive, or of all within a group or clone (each node once; promoted if any is).
std::vector<Place> places_of(const cib::Document& document, std::string_view resource);

// fail-count-RSC#op_interval attributes of a node, added up; "INFINITY" saturates (1,000,000).
int fail_count(const cib::Document& document, std::string_view resource, std::string_view node);

struct NodeState {
  std::string name, id, type;
  bool online = false, standby = false, maintenance = false, unclean = false;
};
std::vector<NodeState> node_states(const cib::Document& document);

}  // namespace systole::crm
