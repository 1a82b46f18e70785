#include "cli/crm/agents.h"

#include <algorithm>
#include <charconv>

#include "cli/crm/attributes.h"
#include "cli/crm/words.h"
#include "cli/crm/xml.h"

namespace systole::crm {
namespace {

using std::string_view;

std::string squeeze(string_view text) {
  std::string result;
  bool gap = false;
  for (const char c : text) {
    const bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    if (!blank && gap && !result.empty()) result += ' ';
    gap = blank;
    if (!blank && (static_cast<unsigned char>(c) >= 0x20)) result += c;
  }
  return result;
}

// Paragraphs kept, lines within them joined; control signs dropped: it goes to a terminal.
std::string paragraphs(string_view text, string_view indent) {
  std::string result, paragraph;
  const auto flush = [&] {
    const std::string one = squeeze(paragraph);
    paragraph.clear();
    if (one.empty()) return;
    std::string line(indent);
    for (std::size_t at = 0; at < one.size();) {
      auto end = one.find(' ', at);
      if (end == std::string::npos) end = one.size();
      if (line.size() + (end - at) > 78 && line.size() > indent.size()) {
        result += line + '\n';
        line = indent;
      }
      if (line.size() > indent.size()) line += ' ';
      line += one.substr(at, end - at);
      at = end + 1;
    }
    result += line + '\n';
  };
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto line = text.substr(0, end);
    text.remove_prefix(end == string_view::npos ? text.size() : end + 1);
    if (squeeze(line).empty()) flush();
    paragraph += ' ';
    paragraph += line;
  }
  flush();
  return result;
}

bool is_true(string_view value) {
  return value == "1" || same_nocase(value, "true") || same_nocase(value, "yes");
}

// English where there are several languages, else the first.
std::string description(pugi::xml_node node, const char* element) {
  pugi::xml_node best = node.child(element);
  for (const auto child : node.children(element))
    if (attr(child, "lang").starts_with("en")) best = child;
  return best.text().get();
}

AgentParameter parse_parameter(pugi::xml_node node) {
  AgentParameter parameter;
  const auto content = node.child("content");
  parameter.name = attr(node, "name");
  parameter.required = is_true(attr(node, "required"));
  parameter.unique = is_true(attr(node, "unique")) || node.attribute("unique-group");
  parameter.deprecated = is_true(attr(node, "deprecated")) || node.child("deprecated");
  parameter.type = attr(content, "type");
  parameter.default_value = attr(content, "default");
  parameter.has_default = static_cast<bool>(content.attribute("default"));
  parameter.shortdesc = squeeze(description(node, "shortdesc"));
  parameter.longdesc = description(node, "longdesc");
  for (const auto option : content.children("option")) parameter.options.emplace_back(attr(option, "value"));
  return parameter;
}

// Parameters that every agent of a class takes although its metadata does not say so.
bool always_known(const Agent& agent, string_view name) {
  if (name.starts_with("CRM_meta") || name == "trace_ra" || name == "trace_file" || name == "trace_dir" ||
      name == "OCF_CHECK_LEVEL" || name == "crm_feature_set")
    return true;
  if (agent.agent_class != "stonith") return false;
  return name.starts_with("pcmk_") || name == "priority" || name == "stonith-timeout" || name == "provides" ||
         name == "hostlist" || name == "action" || name == "port" || name == "plug" || name == "nodename" ||
         name == "nodeid";
}

struct FencerParameter {
  const char *name, *type, *default_value, *brief;
};
// What the fencer itself reads of every device. Source: "Pacemaker Explained", Special Meta-Attributes for
// Fencing.
constexpr FencerParameter kFencerParameters[] = {
    {"pcmk_host_list", "string", "", "nodes that the device can fence, separated by blanks"},
    {"pcmk_host_map", "string", "", "port of each node: node1:1;node2:2,3"},
    {"pcmk_host_check", "string", "dynamic-list",
     "how to find out which nodes it can fence: static-list, dynamic-list, status, none"},
    {"pcmk_host_argument", "string", "port", "parameter that carries the node's name; none: it is not given"},
    {"pcmk_delay_base", "time", "0s", "delay before fencing"},
    {"pcmk_delay_max", "time", "0s", "with it a random delay up to this"},
    {"pcmk_action_limit", "integer", "1", "actions at once; -1: no limit"},
    {"pcmk_reboot_action", "string", "reboot", "what is done when a reboot is asked for"},
    {"pcmk_off_action", "string", "off", "what is done when off is asked for"},
    {"pcmk_reboot_timeout", "time", "60s", "how long a reboot may take"},
    {"pcmk_off_timeout", "time", "60s", "how long off may take"},
    {"pcmk_monitor_timeout", "time", "60s", "how long a monitor may take"},
};

// What the cluster fills in itself.
bool filled_in(const Agent& agent, string_view name) {
  return agent.agent_class == "stonith" &&
         (name == "action" || name == "port" || name == "plug" || name == "nodename");
}

void check_timeout(pugi::xml_node resource, string_view op_name, string_view given, string_view advised,
                   bool is_default, Checked& checked) {
  const auto have = parse_interval(given), want = parse_interval(advised);
  if (have < 0 || want < 0 || have >= want) return;
  checked.warnings.push_back(fmt::format("{}: {} timeout {} for {} is smaller than the advised {}",
                                         attr(resource, "id"), is_default ? "default" : "specified", given,
                                         op_name, advised));
}

void check_operations(pugi::xml_node resource, const Agent& agent, string_view default_timeout,
                      Checked& checked) {
  std::set<string_view> configured;
  for (const auto op : elements(resource.child("operations"))) {
    const auto name = attr(op, "name");
    configured.insert(name);
    const AgentAction* advised = nullptr;
    bool known = false;
    for (const auto& action : agent.actions) {
      if (action.name != name) continue;
      known = true;
      // Of several monitors the one for the same role, else the first.
      if (advised == nullptr || same_nocase(action.attribute("role"), attr(op, "role"))) advised = &action;
    }
    if (!known && !agent.actions.empty())
      checked.warnings.push_back(fmt::format("{}: operation {} is not among those that {} announces",
                                             attr(resource, "id"), name, agent.name()));
    if (advised == nullptr) continue;
    const bool own = static_cast<bool>(op.attribute("timeout"));
    check_timeout(resource, name, own ? attr(op, "timeout") : default_timeout, advised->attribute("timeout"),
                  !own, checked);
  }
  for (const auto& action : agent.actions)
    if ((action.name == "start" || action.name == "stop") && !configured.contains(action.name))
      check_timeout(resource, action.name, default_timeout, action.attribute("timeout"), true, checked);
}

}  // namespace

