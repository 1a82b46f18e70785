// Peers: what this node knows of every other configured node: its life, when it was last heard, and what it
// says of itself and of the others. Pure bookkeeping; time is passed in.
#pragma once

#include <map>
#include <optional>

#include "base/time.h"
#include "membership/wire.h"

namespace systole::membership {

struct Peer {
  NodeLife life;                 // Incarnation 0: never heard.
  Incarnation gone{};            // Lives up to this one are over.
  std::optional<Time> heard_at;  // Any authenticated frame of this life.

  // Its last join or heartbeat.
  std::uint64_t report_number = 0;
  std::optional<Time> report_at;
  RingId ring;
  bool operational = false;
  bool gathering = false;  // It was a join.
  std::map<NodeId, Incarnation> hears;
  std::vector<NodeId> members;
  bool shuns_us = false;

  std::optional<Time> answered_at;  // Our last heartbeat sent to it alone.

  // A running check after its port was refused.
  struct Check {
    Time started, next;
    unsigned probes = 0, refusals = 0;
  };
  std::optional<Check> check;
};

class Peers {
 public:
  Peers(NodeLife self, const std::vector<NodeId>& configured, Duration fresh) : self_(self), fresh_(fresh) {
    configure(configured, fresh);
  }
  // Forgets those that are not configured.
  void configure(const std::vector<NodeId>& configured, Duration fresh) {
    fresh_ = fresh;
    std::map<NodeId, Peer> known;
    for (const NodeId id : configured) {
      if (id == self_.node) continue;
      known[id] = std::move(peers_[id]);
      known[id].life.node = id;
    }
    peers_ = std::move(known);
  }
  Peer* find(NodeId id) {
    const auto found = peers_.find(id);
    return found == peers_.end() ? nullptr : &found->second;
  }
  const Peer* find(NodeId id) const { return const_cast<Peers*>(this)->find(id); }
  std::map<NodeId, Peer>& all() { return peers_; }
  const std::map<NodeId, Peer>& all() const { return peers_; }

  bool heard(const Peer& peer, Time now) const {
    return peer.heard_at && now - *peer.heard_at <= fresh_ && peer.life.incarnation > peer.gone;
  }
  bool hears_us(const Peer& peer) const {
    const auto found = peer.hears.find(self_.node);
    return found != peer.hears.end() && found->second == self_.incarnation;
  }
  bool mutual(const Peer& peer, Time now) const { return heard(peer, now) && hears_us(peer); }
  // Whether `a` hears the current life of `b`, as far as known here.
  bool hears(NodeId a, NodeId b, Time now) const {
    if (a == b) return true;
    if (a == self_.node) {
      const Peer* peer = find(b);
      return peer != nullptr && heard(*peer, now);
    }
    const Peer* peer = find(a);
    if (peer == nullptr || !heard(*peer, now)) return false;
    if (b == self_.node) return hears_us(*peer);
    const Peer* other = find(b);
    const auto found = peer->hears.find(b);
    return other != nullptr && found != peer->hears.end() && found->second == other->life.incarnation;
  }
  // Takes over what a join or heartbeat says. False when a later one is known already.
  bool report(Peer& peer, std::uint64_t number, const std::vector<Opinion>& nodes, Time now) {
    if (number <= peer.report_number) return false;
    peer.report_number = number;
    peer.report_at = now;
    peer.hears.clear();
    peer.members.clear();
    peer.shuns_us = false;
    for (const Opinion& o : nodes) {
      if (o.shunned() && o.life == self_) peer.shuns_us = true;
      if (o.heard()) peer.hears[o.life.node] = o.life.incarnation;
      if (o.member()) peer.members.push_back(o.life.node);
    }
    return true;
  }

 private:
  NodeLife self_;
  Duration fresh_;
  std::map<NodeId, Peer> peers_;
};

}  // namespace systole::membership
