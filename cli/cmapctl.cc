// corosync-cmapctl: the ring's settings, state and counters as keys. It only reads: what may be changed has
// its own place, and a key that is not to be set is refused with a word on where that is.
#include "cli/cmap.h"
#include "cli/corosync_tools.h"
#include "cli/host.h"
#include "cli/output.h"
#include "cli/tools.h"

namespace systole::cli {
namespace {

using T = Option::Takes;

Manual manual() {
  return {
      "the ring's settings, state and counters, as keys",
      "[-b] [-q] [-m MAP] [PREFIX... | -g KEY... | -t KEY | -T PREFIX]",
      {{"Commands",
        {{"get", 'g', T::kNothing, "", "Print these keys"},
         {"track", 't', T::kNothing, "", "Print changes of these keys as they come"},
         {"track-prefix", 'T', T::kNothing, "", "Print changes of all keys that begin so"},
         {"set", 's', T::kNothing, "", "Refused, with a word on what to do instead"},
         {"delete", 'd', T::kNothing, "", "Refused likewise"},
         {"delete-prefix", 'D', T::kNothing, "", "Refused likewise"},
         {"load", 'p', T::kValue, "FILE", "Refused likewise"},
         {"clear", 'C', T::kMaybe, "knet|ipc|totem|all", "Refused: counters count from the daemon's start"}}},
       {"Options",
        {{"map", 'm', T::kValue, "MAP", "icmap (settings and state; the default) or stats (counters)"},
         {"brief", 'b', T::kNothing, "", "Accepted: no value is binary"},
         {"quiet", 'q', T::kNothing, "", "With -g: the value alone"},
         {"help", 'h', T::kNothing, "", nullptr}}}},
      "  corosync-cmapctl nodelist. totem.\n  corosync-cmapctl -g runtime.members.2.status\n"
      "  corosync-cmapctl -m stats stats.knet.node2\nSee also: systole ring\n"};
}

std::string remedy(std::string_view key) {
  if (key == "quorum.expected_votes") return "use: corosync-quorumtool -e VOTES";
  if (key == "quorum.cancel_wait_for_all")
    return "start the missing nodes, or set wait_for_all: 0 in corosync.conf on all nodes and run: crm "
           "cluster reload";
  if (key.starts_with("logging.") || key.starts_with("totem.") || key.starts_with("nodelist.") ||
      key.starts_with("quorum.") || key.starts_with("system."))
    return "edit corosync.conf on all nodes, then run: crm cluster reload";
  if (key.starts_with("uidgid.")) return "root and the members of the group haclient have access";
  if (key.starts_with("stats.") || key.starts_with("runtime."))
    return "it tells what is so, and changes with it";
  return "settings are in corosync.conf; edit it on all nodes, then run: crm cluster reload";
}

// The exit code of what only Corosync's own map can do.
std::optional<int> refuse(Context& context, const Parsed& parsed) {
  const std::string command = parsed.last_of({"set", "delete", "delete-prefix", "load", "clear"});
  if (command.empty()) return std::nullopt;
  if (command == "clear")
    return corosync_error(context,
                          "counters are not cleared: they count from the daemon's start; take differences");
  if (command == "load") return corosync_error(context, "keys are read-only: " + remedy(""));
  if (parsed.operands.empty()) return corosync_error(context, "no key given");
  const std::string& key = parsed.operands.front();
  return corosync_error(context, fmt::format("keys are read-only, {} is not changed: {}", key, remedy(key)));
}

std::optional<Cmap> read_map(Context& context, Session& session, bool stats) {
  Cmap map;
  const auto info = ring_info(context, session);
  if (!info) return std::nullopt;
  if (stats) return statistics(*info);
  if (const auto conf = read_file(context.paths.conf))
    add_settings(*conf, map);
  else
    corosync_error(context, fmt::format("{}; its settings are missing here", conf.error().message));
  add_runtime(*info, map);
  return map;
}

std::string line(const std::string& key, const CmapValue& value) {
  return fmt::format("{} ({}) = {}\n", printable(key), value.type, printable(value.value));
}

bool print_keys(Context& context, const Cmap& map, const Parsed& parsed) {
  bool all = true;
  for (const std::string& key : parsed.operands) {
    const auto found = map.find(key);
    if (found == map.end()) {
      context.console->err(fmt::format("Can't get key {}. Error CS_ERR_NOT_EXIST\n", printable(key)));
      all = false;
    } else {
      context.console->out(parsed.has("quiet") ? printable(found->second.value) + "\n"
                                               : line(key, found->second));
    }
  }
  return all;
}

bool print_prefix(Context& context, const Cmap& map, const std::string& prefix) {
  bool any = false;
  for (auto it = map.lower_bound(prefix); it != map.end() && it->first.starts_with(prefix); ++it) {
    context.console->out(line(it->first, it->second));
    any = true;
  }
  return any;
}

// Until the daemon is gone or a person ends it.
int track(Context& context, Session& session, const Parsed& parsed, bool stats) {
  const bool prefix = parsed.has("track-prefix");
  const auto wanted = [&](const std::string& key) {
    return std::any_of(parsed.operands.begin(), parsed.operands.end(),
                       [&](const std::string& each) { return prefix ? key.starts_with(each) : key == each; });
  };
  std::optional<Cmap> before = read_map(context, session, stats);
  while (before) {
    const auto changed = session.wait_change(Seconds(1));
    if (!changed) return corosync_error(context, changed.error().message);
    auto now = read_map(context, session, stats);
    if (!now) break;
    for (const auto& [key, value] : *now) {
      const auto old = before->find(key);
      if (!wanted(key) || (old != before->end() && old->second == value)) continue;
      context.console->out((old == before->end() ? "create> " : "modify> ") + line(key, value));
    }
    for (const auto& [key, value] : *before) {
      if (wanted(key) && !now->contains(key)) context.console->out("delete> " + printable(key) + "\n");
    }
    context.console->flush();
    before = std::move(now);
  }
  return 1;
}

}  // namespace

int run_cmapctl(Context& context) {
  Parsed parsed;
  if (const auto done = begin_corosync(context, manual(), parsed)) return *done;
  const std::string name = parsed.value("map", "icmap");
  if (name != "icmap" && name != "default" && name != "stats")
    return corosync_error(context, "invalid map name, must be 'default', 'icmap' or 'stats'");
  if (const auto refused = refuse(context, parsed)) return *refused;
  const bool keys = parsed.has("get"), tracked = parsed.has("track") || parsed.has("track-prefix");
  if ((keys || tracked) && parsed.operands.empty()) return corosync_error(context, "no key given");
  const auto some_begin = [&](std::string_view with) {
    return std::any_of(parsed.operands.begin(), parsed.operands.end(),
                       [&](const std::string& each) { return each.starts_with(with); });
  };
  // A counter is found without -m stats too.
  const bool stats = name == "stats" || (!parsed.has("map") && some_begin("stats."));
  auto session = context.session();
  if (!session) return corosync_error(context, session.error().message);
  if (tracked) return track(context, **session, parsed, stats);
  auto map = read_map(context, **session, stats);
  if (!map) return 1;
  if (some_begin("runtime.totem.")) map->merge(old_names(*map));
  if (keys) return print_keys(context, *map, parsed) ? 0 : 1;
  if (parsed.operands.empty()) return print_prefix(context, *map, "") ? 0 : 1;
  bool any = false;
  for (const std::string& prefix : parsed.operands) any |= print_prefix(context, *map, prefix);
  return any ? 0 : 1;
}

}  // namespace systole::cli
