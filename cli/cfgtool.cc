// corosync-cfgtool: the ring's links, and commands to the daemons.
#include <map>
#include <set>

#include "cli/corosync_tools.h"
#include "cli/output.h"
#include "cli/tools.h"

namespace systole::cli {
namespace {

using T = Option::Takes;

Manual manual() {
  return {
      "the ring's links",
      "COMMAND",
      {{"Commands",
        {{"status", 's', T::kNothing, "", "This node's links, and each node's state on them"},
         {"nodes", 'n', T::kNothing, "", "Peers that can be reached, and the links to them"},
         {"address", 'a', T::kValue, "NODEID", "Addresses of a node"},
         {"reload", 'R', T::kNothing, "", "Reload corosync.conf on all nodes"},
         {"kill", 'k', T::kValue, "NODEID", "Stop the cluster on that node; its resources move away first"},
         {"shutdown", 'H', T::kNothing, "", "Stop the cluster on this node"},
         {"reopen-logs", 'L', T::kNothing, "",
          "Nothing to do: a log file that was moved away is made anew"}}},
       {"Options",
        {{"brief", 'b', T::kNothing, "",
          "With -s: one character a node (n: this one, 3: connected, 1: not), and exit code 1 when a link is "
          "down"},
         {"interface", 'i', T::kValue, "LINK", "With -s: only the link of this number or address"},
         {"force", 0, T::kNothing, "", "Accepted"},
         {"help", 'h', T::kNothing, "", nullptr}}}},
      "  corosync-cfgtool -s       links\n  corosync-cfgtool -n       peers, with the size of packets that "
      "pass\n"
      "  corosync-cfgtool -R       after each change of corosync.conf\n"
      "See also: systole ring\n"};
}

const ClusterInfo::Link* link_to(const ClusterInfo& info, std::uint32_t peer, std::uint32_t number) {
  for (const auto& link : info.links) {
    if (link.peer == peer && link.link == number) return &link;
  }
  return nullptr;
}

// This node's links: number and address.
std::map<std::uint32_t, std::string> own_links(const ClusterInfo& info) {
  std::map<std::uint32_t, std::string> own;
  if (const auto* local = info.find(info.local_id)) {
    for (std::uint32_t number = 0; number < local->addresses.size(); ++number) {
      if (!local->addresses[number].empty()) own[number] = local->addresses[number];
    }
  }
  for (const auto& link : info.links) own[link.link] = link.local;
  return own;
}

bool has_link(const ClusterInfo& info, const ClusterInfo::Node& node, std::uint32_t number) {
  return node.local || link_to(info, node.id, number) != nullptr;
}

std::string head(const ClusterInfo& info) {
  return fmt::format("Local node ID {}, transport {}\n", info.local_id,
                     info.transport.empty() ? "udpu" : info.transport);
}

int print_links(Context& context, const ClusterInfo& info, const Parsed& parsed) {
  const std::string wanted = parsed.value("interface");
  std::string text = head(info);
  bool found = false, faulty = false;
  for (const auto& [number, address] : own_links(info)) {
    if (!wanted.empty() && wanted != address && wanted != std::to_string(number)) continue;
    found = true;
    std::string brief, lines;
    for (const auto& node : info.nodes) {
      if (!has_link(info, node, number)) continue;
      const auto* link = link_to(info, node.id, number);
      const bool up = node.local || link->up;
      faulty |= !up;
      brief += node.local ? 'n' : up ? '3' : '1';
      lines += fmt::format("\t\tnodeid: {:>10}:\t{}\n", node.id,
                           node.local ? "localhost"
                           : up       ? "connected"
                                      : "disconnected");
    }
    text += fmt::format("LINK ID {} udp\n\taddr\t= {}\n\tstatus{}", number, printable(address),
                        parsed.has("brief") ? fmt::format("\t= {}\n", brief) : ":\n" + lines);
  }
  if (!wanted.empty() && !found)
    return corosync_error(context,
                          fmt::format("this node has no link {}: corosync-cfgtool -s shows them", wanted));
  context.console->out(text);
  return parsed.has("brief") && faulty ? 1 : 0;
}

void print_peers(Context& context, const ClusterInfo& info) {
  std::string text = head(info);
  for (const auto& node : info.nodes) {
    std::string lines;
    bool reachable = false;
    for (const auto& link : info.links) {
      if (link.peer != node.id) continue;
      reachable |= link.up;
      lines += fmt::format("   LINK: {} udp ({}->{}) enabled{} mtu: {}\n", link.link, printable(link.local),
                           printable(link.remote), link.up ? " connected" : "", link.mtu);
    }
    if (reachable) text += fmt::format("nodeid: {} reachable\n{}\n", node.id, lines);
  }
  context.console->out(text);
}

int print_addresses(Context& context, const ClusterInfo& info, const std::string& given) {
  const auto id = whole_number(given, 1, UINT32_MAX);
  const auto* node = id ? info.find(static_cast<std::uint32_t>(*id)) : nullptr;
  if (node == nullptr) return corosync_error(context, "Could not get node address for nodeid " + given);
  std::vector<std::string> addresses;
  for (const std::string& address : node->addresses) {
    if (!address.empty()) addresses.push_back(printable(address));
  }
  context.console->out(fmt::format("{}\n", fmt::join(addresses, " ")));
  return 0;
}

// Corosync ends the other daemon at once, and its node is fenced. Here it leaves in order.
int kill_node(Context& context, Session& session, const std::string& given) {
  const auto info = ring_info(context, session);
  if (!info) return 1;
  const auto id = whole_number(given, 1, UINT32_MAX);
  const auto* node = id ? info->find(static_cast<std::uint32_t>(*id)) : nullptr;
  context.console->out(fmt::format("Killing node {}\n", printable(given)));
  context.console->flush();
  if (node == nullptr || !node->member)
    return corosync_error(context,
                          fmt::format("Could not kill node {} (error = CS_ERR_NOT_EXIST): {}", given,
                                      node == nullptr ? "there is none of this id" : "it is not a member"));
  const auto done = session.shutdown(node->name);
  return done ? 0 : corosync_error(context, done.error().message);
}

int reload(Context& context, Session& session) {
  context.console->out("Reloading corosync.conf...\n");
  context.console->flush();
  if (const auto done = session.reload_ring(); !done) return corosync_error(context, done.error().message);
  context.console->out("Done\n");
  return 0;
}

}  // namespace

int run_cfgtool(Context& context) {
  Parsed parsed;
  if (const auto done = begin_corosync(context, manual(), parsed)) return *done;
  const std::string command =
      parsed.last_of({"status", "nodes", "address", "reload", "kill", "shutdown", "reopen-logs"});
  if (command.empty() && !parsed.has("brief")) {
    context.console->out(help_text(context.name, manual()));
    return 0;
  }
  auto session = context.session();
  if (!session) return corosync_error(context, session.error().message);
  if (command == "reload") return reload(context, **session);
  if (command == "kill") return kill_node(context, **session, parsed.value("kill"));
  if (command == "shutdown") {
    const auto done = (*session)->shutdown("");
    return done ? 0 : corosync_error(context, done.error().message);
  }
  const auto info = ring_info(context, **session);
  if (!info) return 1;
  if (command == "reopen-logs") return 0;  // The daemon runs, and sees to it.
  if (command == "address") return print_addresses(context, *info, parsed.value("address"));
  if (command == "nodes") {
    print_peers(context, *info);
    return 0;
  }
  return print_links(context, *info, parsed);
}

}  // namespace systole::cli
