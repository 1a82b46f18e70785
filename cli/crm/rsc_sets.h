// Resource sets of constraints, in both directions:
//
//   SET ::  RSC[:ROLE|:ACTION]...       in sequence       ( RSC... )   at once (sequential=false)
//        |  [ RSC... ]                  any of them (require-all=false, sequential=false)
//
// Inside and behind a run, sequential= and require-all= may stand. A change of role or action begins a new
// set.
// `_rsc_set_` before two resources makes a set of what would otherwise be a pair.
#pragma once

#include <optional>
#include <pugixml.hpp>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/crm/cursor.h"

namespace systole::crm {

// A resource as a constraint names it: "drbd:Master".
struct RscRef {
  std::string id, qualifier;
};
enum class Qualifier { kRole, kAction };
// kParse: not a role (Started, Stopped, Promoted, Unpromoted, Master, Slave) or action (start, stop, promote,
// demote).
Result<RscRef> parse_rsc(const Cursor& c, std::string_view word, Qualifier qualifier);

struct RscSets {
  std::vector<RscRef> plain;     // All resources as written.
  bool sets = false;             // Brackets, attributes or _rsc_set_ were used.
  std::vector<Assignment> rest;  // Assignments that belong to the constraint itself.
};
// Reads to the end of the words. <resource_set> elements are appended to `constraint`; the caller drops them
// again when a plain pair was meant.
Result<RscSets> parse_rsc_sets(Cursor& c, pugi::xml_node constraint, Qualifier qualifier,
                               std::set<std::string>& used);

// The sets' words, "_rsc_set_" put before them when they would be read as a pair (or, for `single`, as one).
std::optional<std::string> format_rsc_sets(pugi::xml_node constraint, Qualifier qualifier,
                                           std::size_t plain_count);

}  // namespace systole::crm
