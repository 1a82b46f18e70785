// Small helpers on pugixml nodes that the parser, the formatter and the edits share. Pure.
#pragma once

#include <functional>
#include <pugixml.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace systole::crm {

std::string_view attr(pugi::xml_node node, const char* name);  // Empty when absent.
void set_attr(pugi::xml_node node, std::string_view name, std::string_view value);
pugi::xml_node add_child(pugi::xml_node parent, std::string_view element, std::string_view id = {});
std::vector<pugi::xml_node> elements(pugi::xml_node parent);  // Element children, no comments.
std::string_view name_of(pugi::xml_node node);

// Depth first, `node` included.
void walk(pugi::xml_node node, const std::function<void(pugi::xml_node)>& visit);
// An element whose id is that of another object: resource_ref, obj_ref, an ACL's role, a placeholder.
bool names_object(pugi::xml_node node);
bool has_id(pugi::xml_node tree, std::string_view id);  // Of an element that is there itself.
std::set<std::string> ids_in(pugi::xml_node tree);

// base, base-0, base-1…: the first that is not in `used`; it is entered there.
std::string unused_id(const std::string& base, std::set<std::string>& used);

// Equal but for the order of attributes, comments, and (with `ignore_inner_ids`) the ids below the top.
bool same_tree(pugi::xml_node a, pugi::xml_node b, bool ignore_inner_ids = false);

// Gives the parts of `fresh` the ids that the corresponding parts of `old` have: the same set, operation or
// nvpair keeps its id when an object is written anew.
void adopt_ids(pugi::xml_node fresh, pugi::xml_node old);

}  // namespace systole::crm
