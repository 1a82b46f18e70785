// primitive, rsc_template, group, clone, ms.
#include "cli/crm/parse_parts.h"
#include "cli/crm/xml.h"

namespace systole::crm {
namespace {

using std::string_view;

constexpr string_view kOpAttributes[] = {"interval",    "timeout", "start-delay",    "on-fail",
                                         "role",        "enabled", "record-pending", "interval-origin",
                                         "description", "requires"};

bool is_op_attribute(string_view name) {
  for (const auto known : kOpAttributes)
    if (known == name) return true;
  return false;
}

struct AgentName {
  std::string agent_class, provider, type;
};

// "ocf:heartbeat:IPaddr2", "ocf::heartbeat:IPaddr2", "lsb:httpd", "stonith:external/ssh", "IPaddr2".
Result<AgentName> parse_agent_name(const Cursor& c, string_view text) {
  std::vector<std::string> parts;
  while (true) {
    const auto colon = text.find(':');
    if (colon != 0 || parts.empty()) parts.emplace_back(text.substr(0, colon));
    if (colon == string_view::npos) break;
    text.remove_prefix(colon + 1);
  }
  for (const auto& part : parts)
    if (part.empty()) return c.error("an agent is [CLASS:[PROVIDER:]]TYPE, such as ocf:heartbeat:IPaddr2");
  if (parts.size() == 1) return AgentName{"ocf", "heartbeat", parts[0]};
  if (parts.size() == 2 && parts[0] == "ocf") return AgentName{"ocf", "heartbeat", parts[1]};
  if (parts.size() == 2) return AgentName{parts[0], {}, parts[1]};
  if (parts.size() == 3 && parts[0] == "ocf") return AgentName{parts[0], parts[1], parts[2]};
  // Units like systemd:getty@tty1 have no colon; only ocf has providers.
  return c.error("only agents of class ocf have a provider: [CLASS:[PROVIDER:]]TYPE");
}

pugi::xml_node operations_of(Parsing& p, std::string_view id = {}) {
  auto operations = p.node.child("operations");
  if (operations) return operations;
  return id.empty() ? add_child(p.node, "operations") : add_child(p.node, "operations", id);
}

Result<void> parse_operations(Parsing& p) {
  if (p.c.peek().starts_with("$id-ref=")) {
    set_attr(operations_of(p), "id-ref", split_assignment(p.c.next().substr(1)).value);
  } else if (p.c.peek().starts_with("$id=")) {
    const std::string id = split_assignment(p.c.next().substr(1)).value;
    p.used.insert(id);
    set_attr(operations_of(p), "id", id);
  } else {
    operations_of(p);
  }
  return {};
}

// The attributes of an operation: its own ones on <op>, all others in a set below.
Result<void> parse_op_attributes(Parsing& p, pugi::xml_node op, const std::string& id) {
  pugi::xml_node params;
  while (!p.c.done()) {
    const bool of_params = p.c.accept("op_params");
    if (of_params || p.c.accept("op_meta")) {
      const char* element = of_params ? "instance_attributes" : "meta_attributes";
      auto set = parse_set(p.c, op, element, id + '-' + element, p.used);
      if (!set) return fail(set.error());
    } else if (is_assignment(p.c.peek())) {
      const auto pair = split_assignment(p.c.next());
      if (is_op_attribute(pair.name)) {
        set_attr(op, pair.name, pair.value);
        continue;
      }
      if (!params)
        params = add_child(op, "instance_attributes", unused_id(id + "-instance_attributes", p.used));
      set_nvpair(params, pair.name, pair.value, p.used);
    } else {
      break;
    }
  }
  return {};
}

// The interval is part of the id, so it is looked for before the attributes are read.
std::string interval_ahead(const Cursor& c, string_view fallback) {
  for (std::size_t i = 0; is_assignment(c.peek(i)); ++i)
    if (c.peek(i).starts_with("interval=")) return split_assignment(c.peek(i)).value;
  return std::string(fallback);
}

Result<void> parse_op(Parsing& p, const std::string& owner) {
  if (p.c.done() || is_assignment(p.c.peek())) return p.c.error("op: the operation's name is missing");
  const std::string name = p.c.next();
  auto op = add_child(operations_of(p), "op");
  std::string given_id;
  if (p.c.peek().starts_with("$id=")) given_id = split_assignment(p.c.next().substr(1)).value;
  const std::string interval = interval_ahead(p.c, name == "monitor" ? "20s" : "0s");
  const std::string id =
      unused_id(given_id.empty() ? fmt::format("{}-{}-{}", owner, name, interval) : given_id, p.used);
  set_attr(op, "name", name);
  if (auto parsed = parse_op_attributes(p, op, id); !parsed) return parsed;
  if (!op.attribute("interval")) {
    // A monitor without interval would be a probe only; everybody who writes one wants it repeated.
    auto attribute = op.insert_attribute_after("interval", op.attribute("name"));
    attribute.set_value(interval.c_str());
  }
  set_attr(op, "id", id);
  return {};
}

Result<void> parse_named_set(Parsing& p, const char* element) {
  const std::string owner(attr(p.node, "id"));
  auto set = parse_set(p.c, p.node, element, owner + '-' + element, p.used);
  if (!set) return fail(set.error());
  return {};
}

}  // namespace

Result<std::string> parse_id(Parsing& p, string_view what) {
  if (p.c.done()) return p.c.error(fmt::format("{} is missing", what));
  if (!valid_id(p.c.peek()))
    return p.c.error(fmt::format("'{}' cannot be {}: letters, digits, '_', '-', '.', and a letter first",
                                 p.c.peek(), what));
  std::string id = p.c.next();
  set_attr(p.node, "id", id);
  p.used.insert(id);
  return id;
}

Result<void> parse_clauses(Parsing& p, bool bare_attributes_are_params) {
  const std::string owner(attr(p.node, "id"));
  while (!p.c.done()) {
    Result<void> parsed;
    if (p.c.accept("params"))
      parsed = parse_named_set(p, "instance_attributes");
    else if (p.c.accept("meta"))
      parsed = parse_named_set(p, "meta_attributes");
    else if (p.c.accept("utilization"))
      parsed = parse_named_set(p, "utilization");
    else if (p.c.accept("operations"))
      parsed = parse_operations(p);
    else if (p.c.accept("op"))
      parsed = parse_op(p, owner);
    else if (p.c.peek().starts_with("description="))
      set_attr(p.node, "description", split_assignment(p.c.next()).value);
    else if (bare_attributes_are_params && is_assignment(p.c.peek()))
      parsed = parse_named_set(p, "instance_attributes");
    else
      break;
    if (!parsed) return parsed;
  }
  return {};
}

Result<void> parse_primitive(Parsing& p) {
  if (auto id = parse_id(p, "the resource's id"); !id) return fail(id.error());
  if (p.c.done() || is_assignment(p.c.peek()))
    return p.c.error("the agent, [CLASS:[PROVIDER:]]TYPE, is missing");
  if (p.c.peek().starts_with("@")) {
    set_attr(p.node, "template", p.c.next().substr(1));
  } else {
    auto agent = parse_agent_name(p.c, p.c.peek());
    if (!agent) return fail(agent.error());
    p.c.next();
    set_attr(p.node, "class", agent->agent_class);
    if (!agent->provider.empty()) set_attr(p.node, "provider", agent->provider);
    set_attr(p.node, "type", agent->type);
  }
  return parse_clauses(p, true);
}

Result<void> parse_container(Parsing& p) {
  auto id = parse_id(p, p.node.name() == string_view("group") ? "the group's id" : "the clone's id");
  if (!id) return fail(id.error());
  Words members;
  constexpr string_view kClauses[] = {"params", "meta", "description"};
  const auto ends = [&](string_view word) {
    for (const auto clause : kClauses)
      if (word == clause) return true;
    return is_assignment(word);
  };
  while (!p.c.done() && !ends(p.c.peek())) {
    if (!valid_id(p.c.peek())) return p.c.error("a resource's id is expected");
    members.push_back(p.c.next());
  }
  const bool group = name_of(p.node) == "group";
  if (members.empty())
    return p.c.error(group ? "a group needs at least one primitive" : "the resource to clone is missing");
  if (!group && members.size() > 1)
    return p.c.error("a clone has exactly one resource (a primitive or a group)");
  if (auto clauses = parse_clauses(p, false); !clauses) return clauses;
  if (p.keyword == "promotable") {
    auto meta = p.node.child("meta_attributes");
    if (!meta) meta = add_child(p.node, "meta_attributes", unused_id(*id + "-meta_attributes", p.used));
    if (!find_nvpair(meta, "promotable")) set_nvpair(meta, "promotable", "true", p.used);
  }
  for (const auto& member : members) add_child(p.node, kMember, member);
  return {};
}

}  // namespace systole::crm
