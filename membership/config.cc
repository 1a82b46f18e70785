// corosync.conf(5): lines of `section {`, `}`, `key: value` and `# comment`.
#include "membership/config.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "membership/config_device.h"
#include "membership/wire.h"

namespace systole::membership {
namespace {

constexpr std::size_t kMaxText = 1 << 20;
constexpr std::size_t kMaxDepth = 4;
constexpr std::size_t kMaxLinks = 8;
constexpr std::size_t kMaxName = 255;
constexpr std::size_t kMaxWarnings = 100;

struct Line {
  unsigned number = 0;
  std::string_view key, value;
};

std::string_view trim(std::string_view s) {
  constexpr std::string_view kBlank = " \t\r\f\v";
  const auto first = s.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return s.substr(first, s.find_last_not_of(kBlank) - first + 1);
}

// What a person typed, safe to print and not too long.
std::string shown(std::string_view s) {
  std::string out;
  for (const char c : s.substr(0, 60)) out += c >= ' ' && c < 127 ? c : '?';
  return s.size() > 60 ? out + "..." : out;
}

tl::unexpected<Error> bad(const Line& line, const std::string& what) {
  return fail(Errc::kInvalidConfig, "corosync.conf line {}: {}", line.number, what);
}

Result<std::uint64_t> number(const Line& line, std::uint64_t least, std::uint64_t most) {
  std::uint64_t value = 0;
  const char* end = line.value.data() + line.value.size();
  const auto [at, error] = std::from_chars(line.value.data(), end, value);
  if (error != std::errc{} || at != end || line.value.empty() || value < least || value > most) {
    return bad(line, fmt::format("{}: \"{}\" is not usable: give a whole number from {} to {}",
                                 shown(line.key), shown(line.value), least, most));
  }
  return value;
}

Result<bool> flag(const Line& line) {
  if (line.value == "1" || line.value == "yes" || line.value == "on" || line.value == "true") return true;
  if (line.value == "0" || line.value == "no" || line.value == "off" || line.value == "false") return false;
  return bad(line, fmt::format("{}: \"{}\" is neither yes nor no", shown(line.key), shown(line.value)));
}

bool is_numeric(std::string_view address) {
  if (address.find(':') != std::string_view::npos) return true;  // IPv6.
  return !address.empty() && address.find_first_not_of("0123456789.") == std::string_view::npos;
}

bool is_multicast(std::string_view address) {
  if (address.find(':') != std::string_view::npos)
    return address.starts_with("ff") || address.starts_with("FF");
  unsigned first = 0;
  std::from_chars(address.data(), address.data() + address.size(), first);
  return first >= 224 && first <= 239;
}

class Parser {
 public:
  Result<ClusterConfig> parse(std::string_view text);

 private:
  struct Section {
    std::string path;  // "totem.interface"
    unsigned line = 0;
  };
  struct DraftNode {
    ConfiguredNode node;
    std::map<unsigned, std::string> addresses;
    unsigned line = 0;
    bool has_id = false;
  };
  struct DraftInterface {
    unsigned line = 0, group_line = 0;
    std::optional<unsigned> link;
    LinkOptions options;
  };

  Result<void> take(const Line& line);
  Result<void> begin_section(const Line& line);
  Result<void> end_section(const Line& line);
  Result<void> totem(const Line& line);
  std::optional<Result<void>> network(const Line& line);
  Result<void> interface(const Line& line);
  Result<void> node(const Line& line);
  Result<void> quorum(const Line& line);
  Result<void> device(const Line& line, std::string_view section);
  Result<void> systole(const Line& line);
  Result<void> tie_breaker(const Line& line);
  Result<void> logging(const Line& line);
  Result<void> end_node();
  Result<void> end_interface();
  Result<void> finish();
  Result<void> check_nodes();
  Result<void> check_totem();
  Result<void> check_links();
  Result<void> check_quorum();
  Result<void> check_device(unsigned votes, bool equal);
  template <typename T>
  Result<void> set_number(const Line& line, T& target, std::uint64_t least, std::uint64_t most) {
    const auto value = number(line, least, most);
    if (!value) return fail(value.error());
    target = static_cast<T>(*value);
    return {};
  }
  template <typename T>
  Result<void> set_ms(const Line& line, T& target, std::uint64_t least, std::uint64_t most) {
    const auto value = number(line, least, most);
    if (!value) return fail(value.error());
    target = Milliseconds(static_cast<std::int64_t>(*value));
    return {};
  }
  void warn(const Line& line, std::string_view what) {
    if (config_.warnings.size() < kMaxWarnings) {
      config_.warnings.push_back(fmt::format("line {}: {}", line.number, what));
    }
  }
  void unknown(const Line& line) {
    warn(line, fmt::format("option {} in section {} is not known and has no effect", shown(line.key),
                           shown(sections_.empty() ? "" : sections_.back().path)));
  }
  void unused(const Line& line, std::string_view why) {
    warn(line, fmt::format("option {} has no effect: {}", shown(line.key), why));
  }

