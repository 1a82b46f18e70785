// CpgGroup: views and totally ordered messages on top of a process group of a running Corosync
// (cpg_overview(3)), as a state machine without I/O: the engine's events in; frames for the group and
// deliveries out, through GroupOutput.
//
//      members changed              all have heard all hellos          members changed, one excluded
//   ───────────────────▶  SYNCING  ─────────────────────▶  INSTALLED  ───────────────────────────────▶
//   SYNCING
//
// Corosync orders messages and tells members in the same place of that order at every member; what it does
// not know is which life of systoled a member is, and whether that life still breathes. So:
//  - After each change every member says hello with its life; the view is installed where the last hello
//  stands.
//  - A message carries the view that it was sent in. What is ordered after that view has ended is dropped by
//  all, and
//    sent again by its sender in the next view: delivered once, in order, and never to those who do not share
//    the view.
//  - A safe message, and what follows it, is held until every member has said that it holds it too.
//  - Who has been silent (its process stopped, though its Corosync runs) is excluded by an ordered frame: the
//  view goes
//    on without it, and it joins anew when it breathes again. No phase waits for ever.
//  - Quorum is Corosync's, and counts only for the ring that it was told of: while the group's ring and the
//  quorum
//    service's differ, the partition is not quorate.
//
// Thread: one.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/log.h"
#include "base/time.h"
#include "membership/membership.h"

namespace systole::membership {

// A process in the group.
struct GroupMember {
  NodeId node{};
  std::uint32_t pid = 0;
  auto operator<=>(const GroupMember&) const = default;
};

class GroupOutput {
 public:
  virtual ~GroupOutput() = default;
  // In the order of the calls. False: the engine takes nothing now; CpgGroup::pump() is called when it does.
  virtual bool send(ByteView frame) = 0;
  // Durable before it returns. False: the disk refused.
  virtual bool store_sequence(std::uint64_t ring_sequence) = 0;
  // Leaves the group and joins it again.
  virtual void rejoin() = 0;
  virtual void transitional(const View& surviving) = 0;
  virtual void view(const View& view, const Quorum& quorum) = 0;
  virtual void quorum(const Quorum& quorum) = 0;
  virtual void message(NodeId sender, ByteView message) = 0;
};

class CpgGroup {
 public:
  static constexpr std::size_t kChunk = 128 << 10;     // Bytes of a message in one frame.
  static constexpr std::size_t kQueueBytes = 8 << 20;  // Accepted and not yet ordered.
  static constexpr Duration kAlive = Seconds(1);       // At the latest after this a member says something.
  static constexpr Duration kSilent = Milliseconds(5000);  // Nothing heard for this long: excluded.

  // `ring_sequence`: no view of an earlier life of this node had a greater one.
  CpgGroup(NodeLife self, std::uint64_t ring_sequence, GroupOutput& output, Logger log);

  // The engine's events, in its order. `own` is this process; members not containing it end this membership.
  void members(Time now, GroupMember own, std::vector<GroupMember> members);
  void message(Time now, GroupMember from, ByteView frame);
  void totem_ring(RingId ring);
  void quorum(RingId ring, const Quorum& quorum);
  // The engine has ended: this node is alone, without quorum, until members() is called again.
  void lost();
  // Call at least every kAlive / 2, after all events that were waiting.
  void advance(Time now);

  bool has_room(std::size_t size) const {
    return pending_bytes_ == 0 || pending_bytes_ + size <= kQueueBytes;
  }
  void enqueue(Bytes message, bool safe);
  void pump();

  const View& view() const { return view_; }
  const Quorum& quorum() const { return told_; }
  RingStatus::State state() const;
  const RingStatus::Counters& counters() const { return counters_; }

 private:
  enum class Phase { kAlone, kSyncing, kInstalled };
  struct Hello {
    NodeLife life;
    std::uint64_t sequence = 0;
  };
  struct Pending {
    Bytes message;
    bool safe = false;
    std::uint64_t number = 0;
  };
  struct Assembly {
    std::uint64_t number = 0;
    std::size_t size = 0;
    Bytes bytes;
  };
  struct Held {
    GroupMember from;
    Bytes bytes;
    bool safe = false;
    std::uint64_t position = 0;
  };

  std::vector<GroupMember> active() const;
  void begin_sync();
  void try_install();
  void exclude_older_lives();
  void install();
  void be_alone();
  void leave_for_disk();
  void on_hello(GroupMember from, ByteView body);
  void on_ready(GroupMember from, ByteView body);
  void on_chunk(GroupMember from, ByteView body);
  void on_ack(GroupMember from, ByteView body);
  void on_exclude(ByteView body);
  void complete(GroupMember from, ByteView bytes, bool safe);
  void release();
  void deliver(const Held& held);
  void tell_quorum();
  Quorum effective_quorum() const;
  void send_control(Bytes frame);
  bool send_next_chunk();
  void judge_silence(Time now);

  NodeLife self_;
  std::uint64_t sequence_;
  GroupOutput& output_;
  Logger log_;

  Phase phase_ = Phase::kAlone;
  GroupMember own_;
  std::vector<GroupMember> members_;  // As the engine tells them.
  std::set<GroupMember> excluded_;
  std::map<GroupMember, Hello> hellos_;
  std::uint64_t hello_sequence_ = 0;    // Of the last hello said here.
  std::map<GroupMember, Bytes> ready_;  // Which hellos each member has heard, as it said last.
  Bytes said_ready_;
  std::map<GroupMember, NodeLife> lives_;  // Of the installed view.
  View view_;

  RingId totem_ring_, quorum_ring_;
  Quorum engine_quorum_, told_;

  std::deque<Bytes> control_;  // Goes before messages.
  std::deque<Pending> pending_;
  std::size_t pending_bytes_ = 0;
  std::size_t next_pending_ = 0, next_offset_ = 0;  // What is sent next in this view.
  std::uint64_t next_number_ = 1;

  std::map<GroupMember, Assembly> assemblies_;
  std::deque<Held> held_;
  std::map<std::uint64_t, std::set<GroupMember>> acks_;
  std::uint64_t ordered_ = 0;  // Messages of this view.

  std::map<GroupMember, Time> heard_;
  Time sent_at_{}, advanced_at_{}, judged_at_{};
  bool said_something_ = false;
  RingStatus::Counters counters_;
};

}  // namespace systole::membership
