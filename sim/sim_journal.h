// SimJournal: the CIB's disk of one simulated host. What was synced survives the host's crash; of what was
// being written some first part does, torn off anywhere. The disk may be slow, full, fail a sync, or lie:
// then what it said was synced is lost with the power.
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
  unsigned lies = 0;  // So many of the last entries are gone when power is lost.
};

// The platter: outlives the node's lives.
struct Disk {
  DiskFaults faults;
  std::vector<cib::JournalEntry> entries;  // Synced, oldest first.
  bool power_lost = false;                 // Now: set before a life ends that way.
  std::uint64_t lied = 0;                  // Entries that were said to be there and are not.
  std::size_t pending = 0;                 // Entries that a sync is at.
};

class SimJournal : public cib::Journal {
 public:
  SimJournal(Disk& disk, Timers& timers, Random& random) : disk_(disk), timers_(timers), random_(random) {}
  ~SimJournal() override;
  SimJournal(const SimJournal&) = delete;
  SimJournal& operator=(const SimJournal&) = delete;

  Result<Loaded> load() override;
  void append(cib::JournalEntry entry, std::function<void(Result<void>)> done) override;
  Result<std::vector<cib::JournalEntry>> history(std::size_t most) override;

 private:
  struct Waiting {
    cib::JournalEntry entry;
    std::function<void(Result<void>)> done;
    bool refused = false;
  };
  void sync();
  void synced();

  Disk& disk_;
  Timers& timers_;
  Random& random_;
  std::deque<Waiting> waiting_;
  bool gap_ = false;
  std::size_t in_sync_ = 0;  // How many of `waiting_` the running sync covers.
};

}  // namespace systole::sim
