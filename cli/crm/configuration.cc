#include "cli/crm/configuration.h"

#include <algorithm>
#include <cctype>

#include "cli/crm/attributes.h"
#include "cli/crm/xml.h"

namespace systole::crm {
namespace {

using std::string_view;

bool is_resource(pugi::xml_node node) {
  const Kind* kind = kind_of(node);
  return kind != nullptr && kind->resource;
}

void collect(pugi::xml_node place, std::vector<pugi::xml_node>& found) {
  for (const auto node : elements(place)) {
    const Kind* kind = kind_of(node);
    if (kind == nullptr) continue;
    found.push_back(node);
    if (kind->container) collect(node, found);
  }
}

int place_of(pugi::xml_node node) {
  const Kind* kind = kind_of(node);
  return kind == nullptr ? 99 : kind->place;
}

// Merges the pairs of `from` into `into`; rules, when given, take the place of those there.
void merge_pairs(pugi::xml_node into, pugi::xml_node from, Ids& used) {
  const bool new_rules = static_cast<bool>(from.child("rule"));
  for (auto part : elements(into))
    if (new_rules && name_of(part) == "rule") into.remove_child(part);
  for (const auto part : elements(from)) {
    if (name_of(part) == "nvpair" && !part.attribute("id-ref"))
      set_nvpair(into, attr(part, "name"), attr(part, "value"), used);
    else
      into.append_copy(part);
  }
}

}  // namespace

bool natural_less(string_view a, string_view b) {
  const auto digit = [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; };
  std::size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (digit(a[i]) && digit(b[j])) {
      const auto number = [&](string_view s, std::size_t& at) {
        while (at < s.size() && s[at] == '0') ++at;
        const std::size_t from = at;
        while (at < s.size() && digit(s[at])) ++at;
        return s.substr(from, at - from);
      };
      const auto x = number(a, i), y = number(b, j);
      if (x.size() != y.size()) return x.size() < y.size();
      if (x != y) return x < y;
    } else {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i, ++j;
    }
  }
  return a.size() - i < b.size() - j;
}

std::string object_id(pugi::xml_node object) {
  if (name_of(object) == "node") return std::string(attr(object, "uname"));
  if (name_of(object) == "fencing-topology") return "fencing_topology";
  return std::string(attr(object, "id"));
}

std::string describe(pugi::xml_node object) {
  const Kind* kind = kind_of(object);
  return fmt::format("{}:{}", kind == nullptr ? name_of(object) : kind->keyword, object_id(object));
}

pugi::xml_node Configuration::section(string_view name) const {
  if (name.empty()) return node();
  return node().child(std::string(name).c_str());
}

pugi::xml_node Configuration::make_section(string_view name) {
  auto configuration = node();
  if (!configuration) configuration = cib_.prepend_child("configuration");
  if (auto found = section(name)) return found;
  return add_child(configuration, name);
}

std::vector<pugi::xml_node> Configuration::objects() const {
  std::vector<pugi::xml_node> found;
  for (const auto place : elements(node())) {
    if (name_of(place) == "fencing-topology") {
      if (!elements(place).empty()) found.push_back(place);
    } else {
      collect(place, found);
    }
  }
  std::stable_sort(found.begin(), found.end(), [](auto a, auto b) {
    const int x = place_of(a), y = place_of(b);
    return x != y ? x < y : natural_less(object_id(a), object_id(b));
  });
  return found;
}

// A remote node may have the name of its resource: the resource is meant then.
pugi::xml_node Configuration::find(string_view id) const {
  pugi::xml_node node_of_that_name, found;
  const auto look = [&](auto&& self, pugi::xml_node place) -> void {
    for (auto object = place.first_child(); object && !found; object = object.next_sibling()) {
      const Kind* kind = object.type() == pugi::node_element ? kind_of(object) : nullptr;
      if (kind == nullptr) continue;
      if (name_of(object) == "node") {
        if (attr(object, "uname") == id || attr(object, "id") == id) node_of_that_name = object;
      } else if (attr(object, "id") == id) {
        found = object;
      } else if (kind->container) {
        self(self, object);
      }
    }
  };
  if (id.empty()) return {};
  const auto topology = section("fencing-topology");
  if (id == "fencing_topology" && topology.first_child()) return topology;
  for (const auto place : elements(node()))
    if (place != topology) look(look, place);
  return found ? found : node_of_that_name;
}

