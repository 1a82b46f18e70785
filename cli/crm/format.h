// format_object: the element of an object to the shell's language, in crmsh 4's form:
//
//   primitive WebIP IPaddr2 <backslash, newline, tab>params ip=192.0.2.1 <backslash, newline, tab>op monitor
//   …
//
// What is written parses back to the same element (but for the ids of its parts); what the language cannot
// say is written as `xml <…>`, so nothing is lost. Pure.
#pragma once

#include <pugixml.hpp>
#include <string>

#include "cli/crm/attributes.h"

namespace systole::crm {

struct FormatOptions {
  Ids referenced;  // Ids that others refer to by id-ref: shown as $id=.
};

std::string format_object(pugi::xml_node object, const FormatOptions& options = {});
// The same text with keywords and names in colour, for a terminal.
std::string colourise(std::string_view text);
// Ids that an id-ref within `configuration` refers to.
Ids referenced_ids(pugi::xml_node configuration);
// "ocf:heartbeat:IPaddr2", "@template"; ocf:heartbeat is left away as crmsh does.
std::string format_agent(pugi::xml_node primitive);

}  // namespace systole::crm
