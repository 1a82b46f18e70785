#include "cli/crm/merge.h"

#include <algorithm>
#include <map>

#include "cli/crm/configuration.h"
#include "cli/crm/xml.h"

namespace systole::crm {
namespace {

using std::string_view;

// Children in their order, found by key.
struct Keyed {
  std::vector<std::pair<std::string, pugi::xml_node>> list;
  std::map<std::string, pugi::xml_node, std::less<>> index;
  auto begin() const { return list.begin(); }
  auto end() const { return list.end(); }
  std::size_t size() const { return list.size(); }
  void add(std::string key, pugi::xml_node node) {
    index.emplace(key, node);
    list.emplace_back(std::move(key), node);
  }
};

// Children by element and id (or, without one, by their count of that name).
Keyed keyed(pugi::xml_node parent) {
  Keyed list;
  std::map<std::string, int> counts;
  for (const auto child : elements(parent)) {
    std::string key(name_of(child));
    string_view id = attr(child, "id");
    if (id.empty()) id = attr(child, "id-ref");
    key += '#' + (id.empty() ? std::to_string(counts[key]++) : std::string(id));
    list.add(std::move(key), child);
  }
  return list;
}

pugi::xml_node at(const Keyed& list, const std::string& key) {
  const auto it = list.index.find(key);
  return it == list.index.end() ? pugi::xml_node{} : it->second;
}

// The order of the keys that are in all three.
std::vector<std::string> order_of(const Keyed& list, const Keyed& a, const Keyed& b) {
  std::vector<std::string> keys;
  for (const auto& [key, node] : list)
    if (at(a, key) && at(b, key)) keys.push_back(key);
  return keys;
}

class Merge {
 public:
  std::vector<Conflict> conflicts;

  void node(pugi::xml_node base, pugi::xml_node mine, pugi::xml_node live) {
    attributes(base, mine, live);
    const auto in_base = keyed(base), in_mine = keyed(mine), in_live = keyed(live);
    for (const auto& [key, old] : in_base)
      if (!at(in_mine, key)) removed(old, at(in_live, key));
    pugi::xml_node before;  // The nearest neighbour in front that is also live: what is added goes behind it.
    for (const auto& [key, now] : in_mine) {
      auto there = at(in_live, key);
      if (const auto old = at(in_base, key))
        kept(old, now, there);
      else
        there = added(now, there, live, before, in_mine.size() > 1);
      if (there) before = there;
    }
    reorder(in_base, in_mine, in_live, live);
  }

 private:
  // The object that a part belongs to, for the message.
  static std::string object_of(pugi::xml_node part) {
    for (auto node = part; node; node = node.parent())
      if (kind_of(node) != nullptr && name_of(node) != "nvpair") return object_id(node);
    return std::string(name_of(part));
  }
  static std::string name(pugi::xml_node part) {
    const auto id = attr(part, "id");
    return id.empty() ? std::string(name_of(part)) : fmt::format("{} {}", name_of(part), id);
  }

  void attributes(pugi::xml_node base, pugi::xml_node mine, pugi::xml_node live) {
    std::set<std::string> names;
    for (const auto& a : base.attributes()) names.insert(a.name());
    for (const auto& a : mine.attributes()) names.insert(a.name());
    for (const auto& key : names) {
      const auto was = base.attribute(key.c_str()), now = mine.attribute(key.c_str()),
                 theirs = live.attribute(key.c_str());
      const auto equal = [](pugi::xml_attribute x, pugi::xml_attribute y) {
        return static_cast<bool>(x) == static_cast<bool>(y) &&
               string_view(x.value()) == string_view(y.value());
      };
      if (equal(was, now) || equal(now, theirs)) continue;
      if (!equal(was, theirs)) {
        conflicts.push_back({object_of(mine), fmt::format("{}: {} was set to '{}' here and to '{}' meanwhile",
                                                          name(mine), key, now.value(), theirs.value())});
        continue;
      }
      if (now)
        set_attr(live, key, now.value());
      else
        live.remove_attribute(key.c_str());
    }
    const string_view was = base.text().get(), now = mine.text().get(), theirs = live.text().get();
    if (was == now || now == theirs) return;
    if (was != theirs)
      conflicts.push_back(
          {object_of(mine), fmt::format("the text of {} was changed here and meanwhile", name(mine))});
    else
      live.text().set(std::string(now).c_str());
  }

  void removed(pugi::xml_node old, pugi::xml_node live) {
    if (!live) return;
    if (!same_tree(old, live))
      conflicts.push_back(
          {object_of(old), fmt::format("{} was deleted or moved here and changed meanwhile", name(old))});
    else
      live.parent().remove_child(live);
  }

