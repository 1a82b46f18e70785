// Reading cluster properties and node entries out of the document. Pure.
#pragma once

#include <optional>
#include <pugixml.hpp>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/time.h"
#include "cib/document.h"

namespace systole::controller {

// The value in crm_config, cib-bootstrap-options first; nothing when it is not set.
std::optional<std::string> property(const cib::Document& document, std::string_view name);
// "true", "yes", "on", "y", "1" and "false", "no", "off", "n", "0" as Pacemaker reads them; else `otherwise`.
bool property_is(const cib::Document& document, std::string_view name, bool otherwise);
// "10s", "10", "5min", "250ms", "1h", "PT10M", "us" truncated. Nothing when it is none of these.
std::optional<Milliseconds> parse_interval(std::string_view text);
// A decimal number, whole text; nothing otherwise.
std::optional<std::int64_t> parse_number(std::string_view text);

// <node_state> by the node's id or name; null when there is none.
pugi::xml_node node_state(const cib::Document& document, NodeId id);
pugi::xml_node node_state(const cib::Document& document, std::string_view name);

}  // namespace systole::controller
