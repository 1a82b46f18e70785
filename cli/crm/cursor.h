// Cursor: reads words one after the other, and makes the messages that say where reading stopped.
#pragma once

#include <string>
#include <string_view>

#include "cli/crm/words.h"

namespace systole::crm {

class Cursor {
 public:
  explicit Cursor(const Words& words, std::size_t at = 0) : words_(words), at_(at) {}

  bool done() const { return at_ >= words_.size(); }
  std::string_view peek(std::size_t ahead = 0) const {
    return at_ + ahead < words_.size() ? std::string_view(words_[at_ + ahead]) : std::string_view{};
  }
  std::string next() { return done() ? std::string{} : words_[at_++]; }
  bool accept(std::string_view word) {  // Steps over `word` when it is next, in any case of letters.
    if (done() || !same_nocase(peek(), word)) return false;
    ++at_;
    return true;
  }
  // kParse: "syntax in primitive: WHAT near 'word'".
  tl::unexpected<Error> error(std::string_view what) const {
    const std::string_view object = words_.empty() ? std::string_view{} : std::string_view(words_.front());
    if (done())
      return fail(Errc::kParse, "syntax in {}: {} at the end of: {}", object, what, join(words_, " "));
    return fail(Errc::kParse, "syntax in {}: {} near <{}>", object, what, peek());
  }

 private:
  const Words& words_;
  std::size_t at_;
};

struct Assignment {
  std::string name, value;
};
// name=value, where name begins with a letter, '_', '#' or digit (heartbeat's 1=, 2=) and holds no blank,
// bracket or quote.
bool is_assignment(std::string_view word);
Assignment split_assignment(std::string_view word);

// A score as the CIB has it: "inf" -> "INFINITY". Empty when `text` is none.
std::string parse_score(std::string_view text);
std::string format_score(std::string_view score);  // "INFINITY" -> "inf"
bool valid_id(std::string_view id);                // May stand for an object in the CIB (an XML NCName).

}  // namespace systole::crm
