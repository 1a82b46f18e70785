#include "cli/cmap.h"

#include <algorithm>
#include <array>
#include <vector>

#include <fmt/format.h>

namespace systole::cli {
namespace {

// --- corosync.conf
// -----------------------------------------------------------------------------------------------

struct Section {
  std::string name;
  std::vector<std::pair<std::string, std::string>> entries;
  std::vector<Section> children;

  std::string entry(std::string_view key) const {
    for (const auto& [name_of, value] : entries) {
      if (name_of == key) return value;
    }
    return "";
  }
};

std::string_view trim(std::string_view s) {
  const std::size_t first = s.find_first_not_of(" \t\r");
  return first == std::string_view::npos ? std::string_view()
                                         : s.substr(first, s.find_last_not_of(" \t\r") - first + 1);
}

constexpr std::size_t kDeepest = 8;  // What is in sections below is not read.

Section read_sections(std::string_view text) {
  std::vector<Section> open(1);
  std::size_t below = 0;
  const auto close = [&open] {
    Section done = std::move(open.back());
    open.pop_back();
    open.back().children.push_back(std::move(done));
  };
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line[0] == '#') continue;
    const std::size_t colon = line.find(':');
    if (line.ends_with('{')) {
      if (below > 0 || open.size() > kDeepest)
        ++below;
      else
        open.push_back({std::string(trim(line.substr(0, line.size() - 1))), {}, {}});
    } else if (line == "}") {
      if (below > 0)
        --below;
      else if (open.size() > 1)
        close();
    } else if (below == 0 && colon != std::string_view::npos) {
      open.back().entries.emplace_back(trim(line.substr(0, colon)), trim(line.substr(colon + 1)));
    }
  }
  while (open.size() > 1) close();
  return std::move(open.front());
}

