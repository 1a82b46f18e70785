// Links: opening, configuration, status. What is sent is in links_send.cc, what comes in links_receive.cc.
#include "membership/links.h"

#include <algorithm>

namespace systole::membership {
namespace {

constexpr std::size_t kLeastFrame = 400;  // Bytes: what the smallest path takes, whatever happens.

std::vector<NodeId> peers_of(const ClusterConfig& config, NodeId self) {
  std::vector<NodeId> ids;
  for (const ConfiguredNode& node : config.nodes) {
    if (node.id != self) ids.push_back(node.id);
  }
  return ids;
}

const char* name_of(Transport transport) {
  return transport == Transport::kMulticast   ? "multicast"
         : transport == Transport::kBroadcast ? "broadcast"
                                              : "unicast";
}

}  // namespace

PathTimes path_times(const ClusterConfig& config, unsigned link) {
  const LinkOptions options = config.link(link);
  const Duration token = config.totem.token;
  const Duration usual = config.links() > 1 ? std::max<Duration>(token / 10, Milliseconds(10)) : token;
  PathTimes times;
  times.interval = options.ping_interval ? Duration(*options.ping_interval) : usual;
  times.timeout = options.ping_timeout ? Duration(*options.ping_timeout) : 3 * times.interval;
  times.proofs = options.pong_count;
  times.precision = options.ping_precision;
  return times;
}

std::size_t Links::headers(const Endpoint& endpoint) {
  return endpoint.address.find(':') == std::string::npos ? 28 : 48;  // IP and UDP.
}

std::size_t Links::frame_limit(const Path& path) {
  return std::max<std::size_t>(path.size.size() - headers(path.remote) - kSealOverhead, kLeastFrame);
}

Links::Links(Parts parts, Handler handler)
    : parts_(std::move(parts)),
      handler_(std::move(handler)),
      opener_(parts_.self, parts_.config.totem.cluster_name, peers_of(parts_.config, parts_.self.node)),
      refusals_(parts_.log) {
  set_keys(parts_.keys);
}

Links::~Links() = default;

Result<std::unique_ptr<Links>> Links::create(Parts parts, Handler handler) {
  const ConfiguredNode* own = parts.config.find(parts.self.node);
  if (own == nullptr || own->addresses.empty()) {
    return fail(Errc::kInvalidConfig,
                "node {} is not in the nodelist of corosync.conf, or has no ring0_addr there",
                raw(parts.self.node));
  }
  const ClusterConfig config = parts.config;
  std::unique_ptr<Links> links(new Links(std::move(parts), std::move(handler)));
  auto prepared = links->prepare(config);
  if (!prepared) return fail(prepared.error());
  links->apply(**prepared);
  return links;
}

void Links::set_keys(const std::vector<Bytes>& keys) {
  parts_.keys = keys;
  opener_.set_keys(keys);
  const std::uint32_t first = key_fingerprint(keys.front());
  heard_other_key_ = false;
  if (sealer_ && first == key_) return;
  key_ = first;
  sealer_ = std::make_unique<Sealer>(keys.front(), parts_.config.totem.cluster_name, parts_.self,
                                     *parts_.ports.random, ++sessions_);
}

Path* Links::path(NodeId peer, unsigned link) {
  const auto found = links_.find(link);
  if (found == links_.end()) return nullptr;
  const auto path = found->second.paths.find(peer);
  return path == found->second.paths.end() ? nullptr : &path->second;
}

Result<Links::Sockets> Links::open_sockets(unsigned number, const ClusterConfig& config) {
  static const Sockets kNone;
  const auto old = links_.find(number);
  const Sockets& had = old == links_.end() ? kNone : old->second.sockets;
  const LinkOptions options = config.link(number);
  const std::uint16_t port = config.port_of(number);
  Sockets sockets;
  sockets.local = {config.local_address(parts_.self.node, number), port};
  const auto refusal = [this, number](const Endpoint& peer) { refused(number, peer); };
  const auto handler = [&](bool shared) {
    return Network::Handler{[this, number, shared](const Endpoint& from, ByteView datagram) {
                              received(number, shared, from, datagram);
                            },
                            refusal, [this] { handler_.settled(); }};
  };
  if (!had.unicast || had.local != sockets.local) {
    auto unicast = parts_.ports.network->bind(sockets.local, handler(false));
    if (!unicast) return fail(unicast.error().code, "link {}: {}", number, unicast.error().message);
    sockets.unicast = std::move(*unicast);
  }
  if (config.transport_of(number) == Transport::kUnicast) return sockets;
  const std::string group = config.group_address(number);
  if (group.empty()) {
    return fail(Errc::kInvalidConfig,
                "link {}: the network of {} has no broadcast address: give mcastaddr instead of broadcast",
                number, sockets.local.address);
  }
  sockets.group = Endpoint{group, port};
  if (!had.shared || had.local != sockets.local || had.group != sockets.group ||
      old->second.options.ttl != options.ttl) {
    auto shared =
        parts_.ports.network->join(*sockets.group, sockets.local.address, options.ttl, handler(true));
    if (!shared) return fail(shared.error().code, "link {}: {}", number, shared.error().message);
    sockets.shared = std::move(*shared);
  }
  return sockets;
}

Result<std::shared_ptr<Links::Prepared>> Links::prepare(const ClusterConfig& config) {
  auto prepared = std::make_shared<Prepared>();
  prepared->config = config;
  const ConfiguredNode* own = config.find(parts_.self.node);
  if (own == nullptr)
    return fail(Errc::kInvalidConfig, "this node, {}, is not in the nodelist", raw(parts_.self.node));
  for (unsigned i = 0; i < own->addresses.size(); ++i) {
    if (own->addresses[i].empty()) continue;
    auto sockets = open_sockets(i, config);
    if (!sockets) return fail(sockets.error());
    prepared->sockets.emplace(i, std::move(*sockets));
  }
  return prepared;
}

void Links::apply(Prepared& prepared) {
  flush();
  parts_.config = prepared.config;
  opener_.set_peers(peers_of(parts_.config, parts_.self.node));
  auto old = std::move(links_);
  links_.clear();
  for (auto& [number, sockets] : prepared.sockets) {
    Link* before = old.contains(number) ? &old.at(number) : nullptr;
    if (before != nullptr && !sockets.unicast) sockets.unicast = std::move(before->sockets.unicast);
    if (before != nullptr && sockets.group && !sockets.shared)
      sockets.shared = std::move(before->sockets.shared);
    make_link(number, std::move(sockets),
              before != nullptr ? std::move(before->paths) : std::map<NodeId, Path>());
    links_[number].beats = before != nullptr ? before->beats : 0;
  }
  for (auto& [number, link] : old) retired_.push_back(std::move(link.sockets));
  routes_.clear();
  for (const NodeId peer : peers_of(parts_.config, parts_.self.node)) route(peer);
  std::erase_if(assemblies_, [this](const auto& a) { return parts_.config.find(a.first) == nullptr; });
  compute_budget();
  next_ = early_ = parts_.ports.clock->now();
}

std::optional<Links::Ends> Links::best(NodeId peer) const {
  const auto found = routes_.find(peer);
  if (found == routes_.end() || found->second.order.empty()) return {};
  const unsigned number = found->second.order.front();
  const Link& link = links_.at(number);
  return Ends{number, link.sockets.local, link.paths.at(peer).remote};
}

bool Links::up(NodeId peer, unsigned link) const {
  const Path* path = const_cast<Links*>(this)->path(peer, link);
  return path != nullptr && path->up();
}

void Links::make_link(unsigned number, Sockets sockets, std::map<NodeId, Path> old_paths) {
  const ClusterConfig& config = parts_.config;
  Link& link = links_[number];
  link.options = config.link(number);
  link.transport = config.transport_of(number);
  link.times = path_times(config, number);
  link.sockets = std::move(sockets);
  link.next_beat = parts_.ports.clock->now();
  const unsigned most = config.totem.netmtu.value_or(PathSize::kMost);
  for (const ConfiguredNode& node : config.nodes) {
    if (node.id == parts_.self.node || number >= node.addresses.size() || node.addresses[number].empty())
      continue;
    const Endpoint remote{node.addresses[number], config.port_of(number)};
    link.listed.insert(remote.address);
    const auto old = old_paths.find(node.id);
    if (old != old_paths.end() && old->second.remote == remote) {
      link.paths.emplace(node.id, std::move(old->second));
    } else {
      link.paths.emplace(node.id, Path(remote, PathSize(static_cast<std::uint16_t>(std::min(most, 65000U)),
                                                        config.totem.pmtud_interval)));
    }
  }
}

void Links::compute_budget() {
  std::size_t least = 0;
  for (const auto& [number, link] : links_) {
    for (const auto& [peer, path] : link.paths) {
      if (path.up() || (least == 0 && links_.size() == 1))
        least = least == 0 ? frame_limit(path) : std::min(least, frame_limit(path));
    }
  }
  const auto base = std::min(parts_.config.totem.netmtu.value_or(1280), 1280U);
  budget_ = least != 0 ? least : base - 48 - kSealOverhead;
}

void Links::compute_next() {
  next_ = early_ = Time::max();
  for (const auto& [number, link] : links_) {
    if (link.paths.empty()) continue;
    next_ = std::min(next_, link.next_beat);
    early_ = std::min(early_, early(link));
    for (const auto& [peer, path] : link.paths) {
      next_ = std::min(next_, path.expires(link.times));
      if (path.up()) next_ = std::min(next_, path.size.due());
    }
  }
}

void Links::add_to(RingStatus& status) const {
  for (const auto& [peer, route] : routes_) {
    for (const auto& [number, link] : links_) {
      const auto found = link.paths.find(peer);
      if (found == link.paths.end()) continue;
      const Path& path = found->second;
      RingStatus::Link out;
      out.peer = peer;
      out.link = static_cast<int>(number);
      out.local = link.sockets.local.address;
      out.remote = path.remote.address;
      out.up = path.up();
      out.latency = path.latency();
      out.loss = path.loss();
      out.mtu = path.size.size();
      out.priority = link.options.priority;
      out.transport = name_of(link.transport);
      out.used = path.up() && (parts_.config.totem.link_mode != LinkMode::kPassive ||
                               (!route.order.empty() && route.order.front() == number));
      out.ups = path.ups();
      out.downs = path.downs();
      out.latency_min = path.latency_min();
      out.latency_max = path.latency_max();
      out.latency_samples = path.samples();
      out.sent = path.ring_sent;
      out.received = path.ring_received;
      out.link_sent = path.link_sent;
      out.link_received = path.link_received;
      status.links.push_back(std::move(out));
    }
  }
  refusals_.add_to(status);
  status.key.fingerprint = key_;
}

}  // namespace systole::membership
