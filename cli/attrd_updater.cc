// attrd_updater and crm_failcount: transient attributes as agents set them, and fail counts.
#include "cli/attributes.h"
#include "cli/document_session.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/tools.h"

namespace systole::cli {
namespace {

using T = Option::Takes;

Manual updater_manual() {
  return {"query and change transient node attributes",
          "-n NAME (-Q | -U VALUE | -D) [options]",
          {{"Commands",
            {{"update", 'U', T::kValue, "VALUE", "Set the value; ++ and +=N count"},
             {"update-old", 'v', T::kValue, "VALUE", nullptr},
             {"update-both", 'B', T::kValue, "VALUE", "Set value and dampening"},
             {"update-delay", 'Y', T::kNothing, "", "Set the dampening only"},
             {"query", 'Q', T::kNothing, "", "Print the value"},
             {"delete", 'D', T::kNothing, "", "Delete it"},
             {"refresh", 'R', T::kNothing, "", "Accepted: attributes are always written"}}},
           {"Options",
            {{"name", 'n', T::kValue, "NAME", "The attribute"},
             {"pattern", 'P', T::kValue, "REGEX", "All attributes whose names match"},
             {"node", 'N', T::kValue, "NODE", "The node (default: this one)"},
             {"all", 'A', T::kNothing, "", "With --query: of all nodes"},
             {"delay", 'd', T::kValue, "TIME", "Wait this long for more changes before telling the cluster"},
             {"private", 'p', T::kNothing, "", "Accepted"},
             {"set", 's', T::kValue, "SET", nullptr},
             {"section", 'S', T::kValue, "SECTION", nullptr},
             {"lifetime", 'l', T::kValue, "LIFETIME", nullptr},
             {"wait", 'W', T::kValue, "WHERE", nullptr},
             {"quiet", 'q', T::kNothing, "", "Accepted"},
             {"output-as", 0, T::kValue, "FORMAT", "text or xml"},
             {"output-to", 0, T::kValue, "FILE", "Write there"},
             {"verbose", 'V', T::kNothing, "", "Say more"}}}},
          "  attrd_updater -n pingd -U 100 -d 5s\n  attrd_updater -n pingd -Q -A\n"};
}

int query_lines(Context& context, Session& session, const Parsed& parsed) {
  std::string node = parsed.has("all") ? "*" : parsed.value("node");
  if (node.empty()) {
    const auto local = default_node(context, session);
    if (!local) return report(context, local.error());
    node = *local;
  }
  const auto found = session.attributes(parsed.value("name"), node);
  if (!found) return report(context, found.error());
  if (found->empty()) {
    return report(context, {Errc::kNotFound, fmt::format("no node attribute {} on {}", parsed.value("name"),
                                                         node == "*" ? "any node" : node)});
  }
  for (const AttributeValue& a : *found) {
    context.console->out(fmt::format("name=\"{}\" host=\"{}\" value=\"{}\"\n", printable(a.name),
                                     printable(a.node), printable(a.value)));
  }
  return 0;
}

}  // namespace

int run_attrd_updater(Context& context) {
  Parsed parsed;
  if (const auto done = begin(context, updater_manual(), parsed)) return *done;
  const std::string name = parsed.value("name"), pattern = parsed.value("pattern");
  const std::string verb =
      parsed.last_of({"update", "update-old", "update-both", "update-delay", "query", "delete", "refresh"});
  if (verb == "refresh" || verb == "update-delay") return 0;
  if (verb.empty() || (name.empty() && pattern.empty())) {
    context.console->err("attrd_updater: needs --name and one of --update, --query and --delete\n");
    return 64;
  }
  auto session = context.session();
  if (!session) return report(context, session.error());
  if (verb == "query") return query_lines(context, **session, parsed);
  if (verb == "delete" || !pattern.empty()) {
    AttributeCommand command;
    command.verb = verb == "delete" ? AttributeCommand::Verb::kDelete : AttributeCommand::Verb::kSet;
    command.scope = "status";
    command.name = name;
    command.pattern = pattern;
    command.value = parsed.value(verb);
    command.node = parsed.value("node");
    return run_attribute(context, command);
  }
  const auto node =
      parsed.has("node") ? Result<std::string>(parsed.value("node")) : default_node(context, **session);
  if (!node) return report(context, node.error());
  const auto dampen = parse_interval(parsed.value("delay", "0"));
  if (!dampen) {
    context.console->err(fmt::format("attrd_updater: \"{}\" is not a time: use for example 5s\n",
                                     printable(parsed.value("delay"))));
    return 64;
  }
  const auto done = (*session)->set_attribute(*node, name, parsed.value(verb), *dampen);
  return done ? 0 : report(context, done.error());
}

namespace {

Manual failcount_manual() {
  return {"fail counts of resources",
          "-r RESOURCE [-N NODE] (-G | -D)",
          {{"Commands",
            {{"query", 'G', T::kNothing, "", "Print the fail count", "get-value"},
             {"delete", 'D', T::kNothing, "", "Forget failures (as crm_resource --cleanup)", "delete-attr"},
             {"update", 'v', T::kValue, "0", "Same as --delete; other values are refused", "attr-value"}}},
           {"Options",
            {{"resource", 'r', T::kValue, "RESOURCE", "The resource", "resource-id"},
             {"node", 'N', T::kValue, "NODE", "The node (default: this one)", "uname"},
             {"old-uname", 'U', T::kValue, "NODE", nullptr},
             {"operation", 'n', T::kValue, "OPERATION", "Only of this operation"},
             {"interval", 'I', T::kValue, "TIME", "Only of the operation with this interval"},
             {"short", 'q', T::kNothing, "", "Same as --quiet"}}},
           output_options()},
          "  crm_failcount --query -r WebIP -N node1\n"};
}

// Of all operations, or of one: "fail-count-R#monitor_10000". INFINITY stays.
std::string fail_count(const std::vector<AttributeValue>& all, const std::string& resource,
                       const std::string& operation) {
  const std::string name = "fail-count-" + resource;
  std::string sum = "0";
  for (const AttributeValue& a : all) {
    const bool whole = a.name == name && operation.empty();
    const bool one =
        a.name.starts_with(name + "#") && (operation.empty() || a.name.starts_with(name + "#" + operation));
    if (whole || one) sum = counted_value(sum, "+=" + a.value);
  }
  return sum;
}

}  // namespace

int run_crm_failcount(Context& context) {
  Parsed parsed;
  if (const auto done = begin(context, failcount_manual(), parsed)) return *done;
  const std::string resource = parsed.value("resource", context.variable("OCF_RESOURCE_INSTANCE"));
  const bool clear = parsed.has("delete") || parsed.value("update") == "0";
  if (resource.empty() || (!clear && !parsed.has("query"))) {
    context.console->err("crm_failcount: needs --resource and one of --query and --delete\n");
    return 64;
  }
  auto session = context.session();
  if (!session) return report(context, session.error());
  const std::string named = parsed.value("node", parsed.value("old-uname"));
  const auto node = named.empty() ? default_node(context, **session) : Result<std::string>(named);
  if (!node) return report(context, node.error());
  const auto interval = parse_interval(parsed.value("interval", "0"));
  std::string operation = parsed.value("operation");
  if (!interval) {
    context.console->err(
        fmt::format("crm_failcount: \"{}\" is not a time\n", printable(parsed.value("interval"))));
    return 64;
  }
  if (clear) {
    const auto done = (*session)->cleanup({resource, *node, operation, parsed.value("interval"), false});
    if (!done) return report(context, done.error());
    context.console->out(fmt::format("Cleaned up {} on {}\n", printable(resource), printable(*node)));
    return 0;
  }
  if (!operation.empty()) operation += fmt::format("_{}", interval->count());
  const auto all = (*session)->attributes("", *node);
  if (!all) return report(context, all.error());
  const std::string sum = fail_count(*all, resource, operation);
  const bool quiet = parsed.has("quiet") || parsed.has("short");
  context.console->out(
      quiet ? sum + "\n"
            : fmt::format("scope=status  name=fail-count-{} value={}\n", printable(resource), sum));
  return 0;
}

}  // namespace systole::cli
