#include "cli/local_agents.h"

#include <cctype>

#include "cli/host.h"

namespace systole::cli {
namespace {

std::string resource_folder(const Paths& paths) { return paths.ocf_root + "/resource.d"; }

// Agents are executable files; *.sh helpers and editors' left-overs are not agents.
std::vector<std::string> agents_in(const std::string& folder) {
  std::vector<std::string> agents;
  for (std::string& name : list_folder(folder)) {
    if (name.back() != '~' && is_executable(folder + "/" + name)) agents.push_back(std::move(name));
  }
  return agents;
}

void merge(std::vector<std::string>& into, std::vector<std::string> more) {
  into.insert(into.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  std::sort(into.begin(), into.end());
  into.erase(std::unique(into.begin(), into.end()), into.end());
}

std::vector<std::string> units() {
  std::vector<std::string> names;
  for (const char* folder : {"/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"}) {
    for (const std::string& file : list_folder(folder)) {
      constexpr std::string_view kSuffix = ".service";
      if (file.ends_with(kSuffix)) names.push_back(file.substr(0, file.size() - kSuffix.size()));
    }
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::vector<std::string> fence_agents(const Paths& paths) {
  std::vector<std::string> names{"fence_test"};
  for (const std::string& file : agents_in(paths.fence_agents)) {
    if (file.starts_with("fence_")) names.push_back(file);
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

bool plain(const std::string& name) {
  return !name.empty() && name.find('/') == std::string::npos && name[0] != '.';
}

std::string escaped(std::string_view text) {
  std::string xml;
  for (const char c : text) {
    if (c == '&')
      xml += "&amp;";
    else if (c == '<')
      xml += "&lt;";
    else if (c == '>')
      xml += "&gt;";
    else if (static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t')
      xml += c;
  }
  return xml;
}

// What LSB's comment block says, in the form of an OCF agent's metadata.
std::string lsb_metadata(const std::string& type, const std::string& script) {
  std::string summary, description;
  bool inside = false, in_description = false;
  std::size_t at = 0;
  while (at < script.size() && at < 16384) {
    const std::size_t end = std::min(script.find('\n', at), script.size());
    const std::string line = script.substr(at, end - at);
    at = end + 1;
    if (line.starts_with("### BEGIN INIT INFO")) inside = true;
    if (line.starts_with("### END INIT INFO")) break;
    if (!inside) continue;
    const auto value = [&](std::string_view key) -> std::optional<std::string> {
      if (!line.starts_with(key)) return std::nullopt;
      const std::size_t start = line.find_first_not_of(" \t", key.size());
      return start == std::string::npos ? "" : line.substr(start);
    };
    if (const auto v = value("# Short-Description:")) {
      summary = *v;
      in_description = false;
    } else if (const auto d = value("# Description:")) {
      description = *d;
      in_description = true;
    } else if (in_description && (line.starts_with("#  ") || line.starts_with("#\t"))) {
      const std::size_t start = line.find_first_not_of(" \t", 1);
      if (start != std::string::npos) description += "\n" + line.substr(start);
    } else {
      in_description = false;
    }
  }
  std::string actions;
  for (const char* action : {"start", "stop", "restart", "force-reload"}) {
    actions += fmt::format("    <action name=\"{}\" timeout=\"15\"/>\n", action);
  }
  return fmt::format(
      "<?xml version=\"1.0\"?>\n<resource-agent name=\"{}\" version=\"1\">\n  <version>1.0</version>\n"
      "  <longdesc lang=\"en\">{}</longdesc>\n  <shortdesc lang=\"en\">{}</shortdesc>\n  <parameters/>\n"
      "  <actions>\n    <action name=\"meta-data\" timeout=\"5\"/>\n{}"
      "    <action name=\"status\" timeout=\"15\"/>\n    <action name=\"monitor\" timeout=\"15\" "
      "interval=\"15\"/>\n"
      "  </actions>\n</resource-agent>\n",
      escaped(type), escaped(description), escaped(summary), actions);
}

}  // namespace

Result<std::string> local_agent_program(const Paths& paths, const std::string& agent_class,
                                        const std::string& provider, const std::string& type) {
  std::vector<std::string> places;
  if (agent_class == "ocf") {
    places.push_back(resource_folder(paths) + "/" + provider + "/" + type);
    places.push_back(paths.own_agents + "/" + provider + "/" + type);
    if (provider == "heartbeat") places.push_back(paths.own_agents + "/systole/" + type);
  } else if (agent_class == "stonith") {
    places.push_back(paths.fence_agents + "/" + type);
  } else if (agent_class == "lsb" || agent_class == "service") {
    places.push_back(paths.lsb + "/" + type);
  }
  std::string looked;
  for (const std::string& place : places) {
    if (is_executable(place)) return place;
    looked += (looked.empty() ? "" : ", ") + place;
  }
  return fail(Errc::kNotFound, "agent {}:{}{}{} is not installed (looked for {})", agent_class, provider,
              provider.empty() ? "" : ":", type, looked.empty() ? "nothing: unknown class" : looked);
}

std::vector<std::string> local_classes(const Paths& paths) {
  std::vector<std::string> classes{"lsb", "ocf", "service", "stonith"};
  if (!list_folder(paths.heartbeat).empty()) classes.insert(classes.begin(), "heartbeat");
  if (file_exists("/run/systemd/system")) classes.push_back("systemd");
  return classes;
}

std::vector<std::string> local_providers(const Paths& paths, const std::string& agent_class) {
  if (agent_class != "ocf") return {};
  std::vector<std::string> providers;
  for (const std::string& root : {resource_folder(paths), paths.own_agents}) {
    for (const std::string& name : list_folder(root)) {
      if (!agents_in(root + "/" + name).empty()) merge(providers, {name});
    }
  }
  return providers;
}

std::vector<std::string> local_types(const Paths& paths, const std::string& agent_class,
                                     const std::string& provider) {
  std::vector<std::string> types;
  if (agent_class == "ocf") {
    const auto providers =
        provider.empty() ? local_providers(paths, "ocf") : std::vector<std::string>{provider};
    for (const std::string& p : providers) {
      if (!plain(p)) continue;
      merge(types, agents_in(resource_folder(paths) + "/" + p));
      merge(types, agents_in(paths.own_agents + "/" + p));
    }
  } else if (agent_class == "lsb") {
    types = agents_in(paths.lsb);
  } else if (agent_class == "heartbeat") {
    types = agents_in(paths.heartbeat);
  } else if (agent_class == "systemd") {
    types = units();
  } else if (agent_class == "service") {
    types = agents_in(paths.lsb);
    merge(types, units());
  } else if (agent_class == "stonith") {
    types = fence_agents(paths);
  }
  return types;
}

Result<std::string> local_metadata(const Paths& paths, const std::string& agent_class,
                                   const std::string& provider, const std::string& type) {
  if (!plain(type) || (agent_class == "ocf" && !plain(provider))) {
    return fail(Errc::kInvalidArgument,
                "\"{}:{}:{}\" is not an agent's name: use class:provider:type or class:type", agent_class,
                provider, type);
  }
  const auto program = local_agent_program(paths, agent_class, provider, type);
  if (!program) return fail(program.error());
  if (agent_class == "lsb" || agent_class == "service") {
    const auto script = read_file(*program);
    if (!script) return fail(script.error());
    return lsb_metadata(type, *script);
  }
  const std::vector<std::string> environment{"OCF_ROOT=" + paths.ocf_root,
                                             "OCF_RESOURCE_TYPE=" + type,
                                             "OCF_RESOURCE_PROVIDER=" + provider,
                                             "OCF_RESOURCE_INSTANCE=" + type,
                                             "OCF_RA_VERSION_MAJOR=1",
                                             "OCF_RA_VERSION_MINOR=1",
                                             "LC_ALL=C",
                                             "PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
  const bool fence = agent_class == "stonith";
  const auto ran = run_program(
      fence ? std::vector<std::string>{*program} : std::vector<std::string>{*program, "meta-data"},
      environment, fence ? "action=metadata\n" : "", Seconds(20));
  if (!ran) return fail(ran.error());
  if (ran->output.find("<resource-agent") == std::string::npos) {
    return fail(Errc::kParse, "agent {} gave no metadata (exit status {}): {}", *program, ran->code,
                ran->errors.substr(0, 500));
  }
  return ran->output;
}

}  // namespace systole::cli
