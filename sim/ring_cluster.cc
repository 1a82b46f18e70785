#include "sim/ring_cluster.h"

#include "base/check.h"

namespace systole::sim {

membership::ClusterConfig RingCluster::make_config(std::size_t nodes, std::size_t links) {
  membership::ClusterConfig config;
  config.totem.cluster_name = "sim";
  for (std::size_t i = 1; i <= nodes; ++i) {
    membership::ConfiguredNode node{NodeId{static_cast<std::uint32_t>(i)}, fmt::format("n{}", i), {}, 1};
    for (std::size_t link = 0; link < links; ++link)
      node.addresses.push_back(fmt::format("10.{}.0.{}", link, i));
    config.nodes.push_back(std::move(node));
  }
  return config;
}

void RingCluster::cut_link(std::size_t from, std::size_t to, std::size_t link) {
  world_.cut_address(address(from, link), address(to, link));
}

void RingCluster::cut_network(std::size_t link) {
  for (std::size_t a = 0; a < size(); ++a) {
    for (std::size_t b = 0; b < size(); ++b) cut_link(a, b, link);
  }
}

void RingCluster::mend_network(std::size_t link) {
  for (std::size_t a = 0; a < size(); ++a) {
    for (std::size_t b = 0; b < size(); ++b) world_.mend_address(address(a, link), address(b, link));
  }
}

RingCluster::RingCluster(World& world, std::size_t nodes, membership::ClusterConfig config, Logger log)
    : world_(world), config_(std::move(config)), log_(std::move(log)), disks_(nodes), nodes_(nodes) {
  Bytes key(128);
  world_.random().fill(key);
  for (Disk& disk : disks_) disk.key = key;
  for (std::size_t i = 0; i < nodes; ++i) world_.add_host(config_.nodes[i].name, config_.nodes[i].addresses);
}

bool RingCluster::start(std::size_t i) {
  check(!running(i), "a node is started once");
  Host& machine = host(i);
  machine.crash();
  machine.boot();
  const Ports ports = machine.ports();
  const Logger log = log_.named(config_.nodes[i].name);
  auto state =
      membership::RingState::begin_life(*ports.files, *ports.clock, "/state", config_.nodes[i].id, log);
  if (!state) return false;
  auto ring = membership::RingNode::create(
      {ports, log, config_, *state, disks_[i].key, disks_[i].next_key, lines_ ? &lines_->of(i) : nullptr});
  check(ring.has_value(), "a simulated node binds its address");
  Node& node = nodes_[i];
  node = Node{};
  node.ring = std::move(*ring);
  node.life = state->self();
  const NodeLife life = node.life;
  membership::Membership::Handler h;
  h.transitional = [this, i, life](const membership::View& surviving) {
    log_.debug("{:.6f} n{}: transitional, {} survive",
               std::chrono::duration<double>(world_.now().time_since_epoch()).count(), i + 1,
               surviving.members.size());
    checker_.on_transitional(life, surviving);
  };
  h.view = [this, i, life](const membership::View& view, const membership::Quorum& quorum) {
    std::string members;
    for (const NodeLife& m : view.members) members += fmt::format(" {}", raw(m.node));
    log_.debug("{:.6f} n{}: view {}/{} of{}",
               std::chrono::duration<double>(world_.now().time_since_epoch()).count(), i + 1,
               view.id.sequence, raw(view.id.representative), members);
    nodes_[i].view = view;
    nodes_[i].quorum = quorum;
    checker_.on_view(life, view);
  };
  h.quorum = [this, i](const membership::Quorum& quorum) { nodes_[i].quorum = quorum; };
  h.message = [this, i, life](NodeId sender, ByteView message) {
    checker_.on_message(life, sender, message);
    const auto id = read_message(message);
    if (id && id->sender == life) ++nodes_[i].self_delivered;
  };
  h.prepare = [this, i](const membership::RingChange& change) { prepare(i, change); };
  h.changed = [this, i](const membership::RingChange& change, const Result<void>& outcome) {
    nodes_[i].told.push_back({change, outcome ? "" : outcome.error().message});
    if (outcome && change.kind == membership::RingChange::Kind::kKey) disks_[i] = {change.payload, {}};
  };
  node.ring->start(std::move(h));
  return true;
}

// As the daemon does, on another loop: it takes a while.
void RingCluster::prepare(std::size_t i, const membership::RingChange& change) {
  const Timers::Id timer = host(i).ports().timers->after(
      world_.random().between(Milliseconds(1), Milliseconds(20)), [this, i, change, life = nodes_[i].life] {
        if (!running(i) || nodes_[i].life != life || disks_[i].hangs) return;
        Result<void> ready;
        if (disks_[i].full) ready = fail(Errc::kIo, "the disk is full");
        if (ready && change.kind == membership::RingChange::Kind::kKey) disks_[i].next_key = change.payload;
        nodes_[i].ring->prepared(change.id, ready, std::make_shared<membership::ClusterConfig>(config_));
      });
  (void)timer;
}

void RingCluster::end(std::size_t i) {
  nodes_[i].ring.reset();
  nodes_[i].view.reset();
}

void RingCluster::kill(std::size_t i) { end(i); }

void RingCluster::power_off(std::size_t i) {
  if (lines_) lines_->power_off(i);
  end(i);
  if (lines_) lines_->power_off({});
  host(i).crash();
}

void RingCluster::partition(const std::vector<std::vector<std::size_t>>& groups) {
  std::map<std::size_t, std::size_t> group_of;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    for (const std::size_t i : groups[g]) group_of[i] = g;
  }
  for (std::size_t a = 0; a < size(); ++a) {
    for (std::size_t b = 0; b < size(); ++b) {
      if (a != b && group_of.at(a) != group_of.at(b)) cut(a, b);
    }
  }
}

void RingCluster::leave(std::size_t i) {
  nodes_[i].ring->leave();
  kill(i);
}

bool RingCluster::send(std::size_t i, std::size_t size, bool safe) {
  Node& node = nodes_[i];
  const MessageId id{node.life, node.sent + 1, safe};
  const auto sent = node.ring->multicast(make_message(id, size),
                                         safe ? membership::Delivery::kSafe : membership::Delivery::kAgreed);
  if (sent) ++node.sent;
  return sent.has_value();
}

bool RingCluster::agreed() const {
  std::vector<NodeLife> all;
  for (const Node& node : nodes_) {
    if (node.ring) all.push_back(node.life);
  }
  const Node* first = nullptr;
  for (const Node& node : nodes_) {
    if (!node.ring) continue;
    if (node.ring->status().state != membership::RingStatus::State::kOperational) return false;
    if (!node.view || node.view->members != all) return false;
    if (first != nullptr && first->view->id != node.view->id) return false;
    first = &node;
  }
  return true;
}

bool RingCluster::run_until(const std::function<bool()>& done, Duration limit) {
  const Time end = world_.now() + limit;
  while (!done()) {
    if (world_.now() >= end) return false;
    world_.run_for(std::chrono::microseconds(200));
  }
  return true;
}

std::string RingCluster::describe() const {
  std::string text;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    text += fmt::format(" n{}:", i + 1);
    if (!nodes_[i].ring) {
      text += "down";
      continue;
    }
    text += fmt::format("state{}[", static_cast<int>(nodes_[i].ring->status().state));
    if (nodes_[i].view) {
      text += fmt::format("{}/{}:", nodes_[i].view->id.sequence, raw(nodes_[i].view->id.representative));
      for (const NodeLife& m : nodes_[i].view->members) text += fmt::format(" {}", raw(m.node));
    }
    text += "]";
  }
  return text;
}

}  // namespace systole::sim
