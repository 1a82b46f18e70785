// Sealing of datagrams with AES-256-GCM. Nothing of a datagram is parsed beyond its header before its tag is
// right.
//
//   [ version u8 | cluster u16 | key u32 | sender u32 | salt 16 bytes | channel u8, counter u56 |
//     sealed( incarnation u64, session u32, frame ) | tag 16 bytes ]
//
// `version` is 2; nodes of different versions do not hear each other.
// The key belongs to one session of one life of one sender: HKDF-SHA256(secret = cluster key, salt, info =
// "systole frame v1" + sender). A life has one session, and one more for each rotation of the cluster's key.
// Channel and counter are the nonce and never repeat in a session. The additional data are the header and the
// cluster's name. `cluster` and `key` are fingerprints: they tell a stranger from a forger, and prove
// nothing.
//
// Channel 0 carries the ring's frames, the same datagram perhaps on several links: the first copy counts.
// Each link has a channel of its own for what concerns that link alone. A receiver keeps for each sender its
// newest life, its two newest sessions while both keys are valid, and a window of counters for each channel:
// what it has seen, what is older than the window, and every older life is refused.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/ports.h"
#include "base/result.h"

namespace systole::membership {

inline constexpr std::size_t kSealOverhead = 1 + 2 + 4 + 4 + 16 + 8 + 8 + 4 + 16;  // Bytes.
inline constexpr unsigned kRingChannel = 0;
inline constexpr unsigned kMaxLinks = 8;
inline constexpr unsigned link_channel(std::size_t link) { return 1 + static_cast<unsigned>(link); }

// Which of all keys it is, without telling anything of it: the same for the same key and cluster everywhere.
std::uint32_t key_fingerprint(ByteView cluster_key);

class Sealer {
 public:
  // Draws the salt of this session. `session`: from 1, greater than that of any other session of this life.
  Sealer(ByteView cluster_key, std::string cluster_name, NodeLife self, Random& random,
         std::uint32_t session = 1);
  ~Sealer();
  // The datagram, valid until the next call.
  ByteView seal(ByteView frame, unsigned channel = kRingChannel);

 private:
  struct Cipher;
  std::unique_ptr<Cipher> cipher_;
  NodeLife self_;
  std::uint32_t session_;
  std::string cluster_name_;
  std::uint32_t key_ = 0;
  std::uint64_t counters_[1 + kMaxLinks] = {};
  Bytes out_;
};

enum class Refusal {
  kNone,
  kDuplicate,  // Authentic once already, by another link: no fault.
  kMalformed,
  kVersion,      // Of a program that speaks another version of this protocol.
  kCluster,      // Of a cluster with another name.
  kUnknownPeer,  // Not in the nodelist.
  kKey,          // Sealed with a key that this node does not have.
  kAuth,         // Changed or forged.
  kReplay,
  kOldLife,    // Of an earlier life or session of its sender.
  kReflected,  // Of this node itself.
  kTwin,       // Authentic, of another host that has this node's id.
};
inline constexpr std::size_t kRefusals = 12;

class Opener {
 public:
  // `self`: frames of its own are refused.
  Opener(NodeLife self, std::string cluster_name, const std::vector<NodeId>& peers);
  ~Opener();
  // The cluster keys that are valid from now on: one, or two during a rotation.
  void set_keys(const std::vector<Bytes>& keys);
  // Forgets those that are not among `peers`, windows and lives included.
  void set_peers(const std::vector<NodeId>& peers);

  struct Opened {
    Refusal refusal = Refusal::kNone;
    NodeLife from;  // Proven when there is no refusal; claimed, incarnation unknown, otherwise.
    unsigned channel = 0;
    std::uint32_t key = 0;  // Fingerprint.
    unsigned version = 0;
    ByteView frame;  // Valid until the next call.
  };
  // `link`: the one it came by.
  Opened unseal(ByteView datagram, std::size_t link = 0);

 private:
  struct Sender;
  struct Session;
  struct Header;
  bool decrypt(Session& session, const Header& header, ByteView datagram);
  Refusal accept(Sender& sender, std::unique_ptr<Session> candidate, const Header& header, std::size_t link);

  NodeLife self_;
  std::string cluster_name_;
  std::uint16_t cluster_;
  std::map<std::uint32_t, Bytes> keys_;  // By fingerprint.
  std::map<NodeId, std::unique_ptr<Sender>> senders_;
  Bytes out_;
};

}  // namespace systole::membership