string_view AgentAction::attribute(string_view key) const {
  for (const auto& [name_, value] : attributes)
    if (name_ == key) return value;
  return {};
}

const AgentParameter* Agent::parameter(string_view wanted) const {
  const auto it =
      std::find_if(parameters.begin(), parameters.end(), [&](const auto& p) { return p.name == wanted; });
  return it == parameters.end() ? nullptr : &*it;
}

std::string Agent::name() const {
  return provider.empty() ? fmt::format("{}:{}", agent_class, type)
                          : fmt::format("{}:{}:{}", agent_class, provider, type);
}

std::int64_t parse_interval(string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || number < 0 || number > 1'000'000'000) return -1;
  const string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  static constexpr std::pair<string_view, std::int64_t> kUnits[] = {
      {"", 1000},    {"s", 1000},     {"sec", 1000},    {"ms", 1},         {"msec", 1},
      {"m", 60'000}, {"min", 60'000}, {"h", 3'600'000}, {"hr", 3'600'000}, {"d", 86'400'000}};
  for (const auto& [name, factor] : kUnits)
    if (unit == name) return number * factor;
  return -1;
}

Result<Agent> parse_metadata(string_view xml, string_view agent_class, string_view provider,
                             string_view type) {
  Agent agent{std::string(agent_class), std::string(provider), std::string(type), {}, {}, {}, {}};
  pugi::xml_document document;
  const auto loaded = document.load_buffer(xml.data(), xml.size());
  const auto root = document.child("resource-agent");
  if (!loaded || !root)
    return fail(Errc::kParse, "{}: the agent's metadata is not what it should be: {}", agent.name(),
                loaded ? "no <resource-agent>" : loaded.description());
  agent.shortdesc = squeeze(description(root, "shortdesc"));
  if (agent.shortdesc.empty()) agent.shortdesc = squeeze(attr(root, "shortdesc"));
  agent.longdesc = description(root, "longdesc");
  for (const auto node : root.child("parameters").children("parameter"))
    agent.parameters.push_back(parse_parameter(node));
  if (agent_class == "stonith")
    for (const auto& own : kFencerParameters)
      if (agent.parameter(own.name) == nullptr)
        agent.parameters.push_back(
            {own.name, own.type, own.default_value, own.brief, {}, false, false, true, false, {}});
  for (const auto node : root.child("actions").children("action")) {
    AgentAction action;
    for (const auto& a : node.attributes())
      if (string_view(a.name()) == "name")
        action.name = a.value();
      else
        action.attributes.emplace_back(a.name(), a.value());
    agent.actions.push_back(std::move(action));
  }
  return agent;
}