  ClusterConfig config_;
  std::vector<Section> sections_;
  std::vector<DraftNode> nodes_;
  std::optional<DraftNode> node_;
  std::optional<DraftInterface> interface_;
  unsigned interfaces_ = 0;
  std::map<unsigned, unsigned> group_lines_;  // By link: where it names a group.
  bool to_logfile_ = false;
  std::string logfile_;
  bool ip_version_given_ = false;
  unsigned two_node_line_ = 0;
  std::optional<DeviceSection> device_;
  std::map<std::string, unsigned> device_lines_;  // By section: where it begins.
  unsigned last_line_ = 0;
};

Result<ClusterConfig> Parser::parse(std::string_view text) {
  if (text.size() > kMaxText) {
    return fail(Errc::kInvalidConfig,
                "corosync.conf has {} bytes, at most {} are expected: is it the right file?", text.size(),
                kMaxText);
  }
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string_view raw = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    ++last_line_;
    const std::string_view line = trim(raw);
    if (line.empty() || line.front() == '#') continue;
    if (line.find('\0') != std::string_view::npos) {
      return bad({last_line_, {}, {}}, "a zero byte is no text: is it the right file?");
    }
    if (auto taken = take({last_line_, line, {}}); !taken) return fail(taken.error());
  }
  if (auto finished = finish(); !finished) return fail(finished.error());
  return std::move(config_);
}

Result<void> Parser::take(const Line& line) {
  const std::string_view text = line.key;
  if (text == "}") return end_section(line);
  if (text.back() == '{') return begin_section({line.number, trim(text.substr(0, text.size() - 1)), {}});
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) {
    return bad(line, fmt::format("\"{}\" is neither `section {{`, `}}` nor `key: value`", shown(text)));
  }
  const Line option{line.number, trim(text.substr(0, colon)), trim(text.substr(colon + 1))};
  if (option.key.empty()) return bad(line, "there is no key before the colon");
  if (sections_.empty()) {
    return bad(option,
               fmt::format("{} stands outside of any section: put it into totem, nodelist, quorum or logging",
                           shown(option.key)));
  }
  const std::string& section = sections_.back().path;
  if (section == "totem") return totem(option);
  if (section == "totem.interface") return interface(option);
  if (section == "nodelist.node") return node(option);
  if (section == "quorum") return quorum(option);
  if (section.starts_with("quorum.device")) return device(option, section);
  if (section == "logging") return logging(option);
  if (section == "systole") return systole(option);
  if (section == "nodelist") {
    return bad(option,
               fmt::format("{} belongs into a node {{ }} section within nodelist", shown(option.key)));
  }
  unknown(option);
  return {};
}

Result<void> Parser::begin_section(const Line& line) {
  if (line.key.empty()) return bad(line, "a section needs a name before the brace");
  if (line.key.find_first_of(" \t:{}") != std::string_view::npos) {
    return bad(line, fmt::format("\"{}\" is not a section's name: write `name {{` on a line of its own",
                                 shown(line.key)));
  }
  if (sections_.size() >= kMaxDepth)
    return bad(line, "sections are nested too deeply: is a closing brace missing?");
  const std::string path =
      sections_.empty() ? std::string(line.key) : sections_.back().path + "." + std::string(line.key);
  static const std::set<std::string, std::less<>> kKnown = {"totem",
                                                            "totem.interface",
                                                            "nodelist",
                                                            "nodelist.node",
                                                            "quorum",
                                                            "quorum.device",
                                                            "quorum.device.net",
                                                            "quorum.device.disk",
                                                            "quorum.device.heuristics",
                                                            "logging",
                                                            "logging.logger_subsys",
                                                            "systole"};
  static const std::set<std::string, std::less<>> kIgnored = {"system", "resources", "uidgid", "qb",
                                                              "nozzle", "aisexec",   "amf",    "service"};
  if (!kKnown.contains(path) && !kIgnored.contains(path) &&
      !(sections_.size() && kIgnored.contains(sections_[0].path))) {
    warn(line, fmt::format("section {} is not known and has no effect", shown(path)));
  }
  if (path == "quorum.device") device_ = DeviceSection{};
  if (path.starts_with("quorum.device")) device_lines_[path] = line.number;
  if (path == "nodelist.node") {
    if (nodes_.size() >= kMaxNodes) return bad(line, fmt::format("at most {} nodes are possible", kMaxNodes));
    node_ = DraftNode{};
    node_->line = line.number;
  }
  if (path == "totem.interface") {
    interface_ = DraftInterface{};
    interface_->line = line.number;
  }
  sections_.push_back({path, line.number});
  return {};
}

