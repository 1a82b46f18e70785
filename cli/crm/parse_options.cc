// node, property, rsc_defaults, op_defaults, tag, fencing_topology, role, acl_target.
#include "cli/crm/parse_parts.h"
#include "cli/crm/xml.h"

namespace systole::crm {
namespace {

using std::string_view;

bool ends_in_colon(string_view word) { return word.size() > 1 && word.back() == ':'; }

// An id that may hold what ids may not: node names and regular expressions.
std::string as_id(string_view text) {
  std::string id(text);
  for (char& sign : id)
    if (!valid_id(std::string("x") + sign)) sign = '_';
  return id;
}

struct Target {
  std::string attribute, name, value;  // target, target-pattern, or target-attribute with its value.
};

Target parse_target(string_view word) {
  word.remove_suffix(1);
  if (word.starts_with("pattern:")) return {"target-pattern", std::string(word.substr(8)), {}};
  if (word.starts_with("attr:")) {
    const auto pair = split_assignment(word.substr(5));
    return {"target-attribute", pair.name, pair.value};
  }
  return {"target", std::string(word), {}};
}

void add_level(Parsing& p, const Target& target, int index, string_view devices) {
  auto level = add_child(p.node, "fencing-level");
  if (!target.attribute.empty()) set_attr(level, target.attribute, target.name);
  if (target.attribute == "target-attribute") set_attr(level, "target-value", target.value);
  set_attr(level, "index", std::to_string(index));
  set_attr(level, "devices", devices);
  const std::string of = target.name + (target.value.empty() ? "" : "-" + target.value);
  set_attr(level, "id", unused_id(as_id(fmt::format("fencing-{}-{}", of, index)), p.used));
}

string_view default_set_id(string_view keyword) {
  if (keyword == "rsc_defaults") return "rsc-options";
  if (keyword == "op_defaults") return "op-options";
  return "cib-bootstrap-options";
}

}  // namespace

Result<void> parse_node(Parsing& p) {
  if (p.c.done()) return p.c.error("the node's name is missing");
  std::string id;
  if (p.c.peek().starts_with("$id="))
    id = split_assignment(p.c.next().substr(1)).value;
  else if (ends_in_colon(p.c.peek())) {
    id = p.c.next();
    id.pop_back();
  }
  if (p.c.done()) return p.c.error("the node's name is missing");
  std::string name = p.c.next();
  std::string type;
  if (const auto colon = name.find(':'); colon != std::string::npos) {
    type = name.substr(colon + 1);
    name.erase(colon);
  }
  if (!id.empty()) set_attr(p.node, "id", id);
  set_attr(p.node, "uname", name);
  if (!type.empty()) set_attr(p.node, "type", type);
  // Configuration::put() gives the sets their final ids when the node is already known by another.
  const std::string owner = as_id("nodes-" + (id.empty() ? name : id));
  while (!p.c.done()) {
    Result<pugi::xml_node> set;
    if (p.c.accept("attributes"))
      set = parse_set(p.c, p.node, "instance_attributes", owner, p.used);
    else if (p.c.accept("utilization"))
      set = parse_set(p.c, p.node, "utilization", owner + "-utilization", p.used);
    else if (p.c.peek().starts_with("description="))
      set_attr(p.node, "description", split_assignment(p.c.next()).value);
    else
      break;
    if (!set) return fail(set.error());
  }
  return {};
}

Result<void> parse_options(Parsing& p) {
  std::string id(default_set_id(p.keyword));
  if (p.c.peek().starts_with("$id=")) {
    id = split_assignment(p.c.next().substr(1)).value;
  } else if (ends_in_colon(p.c.peek()) && parse_score(p.c.peek().substr(0, p.c.peek().size() - 1)).empty()) {
    id = p.c.next();
    id.pop_back();
  }
  if (!valid_id(id)) return p.c.error(fmt::format("'{}' cannot be an id", id));
  if (p.c.done()) return p.c.error("NAME=VALUE is missing");
  pugi::xml_document holder;
  auto set = parse_set(p.c, holder, name_of(p.node), id, p.used);
  if (!set) return fail(set.error());
  for (const auto& a : set->attributes()) set_attr(p.node, a.name(), a.value());
  for (const auto part : elements(*set)) p.node.append_copy(part);
  return {};
}

Result<void> parse_tag(Parsing& p) {
  if (p.c.done()) return p.c.error("the tag's id is missing");
  std::string id = p.c.next();
  if (ends_in_colon(id)) id.pop_back();
  if (!valid_id(id)) return p.c.error(fmt::format("'{}' cannot be a tag's id", id));
  set_attr(p.node, "id", id);
  p.c.accept(":");
  if (p.c.done()) return p.c.error("a tag needs at least one object");
  while (!p.c.done()) {
    if (!valid_id(p.c.peek())) return p.c.error("an object's id is expected");
    add_child(p.node, "obj_ref", p.c.next());
  }
  return {};
}

Result<void> parse_topology(Parsing& p) {
  Target target;
  int index = 0;
  if (p.c.done()) return p.c.error("fencing resources are missing: [NODE:] DEVICE[,DEVICE] [DEVICE]...");
  while (!p.c.done()) {
    if (ends_in_colon(p.c.peek())) {
      target = parse_target(p.c.next());
      index = 0;
      continue;
    }
    add_level(p, target, ++index, p.c.next());
  }
  return {};
}

Result<void> parse_role(Parsing& p) {
  auto id = parse_id(p, "the role's id");
  if (!id) return fail(id.error());
  while (!p.c.done()) {
    const std::string kind = lower(p.c.peek());
    if (kind != "read" && kind != "write" && kind != "deny") return p.c.error("expected read, write or deny");
    p.c.next();
    auto permission = add_child(p.node, "acl_permission", unused_id(*id + '-' + kind, p.used));
    set_attr(permission, "kind", kind);
    const auto apply = [&](string_view prefix, const char* attribute) {
      if (!p.c.peek().starts_with(prefix)) return false;
      set_attr(permission, attribute, p.c.next().substr(prefix.size()));
      return true;
    };
    bool any = false;
    while (apply("xpath:", "xpath") || apply("ref:", "reference") || apply("reference:", "reference") ||
           apply("tag:", "object-type") || apply("type:", "object-type") || apply("attr:", "attribute") ||
           apply("attribute:", "attribute"))
      any = true;
    if (!any) return p.c.error("expected xpath:PATH, ref:ID, type:ELEMENT or attr:NAME");
  }
  return {};
}

Result<void> parse_acl_target(Parsing& p) {
  if (auto id = parse_id(p, "the user's or group's name"); !id) return fail(id.error());
  while (!p.c.done()) {
    if (!valid_id(p.c.peek())) return p.c.error("a role's id is expected");
    add_child(p.node, "role", p.c.next());
  }
  return {};
}

}  // namespace systole::crm
