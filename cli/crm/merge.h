// merge_configuration: the three-way merge of a commit. `base` is what an edit began with, `mine` what it has
// become, `live` what the cluster has by now. What I changed is brought into the live document; what others
// changed stays; where both changed the same thing differently there is a conflict, named by its object.
// Pure.
//
// Granularity: attributes and child elements by id. Two people may change two parameters of one resource; two
// changes of one parameter, or a change of what the other deleted, conflict.
#pragma once

#include <pugixml.hpp>
#include <string>
#include <vector>

namespace systole::crm {

struct Conflict {
  std::string object;  // Id of the object that both changed.
  std::string what;    // "nvpair d1-instance_attributes-fake was set to 1 here and to 2 meanwhile"
};

// Changes `live` in place (a copy of the live document's <configuration>); with conflicts its content is of
// no use. Equal `base` and `mine` change nothing.
std::vector<Conflict> merge_configuration(pugi::xml_node base, pugi::xml_node mine, pugi::xml_node live);

}  // namespace systole::crm
