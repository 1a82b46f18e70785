// "What if" and surveys for people, and as trees for XML and JSON.
#pragma once

#include "pengine/survey.h"
#include "pengine/whatif.h"

namespace systole::pengine {

std::string what_if_text(const WhatIf& w, bool all = false);  // `all`: untouched services too.
void what_if_tree(const WhatIf& w, pugi::xml_node parent);
std::string survey_text(const Survey& s, bool doubles);
void survey_tree(const Survey& s, bool doubles, pugi::xml_node parent);

}  // namespace systole::pengine
