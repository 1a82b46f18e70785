#include "stonith/agent.h"

#include <fmt/format.h>

#include <cstring>

namespace systole::stonith {
namespace {

using Environment = std::vector<std::pair<std::string, std::string>>;

Environment environment() {
  return {{"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}, {"HOME", "/root"}, {"LC_ALL", "C"}};
}

std::string called_for(const Device& device, const std::string& action) {
  const auto found = device.action_names.find(action);
  return found == device.action_names.end() || found->second.empty() ? action : found->second;
}

std::string replaced(std::string text, std::string_view what, const std::string& with) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size()) {
    text.replace(at, what.size(), with);
  }
  return text;
}

// Splits first and replaces then, so that no value can become two arguments.
Result<std::vector<std::string>> command_argv(const Device& device, const std::string& parameter,
                                              const std::string& action, const std::string& target) {
  const auto command = device.parameters.find(parameter);
  if (command == device.parameters.end()) {
    return fail(Errc::kInvalidConfig, "device {} has no parameter \"{}\"", device.id, parameter);
  }
  std::vector<std::string> argv;
  const std::string& text = command->second;
  for (std::size_t at = 0; (at = text.find_first_not_of(" \t", at)) != std::string::npos;) {
    const std::size_t end = std::min(text.find_first_of(" \t", at), text.size());
    argv.push_back(replaced(replaced(text.substr(at, end - at), "%a", action), "%n", target));
    at = end;
  }
  if (argv.empty() || argv[0].front() != '/') {
    return fail(Errc::kInvalidConfig,
                "device {}: {} must begin with the absolute path of a program, not \"{}\"", device.id,
                parameter, text);
  }
  return argv;
}

Result<ProcessSpec> test_spec(const Device& device, const std::string& action, const std::string& target) {
  const std::string parameter = action == "status"    ? "status_command"
                                : action == "monitor" ? "monitor_command"
                                                      : "command";
  auto argv = command_argv(device, parameter, called_for(device, action), device.port_of(target));
  if (!argv) return fail(argv.error());
  ProcessSpec spec;
  spec.argv = std::move(*argv);
  spec.environment = environment();
  spec.urgent = true;
  return spec;
}

// Under which name the agent takes the plug; empty: it takes none.
std::string host_argument(const Device& device, const AgentFacts& facts) {
  if (device.host_argument == "none") return {};
  if (!device.host_argument.empty()) return device.host_argument;
  if (!facts.known || facts.parameters.count("port") != 0) return "port";
  return facts.parameters.count("plug") != 0 ? "plug" : "";
}

}  // namespace

bool AgentFacts::offers(const std::string& action) const {
  if (known) return actions.count(action) != 0;
  return action == "off" || action == "on" || action == "reboot" || action == "status" || action == "monitor";
}

AgentFacts parse_facts(std::string_view xml) {
  AgentFacts facts;
  pugi::xml_document document;
  if (!document.load_buffer(xml.data(), xml.size())) return facts;
  const auto root = document.document_element();
  for (const auto action : root.child("actions").children("action")) {
    facts.actions.insert(action.attribute("name").value());
  }
  for (const auto parameter : root.child("parameters").children("parameter")) {
    facts.parameters.insert(parameter.attribute("name").value());
  }
  facts.known = !facts.actions.empty();
  return facts;
}

AgentFacts test_facts(const Device& device) {
  AgentFacts facts{true, {"off", "on", "reboot", "metadata"}, {}};
  if (device.parameters.count("status_command") != 0) facts.actions.insert("status");
  if (device.parameters.count("monitor_command") != 0) facts.actions.insert("monitor");
  return facts;
}

std::string test_metadata() {
  return R"(<?xml version="1.0"?>
<resource-agent name="fence_test" shortdesc="Runs a configured command as a fencing device">
  <longdesc>Built in. Runs a command for each action: for tests, laboratories and devices that a script can drive.
The command is split on white space; there is no shell. %a stands for the action, %n for the node (or what
pcmk_host_map gives for it). Exit status 0 is success.</longdesc>
  <parameters>
    <parameter name="command" required="1" unique="0">
      <getopt mixed="--command"/><content type="string"/>
      <shortdesc lang="en">Program with arguments, for off, on and reboot</shortdesc>
    </parameter>
    <parameter name="status_command" required="0" unique="0">
      <getopt mixed="--status-command"/><content type="string"/>
      <shortdesc lang="en">Program with arguments that tells whether the node has power: exit status 0 on, 2 off</shortdesc>
    </parameter>
    <parameter name="monitor_command" required="0" unique="0">
      <getopt mixed="--monitor-command"/><content type="string"/>
      <shortdesc lang="en">Program with arguments that tells whether the device itself works: exit status 0</shortdesc>
    </parameter>
  </parameters>
  <actions>
    <action name="on" automatic="0"/>
    <action name="off"/>
    <action name="reboot"/>
    <action name="status"/>
    <action name="monitor"/>
    <action name="metadata"/>
  </actions>
</resource-agent>
)";
}

bool is_agent_type(std::string_view type) {
  if (!type.starts_with("fence_") || type.size() > 128) return false;
  for (const char c : type) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '_' || c == '-' || c == '.';
    if (!plain) return false;
  }
  return true;
}

ProcessSpec metadata_spec(const std::string& program) {
  ProcessSpec spec;
  spec.argv = {program, "-o", "metadata"};
  spec.input = "action=metadata\n";
  spec.environment = environment();
  spec.output_limit = 1 << 20;
  return spec;
}

Result<ProcessSpec> device_spec(const Device& device, const AgentFacts& facts, const std::string& action,
                                const std::string& target, const Paths& paths) {
  if (!device.defect.empty()) {
    return fail(Errc::kInvalidConfig, "device {} cannot be used: {}", device.id, device.defect);
  }
  if (target.find_first_of("\n\r") != std::string::npos) {
    return fail(Errc::kInvalidArgument, "the target's name holds a line break");
  }
  if (device.type == kTestAgent) return test_spec(device, action, target);
  if (!is_agent_type(device.type)) {
    return fail(Errc::kInvalidConfig, "device {} has the type \"{}\", which is no fence agent's name",
                device.id, device.type);
  }
  ProcessSpec spec;
  spec.argv = {paths.fence_agents + "/" + device.type};
  spec.environment = environment();
  spec.urgent = true;
  spec.input = "action=" + called_for(device, action) + "\n";
  for (const auto& [name, value] : device.parameters) spec.input += name + "=" + value + "\n";
  if (target.empty()) return spec;
  spec.input += "nodename=" + target + "\n";
  const std::string argument = host_argument(device, facts);
  if (!argument.empty() && device.parameters.count(argument) == 0) {
    spec.input += argument + "=" + device.port_of(target) + "\n";
  }
  return spec;
}

std::set<std::string> parse_list(std::string_view output) {
  std::set<std::string> names;
  while (!output.empty() && names.size() < 4096) {
    const auto start = output.find_first_not_of(" ,;\t\r\n");
    if (start == output.npos) break;
    output.remove_prefix(start);
    const auto end = std::min(output.find_first_of(" ,;\t\r\n"), output.size());
    names.emplace(output.substr(0, end));
    output.remove_prefix(end);
  }
  return names;
}

}  // namespace systole::stonith
