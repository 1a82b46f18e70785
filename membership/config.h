// ClusterConfig: what corosync.conf says, checked. Options carry corosync.conf(5)'s and votequorum(5)'s names
// and defaults, except where docs/design.md says that ours differ.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"

namespace systole::membership {

struct ConfiguredNode {
  NodeId id{};
  std::string name;                    // `name`, or else ring0_addr. What uname -n says on that node.
  std::vector<std::string> addresses;  // ringX_addr, by link number; numeric after resolution; may be empty.
  unsigned votes = 1;                  // quorum_votes
};

enum class Transport { kUnicast, kMulticast, kBroadcast };
enum class LinkMode { kPassive, kActive, kRoundRobin };

// totem.interface: what is particular about one link.
struct LinkOptions {
  std::optional<std::uint16_t> port;  // mcastport; default: link 0's + the link's number.
  std::string bind_network;           // bindnetaddr: an address or network of this host; empty: ringX_addr.
  std::string multicast_group;        // mcastaddr, numeric; transport udp.
  bool broadcast = false;             // transport udp: to the network's broadcast address instead.
  unsigned ttl = 1;                   // Of multicast.
  unsigned priority = 1;              // knet_link_priority: link_mode passive prefers the highest.
  std::optional<Milliseconds> ping_interval;  // knet_ping_interval. Default: token / 10; one link: token.
  std::optional<Milliseconds> ping_timeout;   // knet_ping_timeout. Default: 3 intervals.
  unsigned ping_precision = 16;               // knet_ping_precision: pings over which latency is smoothed.
  unsigned pong_count = 2;                    // knet_pong_count: answers until a lost link is up again.
  bool operator==(const LinkOptions&) const = default;
};

struct TotemOptions {
  std::string cluster_name;
  Milliseconds token{1000};
  Milliseconds token_coefficient{0};
  unsigned token_retransmits_before_loss_const = 4;
  std::optional<Milliseconds> token_retransmit;  // Default: token / (retransmits + 0.2).
  Milliseconds hold{180};
  Milliseconds join{50};
  std::optional<Milliseconds> consensus;  // Default: 1.2 * token. An upper bound only.
  Milliseconds merge{200};
  unsigned fail_recv_const = 2500;
  unsigned seqno_unchanged_const = 3;  // Ours: members can call a resting token, so it may rest early.
  unsigned window_size = 50;
  unsigned max_messages = 17;
  std::string transport = "udpu";  // knet, udpu: unicast; udp: multicast or broadcast.
  LinkMode link_mode = LinkMode::kPassive;
  // Of names: ipv4, ipv6, ipv4-6, ipv6-4 (the first is preferred). Default with transport udp: ipv4.
  std::string ip_version = "ipv6-4";
  std::optional<unsigned> netmtu;         // At most so many bytes in an IP packet; also knet_mtu.
  Seconds pmtud_interval{30};             // knet_pmtud_interval; 0: netmtu is taken unasked.
  bool block_unlisted_ips = true;         // Datagrams from addresses that no node has are dropped unread.
  std::string keyfile;                    // Empty: Paths::authkey.
  std::uint16_t port = 5405;              // interface.mcastport of link 0; link n uses its own or port + n.
  std::map<unsigned, LinkOptions> links;  // Those with an interface section.
};

// quorum.device, with corosync-qdevice(8)'s keys and defaults; `disk` is ours.
struct DeviceOptions {
  enum class Model { kNet, kDisk } model = Model::kNet;
  Milliseconds timeout{10000};       // A vote holds so long after the device was last heard.
  Milliseconds sync_timeout{30000};  // How long a new view waits for its word.
  // net: an arbitrator.
  enum class Tls { kOff, kOn, kRequired } tls = Tls::kOn;  // kOn: where this host has the certificates.
  std::string host;
  std::uint16_t port = 5403;
  enum class Algorithm { kFfsplit, kLms, kTest } algorithm = Algorithm::kFfsplit;
  enum class TieBreaker { kLowest, kHighest, kNode } tie_breaker = TieBreaker::kLowest;
  NodeId tie_breaker_node{};       // kNode
  bool keep_active = true;         // keep_active_partition_tie_breaker
  Milliseconds connect_timeout{};  // Default: 0.8 * timeout.
  unsigned ip_version = 0;         // force_ip_version: 4, 6, or 0: IPv6, or else IPv4.
  // disk: slots on a shared block device, or a file on a shared filesystem that caches nothing.
  std::string path;             // disk.device
  Milliseconds interval{1000};  // Between two writes of a slot.
  bool master_wins = false;     // The elected node's view is quorate even without a majority.
  struct Heuristics {
    enum class Mode { kOff, kOn, kSync } mode = Mode::kOff;
    Milliseconds timeout{};                                    // Default: half the device's.
    Milliseconds sync_timeout{};                               // Likewise.
    Milliseconds interval{};                                   // Default: 3 * the device's timeout.
    std::map<std::string, std::vector<std::string>> commands;  // exec_NAME, split into words.
    bool operator==(const Heuristics&) const = default;
  } heuristics;
  bool operator==(const DeviceOptions&) const = default;
};

struct QuorumOptions {
  bool enabled = true;  // provider: corosync_votequorum. Off: always quorate.
  std::optional<unsigned> expected_votes;
  bool two_node = false;
  std::optional<bool> wait_for_all;  // Default: two_node.
  bool last_man_standing = false;
  Milliseconds last_man_standing_window{10000};
  bool auto_tie_breaker = false;
  enum class TieBreaker { kLowest, kHighest, kList } tie_breaker = TieBreaker::kLowest;
  std::vector<NodeId> tie_breaker_nodes;  // auto_tie_breaker_node as a list, in its order.
  bool allow_downscale = false;
  std::optional<unsigned> device_votes;  // quorum.device: there is one, and this is what its vote counts.
  DeviceOptions device;                  // Where there is one.
};

// Who orders messages and forms views: our own ring, or a Corosync that runs on the hosts (`systole {
// provider: … }`).
enum class Provider { kRing, kCorosync };

// What a link is on this host: resolve_bindings() finds it.
struct LocalLink {
  std::string address;    // Numeric, to bind to.
  std::string broadcast;  // Of its network; empty: it has none.
  bool operator==(const LocalLink&) const = default;
};

struct ClusterConfig {
  Provider provider = Provider::kRing;
  TotemOptions totem;
  QuorumOptions quorum;
  std::vector<ConfiguredNode> nodes;  // Ascending by id.
  std::string log_file;               // logging.logfile when to_logfile is yes.
  bool debug = false;
  std::map<unsigned, LocalLink> local;  // By link; of this host. Where missing, the node's ringX_addr counts.
  std::vector<std::string> warnings;    // Each with its line: options that are not known or not used.

