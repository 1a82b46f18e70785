// Words: the lowest layer of the shell's language. Text to logical lines (continuations joined, comments
// dropped), lines to words (quotes removed), and values back to words (quoted where needed). Pure.
//
//   logical line   physical lines joined where one ends in a backslash; a line whose first sign is '#' is a
//                  comment
//   word           signs up to a blank; "…" or '…' anywhere in it may hold blanks (hostlist="a b"); inside
//                  double quotes \" and \\ stand for the sign itself
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace systole::crm {

using Words = std::vector<std::string>;

struct LogicalLine {
  int number = 0;  // Of its first physical line, from 1.
  std::string text;
};

std::vector<LogicalLine> logical_lines(std::string_view text);
bool is_continued(std::string_view line);  // Ends in a backslash: more is to come.

// kParse: a quote that is not closed.
Result<Words> split_words(std::string_view line);

// As crmsh: as it is when it consists of letters, digits, '_', '.' and '-'; otherwise in quotes that
// split_words() takes away again.
std::string quote(std::string_view value);
std::string join(const Words& words, std::string_view separator);

std::string lower(std::string_view text);
bool same_nocase(std::string_view a, std::string_view b);

}  // namespace systole::crm