bool is_number(std::string_view text) {
  return !text.empty() && text.size() < 20 && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// As Corosync types them; a text where it expects a number stays one.
const char* type_of(std::string_view section, std::string_view key, std::string_view value) {
  static constexpr std::array kText{"cluster_name", "name",    "secauth", "bindnetaddr",
                                    "mcastaddr",    "keyfile", "key"};
  static constexpr std::array kFlags{"two_node",         "wait_for_all",      "last_man_standing",
                                     "auto_tie_breaker", "allow_downscale",   "ttl",
                                     "broadcast",        "knet_link_priority"};
  const bool numeric = section == "totem" || section == "interface" || section == "node" ||
                       section == "quorum" || section == "device";
  if (!numeric || !is_number(value) || std::find(kText.begin(), kText.end(), key) != kText.end() ||
      (key.starts_with("ring") && key.ends_with("_addr")))
    return "str";
  if (std::find(kFlags.begin(), kFlags.end(), key) != kFlags.end()) return "u8";
  if (key == "mcastport") return "u16";
  return key == "config_version" ? "u64" : "u32";
}

// Sections that there may be several of carry what tells them apart: nodelist.node.0, totem.interface.1.
std::string part_of_key(const Section& section, int index) {
  if (section.name == "node") return fmt::format("node.{}", index);
  if (section.name == "interface") {
    std::string number = section.entry("linknumber");
    if (number.empty()) number = section.entry("ringnumber");
    return "interface." + (number.empty() ? std::to_string(index) : number);
  }
  if (section.name == "logger_subsys") return "logger_subsys." + section.entry("subsys");
  return section.name;
}

bool names_its_section(std::string_view section, std::string_view key) {
  return (section == "interface" && (key == "linknumber" || key == "ringnumber")) ||
         (section == "logger_subsys" && key == "subsys");
}

void flatten(const Section& section, const std::string& prefix, Cmap& map) {
  for (const auto& [key, value] : section.entries) {
    if (!names_its_section(section.name, key)) map[prefix + key] = {type_of(section.name, key, value), value};
  }
  std::map<std::string, int> counted;
  for (const Section& child : section.children) {
    if (child.name == "uidgid") {
      for (const auto& [key, value] : child.entries)
        map[fmt::format("uidgid.config.{}.{}", key, value)] = {"u8", "1"};
    } else {
      flatten(child, fmt::format("{}{}.", prefix, part_of_key(child, counted[child.name]++)), map);
    }
  }
}

// --- What is so now
// ----------------------------------------------------------------------------------------------

CmapValue number(const char* type, std::uint64_t value) { return {type, std::to_string(value)}; }

// Where the file lists this node.
std::uint64_t local_position(const ClusterInfo& info, const Cmap& map) {
  for (std::uint64_t position = 0;; ++position) {
    const auto at = [&](const char* key) {
      const auto found = map.find(fmt::format("nodelist.node.{}.{}", position, key));
      return found == map.end() ? std::string() : found->second.value;
    };
    const std::string id = at("nodeid"), name = at("name"), address = at("ring0_addr");
    if (id.empty() && name.empty() && address.empty()) return 0;
    if (id == std::to_string(info.local_id) || (!name.empty() && name == info.local_node)) return position;
  }
}

std::string addresses_text(const ClusterInfo::Node& node) {
  std::string text;
  for (std::size_t number = 0; number < node.addresses.size(); ++number) {
    if (!node.addresses[number].empty()) text += fmt::format("r({}) ip({}) ", number, node.addresses[number]);
  }
  return text;
}

void add_members(const ClusterInfo& info, Cmap& map) {
  const auto version = map.find("totem.config_version");
  for (const auto& node : info.nodes) {
    if (!node.member && node.joins == 0) continue;  // Never seen.
    const std::string key = fmt::format("runtime.members.{}.", node.id);
    map[key + "config_version"] = {"u64", version == map.end() ? "0" : version->second.value};
    map[key + "ip"] = {"str", addresses_text(node)};
    map[key + "join_count"] = number("u32", node.joins);
    map[key + "status"] = {"str", node.member ? "joined" : "left"};
  }
}

void add_totem(const ClusterInfo& info, Cmap& map) {
  map["totem.cluster_name"] = {"str", info.cluster_name};
  if (!info.transport.empty()) map["totem.transport"] = {"str", info.transport};
  for (const auto& [name, value] : info.totem) {
    if (name.ends_with(".mcastport"))
      map["totem." + name] = number("u16", value);
    else
      map["runtime.config.totem." + name] = number("u32", value);
  }
  if (const auto* local = info.find(info.local_id)) {
    for (std::size_t link = 0; link < local->addresses.size(); ++link) {
      const std::string key = fmt::format("totem.interface.{}.bindnetaddr", link);
      if (!local->addresses[link].empty() && !map.contains(key)) map[key] = {"str", local->addresses[link]};
    }
  }
}

}  // namespace

void add_settings(std::string_view corosync_conf, Cmap& map) {
  flatten(read_sections(corosync_conf), "", map);
}

void add_runtime(const ClusterInfo& info, Cmap& map) {
  add_totem(info, map);
  add_members(info, map);
  map["nodelist.local_node_pos"] = number("u32", local_position(info, map));
  const std::string quorum = "runtime.votequorum.";
  map[quorum + "this_node_id"] = number("u32", info.local_id);
  map[quorum + "two_node"] = number("u8", info.two_node ? 1 : 0);
  map[quorum + "wait_for_all_status"] = number("u8", info.waiting_for_all ? 1 : 0);
  map[quorum + "ev_barrier"] = number("u32", info.expected_votes);
  if (!info.nodes.empty()) {
    map[quorum + "lowest_node_id"] = number("u32", info.nodes.front().id);
    map[quorum + "highest_node_id"] = number("u32", info.nodes.back().id);
  }
  // The services that these tools ask, under Corosync's numbers.
  constexpr std::array<std::pair<const char*, unsigned>, 4> kServices{
      {{"cmap", 0}, {"cfg", 1}, {"quorum", 3}, {"votequorum", 5}}};
  for (const auto& [name, id] : kServices)
    map[fmt::format("runtime.services.{}.service_id", name)] = number("u16", id);
}

