// Rules: typed expressions over node attributes, dates, resource and operation types, and the attribute sets
// that they guard. After "Pacemaker Explained", chapter "Rules".
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <pugixml.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "pengine/attribute_map.h"

namespace systole::pengine::engine {

struct Rule {
  enum class Kind : std::uint8_t { kAll, kAny, kAttribute, kDate, kResource, kOperation, kInvalid };
  Kind kind = Kind::kAll;
  std::string id;
  std::vector<Rule> children;
  // kAttribute
  std::string attribute, operation, value, type, value_source;
  // kDate: operation lt, gt, in_range, date_spec
  std::string start, end;
  std::vector<std::pair<std::string, std::string>> spec, duration;
  // kResource and kOperation
  std::string agent_class, provider, agent_type, op_name;
  std::int64_t op_interval_ms = -1;
  // Of a location's rule.
  std::string score, score_attribute, role;
};
Rule parse_rule(pugi::xml_node rule);

struct RuleInput {
  WallTime now{};
  const AttributeMap* node_attributes = nullptr;
  const AttributeMap* rsc_parameters = nullptr;
  const AttributeMap* rsc_meta = nullptr;
  // Resource type, when known.
  const std::string *agent_class = nullptr, *provider = nullptr, *agent_type = nullptr;
  // Operation, when known.
  const std::string* op_name = nullptr;
  std::int64_t op_interval_ms = 0;
  // Submatches of a location pattern: %1…
  const std::vector<std::string>* matches = nullptr;
  std::optional<WallTime>* next_change = nullptr;
};
bool evaluate(const Rule& rule, const RuleInput& input);

// A set of name-value pairs: instance_attributes, meta_attributes, utilization, cluster_property_set.
struct NvSet {
  std::string id;
  int score = 0;
  std::vector<Rule> rules;
  std::vector<std::pair<std::string, std::string>> pairs;
};
bool any_rules(const std::vector<NvSet>& sets);
// Appends the sets below `parent` with the given tag, id-refs followed.
void parse_sets(pugi::xml_node parent, std::string_view tag, std::vector<NvSet>& out);
// The pairs that hold, first come first served: by score, then in order. What `out` has already stays, unless
// `overwrite`.
void evaluate_sets(const std::vector<NvSet>& sets, const RuleInput& input, AttributeMap& out,
                   bool overwrite = false, std::string_view first_id = {});

// ISO 8601; seconds since the epoch. Without zone: UTC.
std::optional<std::int64_t> parse_date(std::string_view text);

}  // namespace systole::pengine::engine
