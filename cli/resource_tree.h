// The configured resources as the tools walk them: by id, with parents, children and agents.
#pragma once

#include <string>
#include <vector>

#include "cib/document.h"

namespace systole::cli {

// The primitive, group, clone, master or bundle with this id, or null. Instance numbers ("r:0") are ignored.
pugi::xml_node find_resource(const cib::Document& document, std::string_view id);
bool is_resource(pugi::xml_node node);
bool is_clone(pugi::xml_node node);  // clone or master
// The outermost resource that holds this one; itself when none does.
pugi::xml_node top_resource(pugi::xml_node resource);
// All primitives in it, itself included.
std::vector<pugi::xml_node> primitives_in(pugi::xml_node resource);
// A primitive's class, provider or type, from its template when it has one.
std::string agent_part(const cib::Document& document, pugi::xml_node primitive, const char* part);
std::string agent_name(const cib::Document& document, pugi::xml_node primitive);  // "ocf:heartbeat:IPaddr2"

struct Found {
  std::string name, value, set, id;
};
// Effective instance attributes or meta attributes of a resource: its own, its template's, for meta
// attributes its parents' and rsc_defaults. Rules are not judged: sets with rules are left out.
std::vector<Found> effective_pairs(const cib::Document& document, pugi::xml_node resource,
                                   const char* set_tag);

}  // namespace systole::cli
