#include "cib/sqlite_store.h"

#include <sqlite3.h>
#include <sys/statvfs.h>

#include <utility>

#include "base/sha256.h"

namespace systole::cib {
namespace {

constexpr std::int64_t kKeptEntries = 100000;  // Older ones are dropped when a whole document is written.
constexpr std::uint64_t kPlenty = 64;          // So many times the log's blocks must be free to reserve them.
constexpr const char* kColumns =
    "sequence, admin_epoch, epoch, num_updates, digest, author, written, patch, document, note, chain";

constexpr const char* kCreate =
    "CREATE TABLE IF NOT EXISTS entry (sequence INTEGER PRIMARY KEY, admin_epoch INTEGER NOT NULL,"
    " epoch INTEGER NOT NULL, num_updates INTEGER NOT NULL, digest TEXT NOT NULL, author TEXT NOT NULL,"
    " written INTEGER NOT NULL, patch TEXT NOT NULL, document TEXT NOT NULL, note TEXT NOT NULL,"
    " chain TEXT NOT NULL);"
    "CREATE INDEX IF NOT EXISTS whole ON entry (sequence) WHERE document <> ''";

class Statement {
 public:
  Statement(sqlite3* db, const std::string& sql) {
    if (sqlite3_prepare_v2(db, sql.c_str(), -1, &statement_, nullptr) != SQLITE_OK) statement_ = nullptr;
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  sqlite3_stmt* get() const { return statement_; }
  int step() const { return statement_ == nullptr ? SQLITE_ERROR : sqlite3_step(statement_); }

 private:
  sqlite3_stmt* statement_ = nullptr;
};

std::string text(sqlite3_stmt* row, int column) {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(row, column));
  const int size = sqlite3_column_bytes(row, column);
  return data == nullptr ? std::string() : std::string(data, static_cast<std::size_t>(size));
}

std::uint64_t number(sqlite3_stmt* row, int column) {
  return static_cast<std::uint64_t>(sqlite3_column_int64(row, column));
}

void put(sqlite3_stmt* to, int index, const std::string& value) {
  sqlite3_bind_text64(to, index, value.data(), value.size(), SQLITE_STATIC, SQLITE_UTF8);
}

void put(sqlite3_stmt* to, int index, std::uint64_t value) {
  sqlite3_bind_int64(to, index, static_cast<sqlite3_int64>(value));
}

StoredEntry read_row(sqlite3_stmt* row) {
  StoredEntry out;
  out.sequence = sqlite3_column_int64(row, 0);
  out.entry.version = {number(row, 1), number(row, 2), number(row, 3)};
  out.entry.digest = text(row, 4);
  out.entry.author = text(row, 5);
  out.entry.when = WallTime(Duration(sqlite3_column_int64(row, 6)));
  out.entry.patch = text(row, 7);
  out.entry.document = text(row, 8);
  out.entry.note = text(row, 9);
  out.chain = text(row, 10);
  return out;
}

}  // namespace

std::string chain_digest(const std::string& previous, const JournalEntry& e) {
  const std::string head = fmt::format("{}\n{}\n{}\n{}\n", previous, to_string(e.version), e.digest,
                                       e.when.time_since_epoch().count());
  Sha256 sha;
  for (const std::string* s : {&head, &e.author, &e.patch, &e.document, &e.note}) {
    sha.add(std::to_string(s->size()) + ":");
    sha.add(*s);
  }
  return hex(sha.finish());
}

SqliteStore::SqliteStore(SqliteStore&& other) noexcept { *this = std::move(other); }

SqliteStore& SqliteStore::operator=(SqliteStore&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(db_, other.db_);
  std::swap(begin_, other.begin_);
  std::swap(insert_, other.insert_);
  std::swap(commit_, other.commit_);
  std::swap(log_pages_, other.log_pages_);
  std::swap(chain_, other.chain_);
  return *this;
}

SqliteStore::~SqliteStore() {
  for (sqlite3_stmt* statement : {begin_, insert_, commit_}) sqlite3_finalize(statement);
  sqlite3_close(db_);
}

tl::unexpected<Error> SqliteStore::failure(const char* what) const {
  const int code = sqlite3_errcode(db_) & 0xff;
  if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB || code == SQLITE_SCHEMA || code == SQLITE_ERROR)
    return fail(Errc::kCorrupt, "{} the journal {}: {}", what, path_, sqlite3_errmsg(db_));
  const char* const remedy = code == SQLITE_FULL ? "; make room on its file system"
                             : code == SQLITE_CANTOPEN
                                 ? "; its directory must be there and writable for this user"
                                 : "";
  return fail(Errc::kIo, "{} the journal {}: {}{}", what, path_, sqlite3_errmsg(db_), remedy);
}

