// SqliteJournal: the journal in one SQLite file, written by a thread of its own. WAL, synchronous=FULL: an
// entry is on the disk when its commit returns; entries that arrive meanwhile share the next commit.
//
// Each row carries SHA-256 over itself and the row before it, so a row that was changed, torn or exchanged is
// found. A damaged file is moved aside as PATH.damaged-N, never deleted, and what it still holds in good
// order is written to a new one.
#pragma once

#include <memory>
#include <string>

#include "base/log.h"
#include "base/ports.h"
#include "cib/journal.h"

namespace systole::cib {

class SqliteJournal : public Journal {
 public:
  // `path`: made when missing, its directory must be there. `timers`: of the loop on which `done` is called.
  SqliteJournal(std::string path, Timers& timers, Logger log);
  ~SqliteJournal() override;  // Writes what waits; blocks until the disk has it or refused.

  // Before the first append. Error: kIo when neither the file nor a new one beside it can be used.
  Result<Loaded> load() override;
  // Errors: kIo, naming the file. After one, entries that are only a patch are refused until one with the
  // whole document comes: there must be no gap.
  void append(JournalEntry entry, std::function<void(Result<void>)> done) override;
  void append_quietly(JournalEntry entry, Word word, std::function<void(Result<void>)> done) override;
  void collect() override;
  void silence() override;
  Result<std::vector<JournalEntry>> history(std::size_t most) override;

  struct State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace systole::cib
