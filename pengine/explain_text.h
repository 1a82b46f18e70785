// An explanation in plain sentences, and as a tree for XML and JSON.
#pragma once

#include "pengine/explain.h"

namespace systole::pengine {

std::string explanation_text(const Explanation& e);
// <explanation> below `parent`.
void explanation_tree(const Explanation& e, pugi::xml_node parent);
void actions_tree(const std::vector<ActionExplanation>& actions, pugi::xml_node parent);  // <action>s
std::string reason_text(const Reason& reason);  // "location constraint c1 gives it 50"
// The engine's short words as a sentence: "unrunnable db start" is "the start of db is not possible".
std::string reason_sentence(const std::string& reason);
std::string action_text(const ActionExplanation& a);  // "start of web on node1"
std::string actions_text(const std::vector<ActionExplanation>& actions);

}  // namespace systole::pengine