  void kept(pugi::xml_node old, pugi::xml_node now, pugi::xml_node live) {
    if (same_tree(old, now)) return;
    if (!live)
      conflicts.push_back(
          {object_of(now), fmt::format("{} was changed here and deleted or moved meanwhile", name(now))});
    else
      node(old, now, live);
  }

  pugi::xml_node added(pugi::xml_node now, pugi::xml_node theirs, pugi::xml_node live, pugi::xml_node before,
                       bool first) {
    if (theirs) {
      if (!same_tree(now, theirs))
        conflicts.push_back(
            {object_of(now), fmt::format("{} was added here and, with other content, meanwhile", name(now))});
      return theirs;
    }
    if (before) return live.insert_copy_after(now, before);
    return first && live.first_child() ? live.insert_copy_before(now, live.first_child())
                                       : live.append_copy(now);
  }

  void reorder(const Keyed& in_base, const Keyed& in_mine, const Keyed& was_live, pugi::xml_node live) {
    Keyed still;
    for (const auto& [key, node] : was_live)
      if (at(in_base, key) && at(in_mine, key)) still.add(key, node);
    const auto before = order_of(in_base, in_mine, still), wanted = order_of(in_mine, in_base, still),
               theirs = order_of(still, in_base, in_mine);
    if (before == wanted || wanted == theirs) return;
    if (before != theirs) {
      conflicts.push_back(
          {object_of(live), fmt::format("the order within {} was changed here and meanwhile", name(live))});
      return;
    }
    auto previous = at(still, wanted.front());
    // Each takes its place behind the one before; the first goes to where the first of them stood.
    auto head = at(still, theirs.front());
    if (head != previous) live.insert_move_before(previous, head);
    for (std::size_t i = 1; i < wanted.size(); ++i) {
      auto next = at(still, wanted[i]);
      live.insert_move_after(next, previous);
      previous = next;
    }
  }
};

// Where each resource stands: its id to its container's ("" at the top).
std::map<std::string, std::string> places(pugi::xml_node configuration) {
  std::map<std::string, std::string> found;
  walk(configuration.child("resources"), [&](pugi::xml_node node) {
    const Kind* kind = kind_of(node);
    if (kind != nullptr && kind->resource) found[std::string(attr(node, "id"))] = attr(node.parent(), "id");
  });
  return found;
}

// A resource moved here that was deleted or moved elsewhere meanwhile: element by element neither side sees
// it.
void check_moves(pugi::xml_node base, pugi::xml_node mine, pugi::xml_node live,
                 std::vector<Conflict>& conflicts) {
  const auto was = places(base), now = places(mine), theirs = places(live);
  for (const auto& [id, place] : now) {
    const auto before = was.find(id), there = theirs.find(id);
    if (before == was.end()) {
      if (there != theirs.end() && there->second != place)
        conflicts.push_back({id, fmt::format("{} was added here and, at another place, meanwhile", id)});
      continue;
    }
    if (before->second == place) continue;
    if (there == theirs.end())
      conflicts.push_back({id, fmt::format("{} was moved here and deleted meanwhile", id)});
    else if (there->second != before->second && there->second != place)
      conflicts.push_back({id, fmt::format("{} was moved here and, to another place, meanwhile", id)});
  }
  for (const auto& [id, place] : was)
    if (const auto there = theirs.find(id);
        !now.contains(id) && there != theirs.end() && there->second != place)
      conflicts.push_back({id, fmt::format("{} was deleted here and moved meanwhile", id)});
}

// One id for two things, each made by one side.
void check_ids(pugi::xml_node merged, std::vector<Conflict>& conflicts) {
  std::set<std::string> seen;
  walk(merged, [&](pugi::xml_node node) {
    const auto name = name_of(node);
    const std::string id(attr(node, "id"));
    if (id.empty() || name == "resource_ref" || name == "obj_ref" || name == "role") return;
    if (!seen.insert(id).second)
      conflicts.push_back(
          {id, fmt::format("the id {} was given here and, to something else, meanwhile", id)});
  });
}

}  // namespace

std::vector<Conflict> merge_configuration(pugi::xml_node base, pugi::xml_node mine, pugi::xml_node live) {
  Merge merge;
  check_moves(base, mine, live, merge.conflicts);
  merge.node(base, mine, live);
  if (merge.conflicts.empty()) check_ids(live, merge.conflicts);
  return std::move(merge.conflicts);
}

}  // namespace systole::crm
