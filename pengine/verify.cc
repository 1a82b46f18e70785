#include "pengine/verify.h"

#include <fmt/format.h>

#include "pengine/rules.h"

namespace systole::pengine {
namespace {

using Severity = Problem::Severity;

std::string id_of(pugi::xml_node n) {
  for (; n; n = n.parent())
    if (const pugi::xml_attribute id = n.attribute("id")) return id.value();
  return "";
}

// What a rule asks that nothing can answer.
class RuleReader : public pugi::xml_tree_walker {
 public:
  explicit RuleReader(std::vector<Problem>& out) : out_(out) {}

  bool for_each(pugi::xml_node& n) override {
    const std::string_view tag = n.name();
    const bool empty = !n.find_child([](pugi::xml_node child) { return child.type() == pugi::node_element; });
    if (tag == "rule" && !n.attribute("id-ref") && empty)
      say(n, "it holds no expression, so it is never true");
    if (tag == "date_expression") date(n);
    return true;
  }

 private:
  void say(pugi::xml_node n, const std::string& what) {
    out_.push_back({Severity::kError, fmt::format("{} '{}': {}", n.name(), id_of(n), what)});
  }

  void date(pugi::xml_node n) {
    for (const char* name : {"start", "end"}) {
      const std::string_view text = n.attribute(name).value();
      if (!text.empty() && !engine::parse_date(text))
        say(n, fmt::format("{}=\"{}\" is no date and time (ISO 8601), so it is never true", name, text));
    }
    const auto start = engine::parse_date(n.attribute("start").value());
    const auto end = engine::parse_date(n.attribute("end").value());
    if (start && end && *end < *start) say(n, "it ends before it starts, so it is never true");
  }

  std::vector<Problem>& out_;
};

}  // namespace

std::vector<Problem> verify(const cib::Document& document, WallTime now) {
  Options options;
  options.now = now;
  std::vector<Problem> problems = schedule(document, options).problems;
  RuleReader reader(problems);
  document.root().child("configuration").traverse(reader);
  return problems;
}

}  // namespace systole::pengine
