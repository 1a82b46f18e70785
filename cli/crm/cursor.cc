#include "cli/crm/cursor.h"

#include <algorithm>
#include <cctype>

namespace systole::crm {
namespace {

bool alnum(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }
bool wide(char c) { return (static_cast<unsigned char>(c) & 0x80) != 0; }

}  // namespace

bool is_assignment(std::string_view word) {
  const auto equals = word.find('=');
  if (equals == std::string_view::npos || equals == 0) return false;
  const auto name = word.substr(0, equals);
  if (!alnum(name.front()) && name.front() != '_' && name.front() != '#') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return alnum(c) || wide(c) || std::string_view("_-.#:+/@").find(c) != std::string_view::npos;
  });
}

Assignment split_assignment(std::string_view word) {
  const auto equals = word.find('=');
  return {std::string(word.substr(0, equals)), std::string(word.substr(equals + 1))};
}

std::string parse_score(std::string_view text) {
  std::string_view digits = text;
  const bool negative = !digits.empty() && digits.front() == '-';
  if (!digits.empty() && (digits.front() == '-' || digits.front() == '+')) digits.remove_prefix(1);
  if (same_nocase(digits, "inf") || same_nocase(digits, "infinity"))
    return negative ? "-INFINITY" : "INFINITY";
  const bool number = !digits.empty() && std::all_of(digits.begin(), digits.end(), [](char c) {
    return std::isdigit(static_cast<unsigned char>(c));
  });
  return number ? std::string(text) : std::string{};
}

std::string format_score(std::string_view score) {
  if (score == "INFINITY" || score == "+INFINITY") return "inf";
  if (score == "-INFINITY") return "-inf";
  return std::string(score);
}

bool valid_id(std::string_view id) {
  if (id.empty() || id.size() > 256) return false;
  if (!std::isalpha(static_cast<unsigned char>(id.front())) && id.front() != '_' && !wide(id.front()))
    return false;
  return std::all_of(id.begin(), id.end(),
                     [](char c) { return alnum(c) || wide(c) || c == '_' || c == '-' || c == '.'; });
}

}  // namespace systole::crm
