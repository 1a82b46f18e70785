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

  // To be said when an entry is on the disk, to `whom`: of entries that share a sync only the newest speaks
  // to one and the same. Called at once, before `done`, on any thread, never after silence().
  struct Word {
    std::uint64_t whom = 0;
    std::function<void()> say;  // May be empty.
  };
  // As append(), for who does not wait for `done`: a success may wait for collect().
  virtual void append_quietly(JournalEntry entry, Word word, std::function<void(Result<void>)> done) {
    append(std::move(entry), [word = std::move(word), done = std::move(done)](Result<void> result) {
      if (result && word.say) word.say();
      done(std::move(result));
    });
  }
  // Calls, before it returns, each `done` that is due; those of what is still under way come without another
  // collect().
  virtual void collect() {}
  virtual void silence() {}
  // Newest first, at most `most`.
  virtual Result<std::vector<JournalEntry>> history(std::size_t most) = 0;
};

}  // namespace systole::cib