pugi::xml_node Configuration::find_resource(string_view id) const {
  std::vector<pugi::xml_node> found;
  collect(section("resources"), found);
  for (const auto object : found)
    if (is_resource(object) && attr(object, "id") == id) return object;
  return {};
}

pugi::xml_node Configuration::find_node(string_view name) const {
  for (const auto object : elements(section("nodes")))
    if (attr(object, "uname") == name) return object;
  return {};
}

std::vector<pugi::xml_node> Configuration::resources() const {
  std::vector<pugi::xml_node> found;
  for (const auto object : elements(section("resources")))
    if (is_resource(object)) found.push_back(object);
  return found;
}

string_view Configuration::property(string_view name) const {
  for (const auto set : elements(section("crm_config")))
    if (const auto pair = find_nvpair(set, name)) return attr(pair, "value");
  return {};
}

Result<void> Configuration::put(const Object& object, Put how) {
  if (object.kind->attribute_set) return put_attribute_set(object, how);
  if (object.kind->keyword == "node") return put_node(object, how);
  if (object.kind->keyword == "fencing_topology") return put_topology(object);
  return put_object(object, how);
}

Result<void> Configuration::put_attribute_set(const Object& object, Put how) {
  const auto id = attr(object.node(), "id");
  auto place = make_section(object.kind->section);
  for (auto set : elements(place)) {
    if (attr(set, "id") != id) continue;
    auto used = ids_in(node());
    if (how != Put::kReplace) {
      merge_pairs(set, object.node(), used);
      return {};
    }
    auto fresh = place.insert_copy_before(object.node(), set);
    adopt_ids(fresh, set);
    make_ids_unique(fresh, set);
    place.remove_child(set);
    return {};
  }
  if (has_id(node(), id)) return fail(Errc::kInvalidConfig, "{}: id is already in use by another object", id);
  make_ids_unique(place.append_copy(object.node()), {});
  return {};
}

Result<void> Configuration::put_node(const Object& object, Put how) {
  const auto fresh = object.node();
  const auto name = attr(fresh, "uname"), id = attr(fresh, "id");
  auto place = make_section("nodes");
  auto old = find_node(name);
  if (!old) {
    auto added = place.append_copy(fresh);
    if (id.empty()) {
      added.remove_attribute("id");
      added.prepend_attribute("id").set_value(std::string(name).c_str());
    }
    make_ids_unique(added, {});
    return {};
  }
  if (!id.empty() && id != attr(old, "id"))
    return fail(Errc::kInvalidConfig, "node {} has id {}, not {}", name, attr(old, "id"), id);
  if (fresh.attribute("description")) set_attr(old, "description", attr(fresh, "description"));
  if (fresh.attribute("type")) set_attr(old, "type", attr(fresh, "type"));
  auto used = ids_in(node());
  if (how == Put::kReplace)
    for (const char* element : {"instance_attributes", "utilization"})
      for (auto set = old.child(element); set; set = old.child(element)) {
        const bool kept = fresh.child(element) && !set.child("rule") && !set.next_sibling(element);
        if (kept) {
          for (auto pair : elements(set)) set.remove_child(pair);
          break;
        }
        old.remove_child(set);
      }
  for (const auto set : elements(fresh)) {
    auto into = old.child(set.name());
    if (!into) {
      const bool attributes = name_of(set) == "instance_attributes";
      const std::string base = fmt::format("nodes-{}{}", attr(old, "id"), attributes ? "" : "-utilization");
      into = add_child(old, set.name(), unused_id(base, used));
    }
    merge_pairs(into, set, used);
  }
  return {};
}

Result<void> Configuration::put_topology(const Object& object) {
  auto place = make_section("fencing-topology");
  for (auto level : elements(place)) place.remove_child(level);
  for (const auto level : elements(object.node())) place.append_copy(level);
  make_ids_unique(place, place);
  return {};
}

