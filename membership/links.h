// Links: sealed frames between this node and every other configured one, over up to eight networks. It finds
// out by itself which link to which peer works, how fast, with what loss and up to which size, and sends each
// frame by the best of them; the ring above sees one way to each node.
//
//             send, broadcast                                    frame
//     ring ───────────────────▶ Links ── sealed datagrams ──▶ ... ─────▶ ring
//                                 │▲
//                                 ▼│ beats: liveness, latency, loss     (path.h)
//                                    probes of the path's size          (path_size.h)
//
// Modes, for tokens and packets: passive sends by one link, the best; active by all that are up; rr by each
// in turn. What forms memberships goes by all. What got no answer goes again by the two best at once, and the
// silent link is held in suspicion until its beats prove it well: so the loss of a link costs some
// milliseconds, not a token. A receiver takes the first copy of a frame only (seal.h), whatever link it comes
// by.
//
// Single-threaded. Callbacks come inside receive callbacks of the sockets and advance().
#pragma once

#include <map>
#include <memory>
#include <unordered_set>

#include "base/log.h"
#include "base/ports.h"
#include "membership/config.h"
#include "membership/membership.h"
#include "membership/parts.h"
#include "membership/path.h"
#include "membership/refusals.h"
#include "membership/seal.h"

namespace systole::membership {

// When beats are sent over a link and what they prove, as the configuration has it.
PathTimes path_times(const ClusterConfig& config, unsigned link);

class Links {
 public:
  struct Handler {
    std::function<void(NodeLife from, ByteView frame)> frame;  // Authentic, whole, each once.
    // Its port is closed on one link, it seems. `everywhere`: and on each other that works, just now.
    std::function<void(NodeId peer, bool everywhere)> refused;
    std::function<void()> settled;  // After the last of frames that came together.
  };
  struct Parts {
    Ports ports;  // clock, timers, random, network.
    Logger log;
    ClusterConfig config;  // Addresses numeric.
    NodeLife self;
    std::vector<Bytes> keys;  // Valid ones; the first seals.
  };
  // Which way a frame goes.
  enum class Way {
    kBest,   // As the link mode says.
    kBatch,  // Likewise, together with others like it: at flush() or before the next frame of another kind.
    kAgain,  // It got no answer: by the two best links.
    kAll,    // By every link, up or not.
  };

  // Binds the node's links. Errors: kInvalidConfig when the node has no address; kIo, kInvalidArgument when
  // one cannot be bound.
  static Result<std::unique_ptr<Links>> create(Parts parts, Handler handler);
  ~Links();

  void send(NodeId to, ByteView frame, Way way);
  void broadcast(const std::vector<NodeId>& to, ByteView frame, Way way);
  void flush();
  // What is due: beats, probes, verdicts. Call at deadline() or later.
  void advance(Time now);
  Time deadline() const { return next_; }
  // Beats that are nearly due: for a loop that is awake anyway.
  void beat_early(Time now);
  // Of the best link to the peer, which may be down; none: there is no link to it.
  struct Ends {
    unsigned link;
    Endpoint local, remote;
  };
  std::optional<Ends> best(NodeId peer) const;
  bool up(NodeId peer, unsigned link) const;
  // The largest frame that passes uncut on all paths that are up. Changes with them.
  std::size_t frame_budget() const { return budget_; }

  // Valid keys from now on; the first one seals. A new session begins when that changes.
  void set_keys(const std::vector<Bytes>& keys);
  std::uint32_t key() const { return key_; }  // Fingerprint of the one that seals.
  // A frame that was sealed with a key other than the first was accepted: set by received frames.
  bool heard_other_key() const { return heard_other_key_; }

  // A new configuration in two steps. prepare() binds what is new, and changes nothing; apply() cannot fail.
  struct Prepared;
  Result<std::shared_ptr<Prepared>> prepare(const ClusterConfig& config);
  void apply(Prepared& prepared);

  void add_to(RingStatus& status) const;

