// The types of attributes in Pacemaker's schema, and lists of names for messages.
#pragma once

#include <string>
#include <string_view>

#include "cib/schema_grammar.h"

namespace systole::cib {

// What is wrong with the value, in words that follow it ("is no score…"); empty: nothing.
std::string type_error(const Grammar::Attribute& attribute, std::string_view value);
std::string names_of(const Grammar::Element& element);     // Its attributes: "id, class, type".
std::string children_of(const Grammar::Element& element);  // "none" without any.

template <typename Visit>
void for_each_word(std::string_view words, const Visit& visit) {
  while (!words.empty()) {
    const std::size_t end = std::min(words.find(' '), words.size());
    if (end > 0) visit(std::string(words.substr(0, end)));
    words.remove_prefix(std::min(end + 1, words.size()));
  }
}

}  // namespace systole::cib
