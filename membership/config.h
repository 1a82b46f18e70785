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
  std::vector<std::string> addresses;  // ringX_addr, by link number; numeric after resolution.
  unsigned votes = 1;                  // quorum_votes
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
  unsigned netmtu = 1500;
  std::uint16_t port = 5405;  // interface.mcastport of link 0; link n uses its own or port + n.
  std::map<unsigned, std::uint16_t> link_ports;  // interface.mcastport of the links that name one.
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
  std::optional<unsigned> device_votes;    // quorum.device: there is one, and this is what its vote counts.
  Milliseconds device_sync_timeout{2000};  // How long a new view waits for its word.
};

// Who orders messages and forms views: our own ring, or a Corosync that runs on the hosts (`systole {
// provider: … }`).
enum class Provider { kRing, kCorosync };

struct ClusterConfig {
  Provider provider = Provider::kRing;
  TotemOptions totem;
  QuorumOptions quorum;
  std::vector<ConfiguredNode> nodes;  // Ascending by id.
  std::string log_file;               // logging.logfile when to_logfile is yes.
  bool debug = false;
  std::vector<std::string> warnings;  // Each with its line: options that are not known or not used.

  const ConfiguredNode* find(NodeId id) const;
  const ConfiguredNode* find(std::string_view name) const;
  std::uint16_t port_of(unsigned link) const;
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

// Which of the nodes this host is: by `hostname` as a node's name, or else by an address of this host.
// Error: kInvalidConfig, listing what was compared.
Result<NodeId> find_self(const ClusterConfig& config, std::string_view hostname,
                         const std::vector<std::string>& host_addresses);

}  // namespace systole::membership
