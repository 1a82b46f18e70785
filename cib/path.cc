#include "cib/path.h"

#include <cstring>
#include <optional>

namespace systole::cib {
namespace {

constexpr std::size_t kMaxPath = 64 * 1024;

// The subset that needs no engine: /a/b[@x='1'][@y="2"]/c and //a[@x='1'].
struct Step {
  std::string name;
  std::vector<std::pair<std::string, std::string>> attributes;
};
struct Path {
  bool anywhere = false;  // Begins with //; then it has one step.
  std::vector<Step> steps;
};

bool name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
         c == '.';
}

std::string_view take_name(std::string_view& text) {
  std::size_t n = 0;
  while (n < text.size() && name_char(text[n])) ++n;
  const std::string_view name = text.substr(0, n);
  text.remove_prefix(n);
  return name;
}

// "[@name='value']"; false when it is anything else.
bool take_predicate(std::string_view& text, Step& step) {
  if (!text.starts_with("[@")) return false;
  text.remove_prefix(2);
  const std::string_view name = take_name(text);
  if (name.empty() || text.size() < 4 || text[0] != '=' || (text[1] != '\'' && text[1] != '"')) return false;
  const std::size_t end = text.find(text[1], 2);
  if (end == std::string_view::npos || end + 1 >= text.size() || text[end + 1] != ']') return false;
  step.attributes.emplace_back(name, text.substr(2, end - 2));
  text.remove_prefix(end + 2);
  return true;
}

std::optional<Path> parse_simple(std::string_view text) {
  Path path;
  if (text.starts_with("//")) {
    path.anywhere = true;
    text.remove_prefix(1);
  }
  while (!text.empty()) {
    if (text[0] != '/') return std::nullopt;
    text.remove_prefix(1);
    Step step;
    step.name = take_name(text);
    const char first = step.name.empty() ? '0' : step.name[0];
    if (first == '.' || first == '-' || (first >= '0' && first <= '9')) return std::nullopt;
    while (text.starts_with('['))
      if (!take_predicate(text, step)) return std::nullopt;
    path.steps.push_back(std::move(step));
  }
  if (path.steps.empty() || (path.anywhere && path.steps.size() > 1)) return std::nullopt;
  return path;
}

bool matches(pugi::xml_node node, const Step& step) {
  if (step.name != node.name() || node.type() != pugi::node_element) return false;
  for (const auto& [name, value] : step.attributes) {
    const pugi::xml_attribute a = node.attribute(name.c_str());
    if (!a || value != a.value()) return false;
  }
  return true;
}

void find_anywhere(pugi::xml_node in, const Step& step, std::size_t most,
                   std::vector<pugi::xml_node>& found) {
  for (const pugi::xml_node child : in.children()) {
    if (found.size() >= most) return;
    if (matches(child, step)) found.push_back(child);
    find_anywhere(child, step, most, found);
  }
}

void find_below(pugi::xml_node in, const std::vector<Step>& steps, std::size_t depth, std::size_t most,
                std::vector<pugi::xml_node>& found) {
  for (const pugi::xml_node child : in.children()) {
    if (found.size() >= most) return;
    if (!matches(child, steps[depth])) continue;
    if (depth + 1 == steps.size())
      found.push_back(child);
    else
      find_below(child, steps, depth + 1, most, found);
  }
}

void append_step(std::string& out, pugi::xml_node node) {
  out.append("/").append(node.name());
  const pugi::xml_attribute id = node.attribute("id");
  if (!id) return;
  const char quote = std::strchr(id.value(), '\'') == nullptr ? '\'' : '"';
  out.append("[@id=").append(1, quote).append(id.value()).append(1, quote).append("]");
}

// Whether the path's step for `a` finds `b` too.
bool finds(pugi::xml_node a, pugi::xml_node b) {
  if (a.type() != b.type() || std::strcmp(a.name(), b.name()) != 0) return false;
  const pugi::xml_attribute id = a.attribute("id");
  return !id || std::strcmp(id.value(), b.attribute("id").value()) == 0;
}

}  // namespace

std::string path_of(pugi::xml_node element) {
  std::string out;
  if (element.parent().type() == pugi::node_element) out = path_of(element.parent());
  append_step(out, element);
  return out;
}

bool is_unambiguous(pugi::xml_node element) {
  for (; element.parent().type() == pugi::node_element; element = element.parent()) {
    if (element.type() != pugi::node_element) return false;
    // A value with both quotes cannot be written in XPath 1.0.
    const char* id = element.attribute("id").value();
    if (std::strchr(id, '\'') != nullptr && std::strchr(id, '"') != nullptr) return false;
    for (const pugi::xml_node sibling : element.parent().children())
      if (sibling != element && finds(element, sibling)) return false;
  }
  return true;
}

Result<std::vector<pugi::xml_node>> find_path(pugi::xml_node document, const std::string& path,
                                              std::size_t most) {
  std::vector<pugi::xml_node> found;
  if (const std::optional<Path> simple = parse_simple(path)) {
    if (simple->anywhere)
      find_anywhere(document, simple->steps[0], most, found);
    else
      find_below(document, simple->steps, 0, most, found);
    return found;
  }
  if (path.size() > kMaxPath)
    return fail(Errc::kInvalidArgument, "an XPath of {} bytes is refused: the limit is {}", path.size(),
                kMaxPath);
  try {
    pugi::xpath_node_set set = document.select_nodes(path.c_str());
    set.sort();
    for (const pugi::xpath_node& match : set) {
      const pugi::xml_node node = match.node() ? match.node() : match.parent();
      if (node.type() == pugi::node_document || found.size() >= most) continue;
      if (found.empty() || found.back() != node) found.push_back(node);
    }
  } catch (const std::exception& e) {
    return fail(Errc::kInvalidArgument, "'{}' is no usable XPath: {}", path, e.what());
  }
  return found;
}

}  // namespace systole::cib
