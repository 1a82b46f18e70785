// The resource level: what is done to resources that are configured already.
#include <algorithm>

#include "cli/crm/attribute_commands.h"
#include "cli/crm/attributes.h"
#include "cli/crm/move.h"
#include "cli/crm/running.h"
#include "cli/crm/shell.h"
#include "cli/crm/simulate.h"
#include "cli/crm/xml.h"
#include "cli/status.h"

namespace systole::crm {
namespace {

Result<cib::Document> live_document(Shell& shell) {
  auto session = shell.session();
  if (!session) return fail(session.error());
  return (*session)->document();
}

bool is_resource(pugi::xml_node node) {
  const Kind* kind = kind_of(node);
  return kind != nullptr && kind->resource;
}

// Members that say otherwise would win over their container: what they say is taken away.
void clear_members(pugi::xml_node resource, std::string_view name, std::vector<std::string>& cleared) {
  for (const auto member : elements(resource)) {
    if (!is_resource(member)) continue;
    for (auto set : member.children("meta_attributes"))
      if (auto pair = find_nvpair(set, name)) {
        set.remove_child(pair);
        cleared.emplace_back(attr(member, "id"));
      }
    clear_members(member, name, cleared);
  }
}

// Sets a meta attribute on every resource named.
bool set_meta(Shell& shell, const Words& ids, const char* name, const char* value) {
  std::vector<std::string> cleared;
  const bool done = shell.change([&](Configuration& configuration) -> Result<void> {
    for (const auto& id : ids) {
      const auto resource = configuration.find_resource(id);
      if (!resource) return fail(Errc::kNotFound, "resource {} does not exist", id);
      set_resource_attribute(configuration, resource, "meta_attributes", name, value);
      clear_members(resource, name, cleared);
    }
    return {};
  });
  if (done)
    for (const auto& id : cleared)
      shell.info(fmt::format("{} of member {} removed, so that the container's holds", name, id));
  return done;
}

template <const char* kName, const char* kValue>
bool run_set_meta(Shell& shell, const Invocation& call) {
  if (call.args.empty()) return shell.usage(call);
  return set_meta(shell, call.args, kName, kValue) && shell.settle();
}

constexpr char kTargetRole[] = "target-role", kIsManaged[] = "is-managed";
constexpr char kStarted[] = "Started", kStopped[] = "Stopped", kPromoted[] = "Promoted",
               kUnpromoted[] = "Unpromoted";
constexpr char kTrue[] = "true", kFalse[] = "false";

bool run_restart(Shell& shell, const Invocation& call) {
  if (call.args.empty()) return shell.usage(call);
  auto document = live_document(shell);
  if (!document) return shell.error(document.error());
  const Configuration configuration(document->root());
  for (const auto& id : call.args) {
    const auto resource = configuration.find_resource(id);
    if (!resource) return shell.error(fmt::format("resource {} does not exist", id));
    if (places_of(*document, id).empty())
      return shell.error(fmt::format("resource {} is not running: `resource start {}`", id, id));
  }
  const std::string names = join(call.args, " ");
  shell.info(fmt::format("ordering {} to stop", names));
  if (!set_meta(shell, call.args, kTargetRole, kStopped)) return false;
  // However the waiting ends, it must be started again.
  const bool stopped = shell.settle(true);
  shell.info(fmt::format("ordering {} to start", names));
  return set_meta(shell, call.args, kTargetRole, kStarted) && stopped && shell.settle();
}

bool run_maintenance(Shell& shell, const Invocation& call) {
  if (call.args.empty() || call.args.size() > 2) return shell.usage(call);
  const std::string state = call.args.size() == 2 ? lower(call.args[1]) : "on";
  if (state != "on" && state != "off" && state != "true" && state != "false") return shell.usage(call);
  return set_meta(shell, {call.args[0]}, "maintenance",
                  state == "on" || state == "true" ? "true" : "false") &&
         shell.settle();
}

std::string where(const cib::Document& document, const std::string& id) {
  const auto places = places_of(document, id);
  if (places.empty()) return fmt::format("resource {} is NOT running\n", id);
  std::string text;
  for (const auto& place : places)
    text +=
        fmt::format("resource {} is running on: {} {}\n", id, place.node, place.promoted ? "Promoted" : "");
  return text;
}

bool run_locate(Shell& shell, const Invocation& call) {
  if (call.args.empty()) return shell.usage(call);
  auto document = live_document(shell);
  if (!document) return shell.error(document.error());
  for (const auto& id : call.args) {
    if (!Configuration(document->root()).find_resource(id))
      return shell.error(fmt::format("resource {} does not exist", id));
    shell.out(where(*document, id));
  }
  return true;
}

bool run_status(Shell& shell, const Invocation& call) {
  if (!call.args.empty()) return run_locate(shell, call);
  auto document = live_document(shell);
  if (!document) return shell.error(document.error());
  cli::StatusOptions options;
  options.inactive = true;
  options.header = options.nodes = options.failures = options.times = options.stack = options.dc =
      options.counts = false;
  options.fence_history = 0;
  cli::StatusInput input;
  input.document = &*document;
  input.now = shell.context().now();
  shell.out(cli::render_status(input, options));
  return true;
}

bool clean(Shell& shell, const Invocation& call, bool refresh) {
  if (call.args.size() > 3) return shell.usage(call);
  auto document = live_document(shell);
  if (!document) return shell.error(document.error());
  cli::Cleanup what;
  if (!call.args.empty()) what.resource = call.args[0];
  if (call.args.size() > 1) what.node = call.args[1];
  what.refresh = refresh;
  const Configuration configuration(document->root());
  if (!what.resource.empty() && !configuration.find_resource(what.resource))
    return shell.error(fmt::format("resource {} does not exist", what.resource));
  if (!what.node.empty() && !configuration.find_node(what.node))
    return shell.error(fmt::format("node {} does not exist", what.node));
  if (auto done = (*shell.session())->cleanup(what); !done) return shell.error(done.error());
  for (const auto& node : node_states(*document))
    if (node.online && (what.node.empty() || what.node == node.name))
      shell.out(fmt::format("Cleaned up {} on {}\n", what.resource.empty() ? "all resources" : what.resource,
                            node.name));
  return shell.settle();
}

bool run_cleanup(Shell& shell, const Invocation& call) { return clean(shell, call, false); }
bool run_refresh(Shell& shell, const Invocation& call) { return clean(shell, call, true); }

bool run_param(Shell& shell, const Invocation& call) {
  return resource_attribute_command(shell, call, "instance_attributes");
}
bool run_meta(Shell& shell, const Invocation& call) {
  return resource_attribute_command(shell, call, "meta_attributes");
}
bool run_utilization(Shell& shell, const Invocation& call) {
  return resource_attribute_command(shell, call, "utilization");
}

bool run_failcount(Shell& shell, const Invocation& call) {
  // RSC {show|set|delete} NODE [VALUE]
  const Words& a = call.args;
  const bool known =
      a.size() >= 3 && (a[1] == "show" || a[1] == "delete" || (a[1] == "set" && a.size() == 4));
  if (!known) return shell.usage(call);
  auto document = live_document(shell);
  if (!document) return shell.error(document.error());
  if (!Configuration(document->root()).find_resource(a[0]))
    return shell.error(fmt::format("resource {} does not exist", a[0]));
  if (!Configuration(document->root()).find_node(a[2]))
    return shell.error(fmt::format("node {} does not exist", a[2]));
  if (a[1] == "show") {
    const int count = fail_count(*document, a[0], a[2]);
    shell.out(fmt::format("scope=status  name=fail-count-{} value={}\n", a[0],
                          count >= 1'000'000 ? "INFINITY" : std::to_string(count)));
    return true;
  }
  if (a[1] == "delete") {
    auto done = (*shell.session())->cleanup({.resource = a[0], .node = a[2]});
    return done ? shell.settle() : shell.error(done.error());
  }
  auto done = (*shell.session())->set_attribute(a[2], "fail-count-" + a[0], a[3]);
  return done ? shell.settle() : shell.error(done.error());
}

constexpr Command kCommands[] = {
    {.name = "status",
     .usage = "[<rsc>...]",
     .brief = "all resources, or where one runs",
     .help = "  status\n  status WebIP",
     .run = run_status,
     .args = {Arg::kResource},
     .other_names = "list,show"},
    {.name = "start",
     .usage = "<rsc> [<rsc>...]",
     .brief = "let the cluster start it",
     .help = "Sets target-role=Started. The cluster starts it where it may run; with -w the command waits "
             "until then.",
     .run = run_set_meta<kTargetRole, kStarted>,
     .args = {Arg::kResource}},
    {.name = "stop",
     .usage = "<rsc> [<rsc>...]",
     .brief = "let the cluster stop it",
     .help = "Sets target-role=Stopped: it stays stopped until `start`.",
     .run = run_set_meta<kTargetRole, kStopped>,
     .args = {Arg::kResource}},
    {.name = "restart",
     .usage = "<rsc> [<rsc>...]",
     .brief = "stop, wait, start",
     .help = "What depends on it is stopped and started too.",
     .run = run_restart,
     .args = {Arg::kResource}},
    {.name = "promote",
     .usage = "<clone>",
     .brief = "let instances be promoted",
     .help = "Sets target-role=Promoted on a promotable clone.",
     .run = run_set_meta<kTargetRole, kPromoted>,
     .args = {Arg::kResource}},
    {.name = "demote",
     .usage = "<clone>",
     .brief = "no promoted instances",
     .help = "Sets target-role=Unpromoted on a promotable clone.",
     .run = run_set_meta<kTargetRole, kUnpromoted>,
     .args = {Arg::kResource}},
    {.name = "move",
     .usage = "<rsc> [<node>] [<lifetime>] [force]",
     .brief = "move it to another node",
     .help =
         "Makes a location constraint: with a node one that prefers it (cli-prefer-RSC), without one that "
         "keeps the resource\n"
         "off the node where it runs now. It stays until `clear`, or for the lifetime (PT1H, 30min, 2h).\n\n"
         "  move WebIP node2\n  clear WebIP",
     .run = run_move,
     .args = {Arg::kResource, Arg::kNode, Arg::kNone},
     .other_names = "migrate"},
    {.name = "ban",
     .usage = "<rsc> [<node>] [<lifetime>]",
     .brief = "keep it off a node",
     .help = "Makes the location constraint cli-ban-RSC-on-NODE; `clear` takes it away.",
     .run = run_ban,
     .args = {Arg::kResource, Arg::kNode, Arg::kNone}},
    {.name = "clear",
     .usage = "<rsc> [<node>]",
     .brief = "take away what move and ban made",
     .help = "",
     .run = run_clear,
     .args = {Arg::kResource, Arg::kNode, Arg::kNone},
     .other_names = "unmove,unmigrate,unban"},
    {.name = "cleanup",
     .usage = "[<rsc>] [<node>]",
     .brief = "forget failures",
     .help = "Forgets failed operations and fail counts, of one resource or all: the cluster looks again and "
             "recovers.",
     .run = run_cleanup,
     .args = {Arg::kResource, Arg::kNode, Arg::kNone}},
    {.name = "refresh",
     .usage = "[<rsc>] [<node>]",
     .brief = "forget all history and ask the agents anew",
     .help = "Like cleanup, and also where nothing failed.",
     .run = run_refresh,
     .args = {Arg::kResource, Arg::kNode, Arg::kNone},
     .other_names = "reprobe"},
    {.name = "locate",
     .usage = "<rsc>...",
     .brief = "where it runs",
     .help = "",
     .run = run_locate,
     .args = {Arg::kResource}},
    {.name = "manage",
     .usage = "<rsc>...",
     .brief = "let the cluster take care of it again",
     .help = "Sets is-managed=true.",
     .run = run_set_meta<kIsManaged, kTrue>,
     .args = {Arg::kResource}},
    {.name = "unmanage",
     .usage = "<rsc>...",
     .brief = "leave it alone",
     .help = "Sets is-managed=false: it is watched, but not started or stopped.",
     .run = run_set_meta<kIsManaged, kFalse>,
     .args = {Arg::kResource}},
    {.name = "maintenance",
     .usage = "<rsc> [on|off]",
     .brief = "not even watched",
     .help = "Sets the meta attribute maintenance.",
     .run = run_maintenance,
     .args = {Arg::kResource, Arg::kOnOff, Arg::kNone}},
    {.name = "param",
     .usage = "<rsc> {set <name> <value> | delete <name> | show <name>}",
     .brief = "parameters of the agent",
     .help = "  param WebIP set ip 192.0.2.11\n  param WebIP show ip",
     .run = run_param,
     .args = {Arg::kResource, Arg::kAction, Arg::kParameter, Arg::kNone}},
    {.name = "meta",
     .usage = "<rsc> {set <name> <value> | delete <name> | show <name>}",
     .brief = "meta attributes",
     .help = "  meta WebIP set priority 10",
     .run = run_meta,
     .args = {Arg::kResource, Arg::kAction, Arg::kMetaAttribute, Arg::kNone}},
    {.name = "utilization",
     .usage = "<rsc> {set <name> <value> | delete <name> | show <name>}",
     .brief = "what it uses of a node",
     .help = "  utilization db set memory 4096",
     .run = run_utilization,
     .args = {Arg::kResource, Arg::kAction, Arg::kNone}},
    {.name = "failcount",
     .usage = "<rsc> {show <node> | delete <node> | set <node> <value>}",
     .brief = "how often it failed on a node",
     .help = "  failcount WebIP show node1",
     .run = run_failcount,
     .args = {Arg::kResource, Arg::kAction, Arg::kNode, Arg::kNone}},
    {.name = "scores",
     .usage = "",
     .brief = "the scores of all resources on all nodes",
     .help = "",
     .run = run_scores},
};

constexpr Level kLevel = {.name = "resource",
                          .brief = "start, stop, move, clean up resources",
                          .help =
                              "What is done to resources that are configured. Commands take effect at once; "
                              "with `crm -w` they wait until the\n"
                              "cluster has done what follows.",
                          .commands = kCommands};

}  // namespace

const Level& resource_level() { return kLevel; }

}  // namespace systole::crm
