#include "cli/crm/rsc_sets.h"

#include <array>

#include "cli/crm/xml.h"

namespace systole::crm {
namespace {

using std::string_view;

constexpr std::array<string_view, 6> kRoles = {"Started",    "Stopped", "Promoted",
                                               "Unpromoted", "Master",  "Slave"};
constexpr std::array<string_view, 4> kActions = {"start", "stop", "promote", "demote"};

const char* qualifier_name(Qualifier q) { return q == Qualifier::kRole ? "role" : "action"; }

bool is_bracket(char c) { return string_view("()[]{}").find(c) != string_view::npos; }

// Brackets may touch the names that they hold: "(a b)" is read as "( a b )".
Words spread_brackets(Cursor& c) {
  Words words;
  while (!c.done()) {
    std::string word = c.next();
    while (word.size() > 1 && is_bracket(word.front())) {
      words.push_back(word.substr(0, 1));
      word.erase(0, 1);
    }
    std::size_t closing = 0;
    while (closing + 1 < word.size() && is_bracket(word[word.size() - 1 - closing])) ++closing;
    const std::string tail = word.substr(word.size() - closing);
    words.push_back(word.substr(0, word.size() - closing));
    for (const char bracket : tail) words.emplace_back(1, bracket);
  }
  return words;
}

class SetReader {
 public:
  SetReader(const Cursor& where, pugi::xml_node constraint, Qualifier qualifier, std::set<std::string>& used)
      : where_(where), constraint_(constraint), qualifier_(qualifier), used_(used) {}

  Result<RscSets> read(const Words& words) {
    for (const auto& word : words) {
      auto step = read_word(word);
      if (!step) return fail(step.error());
    }
    if (open_ != 0) return where_.error(fmt::format("a set is opened by '{}' and not closed", open_));
    return std::move(result_);
  }

 private:
  Result<void> read_word(const std::string& word) {
    if (word == "_rsc_set_") {
      result_.sets = true;
      return {};
    }
    if (word == "(" || word == "[" || word == "{") return open(word[0]);
    if (word == ")" || word == "]" || word == "}") return close(word[0]);
    if (is_assignment(word)) return assign(split_assignment(word));
    auto ref = parse_rsc(where_, word, qualifier_);
    if (!ref) return fail(ref.error());
    add(*ref);
    return {};
  }

  Result<void> open(char bracket) {
    if (open_ != 0) return where_.error("a set within a set");
    open_ = bracket;
    result_.sets = true;
    set_ = {};
    return {};
  }

  Result<void> close(char bracket) {
    const char opened = bracket == ')' ? '(' : bracket == ']' ? '[' : '{';
    if (open_ != opened) return where_.error(fmt::format("'{}' closes nothing", bracket));
    if (!set_) return where_.error("an empty set");
    open_ = 0;
    set_ = {};
    pending_.clear();
    return {};
  }

  Result<void> assign(const Assignment& a) {
    const bool of_set = a.name == "sequential" || a.name == "require-all" ||
                        (open_ != 0 && a.name == "role") || (open_ != 0 && a.name == "action");
    if (!of_set) {
      result_.rest.push_back(a);
      return {};
    }
    result_.sets = true;
    if (set_)
      set_attr(set_, a.name, a.value);
    else
      pending_.push_back(a);
    return {};
  }

  void add(const RscRef& ref) {
    const char* name = qualifier_name(qualifier_);
    if (!set_ || attr(set_, name) != ref.qualifier) begin_set(ref.qualifier);
    add_child(set_, "resource_ref", ref.id);
    result_.plain.push_back(ref);
  }

  void begin_set(const std::string& qualifier) {
    const std::string base(attr(constraint_, "id"));
    std::string id;
    do id = base + '-' + std::to_string(count_++);
    while (!used_.insert(id).second);
    set_ = add_child(constraint_, "resource_set", id);
    if (open_ == '[') set_attr(set_, "require-all", "false");
    if (open_ == '(' || open_ == '[') set_attr(set_, "sequential", "false");
    if (!qualifier.empty()) set_attr(set_, qualifier_name(qualifier_), qualifier);
    for (const auto& a : pending_) set_attr(set_, a.name, a.value);
    if (open_ == 0) pending_.clear();
  }

  const Cursor& where_;
  pugi::xml_node constraint_;
  Qualifier qualifier_;
  std::set<std::string>& used_;
  RscSets result_;
  pugi::xml_node set_;
  std::vector<Assignment> pending_;  // Attributes written before the set's first resource.
  char open_ = 0;
  int count_ = 0;
};

bool is_false(string_view value) {
  return same_nocase(value, "false") || value == "no" || value == "0" || value == "off";
}

}  // namespace

Result<RscRef> parse_rsc(const Cursor& c, string_view word, Qualifier qualifier) {
  const auto colon = word.find(':');
  RscRef ref{std::string(word.substr(0, colon)), {}};
  if (!valid_id(ref.id)) return c.error(fmt::format("'{}' cannot be a resource's id", ref.id));
  if (colon == string_view::npos) return ref;
  const auto given = word.substr(colon + 1);
  if (qualifier == Qualifier::kRole) {
    for (const auto role : kRoles)
      if (same_nocase(role, given)) return RscRef{ref.id, std::string(role)};
    return c.error(
        fmt::format("'{}' is no role (Started, Stopped, Promoted, Unpromoted, Master, Slave)", given));
  }
  for (const auto action : kActions)
    if (same_nocase(action, given)) return RscRef{ref.id, std::string(action)};
  return c.error(fmt::format("'{}' is no action (start, stop, promote, demote)", given));
}

Result<RscSets> parse_rsc_sets(Cursor& c, pugi::xml_node constraint, Qualifier qualifier,
                               std::set<std::string>& used) {
  const Words words = spread_brackets(c);
  return SetReader(c, constraint, qualifier, used).read(words);
}

std::optional<std::string> format_rsc_sets(pugi::xml_node constraint, Qualifier qualifier,
                                           std::size_t plain_count) {
  Words words;
  std::size_t count = 0;
  bool bracketed = false, before_open = false;
  for (const auto set : elements(constraint)) {
    if (name_of(set) != "resource_set") continue;
    const bool any = is_false(attr(set, "require-all")), parallel = is_false(attr(set, "sequential"));
    const bool brackets = any || parallel;
    // Two open runs next to each other would be read as one, unless the role or action changes between them.
    const auto mark = attr(set, qualifier_name(qualifier));
    if (!brackets && before_open && attr(set.previous_sibling(), qualifier_name(qualifier)) == mark)
      return std::nullopt;
    before_open = !brackets;
    bracketed |= brackets;
    if (any)
      words.emplace_back("[");
    else if (parallel)
      words.emplace_back("(");
    if (any && !parallel) words.push_back("sequential=true");
    for (const auto ref : elements(set)) {
      words.push_back(std::string(attr(ref, "id")) + (mark.empty() ? "" : ":" + std::string(mark)));
      ++count;
    }
    if (any)
      words.emplace_back("]");
    else if (parallel)
      words.emplace_back(")");
  }
  if (!bracketed && count <= plain_count) words.insert(words.begin(), "_rsc_set_");
  return join(words, " ");
}

}  // namespace systole::crm
