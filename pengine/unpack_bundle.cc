// Bundles: a container resource, perhaps an address and a connection, and the inner primitive, per replica.
#include <fmt/format.h>

#include <algorithm>

#include "pengine/because.h"
#include "pengine/engine.h"

namespace systole::pengine::engine {
namespace {

struct Mount {
  std::string source, target, options;
  bool per_replica = false;
};
struct Port {
  std::string source, target;
};
struct BundleConfig {
  std::string prefix, agent, image, network, options, command;
  std::string ip_start, netmask, interface, control_port;
  bool add_host = true;
  int replicas = 1, per_host = 1, promoted_max = 0;
  std::vector<Mount> mounts;
  std::vector<Port> ports;
  std::string host_options;
};

std::string next_ip(const std::string& last) {
  unsigned o[4] = {0, 0, 0, 0};
  std::size_t at = 0;
  for (int i = 0; i < 4; ++i) {
    const auto dot = last.find('.', at);
    auto v = parse_int(std::string_view(last).substr(at, dot == std::string::npos ? dot : dot - at));
    if (!v || *v < 0 || *v > 255) return {};
    o[i] = static_cast<unsigned>(*v);
    if (dot == std::string::npos && i < 3) return {};
    at = dot + 1;
  }
  if (o[3] > 253) {
    if (o[2] > 253) return {};
    ++o[2];
    o[3] = 1;
  } else {
    ++o[3];
  }
  return fmt::format("{}.{}.{}.{}", o[0], o[1], o[2], o[3]);
}

Definition primitive(const std::string& id, const char* provider, const std::string& type) {
  Definition d;
  d.tag = "primitive";
  d.id = id;
  d.agent_class = "ocf";
  d.provider = provider;
  d.type = type;
  d.attributes = {{"id", id}, {"class", "ocf"}, {"provider", provider}, {"type", type}};
  d.parameters.emplace_back();
  return d;
}

OpDef monitor_op(const std::string& id, const char* interval, const char* timeout) {
  OpDef op;
  op.id = fmt::format("{}-monitor-{}", id, interval);
  op.name = "monitor";
  op.interval_ms = parse_interval_ms(interval);
  op.attributes = {{"id", op.id}, {"name", "monitor"}, {"interval", interval}};
  if (timeout) op.attributes["timeout"] = timeout;
  return op;
}

Definition ip_definition(const BundleConfig& b, const BundleReplica& replica) {
  Definition d = primitive(fmt::format("{}-ip-{}", b.prefix, replica.ip_address), "heartbeat", "IPaddr2");
  auto& p = d.parameters.back().pairs;
  p.emplace_back("ip", replica.ip_address);
  if (!b.interface.empty()) p.emplace_back("nic", b.interface);
  p.emplace_back("cidr_netmask", b.netmask.empty() ? "32" : b.netmask);
  d.operations.push_back(monitor_op(d.id, "60s", nullptr));
  return d;
}

Definition container_definition(const BundleConfig& b, const BundleReplica& replica, bool inner) {
  Definition d = primitive(fmt::format("{}-{}-{}", b.prefix, b.agent, replica.offset), "heartbeat", b.agent);
  const bool rkt = b.agent == "rkt";
  std::string run, dirs;
  if (b.agent == "docker") run += " --restart=no";
  if (!b.ip_start.empty())
    run += fmt::format("{}{}-{}", rkt ? " --hostname=" : " -h ", b.prefix, replica.offset);
  run += rkt ? " --environment=PCMK_stderr=1" : " -e PCMK_stderr=1";
  if (!b.network.empty()) run += " --net=" + b.network;
  const char* env = rkt ? " --environment=" : " -e ";
  run += fmt::format("{}PCMK_remote_port={}", env, b.control_port.empty() ? "3121" : b.control_port);
  int volume = 0;
  for (const auto& m : b.mounts) {
    std::string source = m.source;
    if (m.per_replica) {
      source = fmt::format("{}/{}-{}", m.source, b.prefix, replica.offset);
      if (!dirs.empty()) dirs += ",";
      dirs += source;
    }
    if (rkt) {
      run += fmt::format(" --volume vol{0},kind=host,source={1}{2}{3} --mount volume=vol{0},target={4}",
                         volume++, source, m.options.empty() ? "" : ",", m.options, m.target);
      continue;
    }
    run += fmt::format(" -v {}:{}", source, m.target);
    if (!m.options.empty()) run += ":" + m.options;
  }
  for (const auto& p : b.ports) {
    if (!replica.ip_address.empty())
      run += rkt ? fmt::format(" --port={}:{}:{}", p.target, replica.ip_address, p.source)
                 : fmt::format(" -p {}:{}:{}", replica.ip_address, p.source, p.target);
    else if (b.network != "host")
      run += rkt ? fmt::format(" --port={}:{}", p.target, p.source)
                 : fmt::format(" -p {}:{}", p.source, p.target);
  }
  if (!b.options.empty()) run += " " + b.options;
  run += " " + b.host_options;
  auto& p = d.parameters.back().pairs;
  p.emplace_back("image", b.image);
  p.emplace_back("allow_pull", "true");
  p.emplace_back("force_kill", "false");
  p.emplace_back("reuse", "false");
  p.emplace_back("run_opts", run);
  p.emplace_back("mount_points", dirs);
  if (inner) {
    p.emplace_back("run_cmd", b.command.empty() ? "/usr/sbin/pacemaker-remoted" : b.command);
  } else if (!b.command.empty()) {
    p.emplace_back("run_cmd", b.command);
  }
  // Whether the container lives; what is inside is watched by itself, if at all.
  p.emplace_back("monitor_cmd", "/bin/true");
  d.operations.push_back(monitor_op(d.id, "60s", nullptr));
  return d;
}

// Owns the definition together with the bundle's.
Definition* adopt(Resource* bundle, Definition d) {
  bundle->def->children.push_back(std::make_unique<Definition>(std::move(d)));
  return bundle->def->children.back().get();
}

BundleConfig read_config(Cluster& c, Resource* bundle, pugi::xml_node xml) {
  BundleConfig b;
  b.prefix = bundle->id;
  pugi::xml_node container;
  for (const char* tag : {"docker", "rkt", "podman"})
    if (!container && (container = xml.child(tag))) b.agent = tag;
  if (!container) return b;
  auto number = [&](const char* a, const char* alt, int fallback) {
    auto v = parse_int(container.attribute(a).value());
    if (!v && alt) v = parse_int(container.attribute(alt).value());
    return static_cast<int>(std::clamp<std::int64_t>(v.value_or(fallback), 0, 10000));
  };
  b.promoted_max = number("promoted-max", "masters", 0);
  b.replicas = std::max(1, number("replicas", nullptr, b.promoted_max > 0 ? b.promoted_max : 1));
  b.per_host = std::max(1, number("replicas-per-host", nullptr, 1));
  b.image = container.attribute("image").value();
  b.network = container.attribute("network").value();
  b.options = container.attribute("options").value();
  b.command = container.attribute("run-command").value();
  const auto network = xml.child("network");
  b.ip_start = network.attribute("ip-range-start").value();
  b.netmask = network.attribute("host-netmask").value();
  b.interface = network.attribute("host-interface").value();
  b.control_port = network.attribute("control-port").value();
  const auto add = network.attribute("add-host");
  b.add_host = !add || is_true(add.value());
  if (b.per_host > 1) b.add_host = false;
  for (auto p : network.children("port-mapping")) {
    Port port{p.attribute("port").value(), p.attribute("internal-port").value()};
    if (port.source.empty())
      port.source = p.attribute("range").value();
    else if (port.target.empty())
      port.target = port.source;
    if (port.target.empty()) port.target = port.source;
    if (!port.source.empty())
      b.ports.push_back(port);
    else
      c.error("Invalid port directive in bundle " + b.prefix);
  }
  for (auto s : xml.child("storage").children("storage-mapping")) {
    Mount m{s.attribute("source-dir").value(), s.attribute("target-dir").value(),
            s.attribute("options").value(), false};
    if (m.source.empty()) {
      m.source = s.attribute("source-dir-root").value();
      m.per_replica = true;
    }
    if (!m.source.empty() && !m.target.empty())
      b.mounts.push_back(m);
    else
      c.error("Invalid mount directive in bundle " + b.prefix);
  }
  return b;
}

void create_remote(Cluster& c, Resource* bundle, const BundleConfig& b, BundleReplica& replica) {
  const std::string name = fmt::format("{}-{}", b.prefix, replica.offset);
  if (c.resource_by_id.contains(name)) {
    c.error(fmt::format("Bundle {}: the name {} is taken by another resource", b.prefix, name));
    return;
  }
  Definition d = implicit_remote_definition(name, replica.container->id, {});
  NvSet p;
  p.pairs.emplace_back("addr", replica.ip_address.empty() ? "#uname" : replica.ip_address);
  p.pairs.emplace_back("port", b.control_port.empty() ? "3121" : b.control_port);
  d.parameters.push_back(std::move(p));
  Node* node = c.find_node(name);
  if (!node) {
    node = &create_node(c, name, name, true, -kInfinity);
  } else {
    node->base_score = -kInfinity;
  }
  node->base_discovery = Discovery::kNever;
  // What was unpacked earlier must not think that it may run there.
  for (auto& r : c.resource_store)
    if (Place* p2 = r.allowed.find(node)) {
      p2->score = -kInfinity;
      p2->discovery = Discovery::kNever;
    }
  replica.node = node;
  replica.child->allowed.clear();
  replica.child->allowed.add(Place{node, 500, Discovery::kExclusive, 0});
  if (Place* p3 = replica.child->parent->allowed.find(node))
    p3->score = -kInfinity;
  else
    replica.child->parent->allowed.add(Place{node, -kInfinity, Discovery::kExclusive, 0});
  replica.remote = create_resource(c, adopt(bundle, std::move(d)), bundle, name);
  const Because why(c, replica.remote, Cause::kNodeKind, "cluster-node");
  for (auto& place : replica.remote->allowed)
    if (is_guest_or_remote(place.node)) place.score = -kInfinity;
  node->remote = replica.remote;
  replica.remote->container = replica.container;
  replica.remote->remote_node = node;
  node->attributes["#kind"] = "container";
  bundle->children.push_back(replica.remote);
}

}  // namespace

void unpack_bundle(Cluster& c, Resource* bundle) {
  BundleConfig b = read_config(c, bundle, bundle->def->xml);
  bundle->image = b.image;
  bundle->replica_count = b.replicas;
  bundle->replicas_per_host = b.per_host;
  bundle->promoted_max = b.promoted_max;
  if (b.agent.empty()) {
    c.error(fmt::format("Bundle {} has no container element", bundle->id));
    return;
  }
  bundle->meta["\2agent"] = b.agent;
  if (b.per_host == 1) bundle->unique = false;
  const bool network = !b.ip_start.empty() || !b.control_port.empty();
  if (b.ip_start.empty() && !b.control_port.empty() && b.per_host > 1) {
    c.error(fmt::format("Bundle {}: replicas-per-host of {} needs ip-range-start", bundle->id, b.per_host));
    b.per_host = 1;
    bundle->replicas_per_host = 1;
    bundle->unique = false;
  }
  std::unique_ptr<Definition> inner;
  if (!bundle->def->children.empty()) {
    inner = std::move(bundle->def->children.front());
    bundle->def->children.erase(bundle->def->children.begin());
  }
  if (inner && !network) {
    c.error(fmt::format("Cannot control {} inside container {} without either ip-range-start or control-port",
                        inner->id, bundle->id));
    inner.reset();
  }
  bundle->replicas.reserve(static_cast<std::size_t>(b.replicas));
  Resource* clone = nullptr;
  if (inner) {
    Definition d;
    d.tag = "clone";
    d.id = fmt::format("{}-{}", bundle->id, b.promoted_max > 0 ? "master" : "clone");
    d.attributes = {{"id", d.id}};
    NvSet meta;
    meta.pairs = {{"ordered", "true"},
                  {"clone-max", std::to_string(b.replicas)},
                  {"clone-node-max", std::to_string(b.per_host)},
                  {"globally-unique", b.per_host > 1 ? "true" : "false"}};
    if (b.promoted_max > 0) {
      meta.pairs.emplace_back("promotable", "true");
      meta.pairs.emplace_back("promoted-max", std::to_string(b.promoted_max));
    }
    d.meta.push_back(std::move(meta));
    Definition* held = adopt(bundle, std::move(d));
    held->children.push_back(std::move(inner));
    clone = create_resource(c, held, bundle, held->id);
    bundle->bundle_child = clone;
    b.mounts.push_back({"/etc/pacemaker/authkey", "/etc/pacemaker/authkey", "", false});
    b.mounts.push_back({"/var/log/pacemaker/bundles", "/var/log", "", true});
    const std::string port = b.control_port.empty() ? "3121" : b.control_port;
    b.ports.push_back({port, port});
  }
  std::string ip = b.ip_start;
  for (int i = 0; i < b.replicas; ++i) {
    BundleReplica& replica = bundle->replicas.emplace_back();
    replica.offset = i;
    if (clone && static_cast<std::size_t>(i) < clone->children.size()) {
      replica.child = clone->children[static_cast<std::size_t>(i)];
      replica.child->exclusive_discovery = true;
      replica.child->replica_inner = true;
      if (replica.child->notify) clone->notify = true;
    }
    if (!b.ip_start.empty()) {
      replica.ip_address = ip;
      if (b.add_host && !ip.empty()) {
        b.host_options += b.agent == "rkt" ? fmt::format(" --hosts-entry={}={}-{}", ip, b.prefix, i)
                                           : fmt::format(" --add-host={}-{}:{}", b.prefix, i, ip);
      }
      ip = next_ip(ip);
    }
  }
  for (auto& replica : bundle->replicas) {
    if (!replica.ip_address.empty()) {
      Definition* d = adopt(bundle, ip_definition(b, replica));
      replica.ip = create_resource(c, d, bundle, d->id);
      bundle->children.push_back(replica.ip);
    }
    Definition* d = adopt(bundle, container_definition(b, replica, clone != nullptr));
    replica.container = create_resource(c, d, bundle, d->id);
    bundle->children.push_back(replica.container);
    if (replica.child && network) create_remote(c, bundle, b, replica);
    for (Resource* r : {replica.child, replica.container, replica.remote, replica.ip})
      if (r) r->replica = &replica;
    if (replica.remote) {
      replica.container->fillers.push_back(replica.remote);
    }
  }
  if (clone) bundle->children.push_back(clone);
}

}  // namespace systole::pengine::engine
