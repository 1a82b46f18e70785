// RingLines: the lines (base/line.h) between the nodes of a RingCluster, one to each host of the world. The
// end of a process ends those to it soon after; where its host loses its power or is cut off, they stand for
// ever. Opening one to a host that is cut off has no answer.
#pragma once

#include "base/line.h"
#include "sim/world.h"

namespace systole::sim {

class RingLines {
 public:
  RingLines(World& world, std::size_t nodes);
  ~RingLines();
  Lines& of(std::size_t node);

  // Its host loses its power: nobody hears of it. (The end of a process is that of its Listeners.)
  // `node`: which is just losing it; none: it is over.
  void power_off(std::optional<std::size_t> node);
  // Ends every line to or from the node, as a forger or a firewall would.
  void reset(std::size_t node);
  // From now on nobody's new line to any node is opened. `silently`: it is not refused either.
  void refuse(bool silently);
  std::size_t standing() const;
  std::size_t tried() const { return tried_; }

 private:
  struct Connection;
  class Port;
  class Held;
  class Heard;
  void answer(const std::shared_ptr<Connection>& connection);
  void close(const std::shared_ptr<Connection>& connection);
  // On the host that has opened it, as long as that runs.
  void later(const std::shared_ptr<Connection>& connection, Duration delay, std::function<void()> what);
  bool is_cut(const Connection& connection) const;

  World& world_;
  std::vector<std::unique_ptr<Port>> ports_;
  std::vector<std::shared_ptr<Connection>> connections_;
  std::map<Endpoint, Heard*> listeners_;
  bool refused_ = false, silently_ = false;
  std::optional<std::size_t> losing_power_;
  std::size_t tried_ = 0;
};

}  // namespace systole::sim
