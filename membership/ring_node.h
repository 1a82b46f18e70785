// RingNode: Membership on given ports: TotemRing with sealed UDP datagrams to every node of the nodelist, on
// every link that both have. Single-threaded; tests and sim use it directly, production through RingThread.
//
// Each link of each peer has its own liveness and latency. Tokens and packets go over the first link that is
// up; what forms memberships goes over all.
#pragma once

#include <deque>
#include <map>
#include <memory>

#include "base/log.h"
#include "base/ports.h"
#include "membership/config.h"
#include "membership/life.h"
#include "membership/membership.h"
#include "membership/quorum.h"
#include "membership/seal.h"
#include "membership/totem_ring.h"

namespace systole::membership {

// The protocol's parameters of a configuration; `packet_payload` from netmtu.
RingParameters ring_parameters(const ClusterConfig& config);

class RingNode : public Membership, private RingOutput {
 public:
  struct Parts {
    Ports ports;  // clock, timers, random, network.
    Logger log;
    ClusterConfig config;  // Addresses numeric.
    RingState state;       // Of the life begun.
    Bytes key;             // The cluster's.
  };
  // Binds the node's links. Errors: kInvalidConfig when the node is not in the nodelist or has no address;
  // kIo when an address cannot be bound.
  static Result<std::unique_ptr<RingNode>> create(Parts parts);
  ~RingNode() override;

  void start(Handler handler) override;
  Result<void> multicast(Bytes message, Delivery delivery) override;
  void tell(NodeId member, Bytes message) override;
  void leave() override;
  RingStatus status() const override;
  Result<void> set_expected_votes(unsigned votes) override;
  Result<void> set_device_vote(const RingId& view, const QuorumDeviceVote& vote) override;

  bool has_room(std::size_t size) override;
  void set_congested(bool congested) override { ring_.set_congested(congested); }

  NodeLife self() const { return self_; }

 private:
  struct PeerLink {
    Endpoint remote;
    std::optional<Time> heard_at;
    Duration latency{};
  };
  struct Link {
    Endpoint local;
    std::unique_ptr<DatagramSocket> socket;
  };

  explicit RingNode(Parts parts);
  Result<void> bind_links();
  void received(std::size_t link, ByteView datagram);
  void refused(std::size_t link, const Endpoint& peer);
  void told(NodeLife from, ByteView message);
  bool on_probe_reply(NodeId from, std::size_t link, ByteView frame);
  void probe_latency();
  bool up(const PeerLink& link) const;
  std::optional<std::size_t> best_link(NodeId to) const;
  void send_on_all(NodeId to, ByteView frame);

  // Packets of one visit of the token go out together.
  struct Batch {
    std::vector<Bytes> datagrams;  // Sealed; the first `count` are in use.
    std::size_t count = 0, bytes = 0;
    std::vector<NodeId> to;
  };
  void add_to_batch(const std::vector<NodeId>& to, ByteView frame);
  void flush();

  // RingOutput
  void send(NodeId to, ByteView frame) override;
  void broadcast(const std::vector<NodeId>& to, ByteView frame) override;
  bool store_sequence(std::uint64_t ring_sequence) override;
  void deliver(Delivered delivered) override;

  void after_step();
  void drain();
  void hand_over(Delivered& delivered);
  void install(const View& view, const ViewFacts& facts);
  void end_hold();
  Result<void> send_internal(Bytes message);
  void internal_message(NodeId sender, ByteView message);
  void judge_again();
  void arm_window();
  void arm();
  void post_kick();
  void tell_facts() { ring_.set_facts(judge_.facts()); }

  Parts parts_;
  NodeLife self_;
  Sealer sealer_;
  Opener opener_;
  QuorumJudge judge_;
  Quorum quorum_;
  TotemRing ring_;
  std::vector<Link> links_;
  std::map<NodeId, std::vector<PeerLink>> peers_;
  Handler handler_;
  bool running_ = false;
  bool draining_ = false;
  bool kick_posted_ = false;
  bool space_wanted_ = false;
  Batch batch_;
  std::vector<Endpoint> endpoints_;  // Reused by flush().
  std::vector<ByteView> views_;      // Likewise.
  std::deque<Delivered> events_;
  std::optional<View> held_view_;  // Waits for the quorum device; events_ wait behind it.
  Timers::Id hold_timer_ = 0, window_timer_ = 0;
  Timers::Id timer_ = 0;
  Time timer_at_;
  Time next_latency_probe_;
  RingStatus::Counters refused_;
  // Posted tasks hold this; it is false once the node is gone.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace systole::membership
