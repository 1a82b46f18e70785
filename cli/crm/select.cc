#include "cli/crm/select.h"

#include <algorithm>
#include <sstream>

#include "cli/crm/format.h"
#include "cli/crm/xml.h"

namespace systole::crm {
namespace {

using std::string_view;
using Nodes = std::vector<pugi::xml_node>;

bool related(pugi::xml_node object, string_view id) {
  if (object_id(object) == id || refers_to(object, id)) return true;
  const auto parent = object.parent();
  const Kind* kind = kind_of(parent);
  if (kind != nullptr && kind->container && attr(parent, "id") == id) return true;
  for (const auto child : elements(object)) {
    const Kind* inner = kind_of(child);
    if (inner != nullptr && inner->resource && attr(child, "id") == id) return true;
  }
  return false;
}

bool fits(const Configuration& configuration, pugi::xml_node object, string_view filter) {
  const Kind* kind = kind_of(object);
  if (filter.starts_with("type:")) {
    const Kind* wanted = kind_named(filter.substr(5));
    return wanted != nullptr && kind == wanted;
  }
  if (filter.starts_with("related:")) return related(object, filter.substr(8));
  if (filter.starts_with("tag:")) {
    const auto tag = configuration.find(filter.substr(4));
    for (const auto member : elements(tag))
      if (attr(member, "id") == object_id(object)) return true;
    return false;
  }
  if (object_id(object) == filter || attr(object, "id") == filter || kind->keyword == filter) return true;
  return filter.find_first_of("*?") != string_view::npos && glob_match(filter, object_id(object));
}

bool is_plain_id(string_view filter) { return filter.find_first_of("*?:") == string_view::npos; }

bool differs(const Configuration& before, pugi::xml_node object) {
  const auto old = before.find(object_id(object));
  return !old || !same_tree(old, object);
}

// The order in which things were made, members before their container.
void in_document_order(Nodes& objects) {
  std::stable_sort(objects.begin(), objects.end(),
                   [](auto a, auto b) { return kind_of(a)->place < kind_of(b)->place; });
}

std::string print(pugi::xml_node node) {
  std::ostringstream out;
  node.print(out, "  ", pugi::format_default | pugi::format_no_declaration);
  return out.str();
}

// <cib> with its configuration, or with only `objects` in their sections.
std::string as_xml(const WorkingCopy& copy, const Nodes* objects) {
  pugi::xml_document document;
  auto cib = document.append_child("cib");
  const auto root = copy.mine.root();
  for (const char* first : {"crm_feature_set", "validate-with"})
    if (root.attribute(first)) set_attr(cib, first, attr(root, first));
  for (const auto& a : root.attributes())
    if (!cib.attribute(a.name())) set_attr(cib, a.name(), a.value());
  if (objects == nullptr) {
    cib.append_copy(root.child("configuration"));
  } else {
    Configuration target(cib);
    for (const auto object : *objects) {
      const Kind* kind = kind_of(object);
      (kind->section.empty() ? target.make_section("") : target.make_section(kind->section))
          .append_copy(object);
    }
  }
  return "<?xml version=\"1.0\" ?>\n" + print(cib);
}

}  // namespace

bool glob_match(string_view pattern, string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern.front() == '*') {
    while (pattern.starts_with('*')) pattern.remove_prefix(1);
    if (pattern.empty()) return true;
    for (std::size_t i = 0; i <= text.size(); ++i)
      if (glob_match(pattern, text.substr(i))) return true;
    return false;
  }
  if (text.empty() || (pattern.front() != '?' && pattern.front() != text.front())) return false;
  return glob_match(pattern.substr(1), text.substr(1));
}

Selection parse_selection(const Words& words) {
  Selection selection;
  for (const auto& word : words) {
    if (word == "xml" && !selection.xml)
      selection.xml = true;
    else if (word == "changed")
      selection.changed = true;
    else
      selection.filters.push_back(word);
  }
  return selection;
}

Result<Nodes> select_objects(const WorkingCopy& copy, const Selection& selection, bool sorted) {
  const Configuration mine(copy.mine.root()), base(copy.base.root());
  auto objects = mine.objects();
  if (!sorted) {
    // objects() sorts by id within a kind; the tree's own order instead.
    Nodes in_tree;
    walk(mine.node(), [&](pugi::xml_node node) {
      if (std::find(objects.begin(), objects.end(), node) != objects.end()) in_tree.push_back(node);
    });
    objects = std::move(in_tree);
    in_document_order(objects);
  }
  for (const auto& filter : selection.filters) {
    if (filter.starts_with("type:") && kind_named(std::string_view(filter).substr(5)) == nullptr)
      return fail(Errc::kNotFound, "no such kind of object: {}", filter.substr(5));
    if (filter.starts_with("tag:") && !mine.find(std::string_view(filter).substr(4)))
      return fail(Errc::kNotFound, "tag {} does not exist", filter.substr(4));
    const bool any =
        std::any_of(objects.begin(), objects.end(), [&](auto object) { return fits(mine, object, filter); });
    if (!any && is_plain_id(filter) && kind_named(filter) == nullptr)
      return fail(Errc::kNotFound, "object {} does not exist", filter);
  }
  std::erase_if(objects, [&](auto object) {
    if (selection.changed && !differs(base, object)) return true;
    if (selection.filters.empty()) return false;
    return std::none_of(selection.filters.begin(), selection.filters.end(),
                        [&](const auto& filter) { return fits(mine, object, filter); });
  });
  return objects;
}

Result<std::string> show_selection(const WorkingCopy& copy, const Selection& selection, bool sorted) {
  if (selection.xml && selection.filters.empty() && !selection.changed) return as_xml(copy, nullptr);
  auto objects = select_objects(copy, selection, sorted);
  if (!objects) return fail(objects.error());
  if (selection.xml) return as_xml(copy, &*objects);
  const FormatOptions options{referenced_ids(copy.mine.root())};
  std::string text;
  for (const auto object : *objects) {
    // A bundle is shown as XML with what is in it.
    if (name_of(object.parent()) == "bundle") continue;
    text += format_object(object, options) + '\n';
  }
  return text;
}

}  // namespace systole::crm
