// The parsers of single kinds, for parse.cc. Each reads behind the keyword and fills the prepared element.
#pragma once

#include "base/result.h"
#include "cli/crm/attributes.h"
#include "cli/crm/cursor.h"
#include "cli/crm/parse.h"

namespace systole::crm {

struct Parsing {
  Cursor& c;
  pugi::xml_node node;
  std::string_view keyword;  // As written: "ms", "promotable"…
  Ids used;
};

Result<void> parse_primitive(Parsing& p);  // And rsc_template.
Result<void> parse_container(Parsing& p);  // group, clone, ms.
Result<void> parse_location(Parsing& p);
Result<void> parse_colocation(Parsing& p);
Result<void> parse_order(Parsing& p);
Result<void> parse_ticket(Parsing& p);
Result<void> parse_node(Parsing& p);
Result<void> parse_options(Parsing& p);  // property, rsc_defaults, op_defaults.
Result<void> parse_tag(Parsing& p);
Result<void> parse_topology(Parsing& p);
Result<void> parse_role(Parsing& p);
Result<void> parse_acl_target(Parsing& p);

// The object's id, checked and set. `what` says which in a message.
Result<std::string> parse_id(Parsing& p, std::string_view what);
// params, meta, utilization, operations, op, description: as long as they come.
Result<void> parse_clauses(Parsing& p, bool bare_attributes_are_params);

}  // namespace systole::crm