 private:
  struct Sockets {
    Endpoint local;
    std::optional<Endpoint> group;  // Multicast or broadcast.
    std::unique_ptr<DatagramSocket> unicast, shared;
  };
  struct Link {
    LinkOptions options;
    Transport transport = Transport::kUnicast;
    PathTimes times;
    Sockets sockets;
    std::map<NodeId, Path> paths;
    std::unordered_set<std::string> listed;  // Peers' addresses.
    std::uint64_t beats = 0;
    Time next_beat;
  };
  struct Route {
    std::vector<unsigned> order;   // Links with a path to the peer, the best first.
    std::size_t turn = 0;          // rr
    std::optional<unsigned> last;  // By which the last frame went that was not sent again.
  };
  struct Target {
    unsigned number;
    Link* link;
    Path* path;
  };

  Links(Parts parts, Handler handler);
  static std::size_t headers(const Endpoint& endpoint);
  static std::size_t frame_limit(const Path& path);
  // What the new configuration wants of a link beyond what is open already.
  Result<Sockets> open_sockets(unsigned number, const ClusterConfig& config);
  void make_link(unsigned number, Sockets sockets, std::map<NodeId, Path> old_paths);
  Path* path(NodeId peer, unsigned link);

  // Sending: links_send.cc
  void route(NodeId peer);
  bool better(NodeId peer, unsigned a, unsigned b) const;
  void choose(NodeId to, Way way);
  std::size_t choose_targets(const std::vector<NodeId>& to, Way way);
  void add_to_batch(const std::vector<NodeId>& to, ByteView frame);
  void choose_two(NodeId to, Route& route);
  void doubt_sizes();
  void transmit(ByteView frame);
  void send_to(Link& link, Path& path, ByteView datagram);
  void send_link_frame(unsigned number, Link& link, Path& path);

  // Beats, probes, receiving: links_receive.cc
  void received(unsigned number, bool shared, const Endpoint& from, ByteView datagram);
  void received_link_frame(NodeLife from, unsigned number, Link& link, ByteView frame);
  void on_beat(NodeId from, unsigned number, Link& link, const Beat& beat);
  void on_part(NodeLife from, ByteView frame);
  void refused(unsigned number, const Endpoint& peer);
  void send_beats(unsigned number, Link& link, Time now);
  static Time early(const Link& link) { return link.next_beat - link.times.interval / 5; }
  void answer_beat(NodeId to, unsigned number, Link& link, bool ask);
  void probe_sizes(unsigned number, Link& link, Time now);
  void expire_paths(unsigned number, Link& link, Time now);
  void compute_budget();
  void compute_next();
  void tell_up(NodeId peer, unsigned number, const Path& path);
  void tell_down(NodeId peer, unsigned number);

  Parts parts_;
  Handler handler_;
  std::unique_ptr<Sealer> sealer_;
  std::uint32_t sessions_ = 0;
  std::uint32_t key_ = 0;
  bool heard_other_key_ = false;
  Opener opener_;
  Refusals refusals_;
  std::map<unsigned, Link> links_;
  std::map<NodeId, Route> routes_;
  std::map<NodeId, std::pair<Incarnation, Assembly>> assemblies_;
  std::uint32_t parted_frames_ = 0;
  std::size_t budget_ = 0;
  Time next_, early_;             // What is due, and when the first beat may be early.
  std::vector<Sockets> retired_;  // Closed at the next turn: one of them may be calling us.
  // Packets of one visit of the token go out together.
  struct Batch {
    std::vector<Bytes> datagrams;  // Sealed; the first `count` are in use.
    std::size_t count = 0, bytes = 0;
    std::vector<NodeId> to;
    std::size_t limit = 0;  // The largest frame that goes uncut.
    std::vector<Target> targets;
  };
  Batch batch_;
  // Reused.
  std::vector<Target> targets_;  // Of the frame being sent, by link.
  std::vector<Endpoint> endpoints_;
  std::vector<ByteView> views_;
  std::vector<unsigned> chosen_;
  Bytes frame_;
};

struct Links::Prepared {
  ClusterConfig config;
  std::map<unsigned, Sockets> sockets;  // Of links that are new or have moved.
};

}  // namespace systole::membership
