#include "cli/crm/format.h"

#include <functional>
#include <sstream>

#include "cli/crm/kinds.h"
#include "cli/crm/parse.h"
#include "cli/crm/rsc_sets.h"
#include "cli/crm/rules.h"
#include "cli/crm/xml.h"

namespace systole::crm {
namespace {

using std::string_view;
using Parts = std::vector<std::string>;  // The first stands on the first line, each other on one of its own.
using MaybeParts = std::optional<Parts>;

std::string head(string_view keyword, pugi::xml_node node) {
  return fmt::format("{} {}", keyword, attr(node, "id"));
}

// Words outside of NAME=VALUE hold more signs as they are: quoted only where reading would go wrong.
std::string bare(string_view word) {
  return word.find_first_of(" \t\"'\\") == string_view::npos ? std::string(word) : quote(word);
}

void add_description(pugi::xml_node node, Parts& parts) {
  if (node.attribute("description")) parts.push_back(format_pair("description", attr(node, "description")));
}

bool add_set(pugi::xml_node set, string_view keyword, const Ids& named, Parts& parts) {
  const auto words = format_set(set, named);
  if (!words) return false;
  parts.push_back(words->empty() ? std::string(keyword) : fmt::format("{} {}", keyword, *words));
  return true;
}

std::optional<std::string> format_op(pugi::xml_node op, const Ids& named) {
  std::string text = fmt::format("op {}", attr(op, "name"));
  if (named.contains(std::string(attr(op, "id")))) text += " $id=" + quote(attr(op, "id"));
  for (const auto& a : op.attributes()) {
    const string_view name = a.name();
    if (name != "name" && name != "id") text += ' ' + format_pair(name, a.value());
  }
  for (const auto set : elements(op)) {
    const auto words = format_set(set, named);
    if (!words) return std::nullopt;
    text += fmt::format(" {} {}", name_of(set) == "instance_attributes" ? "op_params" : "op_meta", *words);
  }
  return text;
}

bool add_operations(pugi::xml_node operations, const Ids& named, Parts& parts) {
  if (operations.attribute("id-ref"))
    parts.push_back("operations $id-ref=" + quote(attr(operations, "id-ref")));
  else if (operations.attribute("id"))
    parts.push_back("operations $id=" + quote(attr(operations, "id")));
  for (const auto node : elements(operations)) {
    auto op = format_op(node, named);
    if (!op) return false;
    parts.push_back(std::move(*op));
  }
  return true;
}

// The sets of a resource in the order of the CIB; members of containers are passed over.
bool add_clauses(pugi::xml_node node, const Ids& named, Parts& parts) {
  add_description(node, parts);
  for (const auto part : elements(node)) {
    const auto name = name_of(part);
    const Kind* kind = kind_of(part);
    bool ok = false;
    if (name == "instance_attributes")
      ok = add_set(part, "params", named, parts);
    else if (name == "meta_attributes")
      ok = add_set(part, "meta", named, parts);
    else if (name == "utilization")
      ok = add_set(part, "utilization", named, parts);
    else if (name == "operations")
      ok = add_operations(part, named, parts);
    else
      ok = name == kMember || (kind != nullptr && kind->resource);
    if (!ok) return false;
  }
  return true;
}

MaybeParts format_primitive(pugi::xml_node node, string_view keyword, const Ids& named) {
  Parts parts = {fmt::format("{} {}", head(keyword, node), format_agent(node))};
  if (!add_clauses(node, named, parts)) return std::nullopt;
  return parts;
}

MaybeParts format_container(pugi::xml_node node, string_view keyword, const Ids& named) {
  Parts parts = {head(keyword, node)};
  for (const auto part : elements(node)) {
    const Kind* kind = kind_of(part);
    if (name_of(part) == kMember || (kind != nullptr && kind->resource))
      parts[0] += fmt::format(" {}", attr(part, "id"));
  }
  if (!add_clauses(node, named, parts)) return std::nullopt;
  return parts;
}

MaybeParts format_location(pugi::xml_node node, string_view keyword, const Ids& named) {
  std::string line = head(keyword, node);
  if (node.attribute("rsc-pattern")) {
    line += ' ' + bare(fmt::format("/{}/", attr(node, "rsc-pattern")));
  } else if (node.child("resource_set")) {
    const auto sets = format_rsc_sets(node, Qualifier::kRole, 0);
    if (!sets) return std::nullopt;
    line += fmt::format(" {{ {} }}", *sets);
  } else {
    line += fmt::format(" {}", attr(node, "rsc"));
  }
  for (const char* name : {"role", "resource-discovery", "description"})
    if (node.attribute(name)) line += ' ' + format_pair(name, attr(node, name));
  if (node.attribute("node"))
    return Parts{fmt::format("{} {}: {}", line, format_score(attr(node, "score")), attr(node, "node"))};
  Parts parts = {line};
  for (const auto part : elements(node)) {
    if (name_of(part) == "resource_set") continue;
    auto rule = format_rule(part, named.contains(std::string(attr(part, "id"))));
    if (!rule || name_of(part) != "rule") return std::nullopt;
    parts.push_back(std::move(*rule));
  }
  return parts;
}

std::string ref(pugi::xml_node node, const char* id, const char* qualifier) {
  const auto mark = attr(node, qualifier);
  return fmt::format(" {}{}{}", attr(node, id), mark.empty() ? "" : ":", mark);
}

void add_attributes(pugi::xml_node node, std::initializer_list<const char*> names, std::string& line) {
  for (const char* name : names)
    if (node.attribute(name)) line += ' ' + format_pair(name, attr(node, name));
}

MaybeParts format_colocation(pugi::xml_node node, string_view keyword, const Ids&) {
  std::string line = fmt::format("{} {}:", head(keyword, node), format_score(attr(node, "score")));
  if (node.child("resource_set")) {
    const auto sets = format_rsc_sets(node, Qualifier::kRole, 2);
    if (!sets) return std::nullopt;
    line += ' ' + *sets;
  } else {
    line += ref(node, "rsc", "rsc-role") + ref(node, "with-rsc", "with-rsc-role");
  }
  add_attributes(node, {"node-attribute", "influence", "description"}, line);
  return Parts{line};
}

MaybeParts format_order(pugi::xml_node node, string_view keyword, const Ids&) {
  std::string line = head(keyword, node);
  if (node.attribute("kind"))
    line += fmt::format(" {}:", attr(node, "kind"));
  else if (node.attribute("score"))
    line += fmt::format(" {}:", format_score(attr(node, "score")));
  if (node.child("resource_set")) {
    const auto sets = format_rsc_sets(node, Qualifier::kAction, 2);
    if (!sets) return std::nullopt;
    line += ' ' + *sets;
  } else {
    line += ref(node, "first", "first-action") + ref(node, "then", "then-action");
  }
  add_attributes(node, {"symmetrical", "require-all", "description"}, line);
  return Parts{line};
}

MaybeParts format_ticket(pugi::xml_node node, string_view keyword, const Ids&) {
  std::string line = fmt::format("{} {}:", head(keyword, node), attr(node, "ticket"));
  if (node.child("resource_set")) {
    const auto sets = format_rsc_sets(node, Qualifier::kRole, 1);
    if (!sets) return std::nullopt;
    line += ' ' + *sets;
  } else {
    line += ref(node, "rsc", "rsc-role");
  }
  add_attributes(node, {"loss-policy", "description"}, line);
  return Parts{line};
}

MaybeParts format_node(pugi::xml_node node, string_view keyword, const Ids& named) {
  std::string line = std::string(keyword);
  const auto id = attr(node, "id"), name = attr(node, "uname"), type = attr(node, "type");
  if (!id.empty() && id != name) line += fmt::format(" {}:", id);
  line += fmt::format(" {}", name);
  if (!type.empty() && type != "normal" && type != "member") line += fmt::format(":{}", type);
  Parts parts = {line};
  add_description(node, parts);
  for (const auto set : elements(node)) {
    const bool attributes = name_of(set) == "instance_attributes";
    if (!attributes && name_of(set) != "utilization") return std::nullopt;
    if (!add_set(set, attributes ? "attributes" : "utilization", named, parts)) return std::nullopt;
  }
  return parts;
}

MaybeParts format_options(pugi::xml_node set, string_view keyword, const Ids& named) {
  if (set.attribute("id-ref")) return std::nullopt;
  Parts parts = {head(keyword, set) + ':'};
  if (set.attribute("score")) parts.push_back(format_score(attr(set, "score")) + ':');
  for (const auto part : elements(set)) {
    if (name_of(part) == "rule") {
      auto rule = format_rule(part, named.contains(std::string(attr(part, "id"))));
      if (!rule) return std::nullopt;
      parts.push_back(std::move(*rule));
    } else if (name_of(part) == "nvpair" && part.attribute("value")) {
      parts.push_back(format_pair(attr(part, "name"), attr(part, "value")));
    } else {
      return std::nullopt;
    }
  }
  return parts;
}

MaybeParts format_tag(pugi::xml_node node, string_view keyword, const Ids&) {
  std::string line = head(keyword, node) + ':';
  for (const auto object : elements(node)) line += fmt::format(" {}", attr(object, "id"));
  return Parts{line};
}

std::string target_of(pugi::xml_node level) {
  if (level.attribute("target-pattern")) return fmt::format("pattern:{}:", attr(level, "target-pattern"));
  if (level.attribute("target-attribute"))
    return fmt::format("attr:{}={}:", attr(level, "target-attribute"), attr(level, "target-value"));
  return level.attribute("target") ? fmt::format("{}:", attr(level, "target")) : std::string{};
}

MaybeParts format_topology(pugi::xml_node node, string_view keyword, const Ids&) {
  Parts parts;
  std::string last_target = "\n";
  int index = 0;
  for (const auto level : elements(node)) {
    const std::string target = target_of(level);
    if (target != last_target) {
      parts.push_back(bare(target));
      index = 0;
    }
    last_target = target;
    if (attr(level, "index") != std::to_string(++index)) return std::nullopt;
    if (!parts.back().empty()) parts.back() += ' ';
    parts.back() += attr(level, "devices");
  }
  if (parts.empty()) return std::nullopt;
  parts.front() = fmt::format("{} {}", keyword, parts.front());
  return parts;
}

MaybeParts format_role(pugi::xml_node node, string_view keyword, const Ids&) {
  Parts parts = {head(keyword, node)};
  static constexpr std::pair<const char*, const char*> kNames[] = {
      {"xpath", "xpath"}, {"reference", "ref"}, {"object-type", "type"}, {"attribute", "attr"}};
  for (const auto permission : elements(node)) {
    std::string line(attr(permission, "kind"));
    for (const auto& [attribute, name] : kNames) {
      if (!permission.attribute(attribute)) continue;
      line += ' ' + bare(fmt::format("{}:{}", name, attr(permission, attribute)));
    }
    parts.push_back(line);
  }
  return parts;
}

MaybeParts format_acl_target(pugi::xml_node node, string_view keyword, const Ids&) {
  std::string line = head(keyword, node);
  for (const auto role : elements(node)) line += fmt::format(" {}", attr(role, "id"));
  return Parts{line};
}

using Formatter = MaybeParts (*)(pugi::xml_node, string_view, const Ids&);

Formatter formatter_of(string_view keyword) {
  static constexpr std::pair<string_view, Formatter> kFormatters[] = {{"node", format_node},
                                                                      {"primitive", format_primitive},
                                                                      {"rsc_template", format_primitive},
                                                                      {"group", format_container},
                                                                      {"clone", format_container},
                                                                      {"ms", format_container},
                                                                      {"location", format_location},
                                                                      {"colocation", format_colocation},
                                                                      {"order", format_order},
                                                                      {"rsc_ticket", format_ticket},
                                                                      {"tag", format_tag},
                                                                      {"fencing_topology", format_topology},
                                                                      {"property", format_options},
                                                                      {"rsc_defaults", format_options},
                                                                      {"op_defaults", format_options},
                                                                      {"role", format_role},
                                                                      {"acl_target", format_acl_target},
                                                                      {"acl_group", format_acl_target}};
  for (const auto& [name, formatter] : kFormatters)
    if (name == keyword) return formatter;
  return nullptr;
}

// The element as parse_object() would give it: members of a container as placeholders.
void with_placeholders(pugi::xml_node node) {
  for (auto part : elements(node)) {
    const Kind* kind = kind_of(part);
    if (kind == nullptr || !kind->resource) continue;
    auto member = node.insert_child_before(kMember, part);
    set_attr(member, "id", attr(part, "id"));
    node.remove_child(part);
  }
}

// Whether the text says all of what the element says.
bool says_all(const std::string& text, pugi::xml_node object, const Kind& kind) {
  auto words = split_words(logical_lines(text).front().text);
  if (!words) return false;
  auto parsed = parse_object(*words);
  if (!parsed) return false;
  pugi::xml_document copy;
  auto expected = copy.append_copy(object);
  if (kind.container) with_placeholders(expected);
  if (kind.keyword == "node") {
    // Left away because they are what is meant without them.
    if (attr(expected, "id") == attr(expected, "uname")) expected.remove_attribute("id");
    if (const auto type = attr(expected, "type"); type == "normal" || type == "member")
      expected.remove_attribute("type");
  }
  if (kind.keyword == "fencing_topology") expected.remove_attribute("id");
  return same_tree(expected, parsed->node(), true);
}

std::string xml_text(pugi::xml_node object) {
  std::ostringstream out;
  object.print(out, "  ", pugi::format_default | pugi::format_no_declaration);
  std::string text = "xml " + out.str();
  while (!text.empty() && text.back() == '\n') text.pop_back();
  std::string continued;
  for (const char c : text) {
    if (c == '\n') continued += " \\";
    continued += c;
  }
  return continued;
}

}  // namespace

std::string format_agent(pugi::xml_node primitive) {
  if (primitive.attribute("template")) return fmt::format("@{}", attr(primitive, "template"));
  const auto agent_class = attr(primitive, "class"), provider = attr(primitive, "provider"),
             type = attr(primitive, "type");
  if (agent_class == "ocf" && provider == "heartbeat") return std::string(type);
  if (provider.empty()) return fmt::format("{}:{}", agent_class, type);
  return fmt::format("{}:{}:{}", agent_class, provider, type);
}

Ids referenced_ids(pugi::xml_node configuration) {
  Ids ids;
  walk(configuration, [&](pugi::xml_node node) {
    if (const auto id = attr(node, "id-ref"); !id.empty()) ids.insert(std::string(id));
  });
  return ids;
}

std::string format_object(pugi::xml_node object, const FormatOptions& options) {
  const Kind* kind = kind_of(object);
  const Formatter formatter = kind == nullptr ? nullptr : formatter_of(kind->keyword);
  if (formatter == nullptr) return xml_text(object);
  const auto parts = formatter(object, kind->keyword, options.referenced);
  if (!parts) return xml_text(object);
  std::string text = join(*parts, " \\\n\t");
  return says_all(text, object, *kind) ? text : xml_text(object);
}

std::string colourise(string_view text) {
  constexpr string_view kKeyword = "\x1b[1;32m", kName = "\x1b[36m", kOff = "\x1b[0m";
  std::string result;
  bool line_start = true;
  while (!text.empty()) {
    const auto end = text.find_first_of(" \n\t");
    const auto word = text.substr(0, end);
    const auto equals = word.find('=');
    if (line_start && !word.empty()) {
      result += fmt::format("{}{}{}", kKeyword, word, kOff);
    } else if (equals != string_view::npos && equals > 0 && word.front() != '"') {
      result += fmt::format("{}{}{}{}", kName, word.substr(0, equals), kOff, word.substr(equals));
    } else {
      result += word;
    }
    if (!word.empty()) line_start = false;
    if (end == string_view::npos) break;
    line_start |= text[end] == '\n';
    result += text[end];
    text.remove_prefix(end + 1);
  }
  return result;
}

}  // namespace systole::crm
