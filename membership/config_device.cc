#include "membership/config_device.h"

#include <charconv>

namespace systole::membership {
namespace {

constexpr std::size_t kMaxCommands = 32;  // As corosync-qdevice(8)'s heuristics_max_execs.

template <typename... Args>
tl::unexpected<Error> bad(fmt::format_string<Args...> text, Args&&... args) {
  return fail(Errc::kInvalidConfig, text, std::forward<Args>(args)...);
}

std::string shown(std::string_view s) {
  std::string out;
  for (const char c : s.substr(0, 60)) out += c >= ' ' && c < 127 ? c : '?';
  return s.size() > 60 ? out + "..." : out;
}

template <typename T>
Result<bool> number(std::string_view key, std::string_view value, T& target, std::uint64_t least,
                    std::uint64_t most) {
  std::uint64_t n = 0;
  const auto [at, error] = std::from_chars(value.data(), value.data() + value.size(), n);
  if (error != std::errc{} || at != value.data() + value.size() || n < least || n > most)
    return bad("{}: \"{}\" is not usable: give a whole number from {} to {}", key, shown(value), least, most);
  target = T(n);
  return true;
}

Result<bool> milliseconds(std::string_view key, std::string_view value, Milliseconds& target,
                          std::uint64_t least, std::uint64_t most) {
  std::int64_t n = 0;
  auto taken = number(key, value, n, least, most);
  if (taken) target = Milliseconds(n);
  return taken;
}

// One of a few words.
template <typename T>
Result<bool> word(std::string_view key, std::string_view value, T& target,
                  std::initializer_list<std::pair<std::string_view, T>> words) {
  std::string names;
  for (const auto& [name, meaning] : words) {
    if (name == value) {
      target = meaning;
      return true;
    }
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  return bad("{} \"{}\" is not known: use {}", key, shown(value), names);
}

}  // namespace

Result<bool> DeviceSection::take(std::string_view section, std::string_view key, std::string_view value) {
  if (section == "quorum.device") return general(key, value);
  if (section == "quorum.device.net") return net(key, value);
  if (section == "quorum.device.disk") return disk(key, value);
  if (section == "quorum.device.heuristics") return heuristics(key, value);
  return false;
}

Result<bool> DeviceSection::general(std::string_view key, std::string_view value) {
  if (key == "model") {
    model_given_ = true;
    using M = DeviceOptions::Model;
    return word(key, value, device_.model, {{"net", M::kNet}, {"disk", M::kDisk}});
  }
  if (key == "votes") {
    unsigned votes = 0;
    auto taken = number(key, value, votes, 1, 100000);
    votes_ = votes;
    return taken;
  }
  if (key == "timeout") return milliseconds(key, value, device_.timeout, 1000, 120000);
  if (key == "sync_timeout") return milliseconds(key, value, device_.sync_timeout, 1000, 120000);
  return false;
}

Result<bool> DeviceSection::net(std::string_view key, std::string_view value) {
  if (key == "host") {
    if (value.empty() || value.size() > 255) return bad("host must be a name or an address");
    device_.host = value;
    return true;
  }
  if (key == "port") return number(key, value, device_.port, 1, 65535);
  if (key == "tls") {
    using Tls = DeviceOptions::Tls;
    return word(key, value, device_.tls,
                {{"off", Tls::kOff}, {"on", Tls::kOn}, {"required", Tls::kRequired}});
  }
  if (key == "algorithm") {
    using A = DeviceOptions::Algorithm;
    return word(key, value, device_.algorithm,
                {{"ffsplit", A::kFfsplit}, {"lms", A::kLms}, {"test", A::kTest}});
  }
  if (key == "tie_breaker") {
    using T = DeviceOptions::TieBreaker;
    device_.tie_breaker = value == "lowest" ? T::kLowest : value == "highest" ? T::kHighest : T::kNode;
    if (device_.tie_breaker != T::kNode) return true;
    std::uint32_t node = 0;
    if (!number(key, value, node, 1, UINT32_MAX))
      return bad("tie_breaker \"{}\" is not known: use lowest, highest or a node's id", shown(value));
    device_.tie_breaker_node = NodeId{node};
    return true;
  }
  if (key == "keep_active_partition_tie_breaker")
    return word(key, value, device_.keep_active, {{"on", true}, {"off", false}});
  if (key == "connect_timeout") {
    connect_given_ = true;
    return milliseconds(key, value, device_.connect_timeout, 1000, 120000);
  }
  if (key == "force_ip_version")
    return word(key, value, device_.ip_version, {{"0", 0U}, {"4", 4U}, {"6", 6U}});
  return false;
}

Result<bool> DeviceSection::disk(std::string_view key, std::string_view value) {
  if (key == "device") {
    if (value.empty() || value.front() != '/') return bad("device must be an absolute path");
    device_.path = value;
    return true;
  }
  if (key == "interval") return milliseconds(key, value, device_.interval, 100, 60000);
  if (key == "master_wins") return word(key, value, device_.master_wins, {{"0", false}, {"1", true}});
  return false;
}

Result<bool> DeviceSection::heuristics(std::string_view key, std::string_view value) {
  auto& h = device_.heuristics;
  using Mode = DeviceOptions::Heuristics::Mode;
  if (key == "mode")
    return word(key, value, h.mode, {{"off", Mode::kOff}, {"on", Mode::kOn}, {"sync", Mode::kSync}});
  if (key == "timeout") return milliseconds(key, value, h.timeout, 1000, 120000);
  if (key == "sync_timeout") return milliseconds(key, value, h.sync_timeout, 1000, 120000);
  if (key == "interval") return milliseconds(key, value, h.interval, 1000, 3600000);
  if (!key.starts_with("exec_")) return false;
  auto words = split_command(value);
  if (!words) return bad("{}: {}", shown(key), words.error().message);
  if (words->front().front() != '/')
    return bad("{}: \"{}\" is not an absolute path: write the program's whole path", shown(key),
               shown(words->front()));
  h.commands[std::string(key.substr(5))] = std::move(*words);
  if (h.commands.size() > kMaxCommands) return bad("at most {} exec_ commands are possible", kMaxCommands);
  return true;
}

Result<DeviceSection::Checked> DeviceSection::finish(const Cluster& cluster) const {
  Checked out{device_, 0, {}};
  DeviceOptions& d = out.device;
  if (!model_given_)
    return bad("the quorum device has no model: add  model: net  (an arbitrator) or  model: disk");
  if (cluster.expected_votes && !votes_)
    return bad(
        "expected_votes is given, so the quorum device's votes must be too: add votes to the device section");
  const bool net = d.model == DeviceOptions::Model::kNet;
  if (net && d.host.empty())
    return bad("the quorum device has no host: add  net {{ host: ... }}, a line each");
  if (net && cluster.name.empty())
    return bad("an arbitrator serves many clusters: give this one a cluster_name in the totem section");
  if (!net && d.path.empty())
    return bad("the quorum disk has no device: add  disk {{ device: /dev/... }}, a line each");
  const unsigned by_default = std::max(1U, cluster.votes - std::min(cluster.votes, 1U));
  out.votes = votes_.value_or(by_default);
  if (net && d.algorithm == DeviceOptions::Algorithm::kFfsplit &&
      (out.votes != 1 || !cluster.one_vote_each)) {
    return bad(
        "algorithm ffsplit needs one vote of each node and one of the device, which has {}: write  votes: 1  "
        "into "
        "the device section and no quorum_votes, or use algorithm lms",
        out.votes);
  }
  if (net && d.algorithm == DeviceOptions::Algorithm::kLms && out.votes != by_default)
    out.warnings.push_back(
        fmt::format("algorithm lms is meant for a device with {} votes: leave votes out", by_default));
  if (!net && 4 * d.interval > d.timeout)
    return bad("the disk's interval of {} ms is too long for a timeout of {} ms: at most a quarter",
               d.interval.count(), d.timeout.count());
  if (!connect_given_) d.connect_timeout = d.timeout * 4 / 5;
  auto& h = d.heuristics;
  if (h.timeout == Milliseconds{}) h.timeout = d.timeout / 2;
  if (h.sync_timeout == Milliseconds{}) h.sync_timeout = d.sync_timeout / 2;
  if (h.interval == Milliseconds{}) h.interval = d.timeout * 3;
  if (h.mode != DeviceOptions::Heuristics::Mode::kOff && h.commands.empty()) {
    h.mode = DeviceOptions::Heuristics::Mode::kOff;
    out.warnings.push_back("heuristics have no exec_NAME: they are off");
  }
  return out;
}

Result<std::vector<std::string>> split_command(std::string_view text) {
  std::vector<std::string> words;
  bool inside = false, quoted = false, escaped = false;  // Of a word, of quotes.
  for (const char c : text) {
    if (!inside && !quoted && !escaped && (c == ' ' || c == '\t')) continue;
    if (!inside) {
      words.emplace_back();
      inside = true;
    }
    if (escaped) {
      words.back() += c;
      escaped = false;
    } else if (c == '\\') {
      escaped = true;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && (c == ' ' || c == '\t')) {
      inside = false;
    } else {
      words.back() += c;
    }
  }
  if (quoted || escaped) return bad("a quote is not closed: \"{}\"", shown(text));
  if (words.empty() || words.front().empty()) return bad("there is no command");
  return words;
}

}  // namespace systole::membership
