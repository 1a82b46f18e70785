// RingNode: Membership on given ports: TotemRing over Links to every node of the nodelist. Single-threaded;
// tests and sim use it directly, production through RingThread.
#pragma once

#include <deque>
#include <memory>
#include <set>

#include "base/log.h"
#include "base/ports.h"
#include "membership/config.h"
#include "membership/life.h"
#include "membership/links.h"
#include "membership/membership.h"
#include "membership/next_line.h"
#include "membership/quorum.h"
#include "membership/totem_ring.h"

namespace systole::membership {

// The protocol's parameters of a configuration.
RingParameters ring_parameters(const ClusterConfig& config);

class RingNode : public Membership, private RingOutput {
 public:
  struct Parts {
    Ports ports;  // clock, timers, random, network.
    Logger log;
    ClusterConfig config;    // Addresses numeric.
    RingState state;         // Of the life begun.
    Bytes key;               // The cluster's.
    Bytes next_key;          // A rotation was not over when this node's last life ended; empty: none.
    Lines* lines = nullptr;  // Null: there are none, and members knock.
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

  Result<void> propose(RingChange::Kind kind, Bytes payload) override;
  void prepared(std::uint64_t id, Result<void> ready, std::shared_ptr<const ClusterConfig> config) override;

  bool has_room(std::size_t size) override;
  void set_congested(bool congested) override { ring_.set_congested(congested); }

  NodeLife self() const { return self_; }

 private:
  explicit RingNode(Parts parts);
  void received(NodeLife from, ByteView frame);
  void refused(NodeId peer, bool everywhere);
  void settled();
  void told(NodeLife from, ByteView message);
  void adapt_packing();

  // ring_changes.cc
  void on_proposal(NodeId sender, RingChange change);
  void on_prepared(NodeId sender, std::uint64_t id, const std::string& problem);
  void make_change();
  void conclude(Result<void> outcome);
  void adopt_key();

  // RingOutput
  void send(NodeId to, ByteView frame) override;
  void broadcast(const std::vector<NodeId>& to, ByteView frame) override;
  void resend(NodeId to, ByteView frame) override;
  void rebroadcast(const std::vector<NodeId>& to, ByteView frame) override;
  bool store_sequence(std::uint64_t ring_sequence) override;
  bool line_stands(NodeId peer) const override;
  void deliver(Delivered delivered) override;

  void after_step();
  void drain();
  void hand_over(Delivered& delivered);
  void install(const View& view, const ViewFacts& facts);
  void end_hold();
  Result<void> send_internal(Bytes message, bool safe = false);
  void internal_message(NodeId sender, ByteView message);
  void judge_again();
  void arm_window();
  void arm();
  void post_kick();
  void note_delay(Duration late, Time now);
  void tell_facts() {
    ring_.set_facts(judge_.facts());
    ring_.set_quorate(quorum_.quorate);
  }

  Parts parts_;
  NodeLife self_;
  QuorumJudge judge_;
  Quorum quorum_;
  TotemRing ring_;
  std::unique_ptr<Links> links_;
  std::unique_ptr<NextLine> line_;
  std::uint64_t line_view_ = 0;  // Number of the view that it follows.
  std::size_t frame_budget_ = 0;
  struct Change {
    RingChange what;
    std::set<NodeId> waiting_for;
    std::shared_ptr<const ClusterConfig> config;
    std::shared_ptr<Links::Prepared> links;
  };
  std::optional<Change> change_;  // Under way.
  std::uint64_t changes_proposed_ = 0;
  // Rotation of the key: `next_key_` is accepted, but not used yet; `old_key_` still accepted for a while.
  Bytes key_, next_key_, old_key_;
  Timers::Id change_timer_ = 0, key_timer_ = 0;
  Handler handler_;
  bool running_ = false;
  bool draining_ = false;
  bool kick_posted_ = false;
  bool space_wanted_ = false;
  std::deque<Delivered> events_;
  std::optional<View> held_view_;  // Waits for the quorum device; events_ wait behind it.
  Timers::Id hold_timer_ = 0, window_timer_ = 0, vote_timer_ = 0;
  std::optional<std::pair<RingId, std::pair<bool, bool>>> vote_said_;  // By this node of its device.
  Timers::Id timer_ = 0;
  Time timer_at_, timer_set_at_;
  Duration worst_delay_{};
  std::uint64_t delays_ = 0;
  std::optional<Time> delay_told_at_;
  // Posted tasks hold this; it is false once the node is gone.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace systole::membership
