// corosync-quorumtool, corosync-cfgtool and corosync-cmapctl: the ring as Corosync's tools show it.
#include <map>

#include "cli/host.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/tools.h"

namespace systole::cli {
namespace {

using T = Option::Takes;

std::string flags(const ClusterInfo& info) {
  std::string text;
  if (info.two_node) text += "2Node ";
  if (info.quorate) text += "Quorate ";
  if (info.wait_for_all) text += "WaitForAll ";
  if (info.last_man_standing) text += "LastManStanding ";
  if (info.auto_tie_breaker) text += "AutoTieBreaker ";
  if (info.allow_downscale) text += "AllowDownscale ";
  if (info.device_votes > 0) text += "Qdevice ";
  return text;
}

std::string rule(std::string_view title) {
  return fmt::format("{}\n{}\n", title, std::string(title.size(), '-'));
}

std::string nodes_text(const ClusterInfo& info) {
  // With a device each node says whether it is there, votes, and may win alone.
  const bool device = info.device_votes > 0;
  const std::string state =
      !device ? ""
              : fmt::format(" {:>10}", fmt::format("A,{},{}", info.device_casts ? "V" : "NV",
                                                   info.device_master_wins ? "MW" : "NMW"));
  std::string text = "\n" + rule("Membership information") + "    Nodeid      Votes " +
                     (device ? "   Qdevice Name\n" : "Name\n");
  for (const auto& node : info.nodes) {
    if (node.member)
      text += fmt::format("{:10} {:10}{} {}{}\n", node.id, node.votes, state, printable(node.name),
                          node.local ? " (local)" : "");
  }
  if (device)
    text += fmt::format("{:10} {:10} {:>10} Qdevice\n", 0, info.device_casts ? info.device_votes : 0, "");
  return text;
}

std::string status_text(const ClusterInfo& info, std::int64_t now) {
  const auto members =
      std::count_if(info.nodes.begin(), info.nodes.end(), [](const auto& n) { return n.member; });
  std::string text = rule("Quorum information");
  text += fmt::format("Date:             {}\nQuorum provider:  corosync_votequorum\nNodes:            {}\n",
                      ctime_text(now), members);
  text +=
      fmt::format("Node ID:          {}\nRing ID:          {:x}.{:x}\nQuorate:          {}\n\n",
                  info.local_id, info.ring_representative, info.ring_sequence, info.quorate ? "Yes" : "No");
  text += rule("Votequorum information");
  text += fmt::format("Expected votes:   {}\nHighest expected: {}\nTotal votes:      {}\n",
                      info.expected_votes, info.expected_votes, info.votes);
  text += fmt::format("Quorum:           {}{}\nFlags:            {}\n", info.threshold,
                      info.quorate ? "" : " Activity blocked", flags(info));
  return text + nodes_text(info);
}

}  // namespace

int run_quorumtool(Context& context) {
  Parsed parsed;
  const Manual manual{
      "quorum, votes and members",
      "[options]",
      {{"Options",
        {{"status", 's', T::kNothing, "", "Quorum and members (default); exit 2 without quorum"},
         {"status-parseable", 'p', T::kNothing, "", "The same, as programs read it"},
         {"list", 'l', T::kNothing, "", "Members only"},
         {"monitor", 'm', T::kNothing, "", "Print the status whenever it changes"},
         {"expected", 'e', T::kValue, "VOTES", "Set the expected votes"},
         {"ids", 'i', T::kNothing, "", "Accepted"},
         {"forcenames", 'f', T::kNothing, "", "Accepted"}}}},
      "  corosync-quorumtool -s\n"};
  if (const auto done = begin(context, manual, parsed)) return *done;
  auto session = context.session();
  if (!session) return report(context, session.error());
  if (parsed.has("expected")) {
    const auto votes = parse_interval(parsed.value("expected"), Milliseconds(1));
    if (!votes || votes->count() < 1 || votes->count() > 0xFFFF) {
      context.console->err("corosync-quorumtool: --expected needs a number of votes from 1 to 65535\n");
      return 64;
    }
    const auto done = (*session)->set_expected_votes(static_cast<unsigned>(votes->count()));
    return done ? 0 : report(context, done.error());
  }
  const auto info = (*session)->info(true);
  if (!info) {
    report(context, info.error());
    return 1;
  }
  context.console->out(parsed.has("list") ? nodes_text(*info)
                                          : status_text(*info, epoch_seconds(context.now())));
  while (parsed.has("monitor")) {
    context.console->flush();
    const auto changed = (*session)->wait_change(Seconds(60));
    if (!changed) return report(context, changed.error());
    const auto next = (*session)->info(true);
    if (!next) return report(context, next.error());
    if (next->quorate != info->quorate || *changed)
      context.console->out(status_text(*next, epoch_seconds(context.now())));
  }
  return parsed.has("list") || info->quorate ? 0 : 2;
}

namespace {

// One block a link: its own address, and the peers reached over it.
std::string links_text(const ClusterInfo& info, bool brief) {
  std::map<std::uint32_t, std::vector<const ClusterInfo::Link*>> by_link;
  for (const auto& link : info.links) by_link[link.link].push_back(&link);
  std::string text = fmt::format("Local node ID {}, transport udp\n", info.local_id);
  for (const auto& [number, peers] : by_link) {
    text += fmt::format("LINK ID {} udp\n\taddr\t= {}\n\tstatus", number, printable(peers.front()->local));
    if (brief) {
      std::string bits;
      for (const auto& node : info.nodes) {
        const auto peer =
            std::find_if(peers.begin(), peers.end(), [&](const auto* p) { return p->peer == node.id; });
        bits += node.local ? 'n' : peer != peers.end() && (*peer)->up ? '3' : '1';
      }
      text += "\t= " + bits + "\n";
      continue;
    }
    text += ":\n";
    for (const auto& node : info.nodes) {
      const auto peer =
          std::find_if(peers.begin(), peers.end(), [&](const auto* p) { return p->peer == node.id; });
      const char* state = node.local                           ? "localhost"
                          : peer != peers.end() && (*peer)->up ? "connected"
                                                               : "disconnected";
      text += fmt::format("\t\tnodeid: {:>10}:\t{}\n", node.id, state);
    }
  }
  return text;
}

std::string peers_text(const ClusterInfo& info) {
  std::string text = fmt::format("Local node ID {}, transport udp\n", info.local_id);
  for (const auto& node : info.nodes) {
    if (node.local) continue;
    const bool reachable = std::any_of(info.links.begin(), info.links.end(),
                                       [&](const auto& l) { return l.peer == node.id && l.up; });
    text += fmt::format("nodeid: {} {}\n", node.id, reachable ? "reachable" : "not reachable");
    for (const auto& link : info.links) {
      if (link.peer != node.id) continue;
      text += fmt::format("   LINK: {} udp ({}->{}) enabled {} mtu: {}, latency {} us, loss {:.1f}%{}\n",
                          link.link, printable(link.local), printable(link.remote),
                          link.up ? "connected" : "disconnected", link.mtu, link.latency_us, 100 * link.loss,
                          link.used ? ", in use" : "");
    }
  }
  return text;
}

}  // namespace

int run_cfgtool(Context& context) {
  Parsed parsed;
  const Manual manual{"the ring's links",
                      "COMMAND",
                      {{"Commands",
                        {{"status", 's', T::kNothing, "", "Links of this node"},
                         {"nodes", 'n', T::kNothing, "", "Peers, and the links to them"},
                         {"brief", 'b', T::kNothing, "", "With -s: one character a node"},
                         {"address", 'a', T::kValue, "ID", "Addresses of a node"},
                         {"addrs", 'i', T::kValue, "ADDRESS", "Accepted"},
                         {"reload", 'R', T::kNothing, "", "Reload corosync.conf on all nodes"},
                         {"shutdown", 'H', T::kNothing, "", "Stop the cluster on this node"},
                         {"force", 0, T::kNothing, "", "Accepted"}}}},
                      "  corosync-cfgtool -s\n"};
  if (const auto done = begin(context, manual, parsed)) return *done;
  const std::string command = parsed.last_of({"status", "nodes", "address", "reload", "shutdown"});
  if (command.empty()) {
    context.console->err("corosync-cfgtool: needs a command, for example -s; see corosync-cfgtool --help\n");
    return 1;
  }
  auto session = context.session();
  if (!session) return report(context, session.error());
  if (command == "shutdown") {
    const auto done = (*session)->shutdown("");
    return done ? 0 : report(context, done.error());
  }
  if (command == "reload") {
    context.console->out("Reloading corosync.conf...\n");
    const auto done = (*session)->reload_ring();
    if (!done) return report(context, done.error());
    context.console->out("Done\n");
    return 0;
  }
  const auto info = (*session)->info(true);
  if (!info) {
    report(context, info.error());
    return 1;
  }
  if (command == "address") {
    for (const auto& link : info->links) {
      if (std::to_string(link.peer) == parsed.value("address"))
        context.console->out(printable(link.remote) + "\n");
    }
    return 0;
  }
  context.console->out(command == "status" ? links_text(*info, parsed.has("brief")) : peers_text(*info));
  return 0;
}

namespace {

using Map = std::map<std::string, std::pair<std::string, std::string>>;  // key: type, value

// corosync.conf as keys: "totem.token", "nodelist.node.0.name". Only what the file says.
void read_conf(std::string_view text, Map& map) {
  std::vector<std::string> path;
  std::map<std::string, int> counted;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto trim = [](std::string_view s) {
      const std::size_t first = s.find_first_not_of(" \t\r");
      return first == std::string_view::npos ? std::string_view()
                                             : s.substr(first, s.find_last_not_of(" \t\r") - first + 1);
    };
    line = trim(line);
    if (line.empty() || line[0] == '#') continue;
    if (line.ends_with('{')) {
      std::string name(trim(line.substr(0, line.size() - 1)));
      if (name == "node" || name == "interface") name += fmt::format(".{}", counted[name]++);
      path.push_back(std::move(name));
    } else if (line == "}") {
      if (!path.empty()) path.pop_back();
    } else if (const std::size_t colon = line.find(':'); colon != std::string_view::npos) {
      const std::string key =
          fmt::format("{}{}{}", fmt::join(path, "."), path.empty() ? "" : ".", trim(line.substr(0, colon)));
      const std::string value(trim(line.substr(colon + 1)));
      const bool number = !value.empty() && value.find_first_not_of("0123456789") == std::string::npos;
      map[key] = {number ? "u32" : "str", value};
    }
  }
}

void runtime_keys(const ClusterInfo& info, Map& map) {
  const auto number = [&](const std::string& key, std::uint64_t value) {
    map[key] = {"u64", std::to_string(value)};
  };
  map["totem.cluster_name"] = {"str", info.cluster_name};
  number("runtime.votequorum.this_node_id", info.local_id);
  number("runtime.votequorum.two_node", info.two_node ? 1 : 0);
  number("runtime.votequorum.wait_for_all_status", info.waiting_for_all ? 1 : 0);
  number("runtime.votequorum.highest_node_id", info.nodes.empty() ? 0 : info.nodes.back().id);
  for (const auto& [name, value] : info.counters) number("stats.srp." + name, value);
  for (const auto& link : info.links) {
    const std::string key = fmt::format("stats.knet.node{}.link{}.", link.peer, link.link);
    number(key + "enabled", 1);
    number(key + "connected", link.up ? 1 : 0);
    number(key + "mtu", link.mtu);
    number(key + "latency_ave", link.latency_us);
    number(key + "in_use", link.used ? 1 : 0);
    map[key + "loss_percent"] = {"dbl", fmt::format("{:.1f}", 100 * link.loss)};
  }
  for (const auto& each : info.refused) {
    std::string sender = each.sender;
    std::replace(sender.begin(), sender.end(), ' ', '_');
    number(fmt::format("stats.refused.{}.{}", each.reason, sender), each.frames);
  }
  int position = 0;
  for (const auto& node : info.nodes) {
    const std::string member = fmt::format("runtime.members.{}.", node.id);
    map[member + "status"] = {"str", node.member ? "joined" : "left"};
    if (node.local) number("nodelist.local_node_pos", static_cast<std::uint64_t>(position));
    ++position;
    std::string addresses;
    for (const auto& link : info.links) {
      if (link.peer == node.id) addresses += fmt::format("r({}) ip({}) ", link.link, link.remote);
    }
    map[member + "ip"] = {"str", addresses};
  }
}

}  // namespace

