// TotemRing: the Totem single-ring ordering and membership protocol (Amir et al., ACM TOCS 13(4), 1995) as a
// state machine without I/O: frames, time and requests in; frames and deliveries out, through RingOutput.
//
//            token lost, join, foreign ring, new life, goodbye, refused port
//        ┌────────────────────────────────────────────────────────────┐
//        ▼                 all agree                infos of all      │  all old packets exchanged
//     GATHER ───────────────────────▶ COMMIT ───────────────▶ RECOVERY ───────────────▶ OPERATIONAL
//        ▲                              │ deadline               │ token lost, deadline       │
//        └──────────────────────────────┴────────────────────────┴────────────────────────────┘
//
// Where it differs from the paper:
//  - The commit token's two rotations are two rounds between the representative and all members at once
//    (CommitRequest/Reply, CommitInfo), so that their time does not grow with the number of nodes.
//  - Candidates that were silent before and do not answer a few joins are failed at once; the consensus
//  timeout
//    is only the upper bound.
//  - Who still has old packets to send is named in the token, not flagged: two consecutive visits with nobody
//    named prove that nobody has.
//  - An idle token rests at the member that sent last; one with something to send calls it (Want). Right
//  after
//    sending it lingers there for a moment, if nobody else waits: who sends again soon need not wait a
//    rotation.
//  - The window is not fixed: the token carries it, it grows while it is used up and shrinks when packets
//  lack.
//  - Rings merge when all nodes of both hear each other, by heartbeats that say who hears whom.
//
// Thread: one. Deliveries are handed over inside receive(), advance() and kick(), in order.
#pragma once

#include <variant>

#include "base/check.h"
#include "base/log.h"
#include "base/time.h"
#include "membership/flaps.h"
#include "membership/gather.h"
#include "membership/membership.h"
#include "membership/packet_store.h"
#include "membership/packing.h"
#include "membership/peers.h"
#include "membership/wire.h"

namespace systole::membership {

struct RingParameters {
  std::vector<NodeId> nodes;  // Configured, this one included.
  Duration token = Milliseconds(1000);
  Duration token_retransmit = Milliseconds(238);
  Duration hold = Milliseconds(180);
  Duration join = Milliseconds(50);
  Duration consensus = Milliseconds(1200);
  Duration heartbeat = Milliseconds(200);  // corosync.conf's `merge`, at most token / 4.
  unsigned fail_recv_const = 2500;         // Rotations without progress until a member counts as deaf.
  unsigned seqno_unchanged_const = 3;      // Idle rotations until the token rests; at least 3.
  unsigned window_size = 50;               // Packets in one rotation, all members together: at least.
  unsigned max_messages = 17;              // Of them in one visit, while others wait.
  std::size_t packet_payload = 1300;       // Bytes of chunks in one packet.
  std::size_t queue_bytes = 8 << 20;
};

struct Delivered {
  struct Transitional {
    View surviving;
  };
  struct Installed {
    View view;
    ViewFacts facts;
  };
  struct Message {
    NodeId sender;
    ByteView bytes;
    bool internal = false;
    std::shared_ptr<const void> owner;  // Keeps `bytes` alive.
  };
  std::variant<Transitional, Installed, Message> event;
};

class RingOutput {
 public:
  virtual ~RingOutput() = default;
  virtual void send(NodeId to, ByteView frame) = 0;
  virtual void broadcast(const std::vector<NodeId>& to, ByteView frame) = 0;
  // The same once more, since there was no answer: the way it took may be broken.
  virtual void resend(NodeId to, ByteView frame) { send(to, frame); }
  virtual void rebroadcast(const std::vector<NodeId>& to, ByteView frame) { broadcast(to, frame); }
  // Whether the end of the member's process will be told without a knock at its port.
  virtual bool line_stands(NodeId) const { return false; }
  // Durable before it returns. False: the disk refused.
  virtual bool store_sequence(std::uint64_t ring_sequence) = 0;
  virtual void deliver(Delivered delivered) = 0;
};

class TotemRing {
 public:
  // `ring_sequence`: no ring of an earlier life of this node had a greater one.
  TotemRing(RingParameters parameters, NodeLife self, std::uint64_t ring_sequence, RingOutput& output,
            Logger log);

