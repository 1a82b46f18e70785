#include "cli/ring_view.h"

#include <array>

#include "cli/output.h"

namespace systole::cli {
namespace {

std::string ring_id(const ClusterInfo& info) {
  return fmt::format("{:x}.{:x}", info.ring_representative, info.ring_sequence);
}

std::uint64_t counter(const ClusterInfo& info, const std::string& name) {
  const auto found = info.counters.find(name);
  return found == info.counters.end() ? 0 : found->second;
}

std::string time_text(std::uint64_t us) {
  if (us == 0) return "-";
  if (us < 1000) return fmt::format("{} us", us);
  if (us < 1'000'000) return fmt::format("{:.2f} ms", static_cast<double>(us) / 1000);
  return fmt::format("{:.1f} s", static_cast<double>(us) / 1e6);
}

std::string ms_text(std::uint64_t us) { return fmt::format("{:.2f}", static_cast<double>(us) / 1000); }

std::string bytes_text(double bytes) {
  constexpr std::array kUnits{"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  while (bytes >= 1024 && unit + 1 < kUnits.size()) {
    bytes /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.1f} {}", bytes, kUnits[unit]);
}

const ClusterInfo::Peer* peer_of(const ClusterInfo& info, std::uint32_t id) {
  for (const auto& peer : info.peers) {
    if (peer.id == id) return &peer;
  }
  return nullptr;
}

// Rates between two samples of one daemon; nothing where they say nothing.
class Rates {
 public:
  Rates(const RingSample& now, const RingSample* before) : now_(now), before_(before) {
    if (before == nullptr) return;
    seconds_ = std::chrono::duration<double>(now.at - before->at).count();
  }

  std::string of(const std::string& name) const {
    if (seconds_ <= 0 || counter(now_.info, name) < counter(before_->info, name)) return "";
    const auto more = static_cast<double>(counter(now_.info, name) - counter(before_->info, name));
    return fmt::format(" ({:.0f}/s)", more / seconds_);
  }
  // Bytes of a link, or what they are now each second.
  std::string bytes(const ClusterInfo::Link& link, bool sent) const {
    const std::uint64_t now = total(link, sent);
    if (seconds_ > 0) {
      for (const auto& old : before_->info.links) {
        if (old.peer == link.peer && old.link == link.link && total(old, sent) <= now)
          return bytes_text(static_cast<double>(now - total(old, sent)) / seconds_) + "/s";
      }
    }
    return bytes_text(static_cast<double>(now));
  }

 private:
  static std::uint64_t total(const ClusterInfo::Link& link, bool sent) {
    return sent ? link.tx_data.bytes + link.tx_link.bytes : link.rx_data.bytes + link.rx_link.bytes;
  }

