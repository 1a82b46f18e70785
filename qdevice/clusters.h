// Clusters: everything that an arbitrator serves, without its sockets: connections, what they send, and to
// which cluster each belongs. Pure: frames in, frames out.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/log.h"
#include "qdevice/arbiter.h"

namespace systole::qdevice {

namespace wire {
class FromArbiter;
class ToArbiter;
class Hello;
}  // namespace wire

class Clusters {
 public:
  using Connection = std::uint64_t;
  struct Output {
    std::function<void(Connection, const wire::FromArbiter&)> send;
    std::function<void(Connection)> drop;  // After what was sent. closed() need not follow.
  };
  struct Limits {
    std::size_t clusters = 10000;
    unsigned messages = 50;  // A second, of one connection, on average; eight times as many at once.
  };
  Clusters(Time started, Logger log, Output output)
      : Clusters(started, std::move(log), std::move(output), Limits{}) {}
  Clusters(Time started, Logger log, Output output, Limits limits);

  // `certified`: the cluster that the connection's certificate names; empty: it has none.
  void opened(Time now, Connection connection, std::string address, std::string certified);
  void received(Time now, Connection connection, std::string_view message);
  void closed(Time now, Connection connection);
  Time deadline() const;  // Time::max(): none.
  void advance(Time now);

  std::size_t clients() const { return connections_.size(); }
  std::size_t clusters() const;  // Of which somebody is here.
  // As corosync-qnetd-tool -l prints it; of one cluster, or of all. `verbose`: ring ids and leases too.
  std::string list(Time now, const std::string& cluster, bool verbose) const;

 private:
  struct Client {
    std::string address, certified;
    std::string cluster;  // Empty: it has not greeted yet.
    NodeId node{};
    Time opened, heard;
    double budget = 0;  // Messages that it may send now.
  };
  struct Cluster {
    Cluster(Settings settings, Time quiet_until) : arbiter(std::move(settings), quiet_until) {}
    Arbiter arbiter;
    std::map<NodeId, Connection> connections;
    Time due = Time::max();  // In due_.
  };
  void take(Time now, Connection connection, Client& client, const wire::ToArbiter& message);
  void greet(Time now, Connection connection, Client& client, const wire::Hello& hello);
  void refuse(Connection connection, const std::string& why);
  void settle(Time now, const std::string& name);
  void forget(Time now, Connection connection);

  Time started_;
  Logger log_;
  Output output_;
  Limits limits_;
  std::map<Connection, Client> connections_;
  std::map<std::string, Cluster> clusters_;
  std::set<std::pair<Time, std::string>> due_;
  Time next_check_ = Time::max();  // Of silent connections.
};

}  // namespace systole::qdevice