namespace {

void add_traffic(const std::string& key, const ClusterInfo::Link::Traffic& data,
                 const ClusterInfo::Link::Traffic& link, Cmap& map) {
  map[key + "_data_packets"] = number("u64", data.packets);
  map[key + "_data_bytes"] = number("u64", data.bytes);
  map[key + "_ping_packets"] = number("u64", link.packets);
  map[key + "_ping_bytes"] = number("u64", link.bytes);
  map[key + "_total_packets"] = number("u64", data.packets + link.packets);
  map[key + "_total_bytes"] = number("u64", data.bytes + link.bytes);
}

void add_link(const ClusterInfo::Link& link, Cmap& map) {
  const std::string key = fmt::format("stats.knet.node{}.link{}.", link.peer, link.link);
  map[key + "enabled"] = number("u8", 1);
  map[key + "connected"] = number("u8", link.up ? 1 : 0);
  map[key + "up_count"] = number("u32", link.ups);
  map[key + "down_count"] = number("u32", link.downs);
  map[key + "mtu"] = number("u32", link.mtu);
  map[key + "latency_ave"] = number("u32", link.latency_us);
  map[key + "latency_min"] = number("u32", link.latency_min_us);
  map[key + "latency_max"] = number("u32", link.latency_max_us);
  map[key + "latency_samples"] = number("u32", link.latency_samples);
  map[key + "loss_percent"] = {"dbl", fmt::format("{:f}", 100 * link.loss)};
  map[key + "in_use"] = number("u8", link.used ? 1 : 0);
  map[key + "priority"] = number("u8", link.priority);
  add_traffic(key + "tx", link.tx_data, link.tx_link, map);
  add_traffic(key + "rx", link.rx_data, link.rx_link, map);
}

}  // namespace

Cmap statistics(const ClusterInfo& info) {
  Cmap map;
  for (const auto& link : info.links) add_link(link, map);
  for (const auto& [name, value] : info.counters) map["stats.ring." + name] = number("u64", value);
  // What Corosync counts too, under its names.
  constexpr std::array<std::pair<const char*, const char*>, 6> kSame{
      {{"messages_sent", "mcast_tx"},
       {"messages_delivered", "mcast_rx"},
       {"retransmits", "mcast_retx"},
       {"tokens", "orf_token_rx"},
       {"views", "operational_entered"},
       {"token_losses", "operational_token_lost"}}};
  for (const auto& [ours, theirs] : kSame) {
    if (const auto found = info.counters.find(ours); found != info.counters.end())
      map[fmt::format("stats.srp.{}", theirs)] = number("u64", found->second);
  }
  map["stats.srp.mtt_rx_token"] = number("u32", info.token_rotation_us / 1000);
  map["stats.ring.token_rotation_us"] = number("u64", info.token_rotation_us);
  map["stats.ring.worst_delay_us"] = number("u64", info.worst_delay_us);
  map["stats.ring.delays"] = number("u64", info.delays);
  for (const auto& peer : info.peers) {
    const std::string key = fmt::format("stats.ring.node{}.", peer.id);
    map[key + "heard"] = number("u8", peer.heard ? 1 : 0);
    map[key + "hears_us"] = number("u8", peer.hears_us ? 1 : 0);
    map[key + "flaps"] = number("u32", peer.flaps);
    map[key + "quarantine_ms"] = number("u64", peer.quarantine_ms);
  }
  for (const auto& each : info.refused) {
    std::string sender = each.sender;
    std::replace(sender.begin(), sender.end(), ' ', '_');
    map[fmt::format("stats.refused.{}.{}", each.reason, sender)] = number("u64", each.frames);
  }
  return map;
}

Cmap old_names(const Cmap& map) {
  constexpr std::string_view kNew = "runtime.members.";
  Cmap old;
  for (const auto& [key, value] : map) {
    if (key.starts_with(kNew)) old["runtime.totem.pg.mrp.srp.members." + key.substr(kNew.size())] = value;
  }
  return old;
}

}  // namespace systole::cli
