// cibadmin's create, modify, replace and delete of objects: which element is meant, and what is done to it.
#include <algorithm>
#include <charconv>
#include <cstring>

#include "cib/ops_detail.h"
#include "cib/path.h"
#include "cib/sections.h"

namespace systole::cib {
namespace {

constexpr long kInfinity = 1000000;

// The object of an operation: the XML, and the part of it that is meant.
struct Input {
  pugi::xml_document tree;
  pugi::xml_node element;
};

Result<Input> parse_input(const Op& op) {
  auto tree = parse_xml(op.xml);
  if (!tree) return fail(tree.error().code, "the XML given is refused: {}", tree.error().message);
  Input input{std::move(*tree), {}};
  input.element = input.tree.document_element();
  // A whole CIB given for one section: that section of it.
  if (std::strcmp(input.element.name(), "cib") == 0 && !is_whole(op.section)) {
    input.element = find_section(input.element, op.section);
    if (!input.element)
      return fail(Errc::kNotFound, "the CIB given has no section {}: give one that has, or another scope",
                  op.section);
  }
  return input;
}

std::string describe(pugi::xml_node element) {
  const std::string_view id = element.attribute("id").value();
  return id.empty() ? fmt::format("<{}>", element.name()) : fmt::format("{} '{}'", element.name(), id);
}

// Same name and, where the pattern has one, same id.
bool same_object(pugi::xml_node element, pugi::xml_node pattern) {
  if (std::strcmp(element.name(), pattern.name()) != 0) return false;
  const pugi::xml_attribute id = pattern.attribute("id");
  return !id || std::strcmp(element.attribute("id").value(), id.value()) == 0;
}

bool same_attributes(pugi::xml_node element, pugi::xml_node pattern) {
  if (std::strcmp(element.name(), pattern.name()) != 0) return false;
  for (const pugi::xml_attribute a : pattern.attributes())
    if (!element.attribute(a.name()) || std::strcmp(element.attribute(a.name()).value(), a.value()) != 0)
      return false;
  return true;
}

// The first in document order, `in` included.
template <typename Matches>
pugi::xml_node find_first(pugi::xml_node in, const Matches& matches) {
  if (matches(in)) return in;
  for (const pugi::xml_node child : in.children())
    if (const pugi::xml_node found = find_first(child, matches)) return found;
  return {};
}

pugi::xml_node child_like(pugi::xml_node parent, pugi::xml_node pattern) {
  for (const pugi::xml_node child : parent.children(pattern.name()))
    if (same_object(child, pattern)) return child;
  return {};
}

// The section to work in, made when the schema knows it and the document has none yet.
Result<pugi::xml_node> section_for(Edit& edit, std::string_view name) {
  if (const pugi::xml_node found = find_section(edit.root(), name)) return found;
  if (!is_section(name))
    return fail(Errc::kInvalidArgument,
                "there is no section '{}' in a CIB; sections: configuration, nodes, resources, constraints, "
                "crm_config, rsc_defaults, op_defaults, acls, fencing-topology, tags, alerts, status",
                name);
  std::string_view parent = "configuration";
  if (name == "configuration" || name == "status") parent = "cib";
  if (name == "tickets") parent = "status";
  auto in = section_for(edit, parent);
  if (!in) return in;
  pugi::xml_document made;
  made.append_child(std::string(name).c_str());
  return edit.insert(*in, {}, made.first_child());
}

Result<pugi::xml_node> first_at(Edit& edit, const std::string& xpath) {
  auto found = edit.find(xpath, 1);
  if (!found) return fail(std::move(found.error()));
  if (found->empty()) return fail(Errc::kNotFound, "nothing in the CIB matches the XPath {}", xpath);
  return (*found)[0];
}

long score(std::string_view text) {
  if (text == "INFINITY" || text == "+INFINITY") return kInfinity;
  if (text == "-INFINITY") return -kInfinity;
  long value = 0;
  if (text.starts_with('+')) text.remove_prefix(1);
  std::from_chars(text.data(), text.data() + text.size(), value);
  return std::clamp(value, -kInfinity, kInfinity);
}

// "value++" and "value+=3" of an attribute `value` count up what is there; anything else stands for itself.
std::string counted_up(pugi::xml_node element, std::string_view name, std::string_view text) {
  if (!text.starts_with(name) || text.size() < name.size() + 2 || text[name.size()] != '+')
    return std::string(text);
  const std::string_view rest = text.substr(name.size());
  if (rest != "++" && !rest.starts_with("+=")) return std::string(text);
  const long by = rest == "++" ? 1 : score(rest.substr(2));
  const long now = score(element.attribute(std::string(name).c_str()).value());
  const long sum =
      now >= kInfinity || by >= kInfinity ? kInfinity : std::clamp(now + by, -kInfinity, kInfinity);
  if (sum >= kInfinity) return "INFINITY";
  return sum <= -kInfinity ? "-INFINITY" : std::to_string(sum);
}

void merge(Edit& edit, pugi::xml_node target, pugi::xml_node update) {
  for (const pugi::xml_attribute a : update.attributes())
    edit.set(target, a.name(), counted_up(target, a.name(), a.value()));
  for (const pugi::xml_node child : update.children()) {
    if (child.type() == pugi::node_element) {
      if (const pugi::xml_node there = child_like(target, child))
        merge(edit, there, child);
      else
        edit.insert(target, {}, child);
      continue;
    }
    bool there = false;
    for (const pugi::xml_node old : target.children())
      there = there || (old.type() == child.type() && std::strcmp(old.value(), child.value()) == 0);
    if (!there) edit.insert(target, {}, child);
  }
}

Result<void> create_one(Edit& edit, pugi::xml_node parent, pugi::xml_node object) {
  const pugi::xml_node there =
      object.type() == pugi::node_element ? child_like(parent, object) : pugi::xml_node();
  if (there && (object.attribute("id") || !object.first_attribute()))
    return fail(Errc::kExists, "{} is already in {}: modify or replace it instead", describe(object),
                path_of(parent));
  edit.insert(parent, {}, object);
  return {};
}

}  // namespace

Result<void> create_object(Edit& edit, const Op& op) {
  auto input = parse_input(op);
  if (!input) return fail(std::move(input.error()));
  const pugi::xml_node object = input->element;
  if (!op.xpath.empty()) {
    auto parent = first_at(edit, op.xpath);
    return parent ? create_one(edit, *parent, object) : fail(std::move(parent.error()));
  }
  const std::string_view name = object.name();
  if (name == "cib" || name == "configuration") {
    merge(edit, name == "cib" ? edit.root() : find_section(edit.root(), name), object);
    return {};
  }
  std::string_view place = op.section;
  if (is_whole(place)) place = is_section(name) ? name : implied_section(name);
  if (place.empty())
    return fail(Errc::kInvalidArgument,
                "where to put {} is not implied by its name: name the section (-o), or its parent (--xpath)",
                describe(object));
  auto section = section_for(edit, place);
  if (!section) return fail(std::move(section.error()));
  if (name != section->name()) return create_one(edit, *section, object);
  for (const pugi::xml_node child : object.children())
    if (auto ok = create_one(edit, *section, child); !ok) return ok;
  return {};
}

Result<void> modify_object(Edit& edit, const Op& op) {
  auto input = parse_input(op);
  if (!input) return fail(std::move(input.error()));
  const pugi::xml_node update = input->element;
  if (!op.xpath.empty()) {
    auto target = first_at(edit, op.xpath);
    if (!target) return fail(std::move(target.error()));
    merge(edit, *target, update);
    return {};
  }
  std::string_view place = op.section;
  if (is_section(update.name()) && is_whole(place)) place = update.name();
  auto in = section_for(edit, place);
  if (!in) return fail(std::move(in.error()));
  const auto target = find_first(*in, [&](pugi::xml_node node) { return same_object(node, update); });
  if (target) {
    merge(edit, target, update);
    return {};
  }
  if (!op.allow_create)
    return fail(Errc::kNotFound, "{} is not in {}: create it, or modify with --allow-create",
                describe(update), path_of(*in));
  if (!is_whole(op.section)) {
    edit.insert(*in, {}, update);
    return {};
  }
  return create_object(edit, op);
}

Result<void> replace_object(Edit& edit, const Op& op) {
  auto input = parse_input(op);
  if (!input) return fail(std::move(input.error()));
  pugi::xml_node object = input->element;
  if (!op.xpath.empty()) {
    auto target = first_at(edit, op.xpath);
    if (!target) return fail(std::move(target.error()));
    if (std::strcmp(target->name(), object.name()) != 0)
      return fail(Errc::kInvalidArgument, "{} cannot be replaced by {}", describe(*target), describe(object));
    edit.become(*target, object);
    return {};
  }
  if (std::strcmp(object.name(), "cib") == 0) {
    const Version now = version_of(edit.root()), given = version_of(object);
    if (given < now && !op.force)
      return fail(Errc::kOld,
                  "the CIB given has version {}, older than {}, which is there: use --force to go back",
                  to_string(given), to_string(now));
    if (op.keep_status) {
      while (object.remove_child("status")) continue;
      object.append_copy(edit.root().child("status"));
    }
    edit.become(edit.root(), object);
    return {};
  }
  std::string_view place = op.section;
  if (is_section(object.name()) && is_whole(place)) place = object.name();
  auto in = section_for(edit, place);
  if (!in) return fail(std::move(in.error()));
  const auto target = find_first(*in, [&](pugi::xml_node node) { return same_object(node, object); });
  if (target)
    edit.become(target, object);
  else if (op.allow_create)
    return create_object(edit, op);
  else
    return fail(Errc::kNotFound, "{} is not in {}: there is nothing to replace, create it", describe(object),
                path_of(*in));
  return {};
}

Result<void> delete_object(Edit& edit, const Op& op) {
  if (!op.xpath.empty()) {
    auto found = edit.find(op.xpath, 1);
    if (!found) return fail(std::move(found.error()));
    if (found->empty()) return {};
    if ((*found)[0] == edit.root()) return fail(Errc::kInvalidArgument, "the root element cannot be deleted");
    edit.remove((*found)[0]);
    return {};
  }
  auto input = parse_input(op);
  if (!input) return fail(std::move(input.error()));
  const pugi::xml_node pattern = input->element;
  if (!is_whole(op.section) && !is_section(op.section)) return section_for(edit, op.section).map([](auto) {});
  const pugi::xml_node in = find_section(edit.root(), op.section);
  if (!in) return {};
  // The section itself: each of the objects given in it.
  if (op.section == pattern.name() && pattern.first_child()) {
    for (const pugi::xml_node object : pattern.children()) {
      const auto found = find_first(in, [&](pugi::xml_node node) { return same_attributes(node, object); });
      if (found && found != in) edit.remove(found);
    }
    return {};
  }
  const auto found = find_first(in, [&](pugi::xml_node node) { return same_attributes(node, pattern); });
  if (found == edit.root())
    return fail(Errc::kInvalidArgument, "the root element cannot be deleted: use --erase");
  if (found) edit.remove(found);
  return {};
}

Result<void> delete_all(Edit& edit, const Op& op) {
  if (op.xpath.empty())
    return fail(Errc::kInvalidArgument, "deleting all that matches needs an XPath (--xpath)");
  auto found = edit.find(op.xpath, static_cast<std::size_t>(-1));
  if (!found) return fail(std::move(found.error()));
  // From the last to the first: what lies within another match goes before it.
  for (auto node = found->rbegin(); node != found->rend(); ++node) {
    if (*node == edit.root()) return fail(Errc::kInvalidArgument, "the root element cannot be deleted");
    edit.remove(*node);
  }
  return {};
}

void erase(Edit& edit, bool keep_status) {
  const Document empty = Document::empty();
  for (const char* name : {"configuration", "status"}) {
    const pugi::xml_node section = edit.root().child(name);
    if (section && (!keep_status || std::strcmp(name, "status") != 0))
      edit.become(section, empty.root().child(name));
  }
}

}  // namespace systole::cib