Result<void> Configuration::check_members(pugi::xml_node fresh, pugi::xml_node old) const {
  std::set<string_view> seen;
  for (const auto placeholder : elements(fresh)) {
    if (name_of(placeholder) != kMember) continue;
    const auto id = attr(placeholder, "id");
    const auto member = find_resource(id);
    if (!seen.insert(id).second)
      return fail(Errc::kInvalidConfig, "{}: {} is named twice", attr(fresh, "id"), id);
    if (!member) return fail(Errc::kNotFound, "{}: object {} does not exist", attr(fresh, "id"), id);
    const bool group = name_of(fresh) == "group";
    const bool fits = name_of(member) == "primitive" || (!group && name_of(member) == "group");
    if (!fits)
      return fail(Errc::kInvalidConfig, "{}: {} is a {}; a {} holds {}", attr(fresh, "id"), id,
                  kind_of(member)->keyword, group ? "group" : "clone",
                  group ? "primitives" : "a primitive or a group");
    const auto parent = member.parent();
    if (is_resource(parent) && parent != old)
      return fail(Errc::kInvalidConfig, "{}: {} is already in {}", attr(fresh, "id"), id, describe(parent));
  }
  return {};
}

void Configuration::take_members(pugi::xml_node fresh, pugi::xml_node old) {
  for (auto placeholder : elements(fresh)) {
    if (name_of(placeholder) != kMember) continue;
    fresh.insert_move_before(find_resource(attr(placeholder, "id")), placeholder);
    fresh.remove_child(placeholder);
  }
  if (!old) return;
  for (const auto left : elements(old))
    if (is_resource(left)) section("resources").append_move(left);
}

void Configuration::make_ids_unique(pugi::xml_node fresh, pugi::xml_node old) {
  std::set<string_view> own;
  walk(fresh, [&](pugi::xml_node part) {
    if (!names_object(part)) own.insert(attr(part, "id"));
  });
  Ids used;
  bool clash = false;
  const auto note = [&](auto&& self, pugi::xml_node tree) -> void {
    if (tree == fresh || tree == old) return;
    if (const auto id = attr(tree, "id"); own.contains(id) && !id.empty() && !names_object(tree))
      clash = true;
    for (auto child = tree.first_child(); child; child = child.next_sibling())
      if (child.type() == pugi::node_element) self(self, child);
  };
  note(note, node());
  if (!clash) return;
  const auto collect_ids = [&](auto&& self, pugi::xml_node tree) -> void {
    if (tree == fresh || tree == old) return;
    if (const auto id = attr(tree, "id"); !id.empty() && !names_object(tree)) used.insert(std::string(id));
    for (const auto child : elements(tree)) self(self, child);
  };
  collect_ids(collect_ids, node());
  walk(fresh, [&](pugi::xml_node part) {
    if (names_object(part) || is_resource(part) || attr(part, "id").empty()) return;
    set_attr(part, "id", unused_id(std::string(attr(part, "id")), used));
  });
}

Result<void> Configuration::put_object(const Object& object, Put how) {
  const auto given = object.node();
  const auto id = attr(given, "id");
  auto old = find(id);
  if (old && how == Put::kCreate)
    return fail(Errc::kExists, "{}: id is already in use by {}", id, describe(old));
  if (old && place_of(old) != object.kind->place)
    return fail(Errc::kInvalidConfig, "{}: id is already in use by {}", id, describe(old));
  if (!old && has_id(node(), id))
    return fail(Errc::kInvalidConfig, "{}: id is already in use by a part of another object", id);
  if (auto members = check_members(given, old); !members) return members;
  auto place = old ? old.parent() : make_section(object.kind->section);
  auto fresh = old ? place.insert_copy_before(given, old) : place.append_copy(given);
  if (old) adopt_ids(fresh, old);
  make_ids_unique(fresh, old);
  // The members must be found in the old container, not in the placeholders.
  take_members(fresh, old);
  if (old) place.remove_child(old);
  return {};
}

void Configuration::erase(bool nodes_too) {
  for (auto place : elements(node())) {
    const auto name = name_of(place);
    if (name == "nodes" && !nodes_too) continue;
    if (name != "crm_config") {
      for (auto part : elements(place)) place.remove_child(part);
      continue;
    }
    static constexpr string_view kOwn[] = {"dc-version", "cluster-infrastructure", "cluster-name",
                                           "have-watchdog"};
    for (auto set : elements(place)) {
      for (auto pair : elements(set))
        if (std::find(std::begin(kOwn), std::end(kOwn), attr(pair, "name")) == std::end(kOwn))
          set.remove_child(pair);
      if (elements(set).empty()) place.remove_child(set);
    }
  }
}

}  // namespace systole::crm
