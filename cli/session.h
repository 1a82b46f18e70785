// Session: where a tool acts. The running cluster (over the local API), a file (CIB_file) or a shadow
// configuration (CIB_shadow): the same questions and commands everywhere, so that a tool or the shell does
// not know the difference. What only a running cluster can do fails with kUnavailable on the others, saying
// so.
//
// Blocking, single-threaded. A live session connects at its first use, so opening one never fails and asking
// for installed agents works while the cluster is down.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/paths.h"
#include "base/result.h"
#include "base/time.h"
#include "cib/document.h"
#include "cib/ops.h"

namespace systole::cli {

// What the daemon says of itself and its ring.
struct ClusterInfo {
  struct Node {
    std::uint32_t id = 0;
    std::string name;
    std::uint64_t incarnation = 0;
    unsigned votes = 0;
    bool member = false, local = false;
    std::vector<std::string> addresses;  // By link number; empty: none there.
    unsigned joins = 0;                  // Into the view, since the daemon's start.
  };
  struct Link {
    std::uint32_t peer = 0, link = 0;
    std::string local, remote;  // Addresses.
    bool up = false;
    std::uint64_t latency_us = 0;  // Round trip; 0: not known.
    double loss = 0;               // 0..1
    unsigned mtu = 0, priority = 0;
    std::string transport;  // unicast, multicast, broadcast
    bool used = false;      // Tokens and packets go by it.
    unsigned ups = 0, downs = 0;
    std::uint64_t latency_min_us = 0, latency_max_us = 0, latency_samples = 0;
    struct Traffic {
      std::uint64_t packets = 0, bytes = 0;
    };
    Traffic tx_data, rx_data;  // The ring's.
    Traffic tx_link, rx_link;  // The link's own: beats and probes.
  };
  struct Peer {  // Every other configured node, as the ring sees it.
    std::uint32_t id = 0;
    std::uint64_t incarnation = 0;
    bool member = false, heard = false, hears_us = false;
    unsigned flaps = 0;
    std::uint64_t quarantine_ms = 0;
  };
  struct Refused {  // Frames that were not taken.
    std::string sender, reason;
    std::uint64_t frames = 0;
  };
  std::vector<Node> nodes;  // All configured, in the daemon's order.
  std::uint64_t ring_sequence = 0;
  std::uint32_t ring_representative = 0;
  bool quorate = false, two_node = false, wait_for_all = false, waiting_for_all = false;
  bool last_man_standing = false, auto_tie_breaker = false, allow_downscale = false;
  unsigned votes = 0, expected_votes = 0, threshold = 0;
  unsigned device_votes = 0;  // 0: there is no quorum device.
  bool device_casts = false, device_master_wins = false;
  std::string cluster_name, local_node, dc, dc_version;
  std::uint32_t local_id = 0;
  std::string state;       // Of the local controller: "S_IDLE"…
  std::string ring_state;  // "OPERATIONAL"…
  bool synced = false, shutting_down = false;
  std::map<std::string, std::uint64_t> counters;
  std::vector<Link> links;  // With `ring` only.
  std::vector<Refused> refused;
  std::vector<Peer> peers;
  std::uint32_t key = 0, next_key = 0;  // Fingerprints; next: during a rotation.
  std::string key_phase;                // settled, receive-only, both
  std::vector<std::uint32_t> key_waiting_for;
  std::uint64_t token_rotation_us = 0, worst_delay_us = 0, delays = 0;
  std::string transport;                       // totem.transport
  std::map<std::string, std::uint64_t> totem;  // Settings in use, by name; milliseconds.

  const Node* find(std::string_view name) const;
  const Node* find(std::uint32_t id) const;
};

struct AttributeValue {
  std::string node, name, value;
};

struct FenceEvent {
  std::string target, action, device, executed_by, origin, reason;
  bool succeeded = false;
  std::int64_t completed = 0;  // Unix seconds; 0: still under way.
};

struct JournalVersion {
  std::string version, author, note, patch;
  std::int64_t when = 0;  // Unix seconds.
};

struct Cleanup {
  std::string resource = {}, node = {};       // Empty: all.
  std::string operation = {}, interval = {};  // Only the history of this one; empty: all.
  bool refresh = false;                       // Also what did not fail.
};

class Session {
 public:
  enum class Place { kLive, kFile, kShadow };
  virtual ~Session() = default;
  virtual Place place() const = 0;
  virtual std::string name() const = 0;  // "live", the shadow's name, or the file's path.

