// The kinds of objects that `configure` knows: keyword of the shell's language, element and section of the
// CIB, place in `show`. One table: parser, formatter, completion and help all read it.
#pragma once

#include <pugixml.hpp>
#include <span>
#include <string_view>

namespace systole::crm {

struct Kind {
  std::string_view keyword;  // "primitive"
  std::string_view element;  // Its element in the CIB: "primitive"
  std::string_view section;  // Path below <configuration>: "resources"
  int place = 0;             // Order in `show`.
  bool resource = false;     // May be named by constraints.
  bool container = false;    // Holds other resources.
  bool constraint = false;
  bool attribute_set = false;  // property, rsc_defaults, op_defaults: attributes are merged, not replaced.
};

std::span<const Kind> kinds();
// By keyword or another name for it ("ms" = "master", "order", "collocation"…). Null when unknown.
const Kind* kind_named(std::string_view keyword);
// Of an element by its name and the section it stands in. Null when the shell has no keyword for it.
const Kind* kind_of(pugi::xml_node element);

// A child element of a container being parsed that stands for a resource defined elsewhere.
inline constexpr const char* kMember = "member";

}  // namespace systole::crm
