// Links: which way a frame goes, and its sealing.
#include <algorithm>

#include "membership/links.h"

namespace systole::membership {
namespace {

// A link that was silent so long after a frame that wants an answer is not trusted with the next one.
constexpr Duration kSilence = Milliseconds(5);
// Of two links of one priority, the other is taken when it is so much faster: below half, and this.
constexpr Duration kFaster = Milliseconds(1);
constexpr std::size_t kBatchBytes = 60000;

}  // namespace

// Whether `a` should be tried before `b`: up, trusted, of higher priority, much faster, of lower number.
bool Links::better(NodeId peer, unsigned a, unsigned b) const {
  const Link &la = links_.at(a), &lb = links_.at(b);
  const Path &pa = la.paths.at(peer), &pb = lb.paths.at(peer);
  if (pa.up() != pb.up()) return pa.up();
  if (pa.suspected() != pb.suspected()) return pb.suspected();
  if (la.options.priority != lb.options.priority) return la.options.priority > lb.options.priority;
  const auto much_faster = [](const Path& x, const Path& y) {
    return x.latency() > Duration{} && 2 * x.latency() + kFaster < y.latency();
  };
  if (much_faster(pa, pb)) return true;
  if (much_faster(pb, pa)) return false;
  return a < b;
}

// Sorts the peer's links. Insertion by a comparison that is not transitive in latency must still end: it
// does, and the first is better than its neighbour.
void Links::route(NodeId peer) {
  Route& route = routes_[peer];
  route.order.clear();
  for (const auto& [number, link] : links_) {
    if (!link.paths.contains(peer)) continue;
    auto at = route.order.begin();
    while (at != route.order.end() && !better(peer, number, *at)) ++at;
    route.order.insert(at, number);
  }
}

// Into chosen_.
void Links::choose(NodeId to, Way way) {
  chosen_.clear();
  const auto found = routes_.find(to);
  if (found == routes_.end() || found->second.order.empty()) return;
  Route& route = found->second;
  const auto first = route.order.begin();
  if (way == Way::kAll || route.order.size() == 1) {
    chosen_ = route.order;
    return;
  }
  if (way == Way::kAgain) {
    choose_two(to, route);
    return;
  }
  const auto usable = std::find_if(first, route.order.end(),
                                   [&](unsigned number) {
                                     const Path& each = links_.at(number).paths.at(to);
                                     return !each.up() || each.suspected();
                                   }) -
                      first;
  switch (parts_.config.totem.link_mode) {
    case LinkMode::kPassive:
      chosen_.push_back(*first);
      break;
    case LinkMode::kActive:
      chosen_.assign(first, usable == 0 ? route.order.end() : first + usable);
      break;
    case LinkMode::kRoundRobin:
      chosen_.push_back(usable == 0 ? *first : route.order[++route.turn % static_cast<std::size_t>(usable)]);
      break;
  }
  route.last = chosen_.front();
}

// What was sent by a link and got no answer casts suspicion on that link, if nothing else came by it either.
void Links::choose_two(NodeId to, Route& route) {
  const unsigned number = route.last.value_or(route.order.front());
  Path& best = *path(to, number);
  const Time now = parts_.ports.clock->now();
  if (!best.suspected() && (!best.heard_at() || now - *best.heard_at() > kSilence + 2 * best.latency())) {
    best.suspect(now);
    answer_beat(to, number, links_.at(number), true);
    this->route(to);
  }
  chosen_.assign(route.order.begin(), route.order.begin() + 2);
}

void Links::send(NodeId to, ByteView frame, Way way) {
  const NodeId one[] = {to};
  broadcast({one, one + 1}, frame, way);
}

// Into targets_, by link. The largest frame that goes uncut to all of them.
std::size_t Links::choose_targets(const std::vector<NodeId>& to, Way way) {
  targets_.clear();
  std::size_t limit = SIZE_MAX;
  for (const NodeId peer : to) {
    choose(peer, way);
    for (const unsigned number : chosen_) {
      Link& link = links_.at(number);
      Path& path = link.paths.at(peer);
      targets_.push_back({number, &link, &path});
      limit = std::min(limit, frame_limit(path));
    }
  }
  if (links_.size() > 1) {
    std::stable_sort(targets_.begin(), targets_.end(),
                     [](const Target& a, const Target& b) { return a.number < b.number; });
  }
  return limit;
}

void Links::broadcast(const std::vector<NodeId>& to, ByteView frame, Way way) {
  if (way == Way::kBatch) {
    add_to_batch(to, frame);
    return;
  }
  flush();  // A token follows the packets that it tells of.
  const std::size_t limit = choose_targets(to, way);
  if (targets_.empty()) return;
  if (way == Way::kAgain && frame.size() > PathSize::kLeast) doubt_sizes();
  if (frame.size() <= limit) {
    transmit(frame);
    return;
  }
  for (const Bytes& part : cut_into_parts(frame, ++parted_frames_, limit)) transmit(part);
}

// A large frame was lost: perhaps for its size.
void Links::doubt_sizes() {
  for (const Target& target : targets_) {
    target.path->size.doubt(parts_.ports.clock->now());
    next_ = std::min(next_, target.path->size.due());
  }
}

void Links::add_to_batch(const std::vector<NodeId>& to, ByteView frame) {
  if (batch_.count > 0 && batch_.to != to) flush();
  if (batch_.count == 0) {
    batch_.to = to;
    batch_.limit = choose_targets(to, Way::kBatch);
    batch_.targets.swap(targets_);
  }
  if (frame.size() > batch_.limit) {
    broadcast(to, frame, Way::kBest);
    return;
  }
  if (batch_.count == batch_.datagrams.size()) batch_.datagrams.emplace_back();
  const ByteView sealed = sealer_->seal(frame);
  batch_.datagrams[batch_.count++].assign(sealed.begin(), sealed.end());
  batch_.bytes += sealed.size();
  if (batch_.bytes >= kBatchBytes) flush();  // Others shall not wait until all are sealed.
}

void Links::flush() {
  if (batch_.count == 0) return;
  views_.assign(batch_.datagrams.begin(),
                batch_.datagrams.begin() + static_cast<std::ptrdiff_t>(batch_.count));
  for (auto at = batch_.targets.begin(); at != batch_.targets.end();) {
    Link& link = *at->link;
    const unsigned number = at->number;
    endpoints_.clear();
    for (; at != batch_.targets.end() && at->number == number; ++at) {
      endpoints_.push_back(at->path->remote);
      at->path->ring_sent.packets += batch_.count;
      at->path->ring_sent.bytes += batch_.bytes;
    }
    const bool together = link.sockets.shared && endpoints_.size() > 1;
    if (together) endpoints_.assign(1, *link.sockets.group);
    (together ? link.sockets.shared : link.sockets.unicast)->send_all(endpoints_, views_);
  }
  batch_.count = batch_.bytes = 0;
}

// Sealed once for all: the key is the sender's, and a receiver takes one copy. Several peers of a link that
// has a group are reached by one datagram.
void Links::transmit(ByteView frame) {
  const ByteView datagram = sealer_->seal(frame);
  for (auto at = targets_.begin(); at != targets_.end();) {
    const auto end =
        std::find_if(at, targets_.end(), [&](const Target& t) { return t.number != at->number; });
    Link& link = *at->link;
    for (auto each = at; each != end; ++each) each->path->ring_sent.add(datagram.size());
    if (link.sockets.shared && end - at > 1) {
      link.sockets.shared->send(*link.sockets.group, datagram);
      at = end;
    }
    for (; at != end; ++at) send_to(link, *at->path, datagram);
  }
}

void Links::send_to(Link& link, Path& path, ByteView datagram) {
  if (link.sockets.unicast->send(path.remote, datagram)) return;
  // The interface takes less than it did.
  path.size.ask(parts_.ports.clock->now());
  next_ = std::min(next_, path.size.due());
}

}  // namespace systole::membership
