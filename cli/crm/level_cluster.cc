// The cluster level: the daemon on this node, and how the membership is.
#include "cli/crm/shell.h"
#include "cli/host.h"

namespace systole::crm {
namespace {

constexpr Duration kServiceTimeout = Seconds(600);  // A stop moves every resource away first.
constexpr const char* kUnit = "systole";

bool run_service(Shell& shell, const char* verb) {
  for (const char* program : {"/usr/bin/systemctl", "/bin/systemctl"}) {
    if (!cli::is_executable(program)) continue;
    auto ran =
        cli::run_program({program, verb, kUnit}, {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, {}, kServiceTimeout);
    if (!ran) return shell.error(ran.error());
    if (ran->code != 0) return shell.error(fmt::format("systemctl {} {}: {}", verb, kUnit, ran->errors));
    return true;
  }
  return shell.error(fmt::format("there is no systemctl here: {} the daemon systoled by hand", verb));
}

bool running(Shell& shell) {
  auto session = shell.session();
  return session && (*session)->info().has_value();
}

bool run_start(Shell& shell, const Invocation& call) {
  if (!call.args.empty()) return shell.usage(call);
  if (running(shell)) {
    shell.info("the cluster is already running on this node");
    return true;
  }
  if (!run_service(shell, "start")) return false;
  shell.info("cluster started on this node");
  return true;
}

bool run_stop(Shell& shell, const Invocation& call) {
  if (!call.args.empty()) return shell.usage(call);
  auto session = shell.session();
  if (!session) return shell.error(session.error());
  auto info = (*session)->info();
  if (!info) {
    shell.info("the cluster is not running on this node");
    return true;
  }
  // Asked of the daemon itself: it moves its resources away and leaves in order.
  if (auto done = (*session)->shutdown(info->local_node); !done) return shell.error(done.error());
  shell.info("cluster stopped on this node");
  return true;
}

bool run_restart(Shell& shell, const Invocation& call) {
  return run_stop(shell, call) && run_service(shell, "restart");
}

bool run_status(Shell& shell, const Invocation&) {
  auto session = shell.session();
  if (!session) return shell.error(session.error());
  auto info = (*session)->info(true);
  if (!info) return shell.error(info.error());
  std::string text = fmt::format(
      "Cluster:   {}\nNode:      {} ({})\nState:     {}{}\nDC:        {}\nQuorum:    {} ({} of {} votes, {} "
      "needed)\nRing:      {}.{} {}\n",
      info->cluster_name, info->local_node, info->local_id, info->state,
      info->shutting_down ? ", shutting down" : "", info->dc.empty() ? "none" : info->dc,
      info->quorate ? "yes" : "no", info->votes, info->expected_votes, info->threshold,
      info->ring_representative, info->ring_sequence, info->ring_state);
  for (const auto& node : info->nodes)
    text += fmt::format("  {:<20} {:<4} {}{}\n", node.name, node.id, node.member ? "member" : "lost",
                        node.local ? " (this node)" : "");
  for (const auto& link : info->links)
    text += fmt::format("  link {} to node {}: {} -> {} {}\n", link.link, link.peer, link.local, link.remote,
                        link.up ? fmt::format("up, {:.2f} ms, {:.1f}% lost, mtu {}{}",
                                              static_cast<double>(link.latency_us) / 1000, 100 * link.loss,
                                              link.mtu, link.used ? ", in use" : "")
                                : "DOWN");
  for (const auto& each : info->refused)
    text += fmt::format("  refused: {} frames of {}: {}\n", each.frames, each.sender, each.reason);
  shell.out(text);
  return true;
}

bool run_health(Shell& shell, const Invocation&) {
  auto session = shell.session();
  if (!session) return shell.error(session.error());
  auto info = (*session)->info(true);
  if (!info) return shell.error(info.error());
  bool good = true;
  if (!info->quorate)
    good = shell.error(fmt::format("no quorum: {} of {} votes, {} needed", info->votes, info->expected_votes,
                                   info->threshold));
  if (info->dc.empty()) good = shell.error("there is no DC: nothing is decided");
  for (const auto& node : info->nodes)
    if (!node.member) good = shell.error(fmt::format("node {} is lost", node.name));
  for (const auto& link : info->links)
    if (!link.up) good = shell.error(fmt::format("link {} to node {} is down", link.link, link.peer));
  if (good) shell.info("membership, quorum, DC and links are well");
  return good;
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
     .help = "systemctl start systole",
     .run = run_start},
    {.name = "stop",
     .usage = "",
     .brief = "stop the cluster on this node",
     .help = "Resources move to other nodes first; the command returns when the node has left.",
     .run = run_stop},
    {.name = "restart", .usage = "", .brief = "stop and start", .help = "", .run = run_restart},
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
     .brief = "is anything wrong with the membership?",
     .help = "Exit code 1 when something is.",
     .run = run_health},
};

constexpr Level kLevel = {.name = "cluster",
                          .brief = "the cluster on this node, its membership",
                          .help = "Start and stop of this node, and how the membership is.",
                          .commands = kCommands};

}  // namespace

const Level& cluster_level() { return kLevel; }

}  // namespace systole::crm
