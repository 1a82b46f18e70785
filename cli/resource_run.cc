// The agent run by hand, on this node, outside the cluster.
#include "cli/crm_resource.h"
#include "cli/host.h"
#include "cli/local_agents.h"
#include "cli/output.h"

namespace systole::cli {
namespace {

struct Agent {
  std::string agent_class, provider, type, instance;
  std::vector<Found> parameters;
  std::string name() const { return agent_class + ":" + (provider.empty() ? "" : provider + ":") + type; }
};

std::vector<std::string> environment(const ResourceCall& call, const Agent& agent,
                                     const std::string& action) {
  std::vector<std::string> all{"OCF_ROOT=" + call.context.paths.ocf_root,
                               "OCF_RA_VERSION_MAJOR=1",
                               "OCF_RA_VERSION_MINOR=1",
                               "OCF_RESOURCE_INSTANCE=" + agent.instance,
                               "OCF_RESOURCE_PROVIDER=" + agent.provider,
                               "OCF_RESOURCE_TYPE=" + agent.type,
                               "OCF_RESKEY_crm_feature_set=3.16.1",
                               "OCF_RESKEY_CRM_meta_timeout=20000",
                               "OCF_RESKEY_CRM_meta_name=" + action,
                               "OCF_EXIT_REASON_PREFIX=ocf-exit-reason:",
                               "LC_ALL=C",
                               "PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
  for (const Found& p : agent.parameters) all.push_back("OCF_RESKEY_" + p.name + "=" + p.value);
  // Agents call the tools: they must find the same cluster.
  for (const auto& [name, value] : call.context.environment) {
    if (name.starts_with("SYSTOLE_") || name.starts_with("COROSYNC_")) all.push_back(name + "=" + value);
  }
  return all;
}

Result<Ran> run(const ResourceCall& call, const Agent& agent, const std::string& action) {
  const auto program = local_agent_program(call.context.paths, agent.agent_class, agent.provider, agent.type);
  if (!program) return fail(program.error());
  const bool script = agent.agent_class != "ocf";
  const auto limit = parse_interval(call.parsed.value("timeout", "20")).value_or(Milliseconds(20000));
  return run_program({*program, script && action == "monitor" ? "status" : action},
                     environment(call, agent, action), "", limit);
}

int force(const ResourceCall& call, const std::string& command, const cib::Document& document,
          pugi::xml_node primitive) {
  Agent agent{agent_part(document, primitive, "class"), agent_part(document, primitive, "provider"),
              agent_part(document, primitive, "type"), primitive.attribute("id").value(),
              effective_pairs(document, primitive, "instance_attributes")};
  const std::string word = command.substr(std::string_view("force-").size());
  const auto ran = run(call, agent, word == "check" ? "monitor" : word);
  if (!ran) return report(call.context, ran.error(), call.xml);
  if (call.parsed.has("verbose")) {
    call.out(printable_lines(ran->output));
    call.err(printable_lines(ran->errors));
  }
  call.out(fmt::format("Operation {} for {} ({}) returned {} ({})\n", command, printable(agent.instance),
                       printable(agent.name()), ran->code, ocf_text(ran->code)));
  return ran->code;
}

int validate(const ResourceCall& call) {
  Agent agent{call.parsed.value("class", "ocf"),
              call.parsed.value("provider"),
              call.parsed.value("agent"),
              "test",
              {}};
  std::vector<std::string> pairs = call.parsed.values("option");
  pairs.insert(pairs.end(), call.parsed.operands.begin(), call.parsed.operands.end());
  for (const std::string& pair : pairs) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0)
      return call.usage(fmt::format("\"{}\" is not NAME=VALUE", printable(pair)));
    agent.parameters.push_back({pair.substr(0, equals), pair.substr(equals + 1), "", ""});
  }
  const auto ran = run(call, agent, "validate-all");
  if (!ran) return report(call.context, ran.error(), call.xml);
  if (!call.xml) {
    call.out(fmt::format("Operation validate ({}) returned {} ({})\n", printable(agent.name()), ran->code,
                         ocf_text(ran->code)));
    call.err(printable_lines(ran->errors));
    return ran->code;
  }
  XmlResult result(call.context);
  pugi::xml_node action = add(result.root(), "resource-agent-action");
  set(action, "action", "validate");
  set(action, "class", agent.agent_class);
  set(action, "type", agent.type);
  if (!agent.provider.empty()) set(action, "provider", agent.provider);
  pugi::xml_node command = add(action, "command");
  set(command, "code", ran->code);
  for (const auto& [source, text] : {std::pair{"stdout", &ran->output}, std::pair{"stderr", &ran->errors}}) {
    if (text->empty()) continue;
    pugi::xml_node output = add(command, "output");
    set(output, "source", source);
    set_text(output, *text);
  }
  call.out(result.finish(ran->code));
  return ran->code;
}

}  // namespace

int resource_run(const ResourceCall& call, const std::string& command) {
  if (command == "validate" && call.parsed.has("agent")) return validate(call);
  const auto document = call.session.document();
  if (!document) return report(call.context, document.error(), call.xml);
  const auto primitives = primitives_in(find_resource(*document, call.resource));
  if (primitives.empty()) return call.not_found();
  if (primitives.size() > 1)
    return call.usage(fmt::format("{} holds several resources: name one of them", printable(call.resource)));
  return force(call, command == "validate" ? "force-validate-all" : command, *document, primitives.front());
}

}  // namespace systole::cli