  const RingSample& now_;
  const RingSample* before_;
  double seconds_ = 0;
};

std::string key_text(const ClusterInfo& info) {
  std::string text = fmt::format("{:08x}", info.key);
  if (info.next_key != 0) text += fmt::format(", {:08x} follows", info.next_key);
  if (!info.key_phase.empty()) text += ", " + info.key_phase;
  if (!info.key_waiting_for.empty()) {
    std::vector<std::string> names;
    for (const std::uint32_t id : info.key_waiting_for) names.push_back(node_name(info, id));
    text += fmt::format(": waits for {}", fmt::join(names, ", "));
  }
  return text;
}

std::string head_text(const ClusterInfo& info, const Rates& rates) {
  const auto members =
      std::count_if(info.nodes.begin(), info.nodes.end(), [](const auto& n) { return n.member; });
  const auto token = info.totem.find("token");
  std::string text =
      fmt::format("Ring of {} as {} sees it\n", printable(info.cluster_name), node_name(info, info.local_id));
  text += fmt::format("  State:     {}, view {}, {} of {} nodes{}\n", info.ring_state, ring_id(info), members,
                      info.nodes.size(), info.shutting_down ? ", this node is leaving" : "");
  text += fmt::format("  Quorum:    {}, {} of {} votes, {} needed{}\n", info.quorate ? "yes" : "NO",
                      info.votes, info.expected_votes, info.threshold,
                      info.waiting_for_all ? ", WAITING for all nodes to be seen once" : "");
  text += fmt::format("  Token:     round in {}{}{}, lost {} times\n", time_text(info.token_rotation_us),
                      rates.of("tokens"),
                      token == info.totem.end() ? "" : fmt::format(", timeout {} ms", token->second),
                      counter(info, "token_losses"));
  text += fmt::format("  Messages:  {} sent{}, {} delivered{}, {} packets sent again{}; {} views\n",
                      counter(info, "messages_sent"), rates.of("messages_sent"),
                      counter(info, "messages_delivered"), rates.of("messages_delivered"),
                      counter(info, "retransmits"), rates.of("retransmits"), counter(info, "views"));
  const std::string worst = info.worst_delay_us == 0 ? "" : ", at worst " + time_text(info.worst_delay_us);
  text += info.delays == 0 ? fmt::format("  Loop:      never too late{}\n", worst)
                           : fmt::format("  Loop:      LATE {} times{}\n", info.delays, worst);
  return text + fmt::format("  Key:       {}\n", key_text(info));
}

std::string peer_text(const ClusterInfo& info, const ClusterInfo::Node& node) {
  std::vector<std::string> words{node.member ? "member" : node.joins > 0 ? "LOST" : "NEVER SEEN"};
  if (node.local) words.emplace_back("this node");
  if (const auto* peer = peer_of(info, node.id)) {
    if (!node.member && peer->heard)
      words.emplace_back(peer->hears_us ? "heard, and hears us" : "heard, but it DOES NOT HEAR us");
    if (peer->flaps > 0) words.push_back(fmt::format("left {} times lately", peer->flaps));
    if (peer->quarantine_ms > 0)
      words.push_back(
          fmt::format("QUARANTINED for {:.1f} s more", static_cast<double>(peer->quarantine_ms) / 1000));
  }
  if (node.joins > 1) words.push_back(fmt::format("joined {} times", node.joins));
  return fmt::format("  * {}: {}\n", node_name(info, node.id), fmt::join(words, ", "));
}

std::string links_text(const ClusterInfo& info, const Rates& rates) {
  std::vector<std::array<std::string, 9>> rows{
      {"node", "link", "state", "ms", "least..most", "loss", "MTU", "sent", "received"}};
  for (const auto& link : info.links) {
    const std::string range = link.latency_samples == 0 ? "-"
                                                        : fmt::format("{}..{}", ms_text(link.latency_min_us),
                                                                      ms_text(link.latency_max_us));
    rows.push_back({node_name(info, link.peer), fmt::format("{} {}", link.link, printable(link.remote)),
                    fmt::format("{}{}{}", link.up ? "up" : "DOWN", link.used ? ", used" : "",
                                link.downs > 0 ? fmt::format(", was down {}x", link.downs) : ""),
                    link.latency_us == 0 ? "-" : ms_text(link.latency_us), range,
                    fmt::format("{:.1f}%", 100 * link.loss), std::to_string(link.mtu),
                    rates.bytes(link, true), rates.bytes(link, false)});
  }
  std::array<std::size_t, 9> widths{};
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line = " ";
    for (std::size_t i = 0; i < row.size(); ++i)
      line += i < 3 ? fmt::format(" {:<{}}", row[i], widths[i]) : fmt::format("  {:>{}}", row[i], widths[i]);
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

void set_number(pugi::xml_node node, const char* name, std::uint64_t value) {
  set(node, name, static_cast<std::int64_t>(value));
}

void add_links(pugi::xml_node ring, const ClusterInfo& info) {
  pugi::xml_node links = add(ring, "links");
  for (const auto& link : info.links) {
    pugi::xml_node out = add(links, "link");
    const auto* peer = info.find(link.peer);
    set_number(out, "id", link.link);
    set_number(out, "peer", link.peer);
    set(out, "node", peer == nullptr ? "" : peer->name);
    set(out, "local", link.local);
    set(out, "remote", link.remote);
    set(out, "transport", link.transport);
    set(out, "up", link.up);
    set(out, "used", link.used);
    set_number(out, "priority", link.priority);
    set_number(out, "latency_us", link.latency_us);
    set_number(out, "latency_min_us", link.latency_min_us);
    set_number(out, "latency_max_us", link.latency_max_us);
    set_number(out, "latency_count", link.latency_samples);
    set(out, "loss_percent", fmt::format("{:.1f}", 100 * link.loss));
    set_number(out, "mtu_bytes", link.mtu);
    set_number(out, "up_count", link.ups);
    set_number(out, "down_count", link.downs);
    set_number(out, "sent_packets", link.tx_data.packets + link.tx_link.packets);
    set_number(out, "sent_bytes", link.tx_data.bytes + link.tx_link.bytes);
    set_number(out, "received_packets", link.rx_data.packets + link.rx_link.packets);
    set_number(out, "received_bytes", link.rx_data.bytes + link.rx_link.bytes);
  }
}

void add_nodes(pugi::xml_node ring, const ClusterInfo& info) {
  pugi::xml_node nodes = add(ring, "nodes");
  for (const auto& node : info.nodes) {
    pugi::xml_node out = add(nodes, "node");
    set_number(out, "id", node.id);
    set(out, "name", node.name);
    set(out, "member", node.member);
    set(out, "local", node.local);
    set_number(out, "votes_count", node.votes);
    set_number(out, "join_count", node.joins);
    if (const auto* peer = peer_of(info, node.id)) {
      set(out, "heard", peer->heard);
      set(out, "hears_us", peer->hears_us);
      set_number(out, "flap_count", peer->flaps);
      set_number(out, "quarantine_ms", peer->quarantine_ms);
    }
  }
}

}  // namespace

std::string node_name(const ClusterInfo& info, std::uint32_t id) {
  const auto* node = info.find(id);
  return node == nullptr ? fmt::format("node {}", id) : fmt::format("{} ({})", printable(node->name), id);
}

RefusalWords refusal_words(std::string_view reason) {
  struct Known {
    std::string_view reason;
    RefusalWords words;
  };
  static constexpr Known kKnown[] = {
      {"auth", {"forged, or damaged on the way", "find out who sends them; look at the network"}},
      {"cluster",
       {"of another cluster", "give each cluster a port or network of its own, or correct cluster_name"}},
      {"crossed",
       {"came by another link than they were sent by",
        "compare the ringX_addr of both nodes, and the cables"}},
      {"key",
       {"sealed with another cluster key",
        "copy authkey from a node that is in the cluster, and restart the other one"}},
      {"malformed", {"are no frames of a cluster", "compare the versions of both nodes"}},
      {"old-life",
       {"of an earlier life of their sender",
        "set that node's clock and restart it, or find out who plays them back"}},
      {"reflected", {"this node's own, come back", "look for a loop in the network"}},
      {"replay", {"came a second time", "find out who plays them back"}},
      {"twin", {"of another host with this node's id", "give each node a nodeid of its own"}},
      {"unknown-peer",
       {"of a node that is not in the nodelist",
        "add it to corosync.conf on all nodes, then run: crm cluster reload"}},
      {"unlisted",
       {"from an address that no node has",
        "correct that node's ringX_addr, or keep the sender off this network"}},
      {"version", {"of another version of the protocol", "bring all nodes to one version"}},
  };
  for (const Known& known : kKnown) {
    if (known.reason == reason) return known.words;
  }
  return {"not understood", "see the log"};
}

std::string ring_text(const RingSample& now, const RingSample* before) {
  const ClusterInfo& info = now.info;
  const Rates rates(now, before);
  std::string text = head_text(info, rates) + "\nNodes:\n";
  for (const auto& node : info.nodes) text += peer_text(info, node);
  text += "\nLinks:\n" + (info.links.empty() ? "  * no other node\n" : links_text(info, rates));
  text += "\nRefused frames:\n";
  if (info.refused.empty()) text += "  * none\n";
  for (const auto& each : info.refused) {
    text += fmt::format("  * {} of {} ({}): {}\n", each.frames, printable(each.sender),
                        printable(each.reason), refusal_words(each.reason).what);
  }
  return text;
}

void add_ring_tree(pugi::xml_node parent, const ClusterInfo& info) {
  pugi::xml_node ring = add(parent, "ring");
  set(ring, "cluster", info.cluster_name);
  set(ring, "node", info.local_node);
  set(ring, "state", info.ring_state);
  set(ring, "view", ring_id(info));
  set(ring, "transport", info.transport);
  pugi::xml_node quorum = add(ring, "quorum");
  set(quorum, "quorate", info.quorate);
  set_number(quorum, "votes_count", info.votes);
  set_number(quorum, "expected_count", info.expected_votes);
  set_number(quorum, "needed_count", info.threshold);
  set(quorum, "waiting_for_all", info.waiting_for_all);
  pugi::xml_node token = add(ring, "token");
  const auto timeout = info.totem.find("token");
  set_number(token, "rotation_us", info.token_rotation_us);
  if (timeout != info.totem.end()) set_number(token, "timeout_ms", timeout->second);
  set_number(token, "worst_delay_us", info.worst_delay_us);
  set_number(token, "delay_count", info.delays);
  pugi::xml_node counters = add(ring, "counters");
  for (const auto& [name, value] : info.counters) set_number(counters, (name + "_count").c_str(), value);
  pugi::xml_node key = add(ring, "key");
  set(key, "fingerprint", fmt::format("{:08x}", info.key));
  set(key, "phase", info.key_phase);
  if (info.next_key != 0) set(key, "next", fmt::format("{:08x}", info.next_key));
  for (const std::uint32_t id : info.key_waiting_for) set_number(add(key, "waits_for"), "id", id);
  add_nodes(ring, info);
  add_links(ring, info);
  pugi::xml_node refused = add(ring, "refused");
  for (const auto& each : info.refused) {
    pugi::xml_node out = add(refused, "frames");
    set(out, "sender", each.sender);
    set(out, "why", each.reason);
    set_number(out, "frame_count", each.frames);
  }
}

}  // namespace systole::cli
