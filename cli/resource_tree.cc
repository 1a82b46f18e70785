#include "cli/resource_tree.h"

namespace systole::cli {
namespace {

pugi::xml_node search(pugi::xml_node parent, std::string_view id) {
  for (const pugi::xml_node child : parent.children()) {
    if (!is_resource(child)) continue;
    if (id == child.attribute("id").value()) return child;
    if (const pugi::xml_node inside = search(child, id)) return inside;
  }
  return {};
}

pugi::xml_node template_of(const cib::Document& document, pugi::xml_node primitive) {
  const std::string_view name = primitive.attribute("template").value();
  if (name.empty()) return {};
  for (const pugi::xml_node t : document.section("resources").children("template")) {
    if (name == t.attribute("id").value()) return t;
  }
  return {};
}

void take(pugi::xml_node holder, const char* set_tag, std::vector<Found>& found) {
  for (const pugi::xml_node set : holder.children(set_tag)) {
    if (set.child("rule")) continue;
    for (const pugi::xml_node pair : set.children("nvpair")) {
      const std::string name = pair.attribute("name").value();
      const bool there =
          std::any_of(found.begin(), found.end(), [&](const Found& f) { return f.name == name; });
      if (!there)
        found.push_back({name, pair.attribute("value").value(), set.attribute("id").value(),
                         pair.attribute("id").value()});
    }
  }
}

void collect(pugi::xml_node resource, std::vector<pugi::xml_node>& into) {
  if (std::string_view(resource.name()) == "primitive") into.push_back(resource);
  for (const pugi::xml_node child : resource.children()) {
    if (is_resource(child)) collect(child, into);
  }
}

}  // namespace

bool is_resource(pugi::xml_node node) {
  const std::string_view name = node.name();
  return name == "primitive" || name == "group" || name == "clone" || name == "master" || name == "bundle";
}

bool is_clone(pugi::xml_node node) {
  const std::string_view name = node.name();
  return name == "clone" || name == "master";
}

pugi::xml_node find_resource(const cib::Document& document, std::string_view id) {
  const pugi::xml_node resources = document.section("resources");
  if (const pugi::xml_node exact = search(resources, id)) return exact;
  const std::size_t colon = id.find(':');
  return colon == std::string_view::npos ? pugi::xml_node() : search(resources, id.substr(0, colon));
}

pugi::xml_node top_resource(pugi::xml_node resource) {
  while (is_resource(resource.parent())) resource = resource.parent();
  return resource;
}

std::vector<pugi::xml_node> primitives_in(pugi::xml_node resource) {
  std::vector<pugi::xml_node> all;
  collect(resource, all);
  return all;
}

std::string agent_part(const cib::Document& document, pugi::xml_node primitive, const char* part) {
  const std::string own = primitive.attribute(part).value();
  return own.empty() ? template_of(document, primitive).attribute(part).value() : own;
}

std::string agent_name(const cib::Document& document, pugi::xml_node primitive) {
  const std::string provider = agent_part(document, primitive, "provider");
  return agent_part(document, primitive, "class") + ":" + (provider.empty() ? "" : provider + ":") +
         agent_part(document, primitive, "type");
}

std::vector<Found> effective_pairs(const cib::Document& document, pugi::xml_node resource,
                                   const char* set_tag) {
  std::vector<Found> found;
  take(resource, set_tag, found);
  take(template_of(document, resource), set_tag, found);
  if (std::string_view(set_tag) != "meta_attributes") return found;
  for (pugi::xml_node up = resource.parent(); is_resource(up); up = up.parent()) take(up, set_tag, found);
  take(document.section("rsc_defaults"), set_tag, found);
  return found;
}

}  // namespace systole::cli
