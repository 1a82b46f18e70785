#include "cib/schema_types.h"

#include <algorithm>

#include <fmt/format.h>

namespace systole::cib {
namespace {

bool letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0;
}
bool digit(char c) { return c >= '0' && c <= '9'; }

bool is_ncname(std::string_view text) {
  if (text.empty() || !letter(text[0])) return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return letter(c) || digit(c) || c == '-' || c == '.'; });
}

bool is_number(std::string_view text, bool sign) {
  if (sign && (text.starts_with('-') || text.starts_with('+'))) text.remove_prefix(1);
  return !text.empty() && std::all_of(text.begin(), text.end(), digit);
}

bool is_score(std::string_view text) {
  std::string_view unsigned_part = text;
  if (text.starts_with('-') || text.starts_with('+')) unsigned_part.remove_prefix(1);
  return unsigned_part == "INFINITY" || is_number(text, true) || text == "red" || text == "yellow" ||
         text == "green";
}

bool is_boolean(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? char(c | 0x20) : c; });
  for (const char* word : {"true", "false", "1", "0", "yes", "no", "y", "n", "on", "off"})
    if (lower == word) return true;
  return false;
}

bool is_role(std::string_view text) {
  for (const char* word : {"Stopped", "Started", "Promoted", "Unpromoted", "Master", "Slave"})
    if (text == word) return true;
  return false;
}

template <typename List, typename Name>
std::string join(const List& list, const Name& name) {
  std::string out;
  for (const auto& item : list) out += (out.empty() ? "" : ", ") + name(item);
  return out.empty() ? "none" : out;
}

}  // namespace

std::string type_error(const Grammar::Attribute& attribute, std::string_view value) {
  using Type = Grammar::Type;
  switch (attribute.type) {
    case Type::kText:
      return {};
    case Type::kNonEmpty:
    case Type::kResource:
    case Type::kTemplate:
    case Type::kAclRole:
    case Type::kSame:
    case Type::kAny:
      return value.empty() ? "must not be empty" : "";
    case Type::kId:
      return is_ncname(value)
                 ? ""
                 : "is no usable id: begin with a letter or '_', then letters, digits, '-', '_', '.'";
    case Type::kInteger:
      return is_number(value, true) ? "" : "is no whole number";
    case Type::kUnsigned:
      return is_number(value, false) ? "" : "is no whole number from 0 on";
    case Type::kScore:
      return is_score(value) ? "" : "is no score: a whole number, INFINITY or -INFINITY";
    case Type::kBoolean:
      return is_boolean(value) ? "" : "is neither true nor false";
    case Type::kRole:
      return is_role(value) ? "" : "is no role: Stopped, Started, Promoted, Unpromoted (or Master, Slave)";
    case Type::kEnum:
      break;
  }
  if (std::find(attribute.values.begin(), attribute.values.end(), value) != attribute.values.end()) return {};
  return "is none of " + join(attribute.values, [](const std::string& v) { return v; });
}

std::string names_of(const Grammar::Element& element) {
  return join(element.attributes, [](const Grammar::Attribute& a) { return a.name; });
}

std::string children_of(const Grammar::Element& element) {
  return join(element.children, [](const Grammar::Child& c) { return "<" + c.name + ">"; });
}

}  // namespace systole::cib
