#include "cli/crm/attributes.h"

#include "cli/crm/rules.h"
#include "cli/crm/xml.h"

namespace systole::crm {
namespace {

bool is_nvpair_reference(std::string_view word) { return word.size() > 1 && word.front() == '@'; }

void add_nvpair_reference(pugi::xml_node set, std::string_view word) {
  word.remove_prefix(1);
  const auto colon = word.find(':');
  auto pair = add_child(set, "nvpair");
  set_attr(pair, "id-ref", word.substr(0, colon));
  if (colon != std::string_view::npos) set_attr(pair, "name", word.substr(colon + 1));
}

// "2:" before a set: which of several sets is read first.
bool accept_score(Cursor& c, pugi::xml_node set) {
  const auto word = c.peek();
  if (word.size() < 2 || word.back() != ':') return false;
  const std::string score = parse_score(word.substr(0, word.size() - 1));
  if (score.empty()) return false;
  set_attr(set, "score", score);
  c.next();
  return true;
}

}  // namespace

pugi::xml_node find_nvpair(pugi::xml_node set, std::string_view name) {
  for (const auto pair : elements(set))
    if (name_of(pair) == "nvpair" && attr(pair, "name") == name) return pair;
  return {};
}

void set_nvpair(pugi::xml_node set, std::string_view name, std::string_view value, Ids& used) {
  auto pair = find_nvpair(set, name);
  if (!pair) {
    std::string id = fmt::format("{}-{}", attr(set, "id"), name);
    for (char& sign : id)
      if (std::string_view("#/@:+ ").find(sign) != std::string_view::npos) sign = '_';
    pair = add_child(set, "nvpair");
    set_attr(pair, "name", name);
    set_attr(pair, "value", value);
    set_attr(pair, "id", unused_id(id, used));
    return;
  }
  set_attr(pair, "value", value);
}

Result<pugi::xml_node> parse_set(Cursor& c, pugi::xml_node parent, std::string_view element,
                                 const std::string& base, Ids& used) {
  auto set = add_child(parent, element);
  if (c.peek().starts_with("$id-ref=")) {
    set_attr(set, "id-ref", split_assignment(c.next().substr(1)).value);
    return set;
  }
  if (c.peek().starts_with("$id=")) {
    const std::string id = split_assignment(c.next().substr(1)).value;
    if (!valid_id(id)) return c.error(fmt::format("'{}' cannot be an id", id));
    used.insert(id);
    set_attr(set, "id", id);
  } else {
    set_attr(set, "id", unused_id(base, used));
  }
  accept_score(c, set);
  while (!c.done()) {
    if (c.accept("rule")) {
      if (auto rule = parse_rule(c, set, std::string(attr(set, "id")), used); !rule)
        return fail(rule.error());
    } else if (is_nvpair_reference(c.peek())) {
      add_nvpair_reference(set, c.next());
    } else if (is_assignment(c.peek())) {
      const auto pair = split_assignment(c.next());
      set_nvpair(set, pair.name, pair.value, used);
    } else {
      break;
    }
  }
  return set;
}

std::string format_pair(std::string_view name, std::string_view value) {
  return fmt::format("{}={}", name, quote(value));
}

std::optional<std::string> format_set(pugi::xml_node set, const Ids& named) {
  Words words;
  if (set.attribute("id-ref")) return "$id-ref=" + quote(attr(set, "id-ref"));
  if (named.contains(std::string(attr(set, "id")))) words.push_back("$id=" + quote(attr(set, "id")));
  if (set.attribute("score")) words.push_back(format_score(attr(set, "score")) + ':');
  for (const auto part : elements(set)) {
    if (name_of(part) == "rule") {
      const auto rule = format_rule(part, named.contains(std::string(attr(part, "id"))));
      if (!rule) return std::nullopt;
      words.push_back(*rule);
    } else if (name_of(part) == "nvpair" && part.attribute("id-ref")) {
      const auto name = attr(part, "name");
      words.push_back(fmt::format("@{}{}{}", attr(part, "id-ref"), name.empty() ? "" : ":", name));
    } else if (name_of(part) == "nvpair" && part.attribute("value")) {
      words.push_back(format_pair(attr(part, "name"), attr(part, "value")));
    } else {
      return std::nullopt;
    }
  }
  return join(words, " ");
}

}  // namespace systole::crm
