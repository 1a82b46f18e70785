#include "stonith/registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <regex>

namespace systole::stonith {
namespace {

using Pairs = std::map<std::string, std::string>;

std::vector<std::string> split(std::string_view text, std::string_view separators) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const auto end = text.find_first_of(separators);
    if (end != 0) parts.emplace_back(text.substr(0, end));
    if (end == text.npos) break;
    text.remove_prefix(end + 1);
  }
  return parts;
}

std::optional<int> to_number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The element itself, or the one its id-ref names.
pugi::xml_node resolved(pugi::xml_node cib, pugi::xml_node node, const char* name) {
  const char* ref = node.attribute("id-ref").value();
  if (*ref == '\0') return node;
  return cib.find_node([&](pugi::xml_node n) {
    return std::strcmp(n.name(), name) == 0 && std::strcmp(n.attribute("id").value(), ref) == 0;
  });
}

// Name-value pairs of all sets called `set_name` below `owner`; the first to name one wins.
void read_pairs(pugi::xml_node cib, pugi::xml_node owner, const char* set_name, Pairs& into) {
  for (const auto set : owner.children(set_name)) {
    for (const auto pair : resolved(cib, set, set_name).children("nvpair")) {
      const auto real = resolved(cib, pair, "nvpair");
      const char* name =
          pair.attribute("name") ? pair.attribute("name").value() : real.attribute("name").value();
      if (*name != '\0') into.emplace(name, real.attribute("value").value());
    }
  }
}

void read_host_map(std::string_view text, Device& device) {
  for (const auto& entry : split(text, "; \t\n")) {
    const auto colon = entry.find_first_of(":=");
    if (colon == std::string::npos || colon == 0 || colon + 1 == entry.size()) {
      device.defect = fmt::format("pcmk_host_map has \"{}\" where node:port is expected", entry);
      continue;
    }
    device.host_map[entry.substr(0, colon)] = entry.substr(colon + 1);
  }
}

void read_delay_base(const std::string& text, Device& device) {
  if (const auto span = parse_span(text)) {
    device.delay_base = *span;
    return;
  }
  for (const auto& entry : split(text, "; \t\n")) {
    const auto colon = entry.find(':');
    const auto span = colon == std::string::npos ? std::nullopt : parse_span(entry.substr(colon + 1));
    if (!span) {
      device.defect = fmt::format("pcmk_delay_base has \"{}\" where a time or node:time is expected", entry);
      return;
    }
    device.delay_by_node[entry.substr(0, colon)] = *span;
  }
}

void read_host_check(const std::string& text, Device& device) {
  if (text == "static-list") {
    device.host_check = HostCheck::kStaticList;
  } else if (text == "dynamic-list") {
    device.host_check = HostCheck::kDynamicList;
  } else if (text == "status") {
    device.host_check = HostCheck::kStatus;
  } else if (text == "none") {
    device.host_check = HostCheck::kNone;
  } else {
    device.defect =
        fmt::format("pcmk_host_check is \"{}\"; it may be static-list, dynamic-list, status or none", text);
  }
}

bool ends_with(const std::string& text, std::string_view end) { return text.ends_with(end); }

// pcmk_ACTION_action, pcmk_ACTION_timeout, pcmk_ACTION_retries.
void read_action_parameter(const std::string& name, const std::string& value, Device& device) {
  constexpr std::size_t kPrefix = 5;
  const auto middle = [&](std::string_view end) {
    return name.substr(kPrefix, name.size() - kPrefix - end.size());
  };
  if (ends_with(name, "_action")) {
    device.action_names[middle("_action")] = value;
  } else if (ends_with(name, "_timeout")) {
    if (const auto span = parse_span(value); span && *span > Milliseconds::zero()) {
      device.timeouts[middle("_timeout")] = *span;
    } else {
      device.defect = fmt::format("{} is \"{}\", which is no time", name, value);
    }
  } else if (ends_with(name, "_retries")) {
    if (const auto number = to_number(value); number && *number >= 0) {
      device.retries[middle("_retries")] = static_cast<unsigned>(std::min(*number, 100));
    }
  }
}

