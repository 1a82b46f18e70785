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
  bool operator==(const QuorumDeviceVote&) const = default;
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
    Duration latency{};  // Smoothed round trip.
  };
  std::vector<Link> links;
};

class Membership {
 public:
  struct Handler {
    std::function<void(const View& surviving)> transitional;
    std::function<void(const View& view, const Quorum& quorum)> view;
    // Quorum of the same view changed (expected_votes was set, a quorum device voted, the window of
    // last_man_standing passed).
    std::function<void(const Quorum& quorum)> quorum;
    // Only with a quorum device configured: `view` is installed, and `view` above waits until
    // set_device_vote() was called for it by a member whose device votes, or by all members, or
    // quorum.device.sync_timeout is over. `without` is the judgement without the device.
    std::function<void(const View& view, const Quorum& without)> ask_device;
    std::function<void(NodeId sender, ByteView message)> message;
    // From a member's tell().
    std::function<void(NodeId sender, ByteView message)> told;
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
  // sent.
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
  // What this node's quorum device says of the view `view`; told to all members, in order. Another view's
  // word has no effect. May be called again when it changes its mind.
  virtual Result<void> set_device_vote(const RingId& view, const QuorumDeviceVote& vote) = 0;
};

}  // namespace systole::membership
