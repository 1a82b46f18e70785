// Journal: the port to the disk that keeps every configuration version, with its author, time and patch, and
// the newest whole document. Production: SqliteJournal (sqlite_journal.h). sim/ has one that tears, loses and
// delays writes.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "cib/document.h"

namespace systole::cib {

struct JournalEntry {
  Version version;
  std::string digest;  // Document::digest() after this version.
  std::string author;  // user@node via client
  WallTime when{};
  std::string patch;     // From the previous version; empty for a whole document.
  std::string document;  // Serialised; may be empty when `patch` suffices.
  std::string note;      // "loser of a split", "restored"…
};

class Journal {
 public:
  struct Loaded {
    std::optional<Document> document;  // The newest good version; none: an empty journal.
    std::vector<std::string> damage;   // What was found broken, and what was done: for the log.
  };
  virtual ~Journal() = default;
  virtual Result<Loaded> load() = 0;
  // Appends; `done` is called on the main loop, in order, when the entry is on the disk, or with the error.
  // Entries that wait together share one sync.
  virtual void append(JournalEntry entry, std::function<void(Result<void>)> done) = 0;
  // Newest first, at most `most`.
  virtual Result<std::vector<JournalEntry>> history(std::size_t most) = 0;
};

}  // namespace systole::cib
