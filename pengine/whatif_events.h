// The small language of "what if": one event in words, applied to a situation.
#pragma once

#include "pengine/whatif.h"

namespace systole::pengine {

// Quorum and DC as the living nodes give them.
void follow_membership(cib::Document& document, const Votes& votes);
std::int64_t interval_ms(std::string_view text);

// What was understood, as a sentence: "node node2 dies".
Result<std::string> apply_event(const std::string& text, Situation& s, const FencingPaths& fencing,
                                const Votes& votes, WallTime now);

}  // namespace systole::pengine