Result<void> Parser::end_section(const Line& line) {
  if (sections_.empty()) return bad(line, "this brace closes nothing: remove it");
  const std::string path = sections_.back().path;
  sections_.pop_back();
  if (path == "nodelist.node") return end_node();
  if (path == "totem.interface") return end_interface();
  return {};
}

Result<void> Parser::totem(const Line& line) {
  TotemOptions& t = config_.totem;
  const std::string_view key = line.key;
  constexpr std::uint64_t kHour = 3600000;
  if (key == "version") {
    if (line.value != "2")
      return bad(line, fmt::format("version is \"{}\", only 2 exists", shown(line.value)));
    return {};
  }
  if (key == "cluster_name") {
    if (line.value.size() > kMaxName) return bad(line, "cluster_name is longer than 255 bytes");
    t.cluster_name = line.value;
    return {};
  }
  if (key == "token") return set_ms(line, t.token, 100, kHour);
  if (key == "token_coefficient") return set_ms(line, t.token_coefficient, 0, kHour);
  if (key == "token_retransmits_before_loss_const") {
    return set_number(line, t.token_retransmits_before_loss_const, 1, 1000);
  }
  if (key == "token_retransmit") return set_ms(line, t.token_retransmit, 5, kHour);
  if (key == "hold") return set_ms(line, t.hold, 1, kHour);
  if (key == "join") return set_ms(line, t.join, 5, kHour);
  if (key == "consensus") return set_ms(line, t.consensus, 20, kHour);
  if (key == "merge") return set_ms(line, t.merge, 10, kHour);
  if (key == "fail_recv_const") return set_number(line, t.fail_recv_const, 10, 1000000000);
  if (key == "seqno_unchanged_const") return set_number(line, t.seqno_unchanged_const, 1, 1000000);
  if (key == "window_size") return set_number(line, t.window_size, 1, 1024);
  if (key == "max_messages") return set_number(line, t.max_messages, 1, 1024);
  if (const auto taken = network(line)) return *taken;
  if (key == "crypto_cipher" || key == "crypto_hash" || key == "secauth" || key == "crypto_type") {
    const bool off = line.value == "none" || line.value == "off" || line.value == "no";
    if (off) unused(line, "frames are always sealed with AES-256-GCM, a cluster key is needed");
    return {};
  }
  if (key == "downcheck" || key == "fail_to_recv_const" || key == "heartbeat_failures_allowed" ||
      key == "max_network_delay" || key == "send_join" || key == "threads" || key == "rrp_mode" ||
      key == "key" || key == "clear_node_high_bit" || key == "nodeid" || key == "miss_count_const" ||
      key == "cancel_token_hold_on_retransmit" || key == "autoconfig" || key == "knet_compression_model" ||
      key == "knet_compression_threshold" || key == "knet_compression_level" || key == "config_version" ||
      key == "allow_knet_handle_fallback") {
    if (key != "config_version") unused(line, "it is not needed here");
    return {};
  }
  unknown(line);
  return {};
}

// Options of totem that concern the links; nothing: it is none.
std::optional<Result<void>> Parser::network(const Line& line) {
  TotemOptions& t = config_.totem;
  const std::string_view key = line.key;
  const auto one_of = [&](std::initializer_list<std::string_view> words) -> Result<void> {
    if (std::find(words.begin(), words.end(), line.value) != words.end()) return {};
    return bad(line,
               fmt::format("{} \"{}\" is not known: use {}", key, shown(line.value), fmt::join(words, ", ")));
  };
  if (key == "transport") {
    t.transport = line.value;
    return one_of({"udpu", "knet", "udp"});
  }
  if (key == "link_mode") {
    t.link_mode = line.value == "active" ? LinkMode::kActive
                  : line.value == "rr"   ? LinkMode::kRoundRobin
                                         : LinkMode::kPassive;
    return one_of({"passive", "active", "rr"});
  }
  if (key == "ip_version") {
    t.ip_version = line.value;
    ip_version_given_ = true;
    return one_of({"ipv4", "ipv6", "ipv4-6", "ipv6-4"});
  }
  if (key == "netmtu" || key == "knet_mtu") {
    if (key == "knet_mtu" && line.value == "0") return Result<void>{};  // Found by itself.
    unsigned value = 0;
    if (auto set = set_number(line, value, 576, 9000); !set) return set;
    t.netmtu = std::min(value, t.netmtu.value_or(value));
    return Result<void>{};
  }
  if (key == "knet_pmtud_interval") {
    unsigned value = 0;
    if (auto set = set_number(line, value, 0, 86400); !set) return set;
    t.pmtud_interval = Seconds(value);
    return Result<void>{};
  }
  if (key == "block_unlisted_ips") {
    const auto value = flag(line);
    if (!value) return fail(value.error());
    t.block_unlisted_ips = *value;
    return Result<void>{};
  }
  if (key == "keyfile") {
    if (line.value.empty() || line.value.front() != '/') return bad(line, "keyfile must be an absolute path");
    t.keyfile = line.value;
    return Result<void>{};
  }
  return {};
}

