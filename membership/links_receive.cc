// Links: what comes in, and the beats and probes that keep the paths' figures.
#include <algorithm>

#include "membership/links.h"

namespace systole::membership {
namespace {

constexpr Duration kAnswerInterval = Milliseconds(5);  // At most one extra beat per path in this time.
constexpr Duration kRefusalAge = Milliseconds(50);     // Older ones prove nothing.

double milliseconds(Duration d) { return std::chrono::duration<double, std::milli>(d).count(); }

}  // namespace

void Links::received(unsigned number, bool shared, const Endpoint& from, ByteView datagram) {
  const auto found = links_.find(number);
  if (found == links_.end()) return;
  Link& link = found->second;
  if (parts_.config.totem.block_unlisted_ips && !link.listed.contains(from.address)) {
    // What we send to a group comes back.
    if (!shared || from.address != link.sockets.local.address) refusals_.unlisted(from, number);
    return;
  }
  const Opener::Opened opened = opener_.unseal(datagram, number);
  if (opened.refusal == Refusal::kDuplicate) return;
  if (opened.refusal == Refusal::kReflected && shared) return;
  if (opened.refusal != Refusal::kNone) {
    refusals_.refused(opened, from, number, key_);
    return;
  }
  if (opened.key != key_) heard_other_key_ = true;
  if (Path* known = path(opened.from.node, number)) {
    known->heard(parts_.ports.clock->now());
    (opened.channel == kRingChannel ? known->ring_received : known->link_received).add(datagram.size());
  }
  if (opened.channel != kRingChannel) {
    if (opened.channel != link_channel(number)) {
      refusals_.crossed(opened.from.node, opened.channel - 1, number);
      return;
    }
    received_link_frame(opened.from, number, link, opened.frame);
  } else if (link_frame_type(opened.frame) == LinkFrame::kPart) {
    on_part(opened.from, opened.frame);
  } else {
    handler_.frame(opened.from, opened.frame);
  }
}

void Links::received_link_frame(NodeLife from, unsigned number, Link& link, ByteView frame) {
  Path* known = path(from.node, number);
  if (known == nullptr) return;
  const Time now = parts_.ports.clock->now();
  if (const auto beat = decode_beat(frame)) {
    on_beat(from.node, number, link, *beat);
  } else if (const auto probe = decode_size_probe(frame)) {
    frame_.clear();
    encode_size_reply(frame_, *probe);
    send_link_frame(number, link, *known);
  } else if (const auto reply = decode_size_reply(frame)) {
    const auto before = known->size.size();
    known->size.answered(reply->size, now);
    next_ = std::min(next_, known->size.due());
    if (known->size.size() != before) {
      parts_.log.debug("link {} to node {} takes packets of {} bytes", number, raw(from.node),
                       known->size.size());
      compute_budget();
    }
  } else {
    refusals_.malformed(from.node);
  }
}

// frame_, of the link itself.
void Links::send_link_frame(unsigned number, Link& link, Path& path) {
  const ByteView datagram = sealer_->seal(frame_, link_channel(number));
  path.link_sent.add(datagram.size());
  send_to(link, path, datagram);
}

void Links::on_beat(NodeId from, unsigned number, Link& link, const Beat& beat) {
  const Time now = parts_.ports.clock->now();
  Path& known = link.paths.at(from);
  const Beat::Echo* echo = nullptr;
  for (const Beat::Echo& each : beat.echoes) {
    if (each.peer == parts_.self.node) echo = &each;
  }
  const bool was_suspected = known.suspected();
  const bool came_up = known.beat(beat, echo, link.times, now);
  if (came_up) tell_up(from, number, known);
  if (came_up || was_suspected != known.suspected() || links_.size() > 1) route(from);
  next_ = std::min(next_, known.expires(link.times));
  // A peer that has not heard us yet need not wait for the next regular beat.
  const bool unheard = echo == nullptr || echo->stamp == 0;
  if ((beat.answer || unheard) && (!known.answered_at || now - *known.answered_at >= kAnswerInterval)) {
    known.answered_at = now;
    answer_beat(from, number, link, false);
  }
}

void Links::on_part(NodeLife from, ByteView frame) {
  const auto part = decode_part(frame);
  if (!part) {
    refusals_.malformed(from.node);
    return;
  }
  auto& [incarnation, assembly] = assemblies_[from.node];
  if (incarnation != from.incarnation) {
    incarnation = from.incarnation;
    assembly = {};
  }
  const ByteView whole = assembly.take(*part);
  if (!whole.empty()) handler_.frame(from, whole);
}

void Links::refused(unsigned number, const Endpoint& endpoint) {
  const auto found = links_.find(number);
  if (found == links_.end()) return;
  const Time now = parts_.ports.clock->now();
  for (auto& [peer, refusing] : found->second.paths) {
    if (refusing.remote != endpoint) continue;
    refusing.refused_at = now;
    bool everywhere = true;
    for (const auto& [other, link] : links_) {
      const auto path = link.paths.find(peer);
      if (path == link.paths.end()) continue;
      const Path& each = path->second;
      // Its beats stop with the process: whether the link works is known by what came before.
      const bool works =
          each.up() || (each.heard_at() && now - *each.heard_at() <= parts_.config.totem.token);
      everywhere &= !works || (each.refused_at && now - *each.refused_at <= kRefusalAge);
    }
    handler_.refused(peer, everywhere);
    return;
  }
}

void Links::advance(Time now) {
  retired_.clear();
  if (now < next_) return;
  for (auto& [number, link] : links_) {
    expire_paths(number, link, now);
    if (link.next_beat <= now) send_beats(number, link, now);
    probe_sizes(number, link, now);
  }
  compute_next();
}

void Links::beat_early(Time now) {
  if (now < early_) return;
  for (auto& [number, link] : links_) {
    if (early(link) <= now) send_beats(number, link, now);
  }
  compute_next();
}

void Links::send_beats(unsigned number, Link& link, Time now) {
  link.next_beat = now + link.times.interval;
  if (link.paths.empty()) return;
  Beat beat{++link.beats, static_cast<std::uint64_t>(now.time_since_epoch().count()), false, {}};
  if (link.sockets.shared) {
    for (const auto& [peer, path] : link.paths) beat.echoes.push_back(path.echo(peer, now));
    frame_.clear();
    encode(frame_, beat);
    const ByteView datagram = sealer_->seal(frame_, link_channel(number));
    link.sockets.shared->send(*link.sockets.group, datagram);
    for (auto& [peer, path] : link.paths) path.link_sent.add(datagram.size());
    return;
  }
  for (auto& [peer, path] : link.paths) {
    beat.echoes = {path.echo(peer, now)};
    frame_.clear();
    encode(frame_, beat);
    send_link_frame(number, link, path);
  }
}

// A beat out of turn, to one peer; it has the last one's number, so that none seems lost. `ask`: for its
// answer.
void Links::answer_beat(NodeId to, unsigned number, Link& link, bool ask) {
  const Time now = parts_.ports.clock->now();
  Path& path = link.paths.at(to);
  frame_.clear();
  encode(frame_, Beat{std::max<std::uint64_t>(link.beats, 1),
                      static_cast<std::uint64_t>(now.time_since_epoch().count()),
                      ask,
                      {path.echo(to, now)}});
  if (!link.sockets.shared) {
    send_link_frame(number, link, path);
    return;
  }
  const ByteView datagram = sealer_->seal(frame_, link_channel(number));
  link.sockets.shared->send(*link.sockets.group, datagram);  // The way that is to be proven.
  path.link_sent.add(datagram.size());
}

void Links::probe_sizes(unsigned number, Link& link, Time now) {
  for (auto& [peer, path] : link.paths) {
    if (!path.up()) continue;
    for (;;) {
      const auto before = path.size.size();
      const auto size = path.size.probe(now, path.latency());
      if (path.size.size() != before) {
        parts_.log.warning("link {} to node {} takes packets of {} bytes no more: {} are tried", number,
                           raw(peer), before, path.size.size());
        compute_budget();
      }
      if (!size) break;
      frame_.clear();
      encode_size_probe(frame_, {*size}, headers(path.remote));
      const ByteView datagram = sealer_->seal(frame_, link_channel(number));
      if (link.sockets.unicast->send(path.remote, datagram)) {
        path.link_sent.add(datagram.size());
        break;
      }
      path.size.too_large(*size, now);
    }
  }
}

void Links::expire_paths(unsigned number, Link& link, Time now) {
  for (auto& [peer, path] : link.paths) {
    if (!path.expire(link.times, now)) continue;
    route(peer);
    compute_budget();
    tell_down(peer, number);
  }
}

void Links::tell_up(NodeId peer, unsigned number, const Path& known) {
  Path& path = links_.at(number).paths.at(peer);
  path.size.ask(parts_.ports.clock->now());
  next_ = std::min(next_, path.size.due());
  compute_budget();
  parts_.log.info("link {} to node {} ({}) is up, {:.2f} ms", number, raw(peer), known.remote.address,
                  milliseconds(known.latency()));
}

void Links::tell_down(NodeId peer, unsigned number) {
  const Link& link = links_.at(number);
  std::size_t left = 0;
  for (const auto& [other, each] : links_) {
    const auto found = each.paths.find(peer);
    left += found != each.paths.end() && found->second.up() ? 1 : 0;
  }
  const std::string rest = links_.size() == 1 ? ""
                           : left == 0
                               ? "; no other link to it is up"
                               : fmt::format("; {} other link{} up", left, left == 1 ? " is" : "s are");
  parts_.log.warning("link {} to node {} ({}) is down: nothing has come back for {:.0f} ms{}", number,
                     raw(peer), link.paths.at(peer).remote.address, milliseconds(link.times.timeout), rest);
}

}  // namespace systole::membership