  void start(Time now);
  // `frame` is authentic and from `from`. Malformed ones are counted.
  void receive(Time now, NodeLife from, ByteView frame);
  // The peer's port is closed, it seems, on one link. `everywhere`: so it was on each other link just now.
  void refused(Time now, NodeId peer, bool everywhere);
  // Something whose time has come: call at deadline() or later.
  void advance(Time now);
  Time deadline() const;
  bool has_room(std::size_t size) const { return queue_.has_room(size); }
  bool half_empty() const { return queue_.half_empty(); }
  void enqueue(OutgoingMessage message) { queue_.push(std::move(message)); }
  // Sends what was enqueued as soon as the token allows.
  void kick(Time now);
  void leave(Time now);
  // Quorum facts that this node brings into the next ring.
  void set_facts(QuorumFacts facts) { facts_ = facts; }
  // Whether the view has quorum. Without it nobody is kept out, since a node that flaps is better than none,
  // and nobody blamed: who is cut off itself sees all others leave.
  void set_quorate(bool quorate);
  // From now on, or from the next ring on while one is being formed. No member of the view may be missing.
  void set_parameters(RingParameters parameters);
  // Bytes of chunks in one packet from now on.
  void set_packet_payload(std::size_t bytes) { parameters_.packet_payload = bytes; }
  // While set, members send nothing new: this one cannot take more.
  void set_congested(bool congested) { congested_ = congested; }

  RingStatus::State state() const { return state_; }
  const View& view() const { return view_; }
  // The member after this one in the last view; none: it is alone.
  std::optional<NodeLife> next() const;
  const RingStatus::Counters& counters() const { return counters_; }
  Duration rotation() const { return rotation_; }
  const Peers& peers() const { return peers_; }
  const Flaps& flaps() const { return flaps_; }
  std::string gather_text() const;  // For the log.

 private:
  using State = RingStatus::State;

  // One ring's ordering.
  struct Ring {
    RingId id;
    std::vector<NodeLife> members;  // Ascending.
    std::vector<NodeId> others;
    NodeId next{};
    PacketStore store;
    Reassembly reassembly;
    std::uint64_t delivered = 0;
    std::uint64_t safe = 0;  // Every member has all up to here.
    std::uint64_t last_token = 0;
    std::uint64_t token_seq = 0;     // Of the last token sent on.
    std::uint64_t sent_aru = 0;      // Of the last token sent on.
    std::uint32_t sent_packets = 0;  // In the last rotation.
    std::uint32_t visit_sent = 0;    // In this visit of the token, which may linger.
    unsigned window = 0;             // Of the last token.
    NodeId home{};                   // Likewise.
    Time shrunk_at;                  // When this node last made the window smaller.
    std::uint32_t sent_backlog = 0;  // Told in the last rotation.
    std::uint64_t stuck_aru = 0;
    unsigned stuck_rotations = 0;
    bool contains(NodeLife life) const;
  };
  struct Commit {
    RingId id;
    std::vector<NodeLife> members;
    std::map<NodeId, CommitMember> replies;  // At the representative.
    Time deadline, next_send;
  };
  // The exchange of the old ring's packets on the new ring.
  struct Recovery {
    std::vector<CommitMember> infos;
    std::vector<NodeLife> survivors;  // Members that come from our old ring with us.
    std::set<NodeId> deliver_from;    // Whose messages are delivered beyond a gap.
    std::uint64_t high_delivered = 0;
    std::vector<std::uint64_t> to_send;
    std::size_t sent = 0;
    std::set<std::uint64_t> seen;  // Sent by somebody already.
    unsigned quiet_visits = 0;
    std::uint64_t install_seq = 0;
    Time deadline;
  };

  // totem_ring.cc
  std::unique_ptr<Ring> make_ring(RingId id, std::vector<NodeLife> members) const;
  void dispatch(NodeLife from, Peer& peer, ByteView frame);
  void note_life(Peer& peer, NodeLife life);
  void on_heartbeat(Peer& peer, const Heartbeat& heartbeat);
  void on_goodbye(Peer& peer);
  void on_want(NodeLife from, const Want& want);
  void send_heartbeats();
  void send_heartbeat(NodeId to);
  Bytes heartbeat_frame();
  void answer(Peer& peer);
  void run_checks();
  bool knocks() const;
  void knock(Duration until_next);
  void pass_knock_on();
  Duration knock_interval() const { return std::min<Duration>(Milliseconds(40), parameters_.token / 8); }
  void look_for_merge();
  // Who is a member, because it was needed, stays one.
  bool shuns(NodeLife life) const {
    return quorate_ && !ring_->contains(life) && flaps_.quarantine(life.node, now_) > Duration{};
  }
  bool mergeable(const Peer& peer, std::vector<NodeLife>& group) const;
  void lost(NodeLife life, const char* why);
  void take_parameters(RingParameters parameters);
  Ring* token_ring() const;
  // At most one join or unasked heartbeat in this time, so that a large cluster's start makes no storm.
  Duration pace() const {
    return std::chrono::microseconds(50) * static_cast<std::int64_t>(parameters_.nodes.size());
  }