Result<void> Parser::interface(const Line& line) {
  LinkOptions& link = interface_->options;
  const std::string_view key = line.key;
  constexpr std::uint64_t kMinute = 60000;
  if (key == "linknumber" || key == "ringnumber") {
    unsigned value = 0;
    if (auto set = set_number(line, value, 0, kMaxLinks - 1); !set) return set;
    interface_->link = value;
    return {};
  }
  const auto milliseconds = [&](std::optional<Milliseconds>& target, std::uint64_t least) -> Result<void> {
    if (line.value == "0") return {};  // The default.
    Milliseconds value{};
    if (auto set = set_ms(line, value, least, kMinute); !set) return set;
    target = value;
    return {};
  };
  if (key == "mcastport") {
    std::uint16_t value = 0;
    if (auto set = set_number(line, value, 1, 65535); !set) return set;
    link.port = value;
    return {};
  }
  if (key == "bindnetaddr" || key == "mcastaddr") {
    if (!is_numeric(line.value))
      return bad(line, fmt::format("{}: \"{}\" is not a numeric address", key, shown(line.value)));
    if (key == "mcastaddr" && !is_multicast(line.value)) {
      return bad(line, fmt::format("mcastaddr: \"{}\" is no multicast group: take one of 239.0.0.0 to "
                                   "239.255.255.255, or of ff15::/16",
                                   shown(line.value)));
    }
    (key == "bindnetaddr" ? link.bind_network : link.multicast_group) = line.value;
    interface_->group_line = key == "mcastaddr" ? line.number : interface_->group_line;
    return {};
  }
  if (key == "broadcast") {
    const auto value = flag(line);
    if (!value) return fail(value.error());
    link.broadcast = *value;
    if (*value) interface_->group_line = line.number;
    return {};
  }
  if (key == "ttl") return set_number(line, link.ttl, 1, 255);
  if (key == "knet_link_priority") return set_number(line, link.priority, 0, 255);
  if (key == "knet_ping_interval") return milliseconds(link.ping_interval, 5);
  if (key == "knet_ping_timeout") return milliseconds(link.ping_timeout, 10);
  if (key == "knet_ping_precision") return set_number(line, link.ping_precision, 1, 1000000);
  if (key == "knet_pong_count") return set_number(line, link.pong_count, 1, 100);
  if (key == "knet_transport") {
    if (line.value == "udp" || line.value == "UDP") return {};
    return bad(line, fmt::format("knet_transport \"{}\" is not possible: leave it out, frames go by UDP",
                                 shown(line.value)));
  }
  if (key == "member") return bad(line, "members are listed in nodelist { node { ring0_addr: ... } }");
  unknown(line);
  return {};
}

Result<void> Parser::end_interface() {
  const unsigned link = interface_->link.value_or(interfaces_);
  ++interfaces_;
  const DraftInterface draft = std::move(*interface_);
  interface_.reset();
  const Line line{draft.line, {}, {}};
  const LinkOptions& o = draft.options;
  if (link >= kMaxLinks) return bad(line, fmt::format("links have the numbers 0 to {}", kMaxLinks - 1));
  if (config_.totem.links.contains(link))
    return bad(line, fmt::format("link {} has an interface section already", link));
  if (o.broadcast && !o.multicast_group.empty())
    return bad({draft.group_line, {}, {}}, "broadcast and mcastaddr exclude each other: remove one");
  const Milliseconds interval = o.ping_interval.value_or(Milliseconds(0));
  if (o.ping_timeout && *o.ping_timeout <= interval) {
    return bad(
        line, fmt::format("link {}: knet_ping_timeout ({} ms) must be above knet_ping_interval ({} ms)", link,
                          o.ping_timeout->count(), interval.count()));
  }
  group_lines_[link] = draft.group_line;
  config_.totem.links[link] = o;
  if (o.port && link == 0) config_.totem.port = *o.port;
  return {};
}

