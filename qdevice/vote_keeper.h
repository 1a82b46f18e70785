// VoteKeeper: what a node makes of its arbitrator's words. Pure: views, votes and beats in; what to tell the
// ring and the arbitrator out. A vote counts for the ring it was given for, and while the arbitrator has
// answered a beat sent less than `lease` ago.
#pragma once

#include <optional>

#include "base/ids.h"
#include "base/time.h"

namespace systole::qdevice {

class VoteKeeper {
 public:
  explicit VoteKeeper(Duration lease) : lease_(lease) {}

  void view(Time now, const RingId& ring);
  void connected(Time now);  // And greeted: beats and reports go now.
  void reported(Time now);   // The view, on this connection: it knows what counts here.
  void disconnected(Time now);
  void vote(Time now, const RingId& ring, bool casts);
  void answered(Time now, Time beat_sent);  // A beat.
  // What the ring counts for the view now.
  void counted(bool device_casts);

  // When the lease ends, if that matters.
  std::optional<Time> deadline() const;
  bool counts() const { return counts_; }
  void advance(Time now);

  struct Out {
    std::optional<bool> say;  // To the ring, of `ring`; yes: until `until`.
    Time until;
    std::optional<RingId> confirm;  // To the arbitrator: the vote for this ring counts no more.
    bool report = false;            // To the arbitrator: the view.
    RingId ring;
  };
  Out take();

 private:
  void say(bool casts);
  void settle(Time now);

  Duration lease_;
  RingId ring_;
  bool connected_ = false;
  Time lease_end_;
  std::optional<Time> reported_;  // On this connection. Beats sent before renew nothing.
  std::optional<bool> vote_;      // The arbitrator's for this ring.
  std::optional<bool> said_;      // To the ring.
  bool counts_ = false;           // The ring counts the vote, or will.
  bool in_flight_ = false;        // A yes is on its way through the ring.
  bool asked_back_ = false;       // The arbitrator waits for our confirmation.
  Out out_;
};

}  // namespace systole::qdevice
