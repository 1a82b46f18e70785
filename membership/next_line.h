// NextLine: the line (base/line.h) that this node keeps to the member after it in the ring, so that the end
// of that process is known at once, and the ends of lines that others keep to this node. While the line to a
// member stands, nobody need knock at its port. That it ends is a hint, which starts a check
// (TotemRing::refused).
//
// It is opened soon after each new view. Where that fails, or it ends while its member lives, it is tried
// again, after a second, then after two, half a minute at most. The lines of one that was cut off or lost its
// power do not end; they are let go with the view that loses it.
//
// Thread: one.
#pragma once

#include <map>
#include <optional>

#include "base/line.h"
#include "base/log.h"
#include "membership/config.h"
#include "membership/links.h"

namespace systole::membership {

class NextLine {
 public:
  struct Handler {
    std::function<std::optional<Links::Ends>(NodeId peer)> ends;  // Of the best link to it now.
    std::function<void(NodeId peer)> broken;                      // It stood, and ended.
    std::function<void()> changed;                                // Another deadline().
  };
  // `lines` may be null: then there are none.
  NextLine(Lines* lines, Clock& clock, Logger log, Handler handler);

  // Listens on each of the node's links; on a new configuration, anew where it has changed. An address on
  // which that is not possible is named in the log, and the others knock.
  void configure(const ClusterConfig& config, NodeId self);
  // In a new view: the member after this one; none: it is alone.
  void follow(std::optional<NodeLife> next);
  // Lets go of all.
  void stop();
  void advance(Time now);
  Time deadline() const { return due_; }
  // The link that the line to `peer` goes by; none: it does not stand.
  std::optional<unsigned> stands(NodeId peer) const;

 private:
  void hang_up(Time again_at);
  void dial(Time now);
  void opened();
  void closed();

  Lines* lines_;
  Clock& clock_;
  Logger log_;
  Handler handler_;
  struct Open {
    Endpoint local;
    std::unique_ptr<Lines::Listener> listener;  // Null: it was refused.
  };
  std::map<unsigned, Open> listeners_;  // By link.
  std::optional<NodeLife> next_;
  std::unique_ptr<Lines::Line> line_;
  unsigned link_ = 0;
  std::optional<Time> stands_since_;
  Time due_ = Time::max();  // To try, or to give up trying.
  Duration wait_{};         // After the next failure.
};

}  // namespace systole::membership
