// `set NAME VALUE`, `delete NAME`, `show NAME` on the attributes of resources and nodes.
#pragma once

#include "cli/crm/shell.h"

namespace systole::crm {

// RSC {set|delete|show} NAME [VALUE], on the sets named `element`.
bool resource_attribute_command(Shell& shell, const Invocation& call, const char* element);
// NODE {set|delete|show} NAME [VALUE]; `scope` as crm_attribute names it.
bool node_attribute_command(Shell& shell, const Invocation& call, const char* element);

void set_resource_attribute(Configuration& configuration, pugi::xml_node resource, const char* element,
                            std::string_view name, std::string_view value);
void set_node_attribute(Configuration& configuration, pugi::xml_node node, const char* element,
                        std::string_view name, std::string_view value);
bool delete_attribute(pugi::xml_node owner, const char* element, std::string_view name);
// The first of the owner's sets that has it; none when it is not set.
std::optional<std::string> read_attribute(pugi::xml_node owner, const char* element, std::string_view name);

}  // namespace systole::crm
