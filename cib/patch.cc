// The patch of an Edit, in Pacemaker's format 2: deletions and changed attributes first, found by path; then
// insertions and moves, by the position among the parent's children that they have in the end.
#include <cstring>

#include "cib/edit.h"
#include "cib/path.h"

namespace systole::cib {
namespace {

std::size_t position_of(pugi::xml_node node) {
  std::size_t position = 0;
  while ((node = node.previous_sibling())) ++position;
  return position;
}

void append_version(pugi::xml_node to, const char* name, const Version& v) {
  pugi::xml_node element = to.append_child(name);
  element.append_attribute("admin_epoch") = std::to_string(v.admin_epoch).c_str();
  element.append_attribute("epoch") = std::to_string(v.epoch).c_str();
  element.append_attribute("num_updates") = std::to_string(v.num_updates).c_str();
}

pugi::xml_node append_change(pugi::xml_node diff, const char* operation, const std::string& path) {
  pugi::xml_node change = diff.append_child("change");
  change.append_attribute("operation") = operation;
  change.append_attribute("path") = path.c_str();
  return change;
}

void append_create(pugi::xml_node diff, pugi::xml_node node) {
  pugi::xml_node change = append_change(diff, "create", path_of(node.parent()));
  change.append_attribute("position") = std::to_string(position_of(node)).c_str();
  change.append_copy(node);
}

void append_modify(pugi::xml_node diff, pugi::xml_node element,
                   const std::vector<std::pair<std::string, std::optional<std::string>>>& old) {
  pugi::xml_node change, list;
  for (const auto& [name, value] : old) {
    const pugi::xml_attribute now = element.attribute(name.c_str());
    if (now ? value && *value == now.value() : !value) continue;
    if (!change) {
      change = append_change(diff, "modify", path_of(element));
      list = change.append_child("change-list");
    }
    pugi::xml_node attribute = list.append_child("change-attr");
    attribute.append_attribute("name") = name.c_str();
    attribute.append_attribute("operation") = now ? "set" : "unset";
    if (now) attribute.append_attribute("value") = now.value();
  }
  if (!change) return;
  pugi::xml_node result = change.append_child("change-result").append_child(element.name());
  for (const pugi::xml_attribute a : element.attributes()) result.append_copy(a);
}

}  // namespace

std::string Edit::patch(const Version* before, const Version* after) const {
  pugi::xml_document out;
  pugi::xml_node diff = out.append_child("diff");
  diff.append_attribute("format") = "2";
  if (before != nullptr && after != nullptr) {
    pugi::xml_node version = diff.append_child("version");
    append_version(version, "source", *before);
    append_version(version, "target", *after);
  }
  const pugi::xml_node start = diff.last_child();

  for (const Deletion& d : deletions_) {
    if (within(d.parent, rewritten_set_)) continue;
    pugi::xml_node change = append_change(diff, "delete", d.path);
    if (d.position) change.append_attribute("position") = std::to_string(*d.position).c_str();
  }
  std::vector<pugi::xml_node> rewritten;
  for (const pugi::xml_node node : rewritten_)
    if (attached(node) && !within(node.parent(), rewritten_set_)) rewritten.push_back(node);
  for (const pugi::xml_node node : rewritten) append_change(diff, "delete", path_of(node));
  for (const Modification& m : modifications_)
    if (attached(m.element) && !within(m.element, rewritten_set_)) append_modify(diff, m.element, m.old);

  std::set<const void*> moved;
  for (const pugi::xml_node node : moved_) {
    if (!attached(node) || within(node, rewritten_set_) || !moved.insert(node.internal_object()).second)
      continue;
    append_change(diff, "move", path_of(node)).append_attribute("position") =
        std::to_string(position_of(node)).c_str();
  }
  for (const pugi::xml_node node : inserted_)
    if (attached(node) && !within(node, rewritten_set_)) append_create(diff, node);
  for (const pugi::xml_node node : rewritten) append_create(diff, node);

  const bool nothing = diff.last_child() == start;
  if (nothing && (before == nullptr || after == nullptr || *before == *after)) return {};
  return to_xml(diff);
}

}  // namespace systole::cib