  // totem_gather.cc
  void enter_gather(const char* why, const std::vector<NodeLife>& extra, const std::vector<NodeLife>& failed,
                    Duration at_least = {});
  void send_join();
  void send_join_soon();
  void on_join(NodeLife from, Peer& peer, const Join& join);
  void gather_join(NodeLife from, Peer& peer, const Join& join);
  void check_consensus();
  void advance_gather();
  void judge_candidates();
  void begin_commit(const std::vector<NodeLife>& members);
  void on_commit_request(NodeLife from, const CommitRequest& request);
  void on_commit_reply(NodeLife from, const CommitReply& reply);
  void on_commit_info(NodeLife from, const CommitInfo& info);
  void advance_commit();
  void send_commit_info(const std::vector<NodeId>& to);
  CommitMember own_commit_member() const;
  bool commit_to(std::uint64_t ring_sequence);
  bool disk_works();
  void go_alone();

  // totem_recovery.cc
  void enter_recovery(const CommitInfo& info);
  void take_old_packet(const Packet& packet);
  unsigned send_old_packets(Token& token, unsigned allowed);
  bool recovery_visit(const Ring& ring, const Token& token);
  void install();
  void deliver_old_ring();

  // totem_token.cc
  void on_data(NodeLife from, const DataView& data);
  void on_token(NodeLife from, Token token);
  void take_token(Ring& ring, Token token);
  void pass_token(Ring& ring, Token token);
  unsigned retransmit_missing(Ring& ring, Token& token);
  unsigned allowance(const Ring& ring, const Token& token) const;
  void adapt_window(Ring& ring, Token& token);
  bool may_linger(const Ring& ring, const Token& token) const;
  unsigned send_new_packets(Ring& ring, Token& token, unsigned allowed);
  void update_aru(const Ring& ring, Token& token) const;
  bool add_missing(const Ring& ring, Token& token) const;
  bool is_deaf(Ring& ring, const Token& token);
  bool may_hold(const Ring& ring, const Token& token) const;
  void forward(Ring& ring, Token& token);
  void originate(Ring& ring, Bytes payload, bool safe, std::uint8_t flags, std::uint64_t seq);
  void deliver_ready(Ring& ring);
  void deliver_packet(Ring& ring, const PacketPtr& packet);
  void skip_old_packets(Ring& ring);
  void drain_alone();
  void call_token(bool again);
  void expect_token();
  Duration fastest_retransmit() const;
  void advance_token();

  RingParameters parameters_;
  std::optional<RingParameters> next_parameters_;
  NodeLife self_;
  std::uint64_t ring_sequence_;
  RingOutput& output_;
  Logger log_;
  Time now_;
  State state_ = State::kStopped;
  View view_;
  bool installed_any_ = false;
  QuorumFacts facts_;
  std::set<NodeId> left_well_;  // Since the last view.
  bool congested_ = false;
  Peers peers_;
  Flaps flaps_;
  bool quorate_ = false;
  std::vector<NodeId> departed_;  // From the last view to this one, not by their own will.
  SendQueue queue_;
  RingStatus::Counters counters_;
  Duration rotation_{};        // Smoothed; of rotations that lost no token.
  bool token_resent_ = false;  // Since it was passed on.
  std::uint64_t report_number_ = 0;
  std::vector<NodeId> everyone_;  // Configured, without this node.

  std::unique_ptr<Ring> ring_;      // The last one installed.
  std::unique_ptr<Ring> new_ring_;  // In RECOVERY.
  Gather gather_;
  Time gathered_at_;   // When the last gathering began.
  Time gather_until_;  // At start: not before.
  Time next_join_, joined_at_;
  unsigned joins_sent_ = 0;
  Time consensus_at_;
  std::optional<Commit> commit_;
  std::optional<Time> commit_retry_;  // The disk refused: silent until then.
  static constexpr Seconds kRetryDisk{1};
  Time disk_retry_at_;
  std::optional<std::uint64_t> refused_sequence_;  // And alone until it has taken this.
  CommitInfo last_info_;                           // For members that missed it.
  Recovery recovery_;
  std::set<NodeId> obligations_;

  std::optional<Token> held_;  // Resting or lingering here.
  Time held_until_, visit_at_;
  bool wanted_ = false;
  Time token_lost_at_;
  std::optional<Time> retransmit_at_;
  Duration retransmit_after_{};
  Bytes last_token_frame_;
  std::uint32_t last_idle_ = 0;
  std::optional<Time> call_at_;  // When to call the token again.
  Time token_seen_;
  Time heartbeat_at_, heartbeat_sent_at_;
  Time sent_at_{};  // This node's last new packet.
  Time knock_at_;
  Bytes frame_;  // Reused.
};

}  // namespace systole::membership
