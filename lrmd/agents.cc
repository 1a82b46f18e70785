// Agents: their names, where their programs are, and what is installed.
#include "lrmd/agents.h"

#include <set>

#include "lrmd/executor.h"

namespace systole::lrmd {
namespace {

// A name that is a single path component and nothing surprising.
bool is_plain_name(std::string_view name) {
  if (name.empty() || name.size() > 255 || name.front() == '.' || name.front() == '-') return false;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '_' || c == '-' || c == '.' || c == '@' || c == '+' || c == '\\';
    if (!plain) return false;
  }
  return true;
}

bool is_program(const std::string& path, Files& files) {
  const auto status = files.status(path);
  return status && !status->directory && (status->mode & 0111U) != 0;
}

// Ours answers for both of these names where resource-agents has none.
bool is_address_agent(const AgentId& agent) {
  return agent.provider == "heartbeat" && (agent.type == "IPaddr" || agent.type == "IPaddr2");
}

std::vector<std::string> ocf_places(const AgentId& agent, const Paths& paths) {
  std::vector<std::string> places{paths.ocf_root + "/resource.d/" + agent.provider + "/" + agent.type,
                                  paths.own_agents + "/" + agent.provider + "/" + agent.type};
  if (is_address_agent(agent)) places.push_back(paths.own_agents + "/systole/IPaddr2");
  return places;
}

std::vector<std::string> places_of(const AgentId& agent, const Paths& paths) {
  if (agent.agent_class == "ocf") return ocf_places(agent, paths);
  if (agent.agent_class == "lsb" || agent.agent_class == "service") return {paths.lsb + "/" + agent.type};
  if (agent.agent_class == "heartbeat") return {paths.heartbeat + "/" + agent.type};
  return {};
}

void add_programs(const std::string& directory, Files& files, std::set<std::string>& into) {
  const auto names = files.list(directory);
  if (!names) return;
  for (const auto& name : *names) {
    if (is_plain_name(name) && name != "README" && is_program(directory + "/" + name, files))
      into.insert(name);
  }
}

void add_directories(const std::string& directory, Files& files, std::set<std::string>& into) {
  const auto names = files.list(directory);
  if (!names) return;
  for (const auto& name : *names) {
    const auto status = files.status(directory + "/" + name);
    if (is_plain_name(name) && status && status->directory) into.insert(name);
  }
}

std::vector<std::string> sorted(const std::set<std::string>& names) { return {names.begin(), names.end()}; }

}  // namespace

Result<std::string> find_agent(const AgentId& agent, const Paths& paths, Files& files) {
  if (!is_plain_name(agent.type) || (agent.agent_class == "ocf" && !is_plain_name(agent.provider))) {
    return fail(Errc::kInvalidArgument, "{} is not a valid agent name", to_string(agent));
  }
  if (agent.agent_class == "systemd") {
    return fail(Errc::kUnsupported,
                "{}: units of systemd are not supported on this node; use an ocf or lsb agent",
                to_string(agent));
  }
  const auto places = places_of(agent, paths);
  if (places.empty()) {
    return fail(Errc::kUnsupported,
                "{}: there is no agent class \"{}\"; known are ocf, lsb, heartbeat, service",
                to_string(agent), agent.agent_class);
  }
  for (const auto& place : places) {
    if (is_program(place, files)) return place;
  }
  return fail(Errc::kNotFound, "agent {} is not installed: no program {}", to_string(agent),
              fmt::join(places, ", nor "));
}

// "class:provider:type", "class::provider:type", "class:type".
Result<AgentId> parse_agent(std::string_view text) {
  std::vector<std::string> parts;
  for (std::size_t start = 0;;) {
    const auto colon = text.find(':', start);
    parts.emplace_back(text.substr(start, colon - start));
    if (colon == std::string_view::npos) break;
    start = colon + 1;
    if (start < text.size() && text[start] == ':' && parts.size() == 1) ++start;
  }
  const auto malformed = [&] {
    return fail(Errc::kInvalidArgument,
                "\"{}\" does not name an agent: write class:type or class:provider:type, as in lsb:nginx or "
                "ocf:heartbeat:IPaddr2",
                text);
  };
  for (const auto& part : parts) {
    if (!is_plain_name(part)) return malformed();
  }
  if (parts[0] == "ocf") {
    if (parts.size() != 3) return malformed();
    return AgentId{parts[0], parts[1], parts[2]};
  }
  if (parts.size() != 2) return malformed();
  return AgentId{parts[0], "", parts[1]};
}

std::string to_string(const AgentId& agent) {
  if (agent.provider.empty()) return agent.agent_class + ":" + agent.type;
  return agent.agent_class + ":" + agent.provider + ":" + agent.type;
}

std::vector<std::string> installed_classes(const Paths& paths, Files& files) {
  std::vector<std::string> classes;
  const bool scripts = files.status(paths.lsb).has_value();
  if (files.status(paths.heartbeat)) classes.push_back("heartbeat");
  if (scripts) classes.push_back("lsb");
  classes.push_back("ocf");
  if (scripts) classes.push_back("service");
  return classes;
}

std::vector<std::string> installed_providers(const std::string& agent_class, const Paths& paths,
                                             Files& files) {
  std::set<std::string> names;
  if (agent_class != "ocf") return {};
  add_directories(paths.ocf_root + "/resource.d", files, names);
  add_directories(paths.own_agents, files, names);
  if (find_agent({"ocf", "heartbeat", "IPaddr2"}, paths, files)) names.insert("heartbeat");
  return sorted(names);
}

std::vector<std::string> installed_types(const std::string& agent_class, const std::string& provider,
                                         const Paths& paths, Files& files) {
  std::set<std::string> names;
  if (agent_class == "ocf") {
    if (!is_plain_name(provider)) return {};
    add_programs(paths.ocf_root + "/resource.d/" + provider, files, names);
    add_programs(paths.own_agents + "/" + provider, files, names);
    for (const char* type : {"IPaddr", "IPaddr2"}) {
      if (provider == "heartbeat" && find_agent({"ocf", provider, type}, paths, files)) names.insert(type);
    }
  } else if (agent_class == "lsb" || agent_class == "service") {
    add_programs(paths.lsb, files, names);
  } else if (agent_class == "heartbeat") {
    add_programs(paths.heartbeat, files, names);
  }
  return sorted(names);
}

}  // namespace systole::lrmd