void read_special(const std::string& name, const std::string& value, Device& device) {
  if (name == "pcmk_host_list") {
    device.hosts = split(value, ", ;\t\n");
  } else if (name == "pcmk_host_map") {
    read_host_map(value, device);
  } else if (name == "pcmk_host_check") {
    read_host_check(value, device);
  } else if (name == "pcmk_host_argument") {
    device.host_argument = value;
  } else if (name == "pcmk_delay_base") {
    read_delay_base(value, device);
  } else if (name == "pcmk_delay_max") {
    device.delay_max = parse_span(value).value_or(Milliseconds::zero());
  } else if (name == "pcmk_action_limit") {
    const int limit = to_number(value).value_or(1);
    device.action_limit = limit == 0 ? 1 : limit;
  } else {
    read_action_parameter(name, value, device);
  }
}

void read_parameter(const std::string& name, const std::string& value, Device& device) {
  if (name.starts_with("pcmk_")) {
    read_special(name, value, device);
    return;
  }
  // They go to the agent as lines: a line break would smuggle in another option, such as the action.
  if (name.find_first_of("=\n\r") != std::string::npos || value.find_first_of("\n\r") != std::string::npos) {
    device.defect = fmt::format("parameter {} holds a line break or an equals sign in its name", name);
    return;
  }
  // Ours to decide, not the configuration's.
  if (name != "action" && name != "option") device.parameters[name] = value;
}

std::optional<Device> read_device(pugi::xml_node cib, pugi::xml_node primitive, const Pairs& defaults) {
  pugi::xml_node type_holder = primitive;
  pugi::xml_node found_template;
  if (const char* name = primitive.attribute("template").value(); *name != '\0') {
    found_template = cib.find_node([&](pugi::xml_node n) {
      return std::strcmp(n.name(), "template") == 0 && std::strcmp(n.attribute("id").value(), name) == 0;
    });
    type_holder = found_template;
  }
  if (std::strcmp(type_holder.attribute("class").value(), "stonith") != 0) return std::nullopt;
  Pairs parameters, meta;
  for (const auto owner : {primitive, found_template}) {
    read_pairs(cib, owner, "instance_attributes", parameters);
    read_pairs(cib, owner, "meta_attributes", meta);
  }
  for (auto p = primitive.parent(); p; p = p.parent()) read_pairs(cib, p, "meta_attributes", meta);
  meta.insert(defaults.begin(), defaults.end());
  if (meta["target-role"] == "Stopped" || meta["target-role"] == "stopped") return std::nullopt;
  Device device;
  device.id = primitive.attribute("id").value();
  device.type = type_holder.attribute("type").value();
  device.priority = to_number(meta["priority"]).value_or(0);
  device.unfences = meta["provides"] == "unfencing" || parameters["provides"] == "unfencing";
  parameters.erase("provides");
  for (const auto& [name, value] : parameters) read_parameter(name, value, device);
  return device;
}

void read_bans(pugi::xml_node constraints, Registry& registry) {
  for (const auto location : constraints.children("rsc_location")) {
    const std::string score = location.attribute("score").value();
    const auto device = registry.devices.find(location.attribute("rsc").value());
    const char* node = location.attribute("node").value();
    const bool never = score == "-INFINITY" || to_number(score).value_or(0) <= -1'000'000;
    if (device != registry.devices.end() && *node != '\0' && never) device->second.banned_nodes.insert(node);
  }
}