  // -- The CIB. Op::when, user, client and origin are filled in by the session.
  // The answer of a query; nothing for a change. With dry_run a change is judged and not made.
  virtual Result<std::string> cib(cib::Op op, bool dry_run = false) = 0;
  virtual Result<cib::Document> document() = 0;  // The whole, with status.

  // -- The cluster.
  virtual Result<ClusterInfo> info(bool ring = false) = 0;
  // Name of this node: the daemon's, or else this host's.
  virtual Result<std::string> local_node() = 0;
  virtual Result<void> wait_idle(Duration timeout) = 0;  // kTimeout
  virtual Result<void> shutdown(const std::string& node) = 0;
  virtual Result<void> recheck() = 0;
  virtual Result<void> reprobe(const std::string& node) = 0;
  virtual Result<void> set_expected_votes(unsigned votes) = 0;
  virtual Result<void> reload_ring() = 0;  // corosync.conf, on all members.
  virtual Result<void> rotate_key() = 0;   // The cluster's key, on all members.
  virtual Result<std::vector<JournalVersion>> history(unsigned most) = 0;  // Newest first.

  // -- Transient node attributes (status section). Values like "+=2" and "++" count.
  // Empty node: this one. For queries "*" means all; no match is an empty list.
  virtual Result<std::vector<AttributeValue>> attributes(const std::string& name,
                                                         const std::string& node) = 0;
  virtual Result<void> set_attribute(const std::string& node, const std::string& name,
                                     const std::string& value, Milliseconds dampen = Milliseconds(0)) = 0;
  virtual Result<void> delete_attribute(const std::string& node, const std::string& name) = 0;
  virtual Result<void> cleanup(const Cleanup& what) = 0;

  // -- Fencing.
  virtual Result<std::vector<FenceEvent>> fence(const std::string& target, const std::string& action,
                                                Milliseconds timeout) = 0;
  virtual Result<void> confirm_off(const std::string& target) = 0;
  virtual Result<std::vector<FenceEvent>> fence_history() = 0;
  virtual Result<std::vector<std::string>> fence_devices() = 0;

  // -- Installed agents: asked of the daemon, or else looked up on this host. Sorted.
  virtual Result<std::vector<std::string>> agent_classes() = 0;  // "ocf", "lsb", "stonith"…
  virtual Result<std::vector<std::string>> agent_providers(const std::string& agent_class) = 0;
  virtual Result<std::vector<std::string>> agent_types(const std::string& agent_class,
                                                       const std::string& provider) = 0;
  // The agent's XML. kNotFound names where it was looked for.
  virtual Result<std::string> agent_metadata(const std::string& agent_class, const std::string& provider,
                                             const std::string& type) = 0;

  // -- Changes. True: the document or the view has changed since the last call; false: `wait` is over.
  // On a file: always false, after `wait`.
  virtual Result<bool> wait_change(Duration wait) = 0;
};

// CIB_file, CIB_shadow, CIB_shadow_dir, CIB_user. A file wins over a shadow.
struct SessionChoice {
  std::string file = {};        // May be a pipe: read once, never sought in.
  std::string shadow = {};      // A name, not a path.
  std::string shadow_dir = {};  // Empty: Paths::cib.
  std::string user = {};        // Empty: who runs the program.
};
SessionChoice choice_from_environment();

// `client` names the program for the journal: "cibadmin", "crm".
// Error: kInvalidArgument for a shadow name that is not a plain name.
Result<std::unique_ptr<Session>> open_session(const SessionChoice& choice, const Paths& paths,
                                              const std::string& client);

// A session on a document in memory: for tests, and for trying a change out. `document` is changed in place
// and outlives the session.
std::unique_ptr<Session> memory_session(cib::Document& document, const Paths& paths,
                                        const std::string& client);

// Where a shadow lives: DIR/shadow.NAME. kInvalidArgument for names with '/' or a leading dot.
Result<std::string> shadow_path(const SessionChoice& choice, const Paths& paths, const std::string& name);

}  // namespace systole::cli
