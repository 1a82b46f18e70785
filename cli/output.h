// Output: text made safe for where it goes, trees that become XML or JSON, and times as people and schemas
// want them. What agents, peers and documents say is never trusted: terminal control sequences and broken
// UTF-8 do not reach a terminal, and no name breaks a document.
#pragma once

#include <cstdint>
#include <pugixml.hpp>
#include <string>
#include <string_view>

#include "base/time.h"
#include "cli/context.h"

namespace systole::cli {

// One line for a terminal: control characters, line ends included, and invalid UTF-8 become "\xNN".
std::string printable(std::string_view text);
// Several lines: as printable, but line feeds and tabs stay.
std::string printable_lines(std::string_view text);
// Characters that XML 1.0 cannot carry become U+FFFD. Escaping is the serialiser's.
std::string xml_safe(std::string_view text);

// Adds attributes and elements with safe values to a tree that is written later.
pugi::xml_node add(pugi::xml_node parent, const char* name);
void set(pugi::xml_node node, const char* name, std::string_view value);
void set_text(pugi::xml_node node, std::string_view value);
inline void set(pugi::xml_node node, const char* name, bool value) {
  set(node, name, std::string_view(value ? "true" : "false"));
}
void set(pugi::xml_node node, const char* name, std::int64_t value);
inline void set(pugi::xml_node node, const char* name, const char* value) {
  set(node, name, std::string_view(value));
}
inline void set(pugi::xml_node node, const char* name, const std::string& value) {
  set(node, name, std::string_view(value));
}
inline void set(pugi::xml_node node, const char* name, int value) {
  set(node, name, static_cast<std::int64_t>(value));
}

std::string xml_text(pugi::xml_node node);  // Indented, without declaration.
// Attributes become members, children of one name an array under that name, text "text".
std::string json_text(pugi::xml_node node);
std::string json_string(std::string_view text);  // With its quotes.

// <pacemaker-result>, the root of every tool's --output-as=xml. `finish` adds <status>.
class XmlResult {
 public:
  explicit XmlResult(const Context& context);
  pugi::xml_node root() { return root_; }
  std::string finish(int code, std::string_view error = "");

 private:
  pugi::xml_document document_;
  pugi::xml_node root_;
};

std::string ctime_text(std::int64_t unix_seconds);  // "Fri Nov 20 12:12:38 2026", local zone, English.
std::string iso_text(std::int64_t unix_seconds);    // "2026-11-20 12:12:38Z"

const char* exit_name(int code);     // "CRM_EX_OK"
const char* exit_message(int code);  // "OK"
const char* ocf_text(int rc);        // "ok", "error", "not running"…

// Prints "tool: message" on standard error (or as XML) and gives the exit code for it.
int report(Context& context, const Error& error, bool xml = false);

}  // namespace systole::cli
