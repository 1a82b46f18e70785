// location, colocation, order, rsc_ticket.
#include <array>

#include "cli/crm/parse_parts.h"
#include "cli/crm/rsc_sets.h"
#include "cli/crm/rules.h"
#include "cli/crm/xml.h"

namespace systole::crm {
namespace {

using std::string_view;

bool ends_in_colon(string_view word) { return word.size() > 1 && word.back() == ':'; }

// "inf:" -> INFINITY; words that do not end in a colon are left alone.
Result<std::string> accept_score(Parsing& p) {
  if (!ends_in_colon(p.c.peek())) return std::string{};
  const std::string_view word = p.c.peek();
  std::string score = parse_score(word.substr(0, word.size() - 1));
  if (score.empty())
    return p.c.error(
        fmt::format("'{}' is no score (a number, inf or -inf)", word.substr(0, word.size() - 1)));
  p.c.next();
  return score;
}

void drop_sets(pugi::xml_node constraint) {
  while (auto set = constraint.child("resource_set")) constraint.remove_child(set);
}

Result<void> apply_rest(Parsing& p, const RscSets& sets, std::initializer_list<string_view> allowed) {
  for (const auto& a : sets.rest) {
    if (std::find(allowed.begin(), allowed.end(), a.name) == allowed.end())
      return fail(Errc::kParse, "syntax in {}: attribute {} is unknown here", p.keyword, a.name);
    set_attr(p.node, a.name, a.value);
  }
  return {};
}

Result<void> location_rsc(Parsing& p) {
  const string_view word = p.c.peek();
  if (word.size() > 2 && word.front() == '/' && word.back() == '/') {
    set_attr(p.node, "rsc-pattern", word.substr(1, word.size() - 2));
    p.c.next();
    return {};
  }
  if (word.starts_with('{')) {
    Words words;
    while (!p.c.done()) {
      words.push_back(p.c.next());
      if (words.back().back() == '}') break;
    }
    Cursor inner(words);
    auto sets = parse_rsc_sets(inner, p.node, Qualifier::kRole, p.used);
    if (!sets) return fail(sets.error());
    return apply_rest(p, *sets, {});
  }
  auto rsc = parse_rsc(p.c, word, Qualifier::kRole);
  if (!rsc) return fail(rsc.error());
  set_attr(p.node, "rsc", rsc->id);
  if (!rsc->qualifier.empty()) set_attr(p.node, "role", rsc->qualifier);
  p.c.next();
  return {};
}

Result<void> location_options(Parsing& p) {
  while (!p.c.done()) {
    string_view word = p.c.peek();
    if (word.starts_with('$')) word.remove_prefix(1);
    if (word.starts_with("role="))
      set_attr(p.node, "role", split_assignment(word).value);
    else if (word.starts_with("resource-discovery=") || word.starts_with("description="))
      set_attr(p.node, split_assignment(word).name, split_assignment(word).value);
    else
      break;
    p.c.next();
  }
  return {};
}

// Lower-case kinds are accepted; the CIB's spelling is written.
std::string parse_kind(string_view word) {
  for (const char* kind : {"Mandatory", "Optional", "Serialize"})
    if (same_nocase(kind, word)) return kind;
  return {};
}

Result<void> order_head(Parsing& p) {
  if (!ends_in_colon(p.c.peek())) return {};
  const string_view word = p.c.peek().substr(0, p.c.peek().size() - 1);
  if (const std::string kind = parse_kind(word); !kind.empty()) {
    set_attr(p.node, "kind", kind);
    p.c.next();
    return {};
  }
  const std::string score = parse_score(word);
  if (score.empty()) return p.c.error("expected Mandatory:, Optional:, Serialize: or a score");
  set_attr(p.node, "score", score);
  p.c.next();
  return {};
}

void set_pair(Parsing& p, const RscSets& sets, std::array<const char*, 4> names) {
  drop_sets(p.node);
  for (std::size_t i = 0; i < 2; ++i) {
    set_attr(p.node, names[i * 2], sets.plain[i].id);
    if (!sets.plain[i].qualifier.empty()) set_attr(p.node, names[i * 2 + 1], sets.plain[i].qualifier);
  }
}

}  // namespace

Result<void> parse_location(Parsing& p) {
  auto id = parse_id(p, "the constraint's id");
  if (!id) return fail(id.error());
  if (p.c.done()) return p.c.error("the resource is missing");
  if (auto rsc = location_rsc(p); !rsc) return rsc;
  if (auto options = location_options(p); !options) return options;
  if (p.c.done()) return p.c.error("SCORE: NODE or a rule is missing");
  if (same_nocase(p.c.peek(), "rule")) {
    while (p.c.accept("rule"))
      if (auto rule = parse_rule(p.c, p.node, *id, p.used); !rule) return rule;
    return location_options(p);
  }
  auto score = accept_score(p);
  if (!score) return fail(score.error());
  if (score->empty()) return p.c.error("expected SCORE: NODE (such as 100: node1) or rule");
  if (p.c.done()) return p.c.error("the node's name is missing");
  set_attr(p.node, "score", *score);
  set_attr(p.node, "node", p.c.next());
  return location_options(p);
}

Result<void> parse_colocation(Parsing& p) {
  if (auto id = parse_id(p, "the constraint's id"); !id) return fail(id.error());
  auto score = accept_score(p);
  if (!score) return fail(score.error());
  if (score->empty()) return p.c.error("the score (such as inf:) is missing");
  set_attr(p.node, "score", *score);
  auto sets = parse_rsc_sets(p.c, p.node, Qualifier::kRole, p.used);
  if (!sets) return fail(sets.error());
  if (sets->plain.size() < 2 && !sets->sets)
    return p.c.error("two resources are needed: the one placed, and the one it follows");
  if (!sets->sets && sets->plain.size() == 2)
    set_pair(p, *sets, {"rsc", "rsc-role", "with-rsc", "with-rsc-role"});
  return apply_rest(p, *sets, {"node-attribute", "influence", "description"});
}

Result<void> parse_order(Parsing& p) {
  if (auto id = parse_id(p, "the constraint's id"); !id) return fail(id.error());
  if (auto head = order_head(p); !head) return head;
  auto sets = parse_rsc_sets(p.c, p.node, Qualifier::kAction, p.used);
  if (!sets) return fail(sets.error());
  if (sets->plain.size() < 2 && !sets->sets)
    return p.c.error("two resources are needed: the first, and the one after it");
  if (!sets->sets && sets->plain.size() == 2)
    set_pair(p, *sets, {"first", "first-action", "then", "then-action"});
  return apply_rest(p, *sets, {"symmetrical", "kind", "require-all", "description"});
}

Result<void> parse_ticket(Parsing& p) {
  if (auto id = parse_id(p, "the constraint's id"); !id) return fail(id.error());
  if (!ends_in_colon(p.c.peek())) return p.c.error("the ticket's name and a colon are missing");
  const std::string ticket = p.c.next();
  set_attr(p.node, "ticket", std::string_view(ticket).substr(0, ticket.size() - 1));
  auto sets = parse_rsc_sets(p.c, p.node, Qualifier::kRole, p.used);
  if (!sets) return fail(sets.error());
  if (sets->plain.empty()) return p.c.error("the resource is missing");
  if (!sets->sets && sets->plain.size() == 1) {
    drop_sets(p.node);
    set_attr(p.node, "rsc", sets->plain[0].id);
    if (!sets->plain[0].qualifier.empty()) set_attr(p.node, "rsc-role", sets->plain[0].qualifier);
  }
  return apply_rest(p, *sets, {"loss-policy", "description"});
}

}  // namespace systole::crm
