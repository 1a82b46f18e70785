// crm_attribute, crm_standby and crm_master: attributes of the cluster, of nodes, and promotion scores.
#include "cli/attributes.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/tools.h"

namespace systole::cli {
namespace {

using T = Option::Takes;

OptionGroup verbs() {
  return {"Commands",
          {{"query", 'G', T::kNothing, "", "Print the value", "get-value"},
           {"update", 'v', T::kValue, "VALUE", "Set it; NAME++ and +=N count", "attr-value"},
           {"delete", 'D', T::kNothing, "", "Delete it", "delete-attr"}}};
}
OptionGroup where() {
  return {"Where",
          {{"node", 'N', T::kValue, "NODE", "The node (default: this one)", "uname node-uname"},
           {"lifetime", 'l', T::kValue, "LIFETIME",
            "reboot: until the node leaves; forever: in the configuration"},
           {"default", 'd', T::kValue, "VALUE", "With --query: the value when there is none"},
           {"old-uname", 'U', T::kValue, "NODE", nullptr}}};
}

Manual attribute_manual() {
  OptionGroup place = where();
  place.options.insert(place.options.begin(),
                       {{"name", 'n', T::kValue, "NAME", "The attribute", "attr-name"},
                        {"type", 't', T::kValue, "SCOPE",
                         "crm_config, nodes, status, rsc_defaults, op_defaults, tickets", "scope"},
                        {"promotion", 'p', T::kMaybe, "RESOURCE",
                         "The promotion score of a resource (default: $OCF_RESOURCE_INSTANCE)"},
                        {"resource", 'r', T::kValue, "RESOURCE", "With --promotion: the resource"},
                        {"pattern", 'P', T::kValue, "REGEX", "Transient attributes whose names match"},
                        {"utilization", 'z', T::kNothing, "", "A utilization attribute of a node"},
                        {"set-name", 's', T::kValue, "ID", "Only in this set"},
                        {"attr-id", 'i', T::kValue, "ID", "Only the one with this id", "id"},
                        {"inhibit-policy-engine", '!', T::kNothing, "", nullptr},
                        {"short", 'q', T::kNothing, "", "Same as --quiet"}});
  return {"query and change attributes of the cluster and its nodes",
          "-n NAME (-G | -v VALUE | -D) [options]",
          {verbs(), place, output_options()},
          "  crm_attribute --name stonith-enabled --query\n"
          "  crm_attribute --type nodes --node node1 --name location --update office\n"
          "  crm_attribute --type rsc_defaults --name resource-stickiness --update 100\n"};
}

bool is_xml(const Parsed& parsed) { return parsed.value("output-as") == "xml"; }

void take_common(const Parsed& parsed, AttributeCommand& command) {
  command.node = parsed.value("node", parsed.value("old-uname"));
  command.quiet = parsed.has("quiet") || parsed.has("short");
  command.xml = is_xml(parsed);
  if (parsed.has("default")) command.otherwise = parsed.value("default");
  if (parsed.has("update")) {
    command.verb = AttributeCommand::Verb::kSet;
    command.value = parsed.value("update");
  }
  if (parsed.has("delete")) command.verb = AttributeCommand::Verb::kDelete;
}

std::string lifetime_scope(const Parsed& parsed, const std::string& otherwise) {
  const std::string lifetime = parsed.value("lifetime");
  if (lifetime == "reboot") return "status";
  if (lifetime == "forever") return "nodes";
  return otherwise;
}

// Instances of anonymous clones share one score: "r:0" is r.
std::string promotion_name(std::string resource) {
  return "master-" + resource.substr(0, resource.find(':'));
}

int usage(Context& context, const std::string& message) {
  context.console->err(fmt::format("{}: {}; see {} --help\n", context.name, message, context.name));
  return 64;
}

}  // namespace

int run_crm_attribute(Context& context) {
  Parsed parsed;
  if (const auto done = begin(context, attribute_manual(), parsed)) return *done;
  AttributeCommand command;
  take_common(parsed, command);
  command.name = parsed.value("name");
  command.pattern = parsed.value("pattern");
  command.utilization = parsed.has("utilization");
  command.set = parsed.value("set-name");
  command.id = parsed.value("attr-id");
  if (parsed.has("promotion")) {
    std::string resource = parsed.value("promotion");
    if (resource.empty()) resource = parsed.value("resource", context.variable("OCF_RESOURCE_INSTANCE"));
    if (resource.empty()) return usage(context, "--promotion needs a resource");
    command.name = promotion_name(resource);
    command.scope = lifetime_scope(parsed, "status");
  }
  if (command.scope.empty()) {
    const bool of_node = !command.node.empty() || command.utilization;
    command.scope = parsed.value("type", lifetime_scope(parsed, !command.pattern.empty() ? "status"
                                                                : of_node                ? "nodes"
                                                                                         : "crm_config"));
  }
  if (command.scope == "reboot") command.scope = "status";
  if (command.scope == "forever") command.scope = "nodes";
  static const std::vector<std::string> kScopes{"crm_config", "nodes", "status", "rsc_defaults",
                                                "op_defaults"};
  if (std::find(kScopes.begin(), kScopes.end(), command.scope) == kScopes.end()) {
    return usage(context, fmt::format("there is no scope \"{}\": use {}", printable(command.scope),
                                      fmt::join(kScopes, ", ")));
  }
  if (command.name.empty() && command.pattern.empty()) return usage(context, "needs the attribute's --name");
  return run_attribute(context, command);
}

int run_crm_standby(Context& context) {
  Parsed parsed;
  const Manual manual{"put a node into standby, or take it out",
                      "[-N NODE] (-G | -v on|off | -D)",
                      {verbs(), where(), output_options()},
                      "  crm_standby --node node2 --update on\n  crm_standby --node node2 --delete\n"};
  if (const auto done = begin(context, manual, parsed)) return *done;
  AttributeCommand command;
  command.otherwise = "off";
  take_common(parsed, command);
  command.name = "standby";
  command.scope = lifetime_scope(parsed, "nodes");
  return run_attribute(context, command);
}

int run_crm_master(Context& context) {
  Parsed parsed;
  OptionGroup place = where();
  place.options.push_back(
      {"resource", 'r', T::kValue, "RESOURCE", "Default: $OCF_RESOURCE_INSTANCE", "resource-id"});
  const Manual manual{"promotion scores, for resource agents",
                      "[-l reboot] (-G | -v SCORE | -D)",
                      {verbs(), place, output_options()},
                      "  crm_master -l reboot -v 100\n"};
  if (const auto done = begin(context, manual, parsed)) return *done;
  const std::string resource = parsed.value("resource", context.variable("OCF_RESOURCE_INSTANCE"));
  if (resource.empty()) return usage(context, "needs a resource: it is meant to be called by agents");
  AttributeCommand command;
  take_common(parsed, command);
  command.name = promotion_name(resource);
  command.scope = lifetime_scope(parsed, "nodes");
  return run_attribute(context, command);
}

}  // namespace systole::cli
