#include "cli/crm/xml.h"

#include <algorithm>

namespace systole::crm {
namespace {

using Attributes = std::vector<std::pair<std::string_view, std::string_view>>;

Attributes sorted_attributes(pugi::xml_node node, bool with_id) {
  Attributes list;
  for (const auto& a : node.attributes())
    if (with_id || std::string_view(a.name()) != "id") list.emplace_back(a.name(), a.value());
  std::sort(list.begin(), list.end());
  return list;
}

bool is_object_reference(pugi::xml_node node) {
  const auto name = name_of(node);
  return name == "resource_ref" || name == "obj_ref" || name == "role" || name == "member" ||
         name == "primitive" || name == "group";
}

bool same(pugi::xml_node a, pugi::xml_node b, bool ignore_ids, bool top) {
  const bool with_id = top || !ignore_ids || is_object_reference(a);
  if (name_of(a) != name_of(b) || sorted_attributes(a, with_id) != sorted_attributes(b, with_id))
    return false;
  if (std::string_view(a.text().get()) != std::string_view(b.text().get())) return false;
  const auto in_a = elements(a), in_b = elements(b);
  return std::equal(in_a.begin(), in_a.end(), in_b.begin(), in_b.end(),
                    [&](auto x, auto y) { return same(x, y, ignore_ids, false); });
}

// What makes two parts "the same part" of two versions of one object.
std::string likeness(pugi::xml_node node) {
  std::string key(name_of(node));
  for (const char* name : {"name", "interval", "role", "index", "target"})
    key += '|' + std::string(attr(node, name));
  return key;
}

void adopt_children(pugi::xml_node fresh, pugi::xml_node old, std::set<std::string>& taken) {
  auto candidates = elements(old);
  for (const auto part : elements(fresh)) {
    if (is_object_reference(part)) continue;
    const auto it = std::find_if(candidates.begin(), candidates.end(),
                                 [&](auto c) { return likeness(c) == likeness(part); });
    if (it == candidates.end()) continue;
    const std::string id(attr(*it, "id"));
    if (!id.empty() && !attr(part, "id").empty() && taken.insert(id).second) set_attr(part, "id", id);
    adopt_children(part, *it, taken);
    candidates.erase(it);
  }
}

}  // namespace

std::string_view attr(pugi::xml_node node, const char* name) { return node.attribute(name).value(); }
std::string_view name_of(pugi::xml_node node) { return node.name(); }

void set_attr(pugi::xml_node node, std::string_view name, std::string_view value) {
  const std::string key(name), text(value);
  auto attribute = node.attribute(key.c_str());
  if (!attribute) attribute = node.append_attribute(key.c_str());
  attribute.set_value(text.c_str());
}

pugi::xml_node add_child(pugi::xml_node parent, std::string_view element, std::string_view id) {
  auto node = parent.append_child(std::string(element).c_str());
  if (!id.empty()) set_attr(node, "id", id);
  return node;
}

std::vector<pugi::xml_node> elements(pugi::xml_node parent) {
  std::vector<pugi::xml_node> list;
  for (const auto child : parent.children())
    if (child.type() == pugi::node_element) list.push_back(child);
  return list;
}

void walk(pugi::xml_node node, const std::function<void(pugi::xml_node)>& visit) {
  if (!node) return;
  visit(node);
  for (auto child = node.first_child(); child; child = child.next_sibling())
    if (child.type() == pugi::node_element) walk(child, visit);
}

bool names_object(pugi::xml_node node) {
  const auto name = name_of(node);
  return name == "resource_ref" || name == "obj_ref" || name == "role" || name == "member";
}

bool has_id(pugi::xml_node tree, std::string_view id) {
  if (attr(tree, "id") == id && !names_object(tree)) return true;
  for (auto child = tree.first_child(); child; child = child.next_sibling())
    if (child.type() == pugi::node_element && has_id(child, id)) return true;
  return false;
}

std::set<std::string> ids_in(pugi::xml_node tree) {
  std::set<std::string> ids;
  walk(tree, [&](pugi::xml_node node) {
    if (names_object(node)) return;
    if (const auto id = attr(node, "id"); !id.empty()) ids.insert(std::string(id));
  });
  return ids;
}

std::string unused_id(const std::string& base, std::set<std::string>& used) {
  std::string id = base;
  for (int i = 0; !used.insert(id).second; ++i) id = base + '-' + std::to_string(i);
  return id;
}

bool same_tree(pugi::xml_node a, pugi::xml_node b, bool ignore_inner_ids) {
  return same(a, b, ignore_inner_ids, true);
}

void adopt_ids(pugi::xml_node fresh, pugi::xml_node old) {
  std::set<std::string> taken;
  adopt_children(fresh, old, taken);
}

}  // namespace systole::crm
