// The ring's settings, state and counters as the keys of corosync's configuration map (cmap_keys(7)), for
// corosync-cmapctl. Two maps, as there: "icmap" holds what corosync.conf says and what is so now, "stats"
// counters. Pure: text and answers of the daemon in, keys out.
//
// Keys of our own, where Corosync has none: stats.ring.* and stats.refused.REASON.SENDER (frames).
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "cli/session.h"

namespace systole::cli {

struct CmapValue {
  std::string type;  // str, dbl, u8, u16, u32, u64
  std::string value;
  bool operator==(const CmapValue&) const = default;
};
using Cmap = std::map<std::string, CmapValue>;  // By key.

// What corosync.conf says, and only that. Any text; what cannot be understood is left out.
void add_settings(std::string_view corosync_conf, Cmap& map);
void add_runtime(const ClusterInfo& info, Cmap& map);
Cmap statistics(const ClusterInfo& info);
// Members as Corosync 2 named them (runtime.totem.pg.mrp.srp.members.*): not listed, but answered when asked
// for.
Cmap old_names(const Cmap& map);

}  // namespace systole::cli
