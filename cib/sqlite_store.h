// SqliteStore: the journal's file as a table of entries. One thread at a time.
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

 private:
  SqliteStore() = default;
  Result<void> run(const char* sql);
  tl::unexpected<Error> failure(const char* what) const;

  std::string path_;
  sqlite3* db_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
  std::string chain_;  // Of the last row.
};

}  // namespace systole::cib
