// parse_object: one object of the configuration, from the shell's language to the element of the CIB. Pure,
// and without looking at any CIB: members of groups and clones become <member id="…"/> placeholders that
// Configuration::put() replaces by the resources themselves.
//
// The language is crmsh's (crm help configure). Ids of parts are made as crmsh makes them:
// R-instance_attributes, R-instance_attributes-ip, R-meta_attributes, R-monitor-10s, R-start-0s,
// cib-bootstrap-options-NAME, …
#pragma once

#include <memory>
#include <pugixml.hpp>
#include <string_view>

#include "base/result.h"
#include "cli/crm/kinds.h"
#include "cli/crm/words.h"

namespace systole::crm {

struct Object {
  const Kind* kind = nullptr;
  std::unique_ptr<pugi::xml_document> document;
  pugi::xml_node node() const { return document->document_element(); }
};

// words[0] is the keyword. kParse, with the word at which reading stopped.
Result<Object> parse_object(const Words& words);
// What stands behind the keyword `xml`: one element, as in the CIB.
Result<Object> parse_xml_object(std::string_view xml);
// A logical line: either of the two.
Result<Object> parse_statement(std::string_view line);

}  // namespace systole::crm
