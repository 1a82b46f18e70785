#include "cli/crm/words.h"

#include <algorithm>

namespace systole::crm {
namespace {

std::string_view trim(std::string_view s) {
  const auto first = s.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return s.substr(first, s.find_last_not_of(" \t\r\n") - first + 1);
}

char lower_ascii(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

bool is_continued(std::string_view line) {
  line = trim(line);
  return !line.empty() && line.back() == '\\';
}

std::vector<LogicalLine> logical_lines(std::string_view text) {
  std::vector<LogicalLine> lines;
  LogicalLine current;
  int number = 0;
  while (!text.empty()) {
    const auto end = text.find('\n');
    std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    ++number;
    if (!line.empty() && line.front() == '#' && current.text.empty()) continue;
    if (current.text.empty()) current.number = number;
    const bool more = is_continued(line);
    if (more) line = trim(line.substr(0, line.size() - 1));
    if (!current.text.empty() && !line.empty()) current.text += ' ';
    current.text += line;
    if (more) continue;
    if (!current.text.empty()) lines.push_back(std::move(current));
    current = {};
  }
  if (!current.text.empty()) lines.push_back(std::move(current));
  return lines;
}

Result<Words> split_words(std::string_view line) {
  Words words;
  std::string word;
  bool in_word = false;
  char open = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (open != 0) {
      const bool escape =
          open == '"' && c == '\\' && i + 1 < line.size() && (line[i + 1] == '"' || line[i + 1] == '\\');
      if (escape)
        word += line[++i];
      else if (c == open)
        open = 0;
      else
        word += c;
    } else if (c == '"' || c == '\'') {
      open = c;
      in_word = true;
    } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      if (in_word) words.push_back(std::move(word));
      word.clear();
      in_word = false;
    } else {
      word += c;
      in_word = true;
    }
  }
  if (open != 0) return fail(Errc::kParse, "a quote ({}) is opened and not closed: {}", open, line);
  if (in_word) words.push_back(std::move(word));
  return words;
}

std::string quote(std::string_view value) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-' || (static_cast<unsigned char>(c) & 0x80) != 0;
  };
  if (!value.empty() && std::all_of(value.begin(), value.end(), plain)) return std::string(value);
  const bool escapes = value.find_first_of("\"\\") != std::string_view::npos;
  if (escapes && value.find('\'') == std::string_view::npos) return fmt::format("'{}'", value);
  std::string quoted = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

std::string join(const Words& words, std::string_view separator) {
  std::string joined;
  for (const auto& word : words) {
    if (!joined.empty()) joined += separator;
    joined += word;
  }
  return joined;
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), lower_ascii);
  return result;
}

bool same_nocase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower_ascii(x) == lower_ascii(y); });
}

}  // namespace systole::crm
