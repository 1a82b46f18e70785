// Name-value pairs in the configuration: where an option of a scope is, and the changes that set or delete
// it. Used by crm_attribute and crm_resource; ids follow Pacemaker's conventions, so that other tools find
// them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cib/document.h"
#include "cli/session.h"

namespace systole::cli {

// Sets of pairs below one parent: node n's instance_attributes, crm_config's property sets…
struct PairPlace {
  std::string section;       // "crm_config", "nodes", "resources"…
  std::string parent_xpath;  // Of the element that holds the sets.
  std::string parent_tag;    // "node", "primitive"; empty: the section's element itself.
  std::string parent_id;
  std::string set_tag;  // "cluster_property_set", "instance_attributes", "meta_attributes", "utilization"
  std::string set_id;   // Of the set to make when there is none.
};

struct Pair {
  std::string id, set, name, value;
};

// Pairs named `name` (empty: all) in the sets of `place`; only in set `set_id` and with id `pair_id` if
// given.
std::vector<Pair> find_pairs(const cib::Document& document, const PairPlace& place, std::string_view name,
                             std::string_view set_id = "", std::string_view pair_id = "");

// Sets it where it is, or in the first set there, or in a new set. Returns the pair as it is now.
Result<Pair> set_pair(Session& session, const cib::Document& document, const PairPlace& place,
                      const std::string& name, const std::string& value, const std::string& set_id = "",
                      const std::string& pair_id = "");
Result<void> delete_pair(Session& session, const Pair& pair);

// Places.
PairPlace property_place();
PairPlace defaults_place(const std::string& section);  // "rsc_defaults", "op_defaults"
Result<PairPlace> node_place(const cib::Document& document, const std::string& node, bool utilization);

}  // namespace systole::cli
