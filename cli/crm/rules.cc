#include "cli/crm/rules.h"

#include <array>

#include "cli/crm/xml.h"

namespace systole::crm {
namespace {

using std::string_view;

constexpr std::array<string_view, 6> kBinary = {"lt", "gt", "lte", "gte", "eq", "ne"};
constexpr std::array<string_view, 4> kTypes = {"string", "integer", "number", "version"};
constexpr std::array<string_view, 12> kDateFields = {"seconds",   "minutes",   "hours",    "days",
                                                     "monthdays", "weekdays",  "yeardays", "months",
                                                     "weeks",     "weekyears", "years",    "moon"};

template <std::size_t N>
bool one_of(const std::array<string_view, N>& list, string_view word) {
  for (const auto item : list)
    if (same_nocase(item, word)) return true;
  return false;
}

struct RuleIds {
  std::string rule;
  std::set<std::string>& used;
  std::string next(string_view part) const { return unused_id(rule + "-" + std::string(part), used); }
};

bool is_date_field(string_view word) {
  return is_assignment(word) && one_of(kDateFields, split_assignment(word).name);
}

Result<void> date_fields(Cursor& c, pugi::xml_node parent, string_view element, const RuleIds& ids) {
  if (!is_date_field(c.peek())) return c.error("a date needs fields such as hours=9-16 or weekdays=1-5");
  auto node = add_child(parent, element, ids.next(element));
  while (is_date_field(c.peek())) {
    const auto field = split_assignment(c.next());
    set_attr(node, field.name, field.value);
  }
  return {};
}

Result<void> parse_date(Cursor& c, pugi::xml_node rule, const RuleIds& ids) {
  const std::string operation = lower(c.next());
  auto node = add_child(rule, "date_expression", ids.next("expression"));
  if (operation == "lt" || operation == "gt") {
    if (c.done()) return c.error("`date lt` and `date gt` need a moment, such as 2026-12-24");
    set_attr(node, "operation", operation);
    set_attr(node, operation == "lt" ? "end" : "start", c.next());
    return {};
  }
  if (operation == "spec" || operation == "date_spec") {
    set_attr(node, "operation", "date_spec");
    return date_fields(c, node, "date_spec", ids);
  }
  set_attr(node, "operation", "in_range");
  while (c.peek().starts_with("start=") || c.peek().starts_with("end=")) {
    const auto limit = split_assignment(c.next());
    set_attr(node, limit.name, limit.value);
  }
  if (is_date_field(c.peek())) return date_fields(c, node, "duration", ids);
  if (!node.attribute("start") && !node.attribute("end"))
    return c.error("`date in` needs start= and end=, or start= and a duration");
  return {};
}

Result<void> parse_comparison(Cursor& c, pugi::xml_node rule, const RuleIds& ids) {
  const std::string attribute = c.next();
  if (c.done()) return c.error("an operation (eq, ne, lt, lte, gt, gte) is missing");
  std::string operation = lower(c.peek()), type;
  if (const auto colon = operation.find(':'); colon != std::string::npos) {
    type = operation.substr(0, colon);
    operation = operation.substr(colon + 1);
  }
  if (!one_of(kBinary, operation)) return c.error("expected eq, ne, lt, lte, gt or gte");
  if (!type.empty() && !one_of(kTypes, type))
    return c.error("a value's type is string, integer, number or version");
  c.next();
  if (c.done()) return c.error("the value to compare with is missing");
  auto node = add_child(rule, "expression", ids.next("expression"));
  set_attr(node, "operation", operation);
  set_attr(node, "attribute", attribute);
  set_attr(node, "value", c.next());
  if (!type.empty()) set_attr(node, "type", type);
  return {};
}

Result<void> parse_simple(Cursor& c, pugi::xml_node rule, const RuleIds& ids) {
  if (c.done()) return c.error("an expression is missing");
  const string_view second = c.peek(1);
  if (c.accept("defined") || same_nocase(c.peek(), "not_defined")) {
    const bool negated = c.accept("not_defined");
    if (c.done()) return c.error("the attribute's name is missing");
    auto node = add_child(rule, "expression", ids.next("expression"));
    set_attr(node, "operation", negated ? "not_defined" : "defined");
    set_attr(node, "attribute", c.next());
    return {};
  }
  const bool range = same_nocase(second, "in") || same_nocase(second, "in_range") ||
                     same_nocase(second, "spec") || same_nocase(second, "date_spec") ||
                     same_nocase(second, "lt") || same_nocase(second, "gt");
  if (range && c.accept("date")) return parse_date(c, rule, ids);
  return parse_comparison(c, rule, ids);
}

Result<void> parse_head(Cursor& c, pugi::xml_node rule) {
  for (;;) {
    const string_view word = c.peek();
    if (word.starts_with("$role=") || word.starts_with("role="))
      set_attr(rule, "role", split_assignment(c.next()).value);
    else
      break;
  }
  if (c.peek().size() < 2 || c.peek().back() != ':') return {};
  const std::string word = c.next();
  const std::string score = parse_score(word.substr(0, word.size() - 1));
  if (score.empty())
    set_attr(rule, "score-attribute", word.substr(0, word.size() - 1));
  else
    set_attr(rule, "score", score);
  return {};
}

std::optional<std::string> format_date(pugi::xml_node node) {
  const auto operation = attr(node, "operation");
  if (operation == "lt") return "date lt " + quote(attr(node, "end"));
  if (operation == "gt") return "date gt " + quote(attr(node, "start"));
  std::string text = operation == "date_spec" ? "date spec" : "date in";
  for (const char* limit : {"start", "end"})
    if (node.attribute(limit)) text += fmt::format(" {}={}", limit, quote(attr(node, limit)));
  for (const auto fields : elements(node))
    for (const auto& field : fields.attributes())
      if (string_view(field.name()) != "id")
        text += fmt::format(" {}={}", field.name(), quote(field.value()));
  return text;
}

std::optional<std::string> format_expression(pugi::xml_node node) {
  if (name_of(node) == "date_expression") return format_date(node);
  if (name_of(node) != "expression") return std::nullopt;
  const auto operation = attr(node, "operation");
  if (operation == "defined" || operation == "not_defined")
    return fmt::format("{} {}", operation, attr(node, "attribute"));
  const auto type = attr(node, "type");
  const auto name = attr(node, "attribute");
  return fmt::format("{} {}{}{} {}", name.starts_with('#') ? std::string(name) : quote(name), type,
                     type.empty() ? "" : ":", operation, quote(attr(node, "value")));
}

}  // namespace

Result<void> parse_rule(Cursor& c, pugi::xml_node parent, const std::string& base,
                        std::set<std::string>& used) {
  if (c.peek().starts_with("$id-ref=")) {
    set_attr(add_child(parent, "rule"), "id-ref", split_assignment(c.next().substr(1)).value);
    return {};
  }
  std::string id;
  if (c.peek().starts_with("$id=")) {
    id = split_assignment(c.next().substr(1)).value;
    used.insert(id);
  } else {
    id = unused_id(base + "-rule", used);
  }
  auto rule = add_child(parent, "rule", id);
  const RuleIds ids{id, used};
  if (auto head = parse_head(c, rule); !head) return head;
  std::string joined_by;
  for (;;) {
    if (auto parsed = parse_simple(c, rule, ids); !parsed) return parsed;
    if (!same_nocase(c.peek(), "and") && !same_nocase(c.peek(), "or")) break;
    const std::string op = lower(c.peek());
    if (!joined_by.empty() && op != joined_by) return c.error("`and` and `or` cannot be mixed in one rule");
    joined_by = op;
    c.next();
  }
  if (!joined_by.empty()) set_attr(rule, "boolean-op", joined_by);
  return {};
}

std::optional<std::string> format_rule(pugi::xml_node rule, bool with_id) {
  if (rule.attribute("id-ref")) return "rule $id-ref=" + quote(attr(rule, "id-ref"));
  std::string text = "rule";
  if (with_id) text += " $id=" + quote(attr(rule, "id"));
  if (rule.attribute("role")) text += fmt::format(" $role={}", quote(attr(rule, "role")));
  if (rule.attribute("score")) text += ' ' + format_score(attr(rule, "score")) + ':';
  if (rule.attribute("score-attribute")) text += fmt::format(" {}:", attr(rule, "score-attribute"));
  const auto boolean = attr(rule, "boolean-op");
  bool first = true;
  for (const auto node : elements(rule)) {
    const auto expression = format_expression(node);
    if (!expression) return std::nullopt;
    if (!first) text += fmt::format(" {}", boolean.empty() ? string_view("and") : boolean);
    text += ' ' + *expression;
    first = false;
  }
  return first ? std::nullopt : std::optional(text);
}

}  // namespace systole::crm
