#include "qdevice/clusters.h"

#include <algorithm>

#include "qdevice/qdevice.pb.h"
#include "qdevice/wire.h"

namespace systole::qdevice {
namespace {

constexpr Seconds kHelloWithin{10};
constexpr Seconds kCheck{1};
constexpr Seconds kLongestLease{120};

Duration with_drift(Duration lease) { return lease + lease / 10; }

}  // namespace

Clusters::Clusters(Time started, Logger log, Output output, Limits limits)
    : started_(started), log_(std::move(log)), output_(std::move(output)), limits_(limits) {}

void Clusters::opened(Time now, Connection connection, std::string address, std::string certified) {
  Client client{std::move(address), std::move(certified), {}, {}, now, now, 8.0 * limits_.messages};
  connections_[connection] = std::move(client);
  next_check_ = std::min(next_check_, now + kCheck);
}

void Clusters::received(Time now, Connection connection, std::string_view content) {
  const auto found = connections_.find(connection);
  if (found == connections_.end()) return;
  Client& client = found->second;
  const double seconds = std::chrono::duration<double>(now - client.heard).count();
  client.budget = std::min(client.budget + seconds * limits_.messages, 8.0 * limits_.messages);
  client.heard = now;
  if (client.budget < 1) return refuse(connection, "it sends more messages than a node has reason to");
  client.budget -= 1;
  wire::ToArbiter message;
  if (content.size() > kMaxFrame || !message.ParseFromArray(content.data(), static_cast<int>(content.size())))
    return refuse(connection, "what it sends is no message of this protocol");
  take(now, connection, client, message);
}

void Clusters::take(Time now, Connection connection, Client& client, const wire::ToArbiter& message) {
  if (message.body_case() == wire::ToArbiter::kHello) return greet(now, connection, client, message.hello());
  const auto cluster = clusters_.find(client.cluster);
  if (client.cluster.empty() || cluster == clusters_.end())
    return refuse(connection, "its first message is not a greeting");
  Arbiter& arbiter = cluster->second.arbiter;
  switch (message.body_case()) {
    case wire::ToArbiter::kReport: {
      auto report = read(message.report(), client.node);
      if (!report) return refuse(connection, report.error().message);
      arbiter.report(now, std::move(*report));
      break;
    }
    case wire::ToArbiter::kReleased:
      arbiter.released(now, client.node, read(message.released()));
      break;
    case wire::ToArbiter::kBeat:
      arbiter.heard(now, client.node);
      break;
    default:
      return refuse(connection, "a message that is not known");
  }
  // What the cluster is told because of this comes before the answer: a lease grows only with what is said.
  const std::string name = client.cluster;
  settle(now, name);
  if (message.body_case() == wire::ToArbiter::kBeat && connections_.contains(connection)) {
    wire::FromArbiter answer;
    answer.mutable_beat()->set_number(message.beat().number());
    output_.send(connection, answer);
  }
}

void Clusters::greet(Time now, Connection connection, Client& client, const wire::Hello& hello) {
  if (!client.cluster.empty()) return refuse(connection, "it greets twice");
  auto greeting = read(hello);
  if (!greeting) return refuse(connection, greeting.error().message);
  if (!client.certified.empty() && client.certified != greeting->cluster)
    return refuse(connection, fmt::format("its certificate is for cluster {}, and it says that it is of {}",
                                          client.certified, greeting->cluster));
  auto found = clusters_.find(greeting->cluster);
  if (found == clusters_.end()) {
    if (clusters_.size() >= limits_.clusters)
      return refuse(connection, fmt::format("{} clusters are served already", clusters_.size()));
    found = clusters_.try_emplace(greeting->cluster, greeting->settings, started_ + with_drift(kLongestLease))
                .first;
    // Its votes of before the start are over by then.
    found->second.arbiter = Arbiter(greeting->settings, started_ + with_drift(greeting->settings.lease));
  }
  Cluster& cluster = found->second;
  const NodeId node = greeting->life.node;
  if (auto joined = cluster.arbiter.join(now, greeting->life, greeting->settings); !joined)
    return refuse(connection, joined.error().message);
  // An older connection of the same node is half open.
  if (const auto old = cluster.connections.find(node);
      old != cluster.connections.end() && old->second != connection) {
    connections_.erase(old->second);
    output_.drop(old->second);
  }
  cluster.connections[node] = connection;
  client.cluster = greeting->cluster;
  client.node = node;
  log_.info("node {} of cluster {} is here, from {}", raw(node), client.cluster, client.address);
  wire::FromArbiter welcome;
  welcome.mutable_welcome();
  output_.send(connection, welcome);
  settle(now, greeting->cluster);
}

void Clusters::refuse(Connection connection, const std::string& why) {
  const auto found = connections_.find(connection);
  if (found == connections_.end()) return;
  log_.warning("refused {}{}: {}", found->second.address,
               found->second.cluster.empty()
                   ? ""
                   : fmt::format(" (node {} of cluster {})", raw(found->second.node), found->second.cluster),
               why);
  wire::FromArbiter refusal;
  refusal.set_refused(why);
  output_.send(connection, refusal);
  forget(found->second.heard, connection);
  output_.drop(connection);
}

void Clusters::closed(Time now, Connection connection) { forget(now, connection); }

void Clusters::forget(Time now, Connection connection) {
  const auto found = connections_.find(connection);
  if (found == connections_.end()) return;
  const Client client = std::move(found->second);
  connections_.erase(found);
  const auto cluster = clusters_.find(client.cluster);
  if (client.cluster.empty() || cluster == clusters_.end()) return;
  const auto current = cluster->second.connections.find(client.node);
  if (current == cluster->second.connections.end() || current->second != connection) return;
  cluster->second.connections.erase(current);
  cluster->second.arbiter.leave(now, client.node);
  log_.info("node {} of cluster {} is gone", raw(client.node), client.cluster);
  settle(now, client.cluster);
}

// Tells a cluster's nodes what its arbiter has to say, and remembers when to look again.
void Clusters::settle(Time now, const std::string& name) {
  const auto found = clusters_.find(name);
  if (found == clusters_.end()) return;
  Cluster& cluster = found->second;
  for (const Arbiter::Vote& vote : cluster.arbiter.take()) {
    const auto to = cluster.connections.find(vote.to);
    if (to == cluster.connections.end()) continue;
    log_.notice("cluster {}: node {} is told {} for ring {}.{}", name, raw(vote.to),
                vote.casts ? "yes" : "no", raw(vote.ring.representative), vote.ring.sequence);
    wire::FromArbiter message;
    write(vote.ring, *message.mutable_vote()->mutable_ring());
    message.mutable_vote()->set_casts(vote.casts);
    output_.send(to->second, message);
  }
  if (cluster.due != Time::max()) due_.erase({cluster.due, name});
  cluster.due = cluster.arbiter.deadline();
  if (cluster.due == Time::max() && cluster.arbiter.empty() && now > started_ + with_drift(kLongestLease)) {
    clusters_.erase(found);
    return;
  }
  if (cluster.due != Time::max()) due_.insert({cluster.due, name});
}

Time Clusters::deadline() const {
  return std::min(next_check_, due_.empty() ? Time::max() : due_.begin()->first);
}

void Clusters::advance(Time now) {
  while (!due_.empty() && due_.begin()->first <= now) {
    const std::string name = due_.begin()->second;
    clusters_.at(name).arbiter.advance(now);
    settle(now, name);
  }
  if (next_check_ > now) return;
  std::vector<std::pair<Connection, const char*>> silent;
  for (const auto& [connection, client] : connections_) {
    if (client.cluster.empty() && client.opened + kHelloWithin <= now)
      silent.emplace_back(connection, "it does not greet");
    else if (!client.cluster.empty() &&
             client.heard + clusters_.at(client.cluster).arbiter.settings().lease <= now)
      silent.emplace_back(connection, "nothing was heard of it for its timeout");
  }
  for (const auto& [connection, why] : silent) refuse(connection, why);
  next_check_ = connections_.empty() ? Time::max() : now + kCheck;
}

std::size_t Clusters::clusters() const {
  return static_cast<std::size_t>(std::count_if(clusters_.begin(), clusters_.end(), [](const auto& entry) {
    return !entry.second.connections.empty();
  }));
}

namespace {

std::string numbers(const std::vector<NodeId>& nodes) {
  std::string text;
  for (const NodeId node : nodes) text += fmt::format("{}{}", text.empty() ? "" : ", ", raw(node));
  return text;
}

std::string algorithm_text(const Rules& rules) {
  switch (rules.algorithm) {
    case Rules::Algorithm::kFfsplit:
      return std::string("Fifty-Fifty split") + (rules.keep_active ? " (KAP Tie-breaker)" : "");
    case Rules::Algorithm::kLms:
      return "LMS";
    case Rules::Algorithm::kTest:
      break;
  }
  return "Test";
}

std::string tie_text(const Rules& rules) {
  switch (rules.tie_breaker) {
    case Rules::TieBreaker::kLowest:
      return "Node with lowest node ID";
    case Rules::TieBreaker::kHighest:
      return "Node with highest node ID";
    case Rules::TieBreaker::kNode:
      break;
  }
  return fmt::format("Node with node ID {}", raw(rules.tie_breaker_node));
}

const char* vote_text(Arbiter::NodeStatus::Told told) {
  using Told = Arbiter::NodeStatus::Told;
  return told == Told::kYes ? "ACK (ACK)" : told == Told::kNo ? "NACK (NACK)" : "Wait for reply (No change)";
}

}  // namespace

std::string Clusters::list(Time now, const std::string& only, bool verbose) const {
  std::string text;
  for (const auto& [name, cluster] : clusters_) {
    if ((!only.empty() && only != name) || cluster.connections.empty()) continue;
    const Rules& rules = cluster.arbiter.settings().rules;
    text += fmt::format("Cluster \"{}\":\n    Algorithm:\t\t{}\n    Tie-breaker:\t{}\n", name,
                        algorithm_text(rules), tie_text(rules));
    for (const Arbiter::NodeStatus& node : cluster.arbiter.nodes()) {
      const auto connection = cluster.connections.find(node.life.node);
      if (connection == cluster.connections.end()) continue;
      text += fmt::format("    Node ID {}:\n        Client address:\t\t{}\n", raw(node.life.node),
                          connections_.at(connection->second).address);
      if (verbose)
        text += fmt::format("        HB interval:\t\t{}ms\n", to_ms(cluster.arbiter.settings().lease) / 10);
      text += fmt::format("        Configured node list:\t{}\n", numbers(rules.nodes));
      if (node.report) {
        if (verbose)
          text += fmt::format("        Ring ID:\t\t{:x}.{:x}\n", raw(node.report->ring.representative),
                              node.report->ring.sequence);
        text += fmt::format("        Membership node list:\t{}\n", numbers(node.report->members));
        if (node.report->heuristics != Heuristics::kNone)
          text += fmt::format("        Heuristics:\t\t{}\n", node.report->heuristics == Heuristics::kPassed
                                                                 ? "Pass (membership: Pass)"
                                                                 : "Fail (membership: Fail)");
      }
      if (verbose) text += fmt::format("        Last heard:\t\t{}ms ago\n", to_ms(now - node.heard));
      text += fmt::format("        Vote:\t\t\t{}\n", vote_text(node.told));
    }
  }
  return text;
}

}  // namespace systole::qdevice
