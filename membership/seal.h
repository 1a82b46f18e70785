// Sealing of datagrams with AES-256-GCM. Nothing of a datagram is parsed beyond its header before its tag is
// right.
//
//   [ version u8 | sender u32 | salt 16 bytes | counter u64 | sealed( incarnation u64, frame ) | tag 16 bytes
//   ]
//
// The key belongs to one life of one sender: HKDF-SHA256(secret = cluster key, salt, info = "systole frame
// v1" + sender). The counter is the nonce and never repeats in a life. The additional data are the header and
// the cluster's name. A receiver keeps for each sender its newest life and a window of 1024 counters: what it
// has seen, what is older than the window, and every older life is refused.
#pragma once

#include <map>
#include <memory>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/ports.h"
#include "base/result.h"

namespace systole::membership {

inline constexpr std::size_t kSealOverhead = 1 + 4 + 16 + 8 + 8 + 16;

class Sealer {
 public:
  // Draws the salt of this life.
  Sealer(ByteView cluster_key, std::string cluster_name, NodeLife self, Random& random);
  ~Sealer();
  // The datagram, valid until the next call.
  ByteView seal(ByteView frame);

 private:
  struct Cipher;
  std::unique_ptr<Cipher> cipher_;
  NodeLife self_;
  std::string cluster_name_;
  std::uint64_t counter_ = 0;
  Bytes out_;
};

enum class Refusal { kNone, kMalformed, kUnknownPeer, kAuth, kReplay };

class Opener {
 public:
  Opener(Bytes cluster_key, std::string cluster_name, const std::vector<NodeId>& peers);
  ~Opener();
  struct Opened {
    Refusal refusal = Refusal::kNone;
    NodeLife from;
    ByteView frame;  // Valid until the next call.
  };
  Opened unseal(ByteView datagram);

 private:
  struct Sender;
  Bytes cluster_key_;
  std::string cluster_name_;
  std::map<NodeId, std::unique_ptr<Sender>> senders_;
  Bytes out_;
};

}  // namespace systole::membership
