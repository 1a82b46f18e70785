// corosync-quorumtool: quorum, votes and members.
#include "cli/corosync_tools.h"
#include "cli/output.h"
#include "cli/tools.h"

namespace systole::cli {
namespace {

using T = Option::Takes;

constexpr const char* kCorosyncVersion = "3.1.7";  // Whose tool this one stands in for.

Manual manual() {
  return {
      "quorum, votes and members",
      "[options]",
      {{"Options",
        {{"status", 's', T::kNothing, "", "Quorum and members (default); exit code 2 without quorum"},
         {"list", 'l', T::kNothing, "", "Members only"},
         {"monitor", 'm', T::kNothing, "", "Print the status again whenever it changes"},
         {"parseable", 'p', T::kNothing, "", "With -s or -l: as programs read it"},
         {"addresses", 'i', T::kNothing, "", "Addresses instead of names"},
         {"all", 'a', T::kNothing, "", "With -i: all addresses of a node"},
         {"order", 'o', T::kValue, "a|n|i", "Order by address (default), name or node id"},
         {"hex", 'H', T::kNothing, "", "Node ids in hexadecimal"},
         {"expected", 'e', T::kValue, "VOTES", "Set the expected votes of the running cluster"},
         {"votes", 'v', T::kValue, "VOTES", "Refused: a node's votes are changed in corosync.conf"},
         {"nodeid", 'n', T::kValue, "ID", "With -v: the node"},
         {"force-unregister", 'f', T::kNothing, "", "Refused: a quorum device is removed in corosync.conf"},
         {"tool-version", 'V', T::kNothing, "", "The version of Corosync's tool that this one follows"},
         {"help", 'h', T::kNothing, "", nullptr}}}},
      "  corosync-quorumtool -s      0 with quorum, 2 without, 1 when it cannot be told\n"
      "  corosync-quorumtool -lai    members with all their addresses\n"
      "  corosync-quorumtool -e 2    expect two votes from now on\n"};
}

std::string rule(std::string_view title) {
  return fmt::format("{}\n{}\n", title, std::string(title.size(), '-'));
}

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

std::string id_text(std::uint32_t id, const Parsed& parsed) {
  return parsed.has("hex") ? fmt::format("0x{:08x}", id) : std::to_string(id);
}

std::string name_of(const ClusterInfo::Node& node, const Parsed& parsed) {
  if (!parsed.has("addresses")) return node.name;
  std::string text;
  for (const std::string& address : node.addresses) {
    if (address.empty()) continue;
    if (!text.empty()) text += ", ";
    text += address;
    if (!parsed.has("all")) break;
  }
  return text.empty() ? node.name : text;
}

std::vector<const ClusterInfo::Node*> members(const ClusterInfo& info, const Parsed& parsed) {
  std::vector<const ClusterInfo::Node*> list;
  for (const auto& node : info.nodes) {
    if (node.member) list.push_back(&node);
  }
  if (parsed.value("order", "a") == "n")
    std::stable_sort(list.begin(), list.end(), [](auto* a, auto* b) { return a->name < b->name; });
  return list;  // By id, and so they come.
}

std::string members_text(const ClusterInfo& info, const Parsed& parsed) {
  // With a device each node says whether it is there, votes, and may win alone; NR: there is none.
  const bool device = info.device_votes > 0;
  const std::string state =
      device ? fmt::format("A,{},{}", info.device_casts ? "V" : "NV", info.device_master_wins ? "MW" : "NMW")
             : "NR";
  const bool column = device || parsed.has("parseable");
  std::string text = "\n" + rule("Membership information") +
                     fmt::format("{:>10} {:>10} {}Name\n", "Nodeid", "Votes", column ? "   Qdevice " : "");
  for (const auto* node : members(info, parsed)) {
    text += fmt::format("{:>10} {:>10} {}{}{}\n", id_text(node->id, parsed), node->votes,
                        column ? fmt::format("{:>10} ", state) : "", printable(name_of(*node, parsed)),
                        node->local ? " (local)" : "");
  }
  if (device) {
    text += fmt::format("{:>10} {:>10} {:>10} Qdevice{}\n", id_text(0, parsed),
                        info.device_casts ? info.device_votes : 0, "",
                        info.device_casts ? "" : fmt::format(" (votes {})", info.device_votes));
  }
  return text;
}

std::string status_text(const ClusterInfo& info, const Parsed& parsed, std::int64_t now) {
  std::string text = rule("Quorum information");
  text += fmt::format("Date:             {}\nQuorum provider:  corosync_votequorum\nNodes:            {}\n",
                      ctime_text(now), members(info, parsed).size());
  text += fmt::format("Node ID:          {}\nRing ID:          {:x}.{:x}\nQuorate:          {}\n\n",
                      id_text(info.local_id, parsed), info.ring_representative, info.ring_sequence,
                      info.quorate ? "Yes" : "No");
  text += rule("Votequorum information");
  text += fmt::format("Expected votes:   {}\nHighest expected: {}\nTotal votes:      {}\n",
                      info.expected_votes, info.expected_votes, info.votes);
  text += fmt::format("Quorum:           {} {}\nFlags:            {}\n", info.threshold,
                      info.quorate ? " " : "Activity blocked", flags(info));
  return text + members_text(info, parsed);
}

int set_expected(Context& context, Session& session, const std::string& text) {
  const auto votes = whole_number(text, 1, 0xFFFF);
  if (!votes)
    return corosync_error(context,
                          "New expected votes value was not valid, try a positive number (1 to 65535)");
  const auto done = session.set_expected_votes(static_cast<unsigned>(*votes));
  return done ? 0 : corosync_error(context, done.error().message);
}

// Until the daemon is gone or a person ends it.
int monitor(Context& context, Session& session, const Parsed& parsed) {
  std::string shown;
  for (;;) {
    const auto info = ring_info(context, session);
    if (!info) return 1;
    if (std::string now = status_text(*info, parsed, 0); now != shown) {
      context.console->out(status_text(*info, parsed, epoch_seconds(context.now())) + "\n");
      context.console->flush();
      shown = std::move(now);
    }
    // Votes may change without an event: asked again after a second.
    const auto changed = session.wait_change(Seconds(1));
    if (!changed) return corosync_error(context, changed.error().message);
  }
}

}  // namespace

int run_quorumtool(Context& context) {
  Parsed parsed;
  if (const auto done = begin_corosync(context, manual(), parsed)) return *done;
  if (parsed.has("tool-version")) {
    context.console->out(fmt::format("corosync-quorumtool version: {}\n", kCorosyncVersion));
    return 0;
  }
  if (const std::string order = parsed.value("order", "a"); order != "a" && order != "n" && order != "i")
    return corosync_error(context,
                          "Invalid ordering option. valid orders are a(address), i(node ID) or n(name)");
  if (parsed.has("votes") || parsed.has("nodeid"))
    return corosync_error(context,
                          "a node's votes are not changed here: set its quorum_votes in corosync.conf on all "
                          "nodes, then run: crm cluster reload");
  if (parsed.has("force-unregister"))
    return corosync_error(context,
                          "a quorum device is not unregistered here: remove quorum.device from corosync.conf "
                          "on all nodes, then run: crm cluster reload");
  auto session = context.session();
  if (!session) return corosync_error(context, session.error().message);
  if (parsed.has("expected")) return set_expected(context, **session, parsed.value("expected"));
  if (parsed.has("monitor")) return monitor(context, **session, parsed);
  const auto info = ring_info(context, **session);
  if (!info) return 1;
  const bool list = parsed.last_of({"list", "status"}) == "list";
  context.console->out(list ? members_text(*info, parsed)
                            : status_text(*info, parsed, epoch_seconds(context.now())));
  return list || info->quorate ? 0 : 2;
}

}  // namespace systole::cli