int run_cmapctl(Context& context) {
  Parsed parsed;
  const Manual manual{"the ring's settings and counters, as keys",
                      "[PREFIX | -g KEY]",
                      {{"Commands",
                        {{"brief", 'b', T::kNothing, "", "Print keys and values of PREFIX"},
                         {"get", 'g', T::kValue, "KEY", "Print one key"},
                         {"map", 'm', T::kValue, "MAP", "Accepted: all are in one map"}}}},
                      "  corosync-cmapctl totem.\n  corosync-cmapctl -g nodelist.node.0.name\n"};
  if (const auto done = begin(context, manual, parsed)) return *done;
  Map map;
  if (const auto conf = read_file(context.paths.conf)) read_conf(*conf, map);
  auto session = context.session();
  if (!session) return report(context, session.error());
  const auto info = (*session)->info(true);
  if (!info) {
    report(context, info.error());
    return 1;
  }
  runtime_keys(*info, map);
  bool found = false;
  for (const auto& [key, value] : map) {
    const bool wanted =
        parsed.has("get")
            ? key == parsed.value("get")
            : parsed.operands.empty() ||
                  std::any_of(parsed.operands.begin(), parsed.operands.end(),
                              [&](const std::string& prefix) { return key.starts_with(prefix); });
    if (!wanted) continue;
    found = true;
    context.console->out(fmt::format("{} ({}) = {}\n", printable(key), value.first, printable(value.second)));
  }
  if (!found && parsed.has("get"))
    context.console->err(
        fmt::format("corosync-cmapctl: there is no key {}\n", printable(parsed.value("get"))));
  return found ? 0 : 1;
}

}  // namespace systole::cli
