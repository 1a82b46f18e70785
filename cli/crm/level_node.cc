// The node level.
#include <algorithm>

#include "cli/crm/attribute_commands.h"
#include "cli/crm/attributes.h"
#include "cli/crm/running.h"
#include "cli/crm/shell.h"
#include "cli/crm/xml.h"

namespace systole::crm {
namespace {

Result<cib::Document> live_document(Shell& shell) {
  auto session = shell.session();
  if (!session) return fail(session.error());
  return (*session)->document();
}

// The node named, or this one.
std::optional<std::string> node_argument(Shell& shell, const Invocation& call) {
  auto session = shell.session();
  if (!session) return shell.error(session.error()), std::nullopt;
  std::string name;
  if (!call.args.empty()) {
    name = call.args[0];
  } else {
    auto local = (*session)->local_node();
    if (!local) return shell.error(local.error()), std::nullopt;
    name = *local;
  }
  auto document = (*session)->document();
  if (!document) return shell.error(document.error()), std::nullopt;
  if (!Configuration(document->root()).find_node(name))
    return shell.error(fmt::format("node {} does not exist in the cluster", name)), std::nullopt;
  return name;
}

std::string describe_node(const NodeState& state, pugi::xml_node node) {
  std::string text =
      fmt::format("{}({}): {}", state.name, state.id, state.type.empty() ? "member" : state.type);
  if (state.unclean) text += "(UNCLEAN)";
  if (!state.online) text += "(offline)";
  text += '\n';
  for (const auto set : elements(node))
    for (const auto pair : elements(set))
      if (name_of(pair) == "nvpair")
        text += fmt::format("\t{}: {}\n", attr(pair, "name"), attr(pair, "value"));
  return text;
}

bool run_show(Shell& shell, const Invocation& call) {
  auto document = live_document(shell);
  if (!document) return shell.error(document.error());
  bool any = call.args.empty();
  const Configuration configuration(document->root());
  for (const auto& state : node_states(*document)) {
    if (!call.args.empty() && call.args[0] != state.name) continue;
    any = true;
    shell.out(describe_node(state, configuration.find_node(state.name)));
  }
  return any ? true : shell.error(fmt::format("node {} does not exist in the cluster", call.args[0]));
}

bool run_status(Shell& shell, const Invocation& call) {
  auto document = live_document(shell);
  if (!document) return shell.error(document.error());
  for (const auto state : elements(document->section("status"))) {
    if (name_of(state) != "node_state") continue;
    if (!call.args.empty() && attr(state, "uname") != call.args[0]) continue;
    std::string line = "<node_state";
    for (const auto& a : state.attributes()) line += fmt::format(" {}=\"{}\"", a.name(), a.value());
    shell.out(line + "/>\n");
  }
  return true;
}

bool change_attribute(Shell& shell, const std::string& node, const char* name, const char* value) {
  return shell.change([&](Configuration& configuration) -> Result<void> {
    const auto element = configuration.find_node(node);
    if (!element) return fail(Errc::kNotFound, "node {} does not exist in the cluster", node);
    set_node_attribute(configuration, element, "instance_attributes", name, value);
    return {};
  });
}

bool run_standby(Shell& shell, const Invocation& call) {
  Invocation rest{call.command, call.args, call.raw};
  bool until_reboot = false;
  if (!rest.args.empty() && (rest.args.back() == "reboot" || rest.args.back() == "forever")) {
    until_reboot = rest.args.back() == "reboot";
    rest.args.pop_back();
  }
  if (rest.args.size() > 1) return shell.usage(call);
  const auto node = node_argument(shell, rest);
  if (!node) return false;
  if (until_reboot) {
    auto done = (*shell.session())->set_attribute(*node, "standby", "on");
    if (!done) return shell.error(done.error());
  } else if (!change_attribute(shell, *node, "standby", "on")) {
    return false;
  }
  shell.info(fmt::format("standby node {}", *node));
  return shell.settle();
}

bool run_online(Shell& shell, const Invocation& call) {
  if (call.args.size() > 1) return shell.usage(call);
  const auto node = node_argument(shell, call);
  if (!node || !change_attribute(shell, *node, "standby", "off")) return false;
  // A standby until reboot would still hold.
  if (auto set = (*shell.session())->attributes("standby", *node); set && !set->empty())
    if (auto done = (*shell.session())->delete_attribute(*node, "standby"); !done)
      return shell.error(done.error());
  shell.info(fmt::format("online node {}", *node));
  return shell.settle();
}

bool run_maintenance(Shell& shell, const Invocation& call) {
  if (call.args.size() > 1) return shell.usage(call);
  const auto node = node_argument(shell, call);
  return node && change_attribute(shell, *node, "maintenance", "true") && shell.settle();
}

bool run_ready(Shell& shell, const Invocation& call) {
  if (call.args.size() > 1) return shell.usage(call);
  const auto node = node_argument(shell, call);
  return node && change_attribute(shell, *node, "maintenance", "false") && shell.settle();
}

bool run_attribute(Shell& shell, const Invocation& call) {
  return node_attribute_command(shell, call, "instance_attributes");
}
bool run_utilization(Shell& shell, const Invocation& call) {
  return node_attribute_command(shell, call, "utilization");
}

bool run_status_attr(Shell& shell, const Invocation& call) {
  const Words& a = call.args;
  const bool set = a.size() == 4 && a[1] == "set",
             other = a.size() == 3 && (a[1] == "delete" || a[1] == "show");
  if (!set && !other) return shell.usage(call);
  auto session = shell.session();
  if (!session) return shell.error(session.error());
  if (set || a[1] == "delete") {
    auto done = set ? (*session)->set_attribute(a[0], a[2], a[3]) : (*session)->delete_attribute(a[0], a[2]);
    return done ? shell.settle() : shell.error(done.error());
  }
  auto values = (*session)->attributes(a[2], a[0]);
  if (!values) return shell.error(values.error());
  if (values->empty()) return shell.error(fmt::format("{}: {} is not set", a[0], a[2]));
  for (const auto& value : *values)
    shell.out(fmt::format("scope=status  name={} value={}\n", value.name, value.value));
  return true;
}

bool run_fence(Shell& shell, const Invocation& call) {
  if (call.args.size() != 1) return shell.usage(call);
  const auto node = node_argument(shell, call);
  if (!node) return false;
  if (shell.interactive && !shell.ask(fmt::format("Fencing {} powers it off at once. Do it", *node)))
    return false;
  auto done = (*shell.session())->fence(*node, "reboot", Milliseconds(0));
  if (!done) return shell.error(done.error());
  shell.info(fmt::format("{} was fenced", *node));
  return true;
}

bool run_clearstate(Shell& shell, const Invocation& call) {
  if (call.args.size() != 1) return shell.usage(call);
  const auto node = node_argument(shell, call);
  if (!node) return false;
  if (!shell.options().force && shell.interactive &&
      !shell.ask(fmt::format("Is {} really off? Resources will be started elsewhere. Continue", *node)))
    return false;
  if (!shell.options().force && !shell.interactive)
    return shell.error(
        fmt::format("make sure that {} is off, then: crm -F node clearstate {}", *node, *node));
  auto done = (*shell.session())->confirm_off(*node);
  return done ? shell.settle() : shell.error(done.error());
}

bool run_delete(Shell& shell, const Invocation& call) {
  if (call.args.size() != 1) return shell.usage(call);
  const auto node = node_argument(shell, call);
  if (!node) return false;
  auto document = live_document(shell);
  if (!document) return shell.error(document.error());
  for (const auto& state : node_states(*document))
    if (state.name == *node && state.online && !shell.options().force)
      return shell.error(
          fmt::format("node {} is online: stop the cluster there first (crm cluster stop)", *node));
  const bool done = shell.change([&](Configuration& configuration) -> Result<void> {
    auto removed = configuration.remove({*node});
    if (!removed) return fail(removed.error());
    return {};
  });
  if (!done) return false;
  cib::Op op;
  op.kind = cib::Op::Kind::kDelete;
  op.section = "status";
  op.xml = fmt::format("<node_state uname=\"{}\"/>", *node);
  if (auto erased = (*shell.session())->cib(std::move(op)); !erased && erased.error().code != Errc::kNotFound)
    return shell.error(erased.error());
  shell.info(fmt::format("node {} deleted; take it out of corosync.conf too", *node));
  return true;
}

constexpr Command kCommands[] = {
    {.name = "show",
     .usage = "[<node>]",
     .brief = "nodes with their attributes",
     .help = "",
     .run = run_show,
     .args = {Arg::kNode, Arg::kNone},
     .other_names = "list"},
    {.name = "status",
     .usage = "[<node>]",
     .brief = "states of nodes as in the CIB",
     .help = "",
     .run = run_status,
     .args = {Arg::kNode, Arg::kNone}},
    {.name = "standby",
     .usage = "[<node>] [reboot|forever]",
     .brief = "move everything off a node",
     .help = "Resources leave the node; it stays a member and votes. With `reboot` only until it "
             "restarts.\n\n  standby node1",
     .run = run_standby,
     .args = {Arg::kNode, Arg::kNone}},
    {.name = "online",
     .usage = "[<node>]",
     .brief = "let a node run resources again",
     .help = "The end of standby.",
     .run = run_online,
     .args = {Arg::kNode, Arg::kNone}},
    {.name = "maintenance",
     .usage = "[<node>]",
     .brief = "leave the resources of a node alone",
     .help = "They keep running and are not watched, until `ready`.",
     .run = run_maintenance,
     .args = {Arg::kNode, Arg::kNone}},
    {.name = "ready",
     .usage = "[<node>]",
     .brief = "the end of maintenance",
     .help = "",
     .run = run_ready,
     .args = {Arg::kNode, Arg::kNone}},
    {.name = "attribute",
     .usage = "<node> {set <name> <value> | delete <name> | show <name>}",
     .brief = "permanent attributes",
     .help = "  attribute node1 set rack r7\n\nRules of locations can ask for them.",
     .run = run_attribute,
     .args = {Arg::kNode, Arg::kAction, Arg::kNone}},
    {.name = "utilization",
     .usage = "<node> {set <name> <value> | delete <name> | show <name>}",
     .brief = "what a node has to offer",
     .help = "  utilization node1 set memory 65536",
     .run = run_utilization,
     .args = {Arg::kNode, Arg::kAction, Arg::kNone}},
    {.name = "status-attr",
     .usage = "<node> {set <name> <value> | delete <name> | show <name>}",
     .brief = "attributes that last until the node restarts",
     .help = "",
     .run = run_status_attr,
     .args = {Arg::kNode, Arg::kAction, Arg::kNone}},
    {.name = "fence",
     .usage = "<node>",
     .brief = "power a node off and on",
     .help = "Through the cluster's fencing devices.",
     .run = run_fence,
     .args = {Arg::kNode, Arg::kNone}},
    {.name = "clearstate",
     .usage = "<node>",
     .brief = "tell the cluster that a node is off",
     .help = "For when fencing failed and you have looked. If the node is not off, data may be lost.",
     .run = run_clearstate,
     .args = {Arg::kNode, Arg::kNone}},
    {.name = "delete",
     .usage = "<node>",
     .brief = "forget a node",
     .help = "The node must be stopped.",
     .run = run_delete,
     .args = {Arg::kNode, Arg::kNone}},
};

constexpr Level kLevel = {.name = "node",
                          .brief = "standby, online, attributes of nodes",
                          .help = "Nodes. Without a name, commands mean the node on which they are given.",
                          .commands = kCommands};

}  // namespace

const Level& node_level() { return kLevel; }

}  // namespace systole::crm
