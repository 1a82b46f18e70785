// The cluster level: the daemon on this node, and how the membership is.
#include "cli/crm/shell.h"
#include "cli/health.h"
#include "cli/host.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/ring_view.h"

namespace systole::crm {
namespace {

constexpr Duration kServiceTimeout = Seconds(600);  // A stop moves every resource away first.
constexpr Duration kStartupTimeout = Seconds(60);
constexpr const char* kUnit = "systole";

// crmsh takes names of nodes and --all here, and goes there by ssh. This shell acts on its own host.
bool on_this_node(Shell& shell, const Invocation& call) {
  if (call.args.empty()) return true;
  return shell.error(fmt::format("crm cluster {} acts on this node only: run it on each of the others too",
                                 call.command.name));
}

std::string systemctl() {
  for (const char* program : {"/usr/bin/systemctl", "/bin/systemctl"}) {
    if (cli::is_executable(program) && cli::file_exists("/run/systemd/system")) return program;
  }
  return "";
}

bool run_service(Shell& shell, const char* verb) {
  const std::string program = systemctl();
  if (program.empty())
    return shell.error(fmt::format(
        "systemd does not run here, and nothing else that this shell could ask to {} the unit {}: {}", verb,
        kUnit,
        std::string_view(verb) == "start" || std::string_view(verb) == "restart"
            ? "start the program systoled as this host starts its services"
            : "change it where this host keeps what it starts"));
  auto ran =
      cli::run_program({program, verb, kUnit}, {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, {}, kServiceTimeout);
  if (!ran) return shell.error(ran.error());
  if (ran->code != 0)
    return shell.error(
        fmt::format("systemctl {} {}: {}; see: journalctl -u {}", verb, kUnit, ran->errors, kUnit));
  return true;
}

bool running(Shell& shell) {
  auto session = shell.session();
  return session && (*session)->info().has_value();
}

bool run_start(Shell& shell, const Invocation& call) {
  if (!on_this_node(shell, call)) return false;
  if (running(shell)) {
    shell.info("the cluster is already running on this node");
    return true;
  }
  if (!run_service(shell, "start")) return false;
  shell.info("cluster started on this node");
  return true;
}

// Asked of the daemon itself: it moves its resources away and leaves in order.
bool run_stop(Shell& shell, const Invocation& call) {
  if (!on_this_node(shell, call)) return false;
  auto session = shell.session();
  if (!session) return shell.error(session.error());
  auto info = (*session)->info();
  if (!info && info.error().code == Errc::kUnavailable) {
    shell.info("the cluster is not running on this node");
    return true;
  }
  if (!info) return shell.error(info.error());
  if (auto done = (*session)->shutdown(info->local_node); !done) return shell.error(done.error());
  shell.info("cluster stopped on this node");
  return true;
}

bool run_restart(Shell& shell, const Invocation& call) {
  if (!on_this_node(shell, call)) return false;
  if (systemctl().empty())
    return shell.error(
        "systemd does not run here, so nothing would start the cluster again: it is not stopped. Use: crm "
        "cluster "
        "stop, then start the program systoled");
  return run_stop(shell, call) && run_service(shell, "restart");
}

bool run_enable(Shell& shell, const Invocation& call) {
  return on_this_node(shell, call) && run_service(shell, "enable");
}
bool run_disable(Shell& shell, const Invocation& call) {
  return on_this_node(shell, call) && run_service(shell, "disable");
}

bool run_wait_for_startup(Shell& shell, const Invocation& call) {
  Duration most = kStartupTimeout;
  if (call.args.size() > 1) return shell.usage(call);
  if (!call.args.empty()) {
    const auto given = cli::parse_interval(call.args.front());
    if (!given)
      return shell.error(fmt::format("{} is no time: 60, 90s, 2min", cli::printable(call.args.front())));
    most = *given;
  }
  if (auto session = shell.session(); session && (*session)->place() != cli::Session::Place::kLive)
    return shell.error("this is a file or a shadow configuration, no cluster to wait for");
  const WallTime end = shell.context().now() + most;
  for (;;) {
    auto session = shell.session();
    if (!session) return shell.error(session.error());
    const auto info = (*session)->info();
    if (info && info->synced && info->state != "S_STARTING") return true;
    if (info || info.error().code == Errc::kUnavailable) {
      if (shell.context().now() >= end)
        return shell.error(info ? fmt::format("this node is still in the state {}", info->state)
                                : info.error().message);
    } else {
      return shell.error(info.error());
    }
    cli::sleep_for(Milliseconds(200));
  }
}

bool run_status(Shell& shell, const Invocation& call) {
  if (!call.args.empty()) return shell.usage(call);
  auto session = shell.session();
  if (!session) return shell.error(session.error());
  auto info = (*session)->info(true);
  if (!info) return shell.error(info.error());
  shell.out(fmt::format("Node {} of cluster {}\n  State:     {}{}\n  DC:        {}\n\n",
                        cli::printable(info->local_node), cli::printable(info->cluster_name), info->state,
                        info->shutting_down ? ", shutting down" : "", info->dc.empty() ? "NONE" : info->dc));
  shell.out(cli::ring_text({std::move(*info), shell.context().now()}));
  return true;
}

bool run_health(Shell& shell, const Invocation& call) {
  if (!call.args.empty()) return shell.usage(call);
  auto session = shell.session();
  if (!session) return shell.error(session.error());
  auto info = (*session)->info(true);
  if (!info) {
    if (info.error().code != Errc::kUnavailable) return shell.error(info.error());
    return shell.error(info.error().message + " (crm cluster start starts it)");
  }
  auto document = (*session)->document();
  if (!document) return shell.error(document.error());
  cli::HealthInput input;
  input.info = std::move(*info);
  input.document = &*document;
  input.now = shell.context().now();
  if (auto events = (*session)->fence_history()) input.fencing = std::move(*events);
  if (auto versions = (*session)->history(1); versions && !versions->empty())
    input.last_change = versions->front();
  input.clock_synchronised = cli::clock_synchronised();
  const std::string& state = shell.context().paths.state;
  if (const auto space = cli::disk_space(state)) input.disk = {state, space->free, space->size};
  const auto findings = cli::check_health(input);
  shell.out(cli::health_text(findings));
  const auto wrong = std::count_if(findings.begin(), findings.end(),
                                   [](const auto& f) { return f.grade == cli::Finding::Grade::kWrong; });
  if (wrong == 0) return true;
  return shell.error(fmt::format("{} thing{} wrong", wrong, wrong == 1 ? " is" : "s are"));
}

bool run_reload(Shell& shell, const Invocation& call) {
  if (!call.args.empty()) return shell.usage(call);
  auto session = shell.session();
  if (!session) return shell.error(session.error());
  if (auto done = (*session)->reload_ring(); !done) return shell.error(done.error());
  shell.info("corosync.conf was read again by all members");
  return true;
}

bool run_rotate_key(Shell& shell, const Invocation& call) {
  if (!call.args.empty()) return shell.usage(call);
  auto session = shell.session();
  if (!session) return shell.error(session.error());
  if (auto done = (*session)->rotate_key(); !done) return shell.error(done.error());
  shell.info("the cluster has a new key, and every node has stored it");
  return true;
}

constexpr Command kCommands[] = {
    {.name = "start",
     .usage = "",
     .brief = "start the cluster on this node",
     .help = "systemctl start systole. Without systemd, start the program systoled.",
     .run = run_start},
    {.name = "stop",
     .usage = "",
     .brief = "stop the cluster on this node",
     .help = "Resources move to other nodes first; the command returns when the node has left.",
     .run = run_stop},
    {.name = "restart", .usage = "", .brief = "stop and start", .help = "", .run = run_restart},
    {.name = "enable",
     .usage = "",
     .brief = "start with this host",
     .help = "systemctl enable systole",
     .run = run_enable},
    {.name = "disable",
     .usage = "",
     .brief = "do not start with this host",
     .help = "systemctl disable systole",
     .run = run_disable},
    {.name = "wait_for_startup",
     .usage = "[TIME]",
     .brief = "wait until this node takes part",
     .help = "At most TIME (60s).",
     .run = run_wait_for_startup},
    {.name = "reload",
     .usage = "",
     .brief = "read corosync.conf again on all members",
     .help =
         "Nodes and links are added and removed, timers changed, while the cluster runs. The file must be "
         "the same\n"
         "on all members. Where one is not ready, nothing changes. A node is stopped before it is removed.",
     .run = run_reload},
    {.name = "rotate-key",
     .usage = "",
     .brief = "a new cluster key on all nodes",
     .help =
         "All configured nodes must be in the ring. Both keys are valid until every node has the new one.",
     .run = run_rotate_key},
    {.name = "status", .usage = "", .brief = "membership, quorum, links", .help = "", .run = run_status},
    {.name = "health",
     .usage = "",
     .brief = "what is wrong, and what to do about it",
     .help = "Looks at ring, nodes, quorum, links, refused frames, this host's clock and disk, and fencing.\n"
             "Exit code 1 when something is wrong; a note is no fault.",
     .run = run_health},
};

constexpr Level kLevel = {.name = "cluster",
                          .brief = "the cluster on this node, its membership",
                          .help = "Start and stop of this node, and how the membership is.",
                          .commands = kCommands};

}  // namespace

const Level& cluster_level() { return kLevel; }

}  // namespace systole::crm
