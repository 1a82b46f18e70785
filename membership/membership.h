// Membership: the port through which a node learns who is with it and talks to them in total order.
//
// Promises (extended virtual synchrony; Amir et al., "The Totem Single-Ring Ordering and Membership
// Protocol", ACM TOCS 13(4), 1995): every member of a view delivers the same messages in the same order; a
// message is delivered in the view it was sent in or, while that view ends, between `transitional` and the
// next `view`; a sender delivers its own messages. View ids of one node strictly increase, across restarts
// too.
//
//   transitional(T) ... messages of the ending view ... view(V) ... messages of V ...
//
// Implementations: RingNode (our ring on given ports, single-threaded: sim and tests use it directly),
// RingThread (a RingNode on a thread of its own, handing everything over to the main loop).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"

namespace systole::membership {

struct View {
  RingId id;
  std::vector<NodeLife> members;  // Ascending by node id; contains this node.
  bool operator==(const View&) const = default;
};

// votequorum(5)'s judgement of one view.
struct Quorum {
  bool quorate = false;
  unsigned votes = 0;  // Of the view's members.
  unsigned expected_votes = 0;
  unsigned threshold = 0;  // Votes needed.
  bool two_node = false;
  bool wait_for_all = false;     // Configured (two_node implies it).
  bool waiting_for_all = false;  // Not quorate only because not all have been seen since start.
  bool last_man_standing = false, auto_tie_breaker = false, allow_downscale = false;  // Configured.
  bool by_tie_breaker = false;  // Quorate with half of the votes, because it has the tie breaker.
  unsigned device_votes = 0;    // Of the configured quorum device; part of expected_votes.
  bool device_casts = false;    // It votes for this view: `votes` has its votes too.
  bool operator==(const Quorum&) const = default;
};

// What a quorum device (an arbitrator, a quorum disk) says of one view, as one member of it heard it.
struct QuorumDeviceVote {
  bool casts = false;        // It votes for this view. Counted once, however many members heard so.
  bool master_wins = false;  // A view for which it votes is quorate even without a majority.
  // How long a vote counts unless it is said again; 0: until it is taken back. Kept by the ring, so that it
  // ends even where nobody else has time to.
  Milliseconds holds{};
  bool operator==(const QuorumDeviceVote&) const = default;
};

struct ClusterConfig;

// A change of the running ring that an administrator asks for: every member prepares it, and when all are
// ready all make it at one place in the order; or none does.
struct RingChange {
  enum class Kind : std::uint8_t {
    kConfiguration = 1,  // `payload` is a digest of the text of the new corosync.conf.
    kKey = 2,            // `payload` is the new cluster key.
  };
  Kind kind = Kind::kConfiguration;
  std::uint64_t id = 0;
  NodeId proposer{};
  Bytes payload;
};

enum class Delivery {
  kAgreed,  // As soon as the order is known.
  kSafe,    // Not before every member of the view has received it.
};

struct RingStatus {
  enum class State { kGather, kCommit, kRecovery, kOperational, kStopped } state = State::kStopped;
  View view;
  Quorum quorum;
  struct Counters {
    std::uint64_t messages_sent = 0, messages_delivered = 0, retransmits = 0, tokens = 0;
    std::uint64_t frames_refused_auth = 0, frames_refused_replay = 0, frames_refused_malformed = 0;
    std::uint64_t frames_refused_unknown_peer = 0, views = 0, token_losses = 0;
  } counters;
  Duration token_rotation{};  // Smoothed.
  // How late the ring's loop ran what was due: the worst since start, and how often it was so late that a
  // verdict on a peer could have been wrong.
  Duration worst_delay{};
  std::uint64_t delays = 0;
  struct Peer {  // Every other configured node.
    NodeLife life;
    bool member = false;    // Of the view.
    bool heard = false;     // Lately.
    bool hears_us = false;  // So it says.
    unsigned flaps = 0;     // Departures lately, forgotten one by one in good time.
    Duration quarantine{};  // Not admitted for this much longer; zero: admitted.
  };
  std::vector<Peer> peers;
  struct Link {
    NodeId peer{};
    int link = 0;
    std::string local, remote;  // Addresses.
    bool up = false;
    Duration latency{};                     // Smoothed round trip; 0: not known.
    double loss = 0;                        // 0..1, of the last 64 heartbeats, in the worse direction.
    unsigned mtu = 0;                       // Bytes of the largest IP packet known to pass.
    unsigned priority = 0;                  // knet_link_priority
    std::string transport;                  // unicast, multicast, broadcast
    bool used = false;                      // What the ring sends to the peer now goes by it.
    unsigned ups = 0, downs = 0;            // How often it came up and went down.
    Duration latency_min{}, latency_max{};  // Of all beats; 0: not known.
    std::uint64_t latency_samples = 0;
    struct Traffic {
      std::uint64_t packets = 0, bytes = 0;  // Datagrams as sealed, without IP and UDP headers.
      void add(std::size_t size) {
        ++packets;
        bytes += size;
      }
    };
    Traffic sent, received;            // Of the ring.
    Traffic link_sent, link_received;  // Of the link itself: beats and probes.
  };
  std::vector<Link> links;
  struct Refused {
    std::string sender;  // "node 3" where it is proven or claimed, or else an address.
    std::string reason;  // auth, key, replay, old-life, unlisted, unknown-peer, cluster, version, malformed…
    std::uint64_t frames = 0;
  };
  std::vector<Refused> refused;
  struct Key {
    std::uint32_t fingerprint = 0;    // Of the key that this node seals with.
    std::uint32_t next = 0;           // Rotation: the other key that is valid; 0: no rotation.
    std::string phase;                // settled, receive-only, both
    std::vector<NodeId> waiting_for;  // Rotation: nodes that are not ready.
  } key;
};

class Membership {
 public:
  struct Handler {
    std::function<void(const View& surviving)> transitional;
    std::function<void(const View& view, const Quorum& quorum)> view;
    // Quorum of the same view changed (expected_votes was set, a quorum device voted, the window of
    // last_man_standing passed).
    std::function<void(const Quorum& quorum)> quorum;
    // `view` is installed; for who has a quorum device. Where the device's vote could make it quorate, `view`
    // above waits until set_device_vote() was called for it by a member whose device votes, or by all
    // members, or quorum.device.sync_timeout is over. `without` is the judgement without the device.
    std::function<void(const View& view, const Quorum& without)> ask_device;
    std::function<void(NodeId sender, ByteView message)> message;
    // From a member's tell().
    std::function<void(NodeId sender, ByteView message)> told;
    // Prepare it, and call prepared(). kKey: store the key so that a restart would find it.
    std::function<void(const RingChange& change)> prepare;
    // The change was made here, or why not. kKey: the key is the cluster's from now on.
    std::function<void(const RingChange& change, const Result<void>& outcome)> changed;
    // The send queue has room again, after multicast() said kUnavailable.
    std::function<void()> space;
  };

