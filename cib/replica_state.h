// The inside of Replica, in two files: replica.cc applies operations and acknowledges them, replica_sync.cc
// brings the members of a view to one document.
#pragma once

#include <deque>

#include "cib/channel.h"
#include "cib/keeper.h"
#include "cib/replica.h"
#include "cib/wire.h"

namespace systole::cib {

struct Replica::State {
  State(Ports p, Logger l, NodeLife life, std::string name, Journal& journal, Effects e);
  ~State();

  // An operation of this node that is not acknowledged yet.
  struct Pending {
    Op op;
    Done done;
    bool applied = false;  // Waits for the disks of a majority to have `version`.
    Version version;
    Applied result;
  };
  // What a member said of its disk, in this view.
  struct Disk {
    std::optional<Version> journaled;
    bool failing = false;
    Version refused;
    std::string reason;
  };

  // replica.cc
  void submit(Op op, Done done);
  void send_op(std::uint64_t sequence, const Pending& pending);
  void on_op(const OpMessage& message);
  void on_durable(NodeId sender, const DurableMessage& message);
  void on_told(NodeId sender, ByteView message);
  Result<Applied> apply_here(const Op& op);
  void finish(std::uint64_t sequence, Result<Applied> result);
  void settle();           // Acknowledges what can be, gives up what cannot.
  void disk_progressed();  // On a later turn: acknowledges, and reports at once or when there is time.
  void report_disk();      // To all, in order.
  void tell_author();      // Who waits for it hears at once, if the network is kind; in order it comes later.
  void report_later();
  void report_when_due();
  bool majority_said(const Version& version) const;
  DurableMessage own_disk() const;
  void note_disk(NodeId node, const DurableMessage& said);
  Stamp stamp() const { return {document.version(), document.digest()}; }
  void remember();  // The digest of the current version, to be compared with others'.
  void compare(NodeId sender, const Stamp& seen);

  // replica_sync.cc
  void on_view(const membership::View& v, bool majority_of_votes);
  MajorityMark known_mark() const;
  void mark_majority() { mark = {view.id, document.version().epoch}; }
  void begin_round(std::uint32_t next);
  void on_state(NodeId sender, StateMessage message);
  void on_document(NodeId sender, const DocumentMessage& message);
  void on_resync(const ResyncMessage& message);
  void request_resync();
  void choose();
  bool adopt(const std::string& xml);
  void complete();
  void take_over_table();
  void resume_pending();
  std::vector<NodeId> joined() const;
  std::string name_of_source() const { return fmt::format("node {}", raw(source)); }

  void dispatch(NodeId sender, ByteView payload);

  Ports ports;
  Logger log;
  NodeLife self;
  std::string node_name;
  Effects effects;
  Document document = Document::empty();
  Keeper keeper;
  Channel channel;
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);

  membership::View view;
  std::uint32_t round = 0;
  bool in_view = false, synced = false;
  bool has_majority = false;
  MajorityMark mark;  // Of this life; the document's own is in cib/@update-quorum.
  SyncId sync_id() const { return {view.id, round}; }

  std::map<NodeId, StateMessage> states;  // Of this round.
  NodeId source{};                        // Whose document was chosen.
  bool chosen = false;
  std::uint32_t resync_asked = 0;  // Round last asked for in this view.
  RingId lineage;                  // View of the last completed agreement in this life.
  std::deque<OpMessage> queue;     // Delivered in this view before the agreement.

  std::uint64_t last_sequence = 0;
  std::map<std::uint64_t, Pending> pending;
  AppliedTable applied;
  std::map<NodeId, Disk> disks;
  bool progress_posted = false, report_due = false;
  Time report_at{}, report_latest{};
  Version awaited;  // A change of another node waits until this node's disk, or enough others, have it.
  NodeId awaited_by{};
  Version reported;  // Up to here this node has said, in this view, that its disk has everything.
  std::map<Version, std::string> digests;  // Of the latest versions in this view.
};

}  // namespace systole::cib