std::string format_agent_info(const Agent& agent) {
  std::string text =
      agent.shortdesc.empty() ? agent.name() : fmt::format("{} ({})", agent.shortdesc, agent.name());
  text += "\n\n";
  if (const std::string longdesc = paragraphs(agent.longdesc, ""); !longdesc.empty()) text += longdesc + '\n';
  if (!agent.parameters.empty()) text += "Parameters (*: required, []: default):\n\n";
  for (const auto& p : agent.parameters) {
    std::string type = p.type.empty() ? "string" : p.type;
    if (p.has_default && !p.default_value.empty()) type += fmt::format(", [{}]", squeeze(p.default_value));
    if (p.deprecated) type += ", deprecated";
    text += fmt::format("{}{} ({}): {}\n", squeeze(p.name), p.required ? "*" : "", type, p.shortdesc);
    if (!p.options.empty()) text += fmt::format("    Allowed: {}\n", join(p.options, ", "));
    text += paragraphs(p.longdesc, "    ") + '\n';
  }
  if (agent.actions.empty()) return text;
  text += "Operations' defaults (advisory minimum):\n\n";
  for (const auto& action : agent.actions) {
    if (action.name == "meta-data" || action.name == "metadata" || action.name == "validate-all") continue;
    std::string line = fmt::format("    {:<13}", squeeze(action.name));
    for (const auto& [name, value] : action.attributes) line += fmt::format(" {}={}", name, squeeze(value));
    while (line.back() == ' ') line.pop_back();
    text += line + '\n';
  }
  return text;
}

Checked check_resource(pugi::xml_node resource, const std::vector<pugi::xml_node>& sets, const Agent& agent,
                       string_view default_timeout) {
  Checked checked;
  const auto id = attr(resource, "id");
  std::set<string_view> given;
  bool by_reference = false;
  for (const auto set : sets)
    for (const auto pair : elements(set)) {
      if (name_of(pair) != "nvpair") continue;
      const auto name = attr(pair, "name");
      by_reference |= pair.attribute("id-ref") && name.empty();
      if (!name.empty() && !given.insert(name).second) continue;
      const AgentParameter* parameter = agent.parameter(name);
      if (parameter == nullptr && !name.empty() && !always_known(agent, name))
        checked.errors.push_back(
            fmt::format("{}: parameter {} does not exist ({} has: {})", id, name, agent.name(), [&] {
              Words names;
              for (const auto& p : agent.parameters)
                if (!p.deprecated) names.push_back(p.name);
              return names.empty() ? std::string("none") : join(names, ", ");
            }()));
      if (parameter != nullptr && !parameter->options.empty() &&
          std::find(parameter->options.begin(), parameter->options.end(), attr(pair, "value")) ==
              parameter->options.end())
        checked.warnings.push_back(fmt::format("{}: parameter {} is {}, none of: {}", id, name,
                                               attr(pair, "value"), join(parameter->options, ", ")));
    }
  if (name_of(resource) != "template" && !by_reference)
    for (const auto& parameter : agent.parameters)
      if (parameter.required && !parameter.deprecated && !given.contains(parameter.name) &&
          !filled_in(agent, parameter.name) && !parameter.has_default)
        checked.errors.push_back(fmt::format("{}: required parameter {} not defined", id, parameter.name));
  check_operations(resource, agent, default_timeout, checked);
  return checked;
}

}  // namespace systole::crm