Result<void> Parser::node(const Line& line) {
  if (line.key == "nodeid") {
    const auto value = number(line, 1, 0xffffffff);
    if (!value) return fail(value.error());
    if (node_->has_id) return bad(line, "this node has a nodeid already");
    node_->node.id = NodeId{static_cast<std::uint32_t>(*value)};
    node_->has_id = true;
    return {};
  }
  if (line.key == "name") {
    if (line.value.empty() || line.value.size() > kMaxName)
      return bad(line, "a node's name has 1 to 255 bytes");
    node_->node.name = line.value;
    return {};
  }
  if (line.key == "quorum_votes") return set_number(line, node_->node.votes, 0, 1000);
  if (line.key.starts_with("ring") && line.key.ends_with("_addr")) {
    const std::string_view digits = line.key.substr(4, line.key.size() - 9);
    const auto link = number({line.number, line.key, digits}, 0, kMaxLinks - 1);
    if (!link)
      return bad(line,
                 fmt::format("{}: links are ring0_addr to ring{}_addr", shown(line.key), kMaxLinks - 1));
    if (line.value.empty() || line.value.size() > kMaxName ||
        line.value.find_first_of(" \t\"'/\\") != std::string_view::npos) {
      return bad(line, fmt::format("{}: \"{}\" is neither an address nor a name", shown(line.key),
                                   shown(line.value)));
    }
    if (!node_->addresses.try_emplace(static_cast<unsigned>(*link), line.value).second) {
      return bad(line, fmt::format("this node has a {} already", shown(line.key)));
    }
    return {};
  }
  unknown(line);
  return {};
}

Result<void> Parser::end_node() {
  DraftNode draft = std::move(*node_);
  node_.reset();
  const Line line{draft.line, {}, {}};
  if (!draft.has_id) return bad(line, "this node has no nodeid: give each node one of its own, from 1");
  if (!draft.addresses.contains(0)) return bad(line, "this node has no ring0_addr: give its address");
  const unsigned last = draft.addresses.rbegin()->first;
  for (unsigned i = 0; i <= last; ++i) {
    const auto found = draft.addresses.find(i);
    draft.node.addresses.push_back(found == draft.addresses.end() ? "" : found->second);
  }
  if (draft.node.name.empty()) draft.node.name = draft.node.addresses[0];
  nodes_.push_back(std::move(draft));
  return {};
}

// Ours; Corosync passes over sections that it does not know.
Result<void> Parser::systole(const Line& line) {
  if (line.key != "provider") {
    unknown(line);
    return {};
  }
  if (line.value != "ring" && line.value != "corosync")
    return bad(line,
               fmt::format("provider \"{}\" is not known: ring (Systole's own) or corosync (one that runs "
                           "on this host)",
                           shown(line.value)));
  config_.provider = line.value == "ring" ? Provider::kRing : Provider::kCorosync;
  return {};
}

Result<void> Parser::quorum(const Line& line) {
  QuorumOptions& q = config_.quorum;
  if (line.key == "provider") {
    if (line.value != "corosync_votequorum") {
      return bad(line,
                 fmt::format("provider \"{}\" is not known: use corosync_votequorum", shown(line.value)));
    }
    return {};
  }
  if (line.key == "expected_votes") {
    const auto value = number(line, 1, 100000);
    if (!value) return fail(value.error());
    q.expected_votes = static_cast<unsigned>(*value);
    return {};
  }
  if (line.key == "two_node" || line.key == "wait_for_all" || line.key == "last_man_standing" ||
      line.key == "auto_tie_breaker" || line.key == "allow_downscale") {
    const auto value = flag(line);
    if (!value) return fail(value.error());
    if (line.key == "two_node") {
      q.two_node = *value;
      two_node_line_ = line.number;
    } else if (line.key == "wait_for_all") {
      q.wait_for_all = *value;
    } else if (line.key == "last_man_standing") {
      q.last_man_standing = *value;
    } else if (line.key == "auto_tie_breaker") {
      q.auto_tie_breaker = *value;
    } else {
      q.allow_downscale = *value;
    }
    return {};
  }
  if (line.key == "last_man_standing_window") {
    const auto value = number(line, 1, 3600 * 1000);
    if (!value) return fail(value.error());
    q.last_man_standing_window = Milliseconds(*value);
    return {};
  }
  if (line.key == "auto_tie_breaker_node") return tie_breaker(line);
  if (line.key == "expected_votes_tracking" || line.key == "votes") {
    unused(line,
           line.key == "votes" ? "write quorum_votes into the node's section" : "it is not supported yet");
    return {};
  }
  unknown(line);
  return {};
}

Result<void> Parser::device(const Line& line, std::string_view section) {
  const auto taken = device_->take(section, line.key, line.value);
  if (!taken) return bad(line, taken.error().message);
  if (!*taken) unknown(line);
  return {};
}