Result<void> SqliteStore::run(const char* sql) {
  if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return failure("cannot use");
}

Result<SqliteStore> SqliteStore::attach(const std::string& path, Mode mode) {
  SqliteStore store;
  store.path_ = path;
  const int flags =
      mode == Mode::kReadOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  if (sqlite3_open_v2(path.c_str(), &store.db_, flags, nullptr) != SQLITE_OK)
    return store.failure("cannot open");
  sqlite3_busy_timeout(store.db_, 2000);
  if (mode == Mode::kReadOnly) return store;
  if (auto ok = store.prepare(); !ok) return fail(std::move(ok.error()));
  bool complete = false;
  const auto last = store.rows(0, 1, true, complete);
  if (!last.empty()) store.chain_ = last[0].chain;
  return store;
}

Result<void> SqliteStore::prepare() {
  for (const char* sql : {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", kCreate})
    if (auto ok = run(sql); !ok) return ok;
  // Instead of SQLite's own checkpoints, which would come within a commit.
  const auto note = [](void* count, sqlite3*, const char*, int pages) {
    *static_cast<int*>(count) = pages;
    return SQLITE_OK;
  };
  sqlite3_wal_hook(db_, note, log_pages_.get());
  const std::string insert =
      fmt::format("INSERT INTO entry ({}) VALUES (NULL,?,?,?,?,?,?,?,?,?,?)", kColumns);
  const auto ready = [this](const char* sql, sqlite3_stmt*& statement) {
    return sqlite3_prepare_v3(db_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) == SQLITE_OK;
  };
  if (ready("BEGIN IMMEDIATE", begin_) && ready(insert.c_str(), insert_) && ready("COMMIT", commit_))
    return {};
  return failure("cannot use");
}

void SqliteStore::drop_autoincrement() {
  const Statement old(db_, "SELECT 1 FROM sqlite_master WHERE name = 'entry' AND sql LIKE '%AUTOINCREMENT%'");
  if (old.step() != SQLITE_ROW) return;
  sqlite3_reset(old.get());
  const std::string copy = fmt::format("INSERT INTO entry ({0}) SELECT {0} FROM entry_before", kColumns);
  for (const char* sql :
       {"BEGIN IMMEDIATE", "DROP INDEX IF EXISTS whole", "ALTER TABLE entry RENAME TO entry_before", kCreate,
        copy.c_str(), "DROP TABLE entry_before", "COMMIT"}) {
    if (run(sql)) continue;
    (void)run("ROLLBACK");
    return;
  }
  checkpoint();
}

void SqliteStore::checkpoint() {
  int pages = 0, moved = 0;
  const int status = sqlite3_wal_checkpoint_v2(db_, nullptr, SQLITE_CHECKPOINT_PASSIVE, &pages, &moved);
  if (status == SQLITE_OK && moved == pages) *log_pages_ = 0;
}

void SqliteStore::tidy() {
  if (*log_pages_ > 0) checkpoint();
  reserve_log();
}

// Zeroes at the log's end are no part of it: no frame has their salt.
void SqliteStore::reserve_log() {
  static constexpr char kZeroes[4096] = {};
  static constexpr sqlite3_int64 kSize = (kLogPages + kLogPages / 4) * (4096 + 24);
  sqlite3_file* log = nullptr;
  sqlite3_int64 size = 0;
  struct statvfs room {};
  if (sqlite3_file_control(db_, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) != SQLITE_OK || log == nullptr ||
      log->pMethods == nullptr || log->pMethods->xFileSize(log, &size) != SQLITE_OK || size >= kSize ||
      ::statvfs(path_.c_str(), &room) != 0 || room.f_bavail * room.f_frsize < kPlenty * kSize)
    return;
  for (sqlite3_int64 at = size; at < kSize; at += sizeof kZeroes)
    if (log->pMethods->xWrite(log, kZeroes, sizeof kZeroes, at) != SQLITE_OK) return;
  (void)log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
}

Result<void> SqliteStore::check() {
  const Statement statement(db_, "PRAGMA quick_check(1)");
  if (statement.step() != SQLITE_ROW) return failure("cannot check");
  const std::string verdict = text(statement.get(), 0);
  if (verdict == "ok") return {};
  return fail(Errc::kCorrupt, "the journal {} is damaged: {}", path_, verdict);
}

std::vector<StoredEntry> SqliteStore::rows(std::int64_t after, std::size_t most, bool backwards,
                                           bool& complete) {
  std::vector<StoredEntry> out;
  const Statement statement(
      db_, fmt::format("SELECT {} FROM entry WHERE sequence > ? ORDER BY sequence {} LIMIT ?", kColumns,
                       backwards ? "DESC" : "ASC"));
  complete = false;
  if (statement.get() == nullptr) return out;
  sqlite3_bind_int64(statement.get(), 1, after);
  sqlite3_bind_int64(statement.get(), 2, static_cast<sqlite3_int64>(std::min<std::size_t>(most, 1U << 30)));
  int status = statement.step();
  for (; status == SQLITE_ROW; status = statement.step()) out.push_back(read_row(statement.get()));
  complete = status == SQLITE_DONE;
  return out;
}

std::int64_t SqliteStore::newest_whole() const {
  const Statement statement(db_, "SELECT max(sequence) FROM entry WHERE document <> ''");
  return statement.step() == SQLITE_ROW ? sqlite3_column_int64(statement.get(), 0) : 0;
}

Result<void> SqliteStore::step(sqlite3_stmt* statement, const char* what) {
  Result<void> result;
  if (sqlite3_step(statement) != SQLITE_DONE) result = failure(what);
  sqlite3_reset(statement);
  return result;
}

Result<void> SqliteStore::insert(const JournalEntry& e, const std::string& chain) {
  put(insert_, 1, e.version.admin_epoch);
  put(insert_, 2, e.version.epoch);
  put(insert_, 3, e.version.num_updates);
  put(insert_, 4, e.digest);
  put(insert_, 5, e.author);
  put(insert_, 6, static_cast<std::uint64_t>(e.when.time_since_epoch().count()));
  put(insert_, 7, e.patch);
  put(insert_, 8, e.document);
  put(insert_, 9, e.note);
  put(insert_, 10, chain);
  auto result = step(insert_, "cannot write");
  sqlite3_clear_bindings(insert_);
  return result;
}

Result<void> SqliteStore::append(const std::vector<const JournalEntry*>& entries) {
  if (auto ok = step(begin_, "cannot use"); !ok) return ok;
  std::string chain = chain_;
  bool whole = false;
  Result<void> result;
  for (const JournalEntry* e : entries) {
    chain = chain_digest(chain, *e);
    whole = whole || !e->document.empty();
    if (result = insert(*e, chain); !result) break;
  }
  if (result && whole)
    result = run(fmt::format("DELETE FROM entry WHERE sequence <= (SELECT max(sequence) FROM entry) - {}",
                             kKeptEntries)
                     .c_str());
  if (result) result = step(commit_, "cannot write");
  if (!result) {
    sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
    return result;
  }
  chain_ = std::move(chain);
  return result;
}

}  // namespace systole::cib
