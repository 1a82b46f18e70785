// The inside of Replica, in three files: replica.cc applies operations, replica_disks.cc acknowledges them by
// what members say of their disks, replica_sync.cc brings the members of a view to one document.
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
  Result<Applied> apply_here(const Op& op, const OpMessage* message = nullptr);
  void finish(std::uint64_t sequence, Result<Applied> result);
  const Stamp& stamp();  // Of the document as it is.
  void remember();       // The digest of the current version, to be compared with others'.
  void compare(NodeId sender, const Stamp& seen);

  // replica_disks.cc
  struct Count {
    std::size_t written = 0, refused = 0;  // Members whose disks have it, or refuse it.
    bool own = false;
    std::string reasons;
  };
  Count count(const Version& version) const;
  std::size_t majority_of_members() const { return view.members.size() / 2 + 1; }
  void ask_own_disk();
  void settle();  // Acknowledges what can be, gives up what cannot.
  void on_told(NodeId sender, ByteView message);
  void on_durable(NodeId sender, const DurableMessage& message);
  void note_disk(NodeId node, const DurableMessage& said);
  Journal::Word word_for(const OpMessage& message);
  void await(NodeId author, const Version& version, bool written);
  void disk_progressed();  // On a later turn: says what is to be said, and acknowledges.
  bool awaits() const;
  void say();
  void report_later();
  void report_disk();  // To all, in order.
  void report_when_due();
  DurableMessage own_disk();

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
  std::optional<Stamp> stamped;  // None after each change of the document.
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
  bool progress_posted = false;
  Version collected;  // The journal has been asked to tell at once of what is up to here.
  // The newest change of another node: until enough disks have it, its author waits.
  struct Awaited {
    Version version;
    NodeId by{};          // Zero: an earlier view left it open, whoever it was.
    bool untold = false;  // Beside the order; the journal has no word for it.
  } awaited;
  Timers::Id report_timer = 0;
  std::optional<Time> report_at;
  Time report_latest{};
  Version reported;  // Up to here this node has said, in this view, that its disk has everything.
  std::map<Version, std::string> digests;  // Of the latest versions in this view.
};

}  // namespace systole::cib
