// SimJournal: the CIB's disk of one simulated host. What was synced survives the host's crash; what was not
// is lost, all of it or from some entry on. The disk may be slow, full, or fail a sync.
#pragma once

#include <deque>

#include "base/ports.h"
#include "cib/journal.h"

namespace systole::sim {

struct DiskFaults {
  Duration least{std::chrono::microseconds(100)}, most{Milliseconds(3)};
  double slow = 0;   // A sync that takes up to 2 s.
  double fails = 0;  // A sync that ends with an I/O error; the entries are not there.
  bool full = false;
};

// The platter: outlives the node's lives.
struct Disk {
  DiskFaults faults;
  std::vector<cib::JournalEntry> entries;  // Synced, oldest first.
};

class SimJournal : public cib::Journal {
 public:
  SimJournal(Disk& disk, Timers& timers, Random& random) : disk_(disk), timers_(timers), random_(random) {}

  Result<Loaded> load() override;
  void append(cib::JournalEntry entry, std::function<void(Result<void>)> done) override;
  Result<std::vector<cib::JournalEntry>> history(std::size_t most) override;

 private:
  struct Waiting {
    cib::JournalEntry entry;
    std::function<void(Result<void>)> done;
  };
  void sync();
  void synced();

  Disk& disk_;
  Timers& timers_;
  Random& random_;
  std::deque<Waiting> waiting_;
  std::size_t in_sync_ = 0;  // How many of `waiting_` the running sync covers.
};

}  // namespace systole::sim