void read_levels(pugi::xml_node topology, Registry& registry) {
  for (const auto element : topology.children("fencing-level")) {
    Level level;
    level.index = to_number(element.attribute("index").value()).value_or(0);
    level.target = element.attribute("target").value();
    level.pattern = element.attribute("target-pattern").value();
    level.attribute = element.attribute("target-attribute").value();
    level.value = element.attribute("target-value").value();
    level.devices = split(element.attribute("devices").value(), ", ");
    if (level.index >= 1 && level.index <= 9 && !level.devices.empty())
      registry.levels.push_back(std::move(level));
  }
  std::stable_sort(registry.levels.begin(), registry.levels.end(),
                   [](const Level& a, const Level& b) { return a.index < b.index; });
}

bool matches(const std::string& pattern, const std::string& name) {
  if (pattern.empty() || pattern.size() > 256 || name.size() > 256) return false;
  try {
    return std::regex_search(name, std::regex(pattern, std::regex::extended));
  } catch (const std::regex_error&) {
    return false;
  }
}

}  // namespace

std::optional<Milliseconds> parse_span(std::string_view text) {
  bool iso = false;
  if (text.starts_with("PT") || text.starts_with("pt")) {
    text.remove_prefix(2);
    iso = true;
  }
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || value < 0 || value > 1'000'000'000) return std::nullopt;
  std::string unit(end, text.data() + text.size());
  while (!unit.empty() && unit.front() == ' ') unit.erase(0, 1);
  for (char& c : unit) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  if (unit == "ms" || unit == "msec") return Milliseconds(value);
  if (unit == "us" || unit == "usec") return Milliseconds(value / 1000);
  if ((unit.empty() && !iso) || unit == "s" || unit == "sec") return Milliseconds(value * 1000);
  if (unit == "m" || unit == "min") return Milliseconds(value * 60'000);
  if (unit == "h" || unit == "hr") return Milliseconds(value * 3'600'000);
  return std::nullopt;
}

bool Device::names_host(const std::string& node) const {
  return host_map.count(node) != 0 || std::find(hosts.begin(), hosts.end(), node) != hosts.end();
}

std::string Device::port_of(const std::string& node) const {
  const auto found = host_map.find(node);
  return found == host_map.end() ? node : found->second;
}

bool Device::has_delay() const {
  return delay_base > Milliseconds::zero() || delay_max > Milliseconds::zero() || !delay_by_node.empty();
}

std::vector<Level> Registry::topology_of(const std::string& target) const {
  const auto select = [&](const auto& fits) {
    std::vector<Level> chosen;
    for (const auto& level : levels) {
      if (fits(level)) chosen.push_back(level);
    }
    return chosen;
  };
  auto chosen = select([&](const Level& l) { return !l.target.empty() && l.target == target; });
  if (chosen.empty()) chosen = select([&](const Level& l) { return matches(l.pattern, target); });
  if (!chosen.empty()) return chosen;
  const auto node = attributes.find(target);
  if (node == attributes.end()) return {};
  return select([&](const Level& l) {
    const auto value = node->second.find(l.attribute);
    return !l.attribute.empty() && value != node->second.end() && value->second == l.value;
  });
}

Registry parse_registry(pugi::xml_node cib) {
  Registry registry;
  const auto configuration = cib.child("configuration");
  for (const auto node : configuration.child("nodes").children("node")) {
    const std::string name = node.attribute("uname").value();
    registry.nodes[name] = NodeId{node.attribute("id").as_uint()};
    read_pairs(cib, node, "instance_attributes", registry.attributes[name]);
  }
  Pairs defaults;
  read_pairs(cib, configuration.child("rsc_defaults"), "meta_attributes", defaults);
  for (const auto found : configuration.child("resources").select_nodes(".//primitive")) {
    auto device = read_device(cib, found.node(), defaults);
    if (device && !device->id.empty()) registry.devices.emplace(device->id, std::move(*device));
  }
  read_bans(configuration.child("constraints"), registry);
  read_levels(configuration.child("fencing-topology"), registry);
  return registry;
}

}  // namespace systole::stonith
