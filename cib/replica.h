// Replica: one node's copy of the CIB as a replicated state machine. Operations are totally ordered messages,
// applied by every member alike; digests of results are compared (a difference is repaired from the majority
// and reported as critical). A configuration change is acknowledged when it is on the disks of a majority of
// the view.
//
// After a view is installed its members compare versions and digests; the best document is sent to those that
// have another, and only then does `synced` come, at the same place in the total order for all. A document
// that lost is kept in the journal. Operations submitted meanwhile wait.
//
// State machine: events in (on_view, on_message, timers of the port), effects out through the functions of
// Effects. Runs on the main loop.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/log.h"
#include "base/ports.h"
#include "cib/document.h"
#include "cib/journal.h"
#include "cib/ops.h"
#include "membership/membership.h"

namespace systole::cib {

struct Change {
  const Op* op =
      nullptr;  // Null when a whole document was taken over by a sync: at this node only, before `synced`.
  bool configuration = false, status = false;
  Version before, after;
  std::string_view patch;  // Empty for a whole document.
};

class Replica {
 public:
  struct Effects {
    std::function<Result<void>(Bytes)> multicast;  // To this replica's channel, agreed delivery.
    // After each applied change, in total order. The document may be read, not written.
    std::function<void(const Change&)> changed;
    // All members hold the same document now. `joined` had another history than this partition's documents
    // (restarted, or from another partition): what their status section says must be refreshed by them.
    std::function<void(const membership::View&, const std::vector<NodeId>& joined)> synced;
    // A word to one member beside the order; may be lost. Unset: none can be said. Called on the journal's
    // thread too, not after the replica's end.
    std::function<void(NodeId member, Bytes)> tell;
  };
  using Done = std::function<void(Result<Applied>)>;

  Replica(Ports ports, Logger log, NodeLife self, std::string node_name, Journal& journal, Effects effects);
  ~Replica();

  // Reads the journal. Damage is logged and survived; only an unreadable disk is an error.
  Result<void> start();
  // `majority`: the members hold a real majority of the votes (not two_node's lone half).
  void on_view(const membership::View& view, bool majority = false);
  void on_quorum(bool majority);
  // The view ends: what it still delivers reaches only these of it.
  void on_transitional(const membership::View& surviving);
  void on_message(NodeId sender, ByteView message);
  void on_told(NodeId sender, ByteView message);

  // Queries answer at once from the local document. Changes: `done` after ordering, application here and, for
  // configuration, durability at a majority. kUnavailable when the node leaves before; kTimeout never.
  void submit(Op op, Done done);
  // A status change that every member makes itself at the same place in the order (view changes): applied
  // locally without a message. Only from inside `synced`, `changed` or a message handler of the same order.
  Result<Applied> apply_local(const Op& op);

  bool synced() const;
  const Document& document() const;
  Version version() const;

  struct State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace systole::cib
