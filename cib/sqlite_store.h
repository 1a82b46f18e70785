// SqliteStore: the journal's file as a table of entries. One thread at a time.
//
// A commit is one write and one fdatasync of the write-ahead log. It stays short as long as the log's blocks
// exist already: a file that grows makes the file system write its own journal too, which takes as long
// again. So the log is given its blocks ahead (tidy), is written from its beginning again before they are
// used up (checkpoint), and a commit touches few pages: the table has no AUTOINCREMENT, whose counter would
// be a page more. (Entries are dropped from the old end only, so the integer key alone never names two of
// them.)
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "cib/journal.h"

struct sqlite3;
struct sqlite3_stmt;

namespace systole::cib {

struct StoredEntry {
  std::int64_t sequence = 0;
  JournalEntry entry;
  std::string chain;  // SHA-256, hex, of the fields and of the row before.
};

// What `chain` must be for an entry that follows a row with `previous`.
std::string chain_digest(const std::string& previous, const JournalEntry& entry);

class SqliteStore {
 public:
  enum class Mode { kWrite, kReadOnly };
  // Errors: kCorrupt when the file is no database of ours, kIo otherwise.
  static Result<SqliteStore> attach(const std::string& path, Mode mode);
  SqliteStore(SqliteStore&&) noexcept;
  SqliteStore& operator=(SqliteStore&&) noexcept;
  ~SqliteStore();

  Result<void> check();  // kCorrupt, with what SQLite's own check found.
  // Rows with sequence > after, ascending, until the end or the first that cannot be read (then `complete` is
  // false). With `backwards`: from the end down to the first that cannot be read.
  std::vector<StoredEntry> rows(std::int64_t after, std::size_t most, bool backwards, bool& complete);
  std::int64_t newest_whole() const;  // Sequence of the last row with a document; 0: none.
  // All of them in one durable transaction, or none. Error: kIo.
  Result<void> append(const std::vector<const JournalEntry*>& entries);

  // A table that still has AUTOINCREMENT is copied into one that has not, or stays as it is when the disk
  // refuses.
  void drop_autoincrement();

  // Both after an append, outside of anybody's wait. Where the disk refuses, the log grows on.
  bool log_is_long() const { return *log_pages_ >= kLogPages; }
  void checkpoint();  // Moves the log's content to the table: it is begun anew.
  void tidy();  // When nothing is to do: checkpoint, and blocks for the log where there is plenty of room.

 private:
  static constexpr int kLogPages = 1000;  // Of the log, until it is begun anew.

  SqliteStore() = default;
  Result<void> prepare();
  void reserve_log();
  Result<void> run(const char* sql);
  Result<void> step(sqlite3_stmt* statement, const char* what);  // One that gives no rows.
  Result<void> insert(const JournalEntry& entry, const std::string& chain);
  tl::unexpected<Error> failure(const char* what) const;

  std::string path_;
  sqlite3* db_ = nullptr;
  sqlite3_stmt *begin_ = nullptr, *insert_ = nullptr, *commit_ = nullptr;
  std::unique_ptr<int> log_pages_ = std::make_unique<int>(0);  // In use; its place is known to SQLite.
  std::string chain_;                                          // Of the last row.
};

}  // namespace systole::cib
