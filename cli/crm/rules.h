// Rules, in both directions:
//
//   rule [$id=ID] [$role=ROLE] SCORE: EXPRESSION [and|or EXPRESSION]...
//   EXPRESSION ::  ATTRIBUTE [string:|integer:|number:|version:]OP VALUE      OP: lt gt lte gte eq ne
//               |  defined ATTRIBUTE | not_defined ATTRIBUTE
//               |  date lt END | date gt START | date in start=START {end=END | DURATION} | date spec SPEC
//
// `and` and `or` cannot be mixed: a rule of the CIB has one of them. SCORE may also name a node attribute.
#pragma once

#include <optional>
#include <pugixml.hpp>
#include <set>
#include <string>

#include "base/result.h"
#include "cli/crm/cursor.h"

namespace systole::crm {

// Behind the word `rule`. Appends <rule> to `parent`; ids are made from `base` and entered in `used`.
Result<void> parse_rule(Cursor& c, pugi::xml_node parent, const std::string& base,
                        std::set<std::string>& used);

// "rule -inf: not_defined pingd or pingd lte 0"; none when the shell's language cannot say it (nested rules).
std::optional<std::string> format_rule(pugi::xml_node rule, bool with_id);

}  // namespace systole::crm