// "lowest", "highest", or node ids separated by spaces.
Result<void> Parser::tie_breaker(const Line& line) {
  QuorumOptions& q = config_.quorum;
  q.tie_breaker_nodes.clear();
  if (line.value == "lowest" || line.value == "highest") {
    q.tie_breaker =
        line.value == "lowest" ? QuorumOptions::TieBreaker::kLowest : QuorumOptions::TieBreaker::kHighest;
    return {};
  }
  q.tie_breaker = QuorumOptions::TieBreaker::kList;
  std::string_view rest = line.value;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find_first_of(" \t"), rest.size());
    if (end > 0) {
      const auto id = number({line.number, line.key, rest.substr(0, end)}, 1, UINT32_MAX);
      if (!id) return fail(id.error());
      q.tie_breaker_nodes.push_back(NodeId{static_cast<std::uint32_t>(*id)});
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (q.tie_breaker_nodes.empty())
    return bad(line, "auto_tie_breaker_node is lowest, highest, or a list of node ids separated by spaces");
  return {};
}

Result<void> Parser::logging(const Line& line) {
  if (line.key == "logfile") {
    if (line.value.empty() || line.value.front() != '/') return bad(line, "logfile must be an absolute path");
    logfile_ = line.value;
    return {};
  }
  if (line.key == "to_logfile" || line.key == "to_stderr" || line.key == "to_syslog") {
    const auto value = flag(line);
    if (!value) return fail(value.error());
    if (line.key == "to_logfile") to_logfile_ = *value;
    return {};
  }
  if (line.key == "debug") {
    if (line.value == "trace") {
      config_.debug = true;
      return {};
    }
    const auto value = flag(line);
    if (!value) return fail(value.error());
    config_.debug = *value;
    return {};
  }
  if (line.key == "timestamp" || line.key == "fileline" || line.key == "function_name" ||
      line.key == "syslog_facility" || line.key == "syslog_priority" || line.key == "logfile_priority" ||
      line.key == "blackbox" || line.key == "format") {
    return {};
  }
  unknown(line);
  return {};
}

Result<void> Parser::finish() {
  if (!sections_.empty()) {
    return fail(Errc::kInvalidConfig, "corosync.conf line {}: section {} is not closed: add a line with `}}`",
                sections_.back().line, shown(sections_.back().path));
  }
  if (auto checked = check_nodes(); !checked) return checked;
  if (auto checked = check_totem(); !checked) return checked;
  if (auto checked = check_quorum(); !checked) return checked;
  if (to_logfile_) config_.log_file = logfile_;
  if (to_logfile_ && logfile_.empty())
    config_.warnings.push_back("logging: to_logfile is on, but there is no logfile");
  return {};
}

Result<void> Parser::check_nodes() {
  if (nodes_.empty()) {
    return fail(Errc::kInvalidConfig,
                "corosync.conf lists no nodes: add  nodelist {{ node {{ nodeid: 1 name: ... ring0_addr: ... "
                "}} }}, a line each");
  }
  std::map<NodeId, unsigned> ids;
  std::map<std::string, unsigned> names, addresses;
  for (const DraftNode& d : nodes_) {
    const Line line{d.line, {}, {}};
    if (const auto [it, added] = ids.emplace(d.node.id, d.line); !added) {
      return bad(line, fmt::format("nodeid {} is that of the node in line {} too: give each its own",
                                   raw(d.node.id), it->second));
    }
    if (const auto [it, added] = names.emplace(d.node.name, d.line); !added) {
      return bad(line, fmt::format("the name {} is that of the node in line {} too: give each its own",
                                   shown(d.node.name), it->second));
    }
    for (std::size_t link = 0; link < d.node.addresses.size(); ++link) {
      if (d.node.addresses[link].empty()) continue;
      const auto [it, added] = addresses.emplace(fmt::format("{} {}", link, d.node.addresses[link]), d.line);
      if (!added) {
        return bad(line, fmt::format("ring{}_addr {} is that of the node in line {} too", link,
                                     shown(d.node.addresses[link]), it->second));
      }
    }
    config_.nodes.push_back(d.node);
  }
  std::sort(config_.nodes.begin(), config_.nodes.end(),
            [](const ConfiguredNode& a, const ConfiguredNode& b) { return a.id < b.id; });
  return {};
}

