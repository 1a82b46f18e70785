// The edits of Configuration that follow references between objects: remove, rename, groups' members, and the
// checks for references that point at nothing.
#include <algorithm>

#include "cli/crm/configuration.h"
#include "cli/crm/cursor.h"
#include "cli/crm/xml.h"

namespace systole::crm {
namespace {

using std::string_view;

constexpr const char* kRscAttributes[] = {"rsc", "with-rsc", "first", "then"};

bool is_resource(pugi::xml_node node) {
  const Kind* kind = kind_of(node);
  return kind != nullptr && kind->resource;
}

bool is_reference(pugi::xml_node node) {
  return name_of(node) == "resource_ref" || name_of(node) == "obj_ref" || name_of(node) == "role";
}

std::vector<std::string> split_list(string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    const auto comma = text.find(',');
    items.emplace_back(text.substr(0, comma));
    text.remove_prefix(comma == string_view::npos ? text.size() : comma + 1);
  }
  return items;
}

std::size_t count_references(pugi::xml_node object) {
  std::size_t count = 0;
  walk(object, [&](pugi::xml_node part) { count += is_reference(part) ? 1 : 0; });
  return count;
}

// Takes `id` out of the object's sets; true when what is left of the object says nothing any more.
bool drop_from_sets(pugi::xml_node object, string_view id) {
  std::vector<pugi::xml_node> hits;
  walk(object, [&](pugi::xml_node part) {
    if (is_reference(part) && attr(part, "id") == id) hits.push_back(part);
  });
  if (hits.empty()) return false;
  for (auto hit : hits) {
    auto set = hit.parent();
    set.remove_child(hit);
    if (name_of(set) == "resource_set" && elements(set).empty()) set.parent().remove_child(set);
  }
  const bool pairwise = name_of(object) == "rsc_colocation" || name_of(object) == "rsc_order";
  return count_references(object) < (pairwise ? 2u : 1u);
}

void drop_device(pugi::xml_node topology, string_view id) {
  for (auto level : elements(topology)) {
    auto devices = split_list(attr(level, "devices"));
    if (std::erase(devices, std::string(id)) == 0) continue;
    if (devices.empty())
      topology.remove_child(level);
    else
      set_attr(level, "devices", join(devices, ","));
  }
}

}  // namespace

bool refers_to(pugi::xml_node object, string_view id) {
  for (const char* name : kRscAttributes)
    if (attr(object, name) == id) return true;
  if (attr(object, "template") == id) return true;
  bool found = false;
  walk(object, [&](pugi::xml_node part) {
    if (is_reference(part) && attr(part, "id") == id) found = true;
    if (name_of(part) == "fencing-level") {
      const auto devices = split_list(attr(part, "devices"));
      found |= std::find(devices.begin(), devices.end(), id) != devices.end() || attr(part, "target") == id;
    }
  });
  return found || (name_of(object) == "rsc_location" && attr(object, "node") == id);
}

void Configuration::remove_references(string_view id, std::vector<std::string>& also) {
  for (const char* place_name : {"constraints", "tags"}) {
    auto place = section(place_name);
    for (auto object : elements(place)) {
      const bool named = std::any_of(std::begin(kRscAttributes), std::end(kRscAttributes),
                                     [&](const char* name) { return attr(object, name) == id; });
      if (!named && !drop_from_sets(object, id)) continue;
      also.push_back("hanging " + describe(object) + " deleted");
      const std::string gone(attr(object, "id"));
      place.remove_child(object);
      if (string_view(place_name) == "tags") remove_references(gone, also);
    }
  }
  drop_device(section("fencing-topology"), id);
}

void Configuration::remove_object(pugi::xml_node object, std::vector<std::string>& also) {
  const Kind* kind = kind_of(object);
  auto parent = object.parent();
  const std::string id(attr(object, "id"));
  if (kind->keyword == "fencing_topology") {
    for (auto level : elements(object)) object.remove_child(level);
    return;
  }
  if (kind->container && kind->keyword != "bundle")
    for (const auto member : elements(object))
      if (is_resource(member)) section("resources").append_move(member);
  parent.remove_child(object);
  if (kind->resource || kind->keyword == "tag" || kind->keyword == "rsc_template")
    remove_references(id, also);
  const bool emptied =
      is_resource(parent) && std::none_of(elements(parent).begin(), elements(parent).end(), is_resource);
  if (emptied && name_of(parent) != "bundle") {
    also.push_back(describe(parent) + " deleted, because it would be empty");
    remove_object(parent, also);
  }
}

Result<std::vector<std::string>> Configuration::remove(const std::vector<std::string>& ids) {
  for (const auto& id : ids) {
    const auto object = find(id);
    if (!object) return fail(Errc::kNotFound, "object {} does not exist", id);
    if (name_of(object) != "template") continue;
    for (const auto user : objects())
      if (attr(user, "template") == id && std::find(ids.begin(), ids.end(), attr(user, "id")) == ids.end())
        return fail(Errc::kInvalidConfig, "template {} is used by {}: delete that first", id, describe(user));
  }
  std::vector<std::string> also;
  for (const auto& id : ids)
    if (const auto object = find(id)) remove_object(object, also);
  return also;
}