  static constexpr std::size_t kMaxMessage = 1 << 20;  // Bytes.

  virtual ~Membership() = default;
  // Joins. Callbacks come on the caller's loop, never inside a call to this object. The first view holds only
  // this node or those that it met at once.
  virtual void start(Handler handler) = 0;
  // Errors: kInvalidArgument above kMaxMessage; kUnavailable when the queue is full (see `space`) or stopped.
  // Accepted messages are delivered to this node unless it stops; across a view change they are sent in the
  // next view if they were not sent in the old one.
  virtual Result<void> multicast(Bytes message, Delivery delivery) = 0;
  // A word to one member of the view beside the order: it may be lost, or come twice, early or late. It is
  // for what is also said in order a little later, to whom it hurries. At most kMaxTold bytes; longer: not
  // sent. May be called on any thread.
  static constexpr std::size_t kMaxTold = 1024;
  virtual void tell(NodeId /*member*/, Bytes /*message*/) {}
  // Says goodbye: peers form their view without waiting for the token's loss. No callback afterwards.
  virtual void leave() = 0;
  virtual RingStatus status() const = 0;
  // votequorum(5). For the whole view. Errors: kInvalidArgument when the votes present would be too few for a
  // quorum then, or more than all.
  virtual Result<void> set_expected_votes(unsigned votes) = 0;
  // While set, this node cannot take more messages: senders wait.
  virtual void set_congested(bool /*congested*/) {}
  // Whether multicast() would accept a message of this size now. False: `space` follows.
  virtual bool has_room(std::size_t /*size*/) { return true; }
  // Proposes a change; `changed` follows at every member. Errors: kUnavailable when stopped; kUnsupported.
  virtual Result<void> propose(RingChange::Kind /*kind*/, Bytes /*payload*/) {
    return fail(Errc::kUnsupported,
                "the ring cannot be changed while it runs: restart one node after another");
  }
  // This node's answer to Handler::prepare. `config`: of kConfiguration, with numeric addresses.
  virtual void prepared(std::uint64_t /*id*/, Result<void> /*ready*/,
                        std::shared_ptr<const ClusterConfig> /*config*/) {}
  // What this node's quorum device says of the view `view`; told to all members, in order. Another view's
  // word has no effect. May be called again when it changes its mind.
  virtual Result<void> set_device_vote(const RingId& view, const QuorumDeviceVote& vote) = 0;
};

}  // namespace systole::membership