Result<void> Parser::check_totem() {
  if (config_.totem.transport == "udp" && !ip_version_given_) config_.totem.ip_version = "ipv4";
  const TotemOptions& t = config_.totem;
  if (t.consensus && *t.consensus < t.join) {
    return fail(Errc::kInvalidConfig,
                "corosync.conf: consensus ({} ms) is below join ({} ms): leave it out, or raise it",
                t.consensus->count(), t.join.count());
  }
  if (t.token_retransmit && *t.token_retransmit >= t.token) {
    return fail(
        Errc::kInvalidConfig,
        "corosync.conf: token_retransmit ({} ms) is not below token ({} ms): leave it out, or lower it",
        t.token_retransmit->count(), t.token.count());
  }
  return check_links();
}

Result<void> Parser::check_links() {
  const TotemOptions& t = config_.totem;
  for (std::size_t link = 0; link < config_.links(); ++link) {
    const auto number = static_cast<unsigned>(link);
    if (!config_.link(number).port && t.port + link > 65535) {
      return fail(Errc::kInvalidConfig,
                  "corosync.conf: link {} would have port {}: give it an interface section with mcastport",
                  link, t.port + link);
    }
  }
  for (const auto& [link, options] : t.links) {
    const auto line = group_lines_.find(link);
    const bool group = options.broadcast || !options.multicast_group.empty();
    if (group && t.transport != "udp") {
      warn({line->second, {}, {}},
           fmt::format("it has no effect with transport {}: write transport: udp", t.transport));
    }
    if (link >= config_.links())
      warn({last_line_, {}, {}},
           fmt::format("no node has a ring{}_addr for the interface section of link {}", link, link));
  }
  for (const ConfiguredNode& node : config_.nodes) {
    const ConfiguredNode& first = config_.nodes.front();
    for (unsigned link = 0; link < config_.links(); ++link) {
      const auto has = [link](const ConfiguredNode& n) {
        return link < n.addresses.size() && !n.addresses[link].empty();
      };
      if (has(node) != has(first)) {
        warn({last_line_, {}, {}},
             fmt::format("node {} has {} ring{}_addr, node {} has {}: they are not joined by link {}",
                         node.name, has(node) ? "a" : "no", link, first.name, has(first) ? "one" : "none",
                         link));
      }
    }
  }
  return {};
}

Result<void> Parser::check_quorum() {
  const QuorumOptions& q = config_.quorum;
  if (q.two_node && (config_.nodes.size() != 2 || (q.expected_votes && *q.expected_votes != 2))) {
    return bad({two_node_line_, {}, {}},
               fmt::format("two_node needs exactly two nodes with a vote each, but {} are listed: remove it",
                           config_.nodes.size()));
  }
  if (q.two_node && q.auto_tie_breaker) {
    return bad({two_node_line_, {}, {}}, "two_node and auto_tie_breaker exclude each other: remove one");
  }
  unsigned votes = 0;
  bool equal = true;
  for (const ConfiguredNode& node : config_.nodes) {
    votes += node.votes;
    equal &= node.votes == 1;
  }
  for (const NodeId id : q.tie_breaker_nodes) {
    if (config_.find(id) == nullptr) {
      return fail(Errc::kInvalidConfig,
                  "corosync.conf: auto_tie_breaker_node names node {}, which is not in the nodelist",
                  raw(id));
    }
  }
  if (q.last_man_standing && !equal) {
    return fail(
        Errc::kInvalidConfig,
        "corosync.conf: last_man_standing needs nodes that have one vote each: leave quorum_votes out");
  }
  if (device_) {
    if (auto checked = check_device(votes, equal); !checked) return checked;
  }
  if (q.last_man_standing && !q.wait_for_all.value_or(false)) {
    config_.warnings.push_back(
        "quorum: last_man_standing without wait_for_all lets nodes that start apart go on apart: add "
        "wait_for_all: 1");
  }
  if (votes == 0)
    return fail(Errc::kInvalidConfig, "corosync.conf: no node has a vote: leave quorum_votes out");
  return {};
}

Result<void> Parser::check_device(unsigned votes, bool equal) {
  QuorumOptions& q = config_.quorum;
  const Line line{device_lines_["quorum.device"], {}, {}};
  if (q.last_man_standing || q.auto_tie_breaker) {
    warn(line, "a quorum device excludes last_man_standing and auto_tie_breaker: the device is not used");
    return {};
  }
  if (q.two_node)
    return bad(
        line,
        "two_node and a quorum device exclude each other: remove two_node, the device's vote does its work");
  auto options = device_->finish({config_.totem.cluster_name, votes, equal, q.expected_votes.has_value()});
  if (!options) return bad(line, options.error().message);
  for (const std::string& warning : options->warnings) warn(line, warning);
  if (options->device.tie_breaker == DeviceOptions::TieBreaker::kNode &&
      config_.find(options->device.tie_breaker_node) == nullptr) {
    return bad(line, fmt::format("the device's tie_breaker names node {}, which is not in the nodelist",
                                 raw(options->device.tie_breaker_node)));
  }
  if (options->device.model == DeviceOptions::Model::kDisk && raw(config_.nodes.back().id) > kMaxNodes) {
    return bad(line,
               fmt::format("a quorum disk has slots for the nodeids 1 to {}, not for {}: renumber the nodes",
                           kMaxNodes, raw(config_.nodes.back().id)));
  }
  q.device_votes = options->votes;
  q.device = std::move(options->device);
  return {};
}

}  // namespace

