// Loops in order constraints: nothing in one could ever begin. The constraint that closes a loop, in the
// order of the document, is left out, so that what is in it is managed all the same.
#pragma once

#include <map>
#include <pugixml.hpp>
#include <string>

namespace systole::pengine::engine {

// By id the constraints to leave out, with the loop that each would close: "a, b, c, a". Of `constraints`,
// the section.
std::map<std::string, std::string> order_loops(pugi::xml_node constraints);

}  // namespace systole::pengine::engine
