// RingChanges: a node's part in changes to the running ring: corosync.conf read again, the cluster's key
// rotated. The membership sees that all members prepare and make them at one place in the order; here is what
// that takes on this host.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/log.h"
#include "base/ports.h"
#include "membership/config.h"
#include "membership/membership.h"

namespace systole::controller {

// What the host does for it.
struct RingHost {
  struct Loaded {
    membership::ClusterConfig config;  // Addresses numeric, links bound to this host's.
    Bytes digest;                      // Of the file's text.
  };
  std::function<Result<Loaded>()> load;  // corosync.conf as it is now. Blocks: a file, names to resolve.
  // Stores the cluster's key: `next` beside the one in use, so that a restart finds both; or in its place.
  std::function<void(const Bytes& key, bool next, std::function<void(Result<void>)> done)> store_key;
};

class RingChanges {
 public:
  using Done = std::function<void(Result<void>)>;
  // `made`: corosync.conf was changed in the running ring. An empty host: this node cannot change its ring.
  RingChanges(membership::Membership& membership, Random& random, Logger log, NodeId self, RingHost host,
              std::function<void(const membership::ClusterConfig&)> made);

  ~RingChanges() { *alive_ = false; }

  // On all members. Errors: as the file's parser; kInvalidConfig when a member has another file, or the
  // change is none that a running ring can make; kUnavailable when the view changed meanwhile, or another
  // change is under way.
  void reload(Done done);
  void rotate_key(Done done);
  // What the membership asks and tells: its handler's prepare and changed.
  void prepare(const membership::RingChange& change);
  void changed(const membership::RingChange& change, const Result<void>& outcome);
  bool possible() const { return static_cast<bool>(host_.load); }

 private:
  void propose(membership::RingChange::Kind kind, Bytes payload, Done done);
  void key_stored(const membership::RingChange& change, const Result<void>& stored);
  void answer(const membership::RingChange& change, const Result<void>& outcome);

  membership::Membership& membership_;
  Random& random_;
  Logger log_;
  NodeId self_;
  RingHost host_;
  std::function<void(const membership::ClusterConfig&)> made_;
  std::shared_ptr<const membership::ClusterConfig> prepared_;
  Done waiting_;                                                // Who asked here.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // False once this is gone.
};

}  // namespace systole::controller
