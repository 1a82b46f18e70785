#include "cli/crm_resource.h"
#include "cli/output.h"

namespace systole::cli {
namespace {

int print_list(const ResourceCall& call, const std::vector<std::string>& names, const char* list,
               const char* item, const std::string& missing) {
  if (call.xml) {
    XmlResult result(call.context);
    pugi::xml_node all = add(result.root(), list);
    for (const std::string& name : names) set_text(add(all, item), name);
    call.out(result.finish(names.empty() ? 105 : 0, names.empty() ? missing : ""));
  } else {
    std::string text;
    for (const std::string& name : names) text += printable(name) + "\n";
    call.out(text);
    if (names.empty()) call.err("crm_resource: " + printable(missing) + "\n");
  }
  return names.empty() ? 105 : 0;
}

// "ocf:heartbeat:IPaddr2", "ocf:heartbeat", "stonith:fence_ipmilan", "ocf::heartbeat:x".
struct Name {
  std::string agent_class, provider, type;
};
Name split(std::string text) {
  for (std::size_t at; (at = text.find("::")) != std::string::npos;) text.erase(at, 1);
  Name name;
  const std::size_t first = text.find(':');
  name.agent_class = text.substr(0, first);
  if (first == std::string::npos) return name;
  std::string rest = text.substr(first + 1);
  const std::size_t second = rest.find(':');
  if (name.agent_class == "ocf" && second != std::string::npos) {
    name.provider = rest.substr(0, second);
    name.type = rest.substr(second + 1);
  } else if (name.agent_class == "ocf") {
    name.provider = rest;
  } else {
    name.type = rest;
  }
  return name;
}

int alternatives(const ResourceCall& call, const std::string& type) {
  const auto providers = call.session.agent_providers("ocf");
  if (!providers) return report(call.context, providers.error(), call.xml);
  std::vector<std::string> having;
  for (const std::string& provider : *providers) {
    const auto types = call.session.agent_types("ocf", provider);
    if (types && std::find(types->begin(), types->end(), type) != types->end()) having.push_back(provider);
  }
  return print_list(call, having, "providers", "provider", "no provider has an OCF agent " + type);
}

int metadata(const ResourceCall& call, const std::string& agent) {
  const Name name = split(agent);
  if (name.type.empty())
    return call.usage(fmt::format("\"{}\" names no agent: use class:provider:type", printable(agent)));
  const auto xml = call.session.agent_metadata(name.agent_class, name.provider, name.type);
  if (!xml) {
    report(call.context, xml.error(), call.xml);
    return xml.error().code == Errc::kUnavailable ? 102 : 105;
  }
  call.out(printable_lines(*xml));
  if (!xml->ends_with('\n')) call.out("\n");
  return 0;
}

}  // namespace

int resource_agents(const ResourceCall& call, const std::string& command) {
  const std::string value = call.parsed.value(command);
  if (command == "show-metadata") return metadata(call, value);
  if (command == "list-ocf-alternatives") return alternatives(call, value);
  const Name name = split(value);
  const auto names = command == "list-standards" ? call.session.agent_classes()
                     : command == "list-ocf-providers"
                         ? call.session.agent_providers("ocf")
                         : call.session.agent_types(name.agent_class, name.provider);
  if (!names) return report(call.context, names.error(), call.xml);
  const char* list = command == "list-standards"       ? "standards"
                     : command == "list-ocf-providers" ? "providers"
                                                       : "agents";
  const char* item = command == "list-standards"       ? "standard"
                     : command == "list-ocf-providers" ? "provider"
                                                       : "agent";
  return print_list(call, *names, list, item,
                    fmt::format("no {} found{}{}", list, value.empty() ? "" : " for ", value));
}

}  // namespace systole::cli
