// What an agent says of itself (its metadata XML), as `ra info` prints it and as a resource's definition is
// checked against it. Pure.
//
// Source: OCF Resource Agent API 1.1, "Resource Agent Metadata"; the fence-agents' additions.
#pragma once

#include <pugixml.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace systole::crm {

struct AgentParameter {
  std::string name, type, default_value, shortdesc, longdesc;
  bool required = false, unique = false, has_default = false, deprecated = false;
  std::vector<std::string> options;  // Of type select.
};
struct AgentAction {
  std::string name;
  std::vector<std::pair<std::string, std::string>> attributes;  // timeout, interval, role, depth…, as given.
  std::string_view attribute(std::string_view key) const;
};
struct Agent {
  std::string agent_class, provider, type;
  std::string shortdesc, longdesc;
  std::vector<AgentParameter> parameters;
  std::vector<AgentAction> actions;
  const AgentParameter* parameter(std::string_view name) const;
  std::string name() const;  // "ocf:heartbeat:IPaddr2"
};

// kParse.
Result<Agent> parse_metadata(std::string_view xml, std::string_view agent_class, std::string_view provider,
                             std::string_view type);
std::string format_agent_info(const Agent& agent);

struct Checked {
  std::vector<std::string> errors, warnings;
};
// A primitive or template against its agent: unknown and missing parameters are errors, timeouts below the
// advised ones warnings. `sets` are its instance_attributes (its template's too); `default_timeout` holds
// where an operation has none.
Checked check_resource(pugi::xml_node resource, const std::vector<pugi::xml_node>& sets, const Agent& agent,
                       std::string_view default_timeout);

// "20", "20s", "500ms", "2min", "1h" to milliseconds; negative when it is none.
std::int64_t parse_interval(std::string_view text);

}  // namespace systole::crm
