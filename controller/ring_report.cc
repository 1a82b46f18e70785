#include "controller/ring_report.h"

#include <algorithm>

#include "ipc/systole.pb.h"
#include "membership/links.h"
#include "membership/ring_node.h"

namespace systole::controller {
namespace {

std::uint64_t microseconds(Duration d) {
  return static_cast<std::uint64_t>(
      std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::microseconds>(d).count()));
}

std::uint64_t milliseconds(Duration d) { return microseconds(d) / 1000; }

void set_traffic(ipc::Status::Traffic& out, const membership::RingStatus::Link::Traffic& traffic) {
  out.set_packets(traffic.packets);
  out.set_bytes(traffic.bytes);
}

}  // namespace

const char* ring_state(membership::RingStatus::State state) {
  switch (state) {
    case membership::RingStatus::State::kGather:
      return "GATHER";
    case membership::RingStatus::State::kCommit:
      return "COMMIT";
    case membership::RingStatus::State::kRecovery:
      return "RECOVERY";
    case membership::RingStatus::State::kOperational:
      return "OPERATIONAL";
    case membership::RingStatus::State::kStopped:
      break;
  }
  return "STOPPED";
}

void add_ring(ipc::Status& out, const membership::RingStatus& ring) {
  const auto count = [&out](const std::string& name, std::uint64_t value) {
    (*out.mutable_counters())[name] = value;
  };
  const auto& c = ring.counters;
  count("messages_sent", c.messages_sent);
  count("messages_delivered", c.messages_delivered);
  count("retransmits", c.retransmits);
  count("tokens", c.tokens);
  count("frames_refused_auth", c.frames_refused_auth);
  count("frames_refused_replay", c.frames_refused_replay);
  count("frames_refused_malformed", c.frames_refused_malformed);
  count("frames_refused_unknown_peer", c.frames_refused_unknown_peer);
  count("views", c.views);
  count("token_losses", c.token_losses);
  for (const auto& link : ring.links) {
    ipc::Status::Link& l = *out.add_links();
    l.set_peer(raw(link.peer));
    l.set_link(static_cast<std::uint32_t>(link.link));
    l.set_local(link.local);
    l.set_remote(link.remote);
    l.set_up(link.up);
    l.set_latency_us(microseconds(link.latency));
    l.set_loss(link.loss);
    l.set_mtu(link.mtu);
    l.set_priority(link.priority);
    l.set_transport(link.transport);
    l.set_used(link.used);
    l.set_ups(link.ups);
    l.set_downs(link.downs);
    l.set_latency_min_us(microseconds(link.latency_min));
    l.set_latency_max_us(microseconds(link.latency_max));
    l.set_latency_samples(link.latency_samples);
    set_traffic(*l.mutable_tx_data(), link.sent);
    set_traffic(*l.mutable_rx_data(), link.received);
    set_traffic(*l.mutable_tx_link(), link.link_sent);
    set_traffic(*l.mutable_rx_link(), link.link_received);
  }
  for (const auto& peer : ring.peers) {
    ipc::Status::Peer& p = *out.add_peers();
    p.set_id(raw(peer.life.node));
    p.set_incarnation(raw(peer.life.incarnation));
    p.set_member(peer.member);
    p.set_heard(peer.heard);
    p.set_hears_us(peer.hears_us);
    p.set_flaps(peer.flaps);
    p.set_quarantine_ms(milliseconds(peer.quarantine));
  }
  out.set_token_rotation_us(microseconds(ring.token_rotation));
  out.set_worst_delay_us(microseconds(ring.worst_delay));
  out.set_delays(ring.delays);
  for (const auto& each : ring.refused) {
    ipc::Status::Refused& r = *out.add_refused();
    r.set_sender(each.sender);
    r.set_reason(each.reason);
    r.set_frames(each.frames);
  }
  ipc::Status::Key& key = *out.mutable_key();
  key.set_fingerprint(ring.key.fingerprint);
  key.set_next(ring.key.next);
  key.set_phase(ring.key.phase);
  for (const NodeId id : ring.key.waiting_for) key.add_waiting_for(raw(id));
}

void add_settings(ipc::Status& out, const membership::ClusterConfig& config) {
  const membership::TotemOptions& totem = config.totem;
  const membership::RingParameters used = membership::ring_parameters(config);
  out.set_transport(totem.transport);
  const auto put = [&out](const std::string& name, std::uint64_t value) {
    (*out.mutable_totem())[name] = value;
  };
  put("token", milliseconds(used.token));
  put("token_retransmit", milliseconds(used.token_retransmit));
  put("token_retransmits_before_loss_const", totem.token_retransmits_before_loss_const);
  put("hold", milliseconds(used.hold));
  put("join", milliseconds(used.join));
  put("consensus", milliseconds(used.consensus));
  put("merge", milliseconds(totem.merge));
  put("fail_recv_const", used.fail_recv_const);
  put("seqno_unchanged_const", used.seqno_unchanged_const);
  put("window_size", used.window_size);
  put("max_messages", used.max_messages);
  put("block_unlisted_ips", totem.block_unlisted_ips ? 1 : 0);
  put("knet_pmtud_interval", static_cast<std::uint64_t>(totem.pmtud_interval.count()));
  put("knet_mtu", totem.netmtu.value_or(0));
  for (unsigned number = 0; number < config.links(); ++number) {
    const membership::PathTimes times = membership::path_times(config, number);
    put(fmt::format("interface.{}.knet_ping_interval", number), milliseconds(times.interval));
    put(fmt::format("interface.{}.knet_ping_timeout", number), milliseconds(times.timeout));
    put(fmt::format("interface.{}.mcastport", number), config.port_of(number));
  }
}

}  // namespace systole::controller