const ConfiguredNode* ClusterConfig::find(NodeId id) const {
  for (const ConfiguredNode& node : nodes) {
    if (node.id == id) return &node;
  }
  return nullptr;
}

const ConfiguredNode* ClusterConfig::find(std::string_view name) const {
  for (const ConfiguredNode& node : nodes) {
    if (node.name == name) return &node;
  }
  return nullptr;
}

std::uint16_t ClusterConfig::port_of(unsigned number) const {
  return link(number).port.value_or(static_cast<std::uint16_t>(totem.port + number));
}

LinkOptions ClusterConfig::link(unsigned number) const {
  const auto own = totem.links.find(number);
  return own != totem.links.end() ? own->second : LinkOptions{};
}

Transport ClusterConfig::transport_of(unsigned number) const {
  if (totem.transport != "udp") return Transport::kUnicast;
  return link(number).broadcast ? Transport::kBroadcast : Transport::kMulticast;
}

std::string ClusterConfig::local_address(NodeId self, unsigned number) const {
  const auto bound = local.find(number);
  if (bound != local.end() && !bound->second.address.empty()) return bound->second.address;
  const ConfiguredNode* node = find(self);
  return node != nullptr && number < node->addresses.size() ? node->addresses[number] : "";
}

std::string ClusterConfig::group_address(unsigned number) const {
  if (transport_of(number) == Transport::kBroadcast) {
    const auto bound = local.find(number);
    return bound != local.end() ? bound->second.broadcast : "";
  }
  if (std::string group = link(number).multicast_group; !group.empty()) return group;
  // As corosync: made from the cluster's name, so that two clusters of one network differ.
  std::uint32_t hash = 2166136261U + number;
  for (const char c : totem.cluster_name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  const bool v6 = !nodes.empty() && number < nodes.front().addresses.size() &&
                  nodes.front().addresses[number].find(':') != std::string::npos;
  if (v6) return fmt::format("ff15::{:x}", hash & 0xffff);
  return fmt::format("239.192.{}.{}", (hash >> 8) & 0xff, hash & 0xff);
}

std::size_t ClusterConfig::links() const {
  std::size_t most = 1;
  for (const ConfiguredNode& node : nodes) most = std::max(most, node.addresses.size());
  return most;
}

Result<ClusterConfig> parse_corosync_conf(std::string_view text) { return Parser().parse(text); }

Result<void> resolve_addresses(ClusterConfig& config, const Resolve& resolve) {
  for (ConfiguredNode& node : config.nodes) {
    for (std::size_t link = 0; link < node.addresses.size(); ++link) {
      std::string& address = node.addresses[link];
      if (address.empty() || is_numeric(address)) continue;
      auto numeric = resolve(address);
      if (!numeric) {
        return fail(
            Errc::kInvalidConfig,
            "ring{}_addr {} of node {} has no address: {}. Add it to /etc/hosts, or write the address into "
            "corosync.conf",
            link, shown(address), raw(node.id), numeric.error().message);
      }
      address = std::move(*numeric);
    }
  }
  return {};
}

Result<NodeId> find_self(const ClusterConfig& config, std::string_view hostname,
                         const std::vector<std::string>& host_addresses) {
  const std::string_view short_name = hostname.substr(0, hostname.find('.'));
  for (const std::string_view name : {hostname, short_name}) {
    if (const ConfiguredNode* node = config.find(name)) return node->id;
  }
  for (const ConfiguredNode& node : config.nodes) {
    for (const std::string& address : node.addresses) {
      if (std::find(host_addresses.begin(), host_addresses.end(), address) != host_addresses.end())
        return node.id;
    }
  }
  std::string listed, own;
  for (const ConfiguredNode& node : config.nodes) {
    listed += fmt::format("{}{} ({})", listed.empty() ? "" : ", ", node.name, fmt::join(node.addresses, " "));
  }
  for (const std::string& address : host_addresses) own += (own.empty() ? "" : " ") + address;
  return fail(Errc::kInvalidConfig,
              "this host is none of the nodes in corosync.conf: it is called {} and has the addresses {}; "
              "the nodes are "
              "{}. Correct the nodelist or the host's name",
              hostname, own.empty() ? "(none)" : own, listed);
}

}  // namespace systole::membership
