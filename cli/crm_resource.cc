// crm_resource: what runs where, and what to do with it. Options and the choice of command; the commands
// themselves are in resource_*.cc.
#include "cli/crm_resource.h"

#include "cli/output.h"
#include "cli/tools.h"

namespace systole::cli {
namespace {

using T = Option::Takes;
using Part = int (*)(const ResourceCall&, const std::string&);

struct Command {
  const char* key;
  Part run;
  bool resource;  // Needs --resource.
};
constexpr Command kCommands[] = {
    {"list", resource_query, false},
    {"list-raw", resource_query, false},
    {"list-cts", resource_query, false},
    {"list-operations", resource_query, false},
    {"list-all-operations", resource_query, false},
    {"locate", resource_query, true},
    {"query-xml", resource_query, true},
    {"query-xml-raw", resource_query, true},
    {"constraints", resource_query, true},
    {"stack", resource_query, true},
    {"why", resource_query, false},
    {"list-standards", resource_agents, false},
    {"list-ocf-providers", resource_agents, false},
    {"list-ocf-alternatives", resource_agents, false},
    {"list-agents", resource_agents, false},
    {"show-metadata", resource_agents, false},
    {"get-parameter", resource_parameters, true},
    {"set-parameter", resource_parameters, true},
    {"delete-parameter", resource_parameters, true},
    {"get-property", resource_parameters, true},
    {"set-property", resource_parameters, true},
    {"delete", resource_parameters, true},
    {"move", resource_place, true},
    {"ban", resource_place, true},
    {"clear", resource_place, false},
    {"cleanup", resource_operate, false},
    {"refresh", resource_operate, false},
    {"wait", resource_operate, false},
    {"restart", resource_operate, true},
    {"force-start", resource_run, true},
    {"force-stop", resource_run, true},
    {"force-check", resource_run, true},
    {"force-promote", resource_run, true},
    {"force-demote", resource_run, true},
    {"validate", resource_run, false},
};

Manual manual() {
  return {
      "look at resources and act on them",
      "COMMAND [-r RESOURCE] [options]",
      {{"Resources",
        {{"list", 'L', T::kNothing, "", "All resources and where they run"},
         {"list-raw", 'l', T::kNothing, "", "Names of all instances"},
         {"list-cts", 'c', T::kNothing, "", nullptr},
         {"list-operations", 'O', T::kNothing, "", "Active operations, with --resource and --node"},
         {"list-all-operations", 'o', T::kNothing, "", "All operations on record"},
         {"locate", 'W', T::kNothing, "", "Where a resource runs"},
         {"query-xml", 'q', T::kNothing, "", "State and definition"},
         {"query-xml-raw", 'w', T::kNothing, "", "Definition"},
         {"constraints", 'a', T::kNothing, "", "Constraints of a resource"},
         {"stack", 'A', T::kNothing, "", "The same, and of what it depends on"},
         {"why", 'Y', T::kNothing, "", "Why it runs where it does, or does not run"}}},
       {"Agents",
        {{"list-standards", 0, T::kNothing, "", "Classes of agents"},
         {"list-ocf-providers", 0, T::kNothing, "", "Providers of OCF agents"},
         {"list-agents", 0, T::kValue, "CLASS[:PROVIDER]", "Agents of a class and provider"},
         {"list-ocf-alternatives", 0, T::kValue, "TYPE", "Providers of an OCF agent"},
         {"show-metadata", 0, T::kValue, "CLASS[:PROVIDER]:TYPE", "An agent's metadata"}}},
       {"Definition",
        {{"get-parameter", 'g', T::kValue, "NAME", "Print a parameter (--meta, --utilization)"},
         {"set-parameter", 'p', T::kValue, "NAME", "Set it to --parameter-value"},
         {"delete-parameter", 'd', T::kValue, "NAME", "Delete it"},
         {"get-property", 'G', T::kValue, "NAME", "Print an attribute of the definition: class, type…"},
         {"set-property", 'S', T::kValue, "NAME", "Set it to --parameter-value"},
         {"delete", 'D', T::kNothing, "", "Delete the definition (--resource-type)"}}},
       {"Place",
        {{"move", 'M', T::kNothing, "", "Prefer --node, or leave the present one"},
         {"ban", 'B', T::kNothing, "", "Do not run on --node, or the present one"},
         {"clear", 'U', T::kNothing, "", "Take back --move and --ban", "un-move"},
         {"lifetime", 'u', T::kValue, "DURATION", "Only for this long, for example PT1H"},
         {"promoted", 0, T::kNothing, "", "Of the promoted role only", "master"},
         {"expired", 'e', T::kNothing, "", "With --clear: only what has expired"}}},
       {"Operate",
        {{"cleanup", 'C', T::kNothing, "", "Forget failures", "reprobe"},
         {"refresh", 'R', T::kNothing, "", "Forget all history and probe again"},
         {"restart", 0, T::kNothing, "", "Stop and start it"},
         {"wait", 0, T::kNothing, "", "Wait until the cluster is at rest"},
         {"force-start", 0, T::kNothing, "", "Run the agent's start here, outside the cluster"},
         {"force-stop", 0, T::kNothing, "", "The same with stop"},
         {"force-promote", 0, T::kNothing, "", "The same with promote"},
         {"force-demote", 0, T::kNothing, "", "The same with demote"},
         {"force-check", 0, T::kNothing, "", "The same with monitor"},
         {"validate", 0, T::kNothing, "", "Run the agent's validate-all here (--class, --provider, --agent)"},
         {"digests", 0, T::kNothing, "", "Not available: digests are the controller's"}}},
       {"Options",
        {{"resource", 'r', T::kValue, "RESOURCE", "The resource"},
         {"node", 'N', T::kValue, "NODE", "The node", "host"},
         {"old-node", 'H', T::kValue, "NODE", nullptr},
         {"parameter-value", 'v', T::kValue, "VALUE", "The value to set", "property-value"},
         {"meta", 'm', T::kNothing, "", "Meta attributes instead of parameters"},
         {"utilization", 'z', T::kNothing, "", "Utilization instead of parameters"},
         {"set-name", 's', T::kValue, "ID", "Only in this set"},
         {"nvpair", 'i', T::kValue, "ID", "Only the one with this id"},
         {"resource-type", 't', T::kValue, "TAG", "primitive, group, clone…"},
         {"operation", 'n', T::kValue, "OPERATION", "With --cleanup: only of this operation"},
         {"interval", 'I', T::kValue, "TIME", "With --cleanup: of this interval"},
         {"class", 0, T::kValue, "CLASS", "With --validate"},
         {"provider", 0, T::kValue, "PROVIDER", "With --validate"},
         {"agent", 0, T::kValue, "TYPE", "With --validate"},
         {"option", 0, T::kValue, "NAME=VALUE", "With --validate"},
         {"timeout", 'T', T::kValue, "SECONDS", "Give up after this time"},
         {"force", 'f', T::kNothing, "", "Also when it seems useless or dangerous"},
         {"recursive", 0, T::kNothing, "", "Accepted"},
         {"all", 0, T::kNothing, "", "Accepted"},
         {"xml-file", 'x', T::kValue, "FILE", "Act on this file instead of the cluster"}}},
       output_options()},
      "  crm_resource --list\n  crm_resource -r WebIP --locate\n  crm_resource -r WebIP --move --node node2\n"
      "  crm_resource -r WebIP --set-parameter target-role --meta --parameter-value Stopped\n"};
}

const Command* chosen(const Parsed& parsed) {
  for (auto it = parsed.given.rbegin(); it != parsed.given.rend(); ++it) {
    for (const Command& command : kCommands) {
      if (it->first == command.key) return &command;
    }
  }
  return nullptr;
}

}  // namespace

int ResourceCall::usage(const std::string& message) const {
  err(fmt::format("crm_resource: {}; see crm_resource --help\n", message));
  return 64;
}

int ResourceCall::not_found() const {
  return report(context, {Errc::kNotFound, fmt::format("Resource '{}' not found", resource)}, xml);
}

int run_crm_resource(Context& context) {
  Parsed parsed;
  if (const auto done = begin(context, manual(), parsed)) return *done;
  const Command* command = chosen(parsed);
  if (parsed.has("digests")) {
    return report(context, {Errc::kUnsupported,
                            "--digests: digests of parameters are computed by the controller only"});
  }
  if (parsed.has("xml-file")) context.choice.file = parsed.value("xml-file");
  auto session = context.session();
  if (!session) return report(context, session.error());
  ResourceCall call{context,
                    parsed,
                    **session,
                    parsed.value("resource"),
                    parsed.value("node", parsed.value("old-node")),
                    parsed.has("quiet"),
                    parsed.has("force"),
                    parsed.value("output-as") == "xml"};
  if (command == nullptr) return call.usage("needs a command, for example --list");
  if (command->resource && call.resource.empty())
    return call.usage(fmt::format("--{} needs --resource", command->key));
  return command->run(call, command->key);
}

}  // namespace systole::cli