Result<void> Configuration::rename(string_view from, string_view to) {
  const auto object = find(from);
  if (!object) return fail(Errc::kNotFound, "object {} does not exist", from);
  if (name_of(object) == "node" || name_of(object) == "fencing-topology")
    return fail(Errc::kInvalidConfig, "{} cannot be renamed", describe(object));
  if (!valid_id(to)) return fail(Errc::kInvalidArgument, "'{}' cannot be an id", to);
  if (find(to) || has_id(node(), to)) return fail(Errc::kExists, "{}: id is already in use", to);
  const std::string old(from), prefix = old + '-';
  set_attr(object, "id", to);
  // Parts are named after their object; members of a container are objects of their own.
  const auto rename_parts = [&](auto&& self, pugi::xml_node tree) -> void {
    for (auto part : elements(tree)) {
      if (is_resource(part)) continue;
      if (const std::string id(attr(part, "id")); id.starts_with(prefix) && !is_reference(part))
        set_attr(part, "id", std::string(to) + id.substr(old.size()));
      if (const std::string id(attr(part, "id-ref")); id.starts_with(prefix))
        set_attr(part, "id-ref", std::string(to) + id.substr(old.size()));
      self(self, part);
    }
  };
  rename_parts(rename_parts, object);
  walk(node(), [&](pugi::xml_node part) {
    for (const char* name : kRscAttributes)
      if (attr(part, name) == old) set_attr(part, name, to);
    if (attr(part, "template") == old) set_attr(part, "template", to);
    if (attr(part, "id-ref").starts_with(prefix))
      set_attr(part, "id-ref", std::string(to) + std::string(attr(part, "id-ref")).substr(old.size()));
    if (is_reference(part) && attr(part, "id") == old) set_attr(part, "id", to);
    if (name_of(part) != "fencing-level") return;
    auto devices = split_list(attr(part, "devices"));
    std::replace(devices.begin(), devices.end(), old, std::string(to));
    set_attr(part, "devices", join(devices, ","));
  });
  return {};
}

Result<void> Configuration::add_to_group(string_view group_id, string_view id, string_view anchor,
                                         bool after) {
  auto group = find_resource(group_id);
  if (!group || name_of(group) != "group") return fail(Errc::kNotFound, "group {} does not exist", group_id);
  const auto member = find_resource(id);
  if (!member || name_of(member) != "primitive")
    return fail(Errc::kNotFound, "primitive {} does not exist", id);
  if (is_resource(member.parent()) && member.parent() != group)
    return fail(Errc::kInvalidConfig, "{} is already in {}", id, describe(member.parent()));
  if (anchor.empty()) {
    if (member.parent() == group)
      return fail(Errc::kInvalidConfig, "{} is already in group {}", id, group_id);
    group.append_move(member);
    return {};
  }
  const auto beside = find_resource(anchor);
  if (!beside || beside.parent() != group)
    return fail(Errc::kNotFound, "{} is not in group {}", anchor, group_id);
  if (beside == member) return fail(Errc::kInvalidArgument, "{} cannot stand beside itself", id);
  if (after)
    group.insert_move_after(member, beside);
  else
    group.insert_move_before(member, beside);
  return {};
}

Result<void> Configuration::remove_from_group(string_view group_id, string_view id) {
  auto group = find_resource(group_id);
  if (!group || name_of(group) != "group") return fail(Errc::kNotFound, "group {} does not exist", group_id);
  const auto member = find_resource(id);
  if (!member || member.parent() != group)
    return fail(Errc::kNotFound, "{} is not in group {}", id, group_id);
  std::size_t members = 0;
  for (const auto part : elements(group)) members += is_resource(part) ? 1 : 0;
  if (members == 1)
    return fail(Errc::kInvalidConfig, "{} is the last member of group {}: delete the group instead", id,
                group_id);
  section("resources").append_move(member);
  return {};
}

std::vector<std::string> dangling_references(const Configuration& configuration) {
  std::set<std::string> known, nodes;
  std::vector<std::string> problems;
  for (const auto object : configuration.objects()) known.insert(std::string(attr(object, "id")));
  const auto ids = ids_in(configuration.node());
  const auto missing = [&](pugi::xml_node object, string_view id) {
    if (!id.empty() && !known.contains(std::string(id)))
      problems.push_back(fmt::format("{}: object {} does not exist", object_id(object), id));
  };
  for (const auto object : configuration.objects()) {
    const Kind* kind = kind_of(object);
    if (kind->constraint)
      for (const char* name : kRscAttributes) missing(object, attr(object, name));
    if (name_of(object) == "primitive") missing(object, attr(object, "template"));
    if (kind->constraint || name_of(object) == "tag" || name_of(object).starts_with("acl_"))
      walk(object, [&](pugi::xml_node part) {
        if (is_reference(part)) missing(object, attr(part, "id"));
      });
    for (const auto level :
         name_of(object) == "fencing-topology" ? elements(object) : std::vector<pugi::xml_node>{})
      for (const auto& device : split_list(attr(level, "devices"))) missing(object, device);
  }
  walk(configuration.node(), [&](pugi::xml_node part) {
    const auto id = attr(part, "id-ref");
    if (!id.empty() && !ids.contains(std::string(id)))
      problems.push_back(fmt::format("id-ref {} points at nothing", id));
  });
  return problems;
}

std::vector<std::string> unknown_nodes(const Configuration& configuration) {
  std::vector<std::string> problems;
  for (const auto object : elements(configuration.section("constraints"))) {
    const auto name = attr(object, "node");
    if (name_of(object) != "rsc_location" || name.empty() || configuration.find_node(name)) continue;
    bool remote = static_cast<bool>(configuration.find_resource(name));
    walk(configuration.section("resources"), [&](pugi::xml_node part) {
      remote |= attr(part, "name") == "remote-node" && attr(part, "value") == name;
    });
    if (!remote)
      problems.push_back(fmt::format("{}: node {} is not known in the cluster", attr(object, "id"), name));
  }
  return problems;
}

}  // namespace systole::crm
