// Flaps: which nodes leave the view again and again without a word, by failing links or by crashing. One that
// has done so too often is not admitted for a while, longer each time, so that it does not re-form the ring
// for ever: each new view stops all members' work for a moment and may start a recovery of everything that
// ran there. Pure bookkeeping; time is passed in. Each member judges by what it has seen itself; the ring
// leaves out a node that one of its members will not have.
#pragma once

#include <algorithm>
#include <map>

#include "base/ids.h"
#include "base/time.h"

namespace systole::membership {

class Flaps {
 public:
  static constexpr unsigned kTolerated = 4;         // Departures that may be remembered without a quarantine.
  static constexpr Duration kForget = Seconds(60);  // One departure is forgotten after this time.
  static constexpr Duration kFirst = Seconds(2);  // The first quarantine; each further departure doubles it,
  static constexpr Duration kLongest = Seconds(32);  // up to this.

  // Returns for how long `node` is not admitted from now on; zero: it is.
  Duration departed(NodeId node, Time now) {
    Record& record = records_[node];
    record.departures = remembered(record, now) + 1;
    record.last = now;
    if (record.departures <= kTolerated) return {};
    const unsigned doublings = std::min(record.departures - kTolerated - 1, 10U);
    record.quarantine = std::min<Duration>(kFirst * (1U << doublings), kLongest);
    return record.quarantine;
  }
  unsigned departures(NodeId node, Time now) const {
    const auto found = records_.find(node);
    return found == records_.end() ? 0 : remembered(found->second, now);
  }
  // How much longer `node` is not admitted.
  Duration quarantine(NodeId node, Time now) const {
    const auto found = records_.find(node);
    if (found == records_.end()) return {};
    return std::max<Duration>(found->second.last + found->second.quarantine - now, Duration{});
  }

 private:
  struct Record {
    unsigned departures = 0;
    Time last;
    Duration quarantine{};
  };
  static unsigned remembered(const Record& record, Time now) {
    return record.departures -
           static_cast<unsigned>(std::min<std::int64_t>(record.departures, (now - record.last) / kForget));
  }

  std::map<NodeId, Record> records_;
};

}  // namespace systole::membership