  const ConfiguredNode* find(NodeId id) const;
  const ConfiguredNode* find(std::string_view name) const;
  std::uint16_t port_of(unsigned link) const;
  LinkOptions link(unsigned number) const;  // Its interface section, or the defaults.
  Transport transport_of(unsigned link) const;
  std::string local_address(NodeId self, unsigned link) const;  // Empty: the node has no such link.
  // The multicast group or broadcast address of a link; empty: it is unicast, or the network has no
  // broadcast.
  std::string group_address(unsigned link) const;
  std::size_t links() const;  // The most addresses that a node has; at least 1.
};

// Errors (kInvalidConfig) name the line, what is wrong with it, and the remedy. Never throws, never loops, on
// any input.
Result<ClusterConfig> parse_corosync_conf(std::string_view text);

// Replaces names among the nodes' addresses by what `resolve` says (numeric; getaddrinfo in production).
// Addresses that are numeric already are not asked for. Error: kInvalidConfig, naming node, address and the
// reason.
using Resolve = std::function<Result<std::string>(const std::string& name)>;
Result<void> resolve_addresses(ClusterConfig& config, const Resolve& resolve);

struct Interface {
  std::string address;  // Numeric.
  unsigned prefix = 0;  // Bits of its network.
};
// Finds the address to bind to for every link of `self`: ringX_addr, or where bindnetaddr names a network or
// another address, this host's address in it; and the broadcast address of its network. Error:
// kInvalidConfig, naming the link and what this host has.
Result<void> resolve_bindings(ClusterConfig& config, NodeId self, const std::vector<Interface>& interfaces);

// Which of the nodes this host is: by `hostname` as a node's name, or else by an address of this host.
// Error: kInvalidConfig, listing what was compared.
Result<NodeId> find_self(const ClusterConfig& config, std::string_view hostname,
                         const std::vector<std::string>& host_addresses);

}  // namespace systole::membership
