#include "cib/sqlite_journal.h"

#include <pthread.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>

#include "cib/journal_restore.h"
#include "cib/sqlite_store.h"

namespace systole::cib {
namespace {

constexpr std::size_t kMaxBatch = 256;
constexpr Milliseconds kQuiet{200};  // Without an entry, until the file is tidied.
constexpr std::size_t kAll = static_cast<std::size_t>(-1);

bool exists(const std::string& path, std::uint64_t* size = nullptr) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return false;
  if (size != nullptr) *size = static_cast<std::uint64_t>(status.st_size);
  return true;
}

}  // namespace

namespace {

// Entries whose fate is known, until the loop takes them. Outlives the journal: tasks of the loop hold it.
class Outcomes {
 public:
  using Done = std::function<void(Result<void>)>;

  void put(std::vector<Done> done, const Result<void>& result) {
    const std::lock_guard lock(mutex_);
    for (Done& d : done) ended_.emplace_back(std::move(d), result);
  }
  // On the loop.
  void take() {
    decltype(ended_) ended;
    {
      const std::lock_guard lock(mutex_);
      ended.swap(ended_);
    }
    for (auto& [done, result] : ended)
      if (done) done(std::move(result));
  }

 private:
  std::mutex mutex_;
  std::vector<std::pair<Done, Result<void>>> ended_;
};

}  // namespace

struct SqliteJournal::State {
  State(std::string p, Timers& t, Logger l) : path(std::move(p)), timers(t), log(std::move(l)) {}

  struct Waiting {
    JournalEntry entry;
    Word word;
    Outcomes::Done done;
    bool quiet = false;  // `done` may wait for collect().
  };

  Result<Loaded> load();
  Result<Restored> read_good(std::vector<std::string>& damage);
  Restored salvage();
  Result<std::string> move_aside();
  Result<void> start_anew(const Restored& restored, const std::string& aside);
  void work();
  void write(std::vector<Waiting> batch);
  void tidy();
  void append(Waiting waiting);
  void speak(const std::vector<Waiting>& batch);
  void answer(std::vector<Waiting> batch, const Result<void>& result);

  const std::string path;
  Timers& timers;
  Logger log;
  std::optional<SqliteStore> store;  // Of the worker once it runs.
  bool gap = true;                   // The worker's: only a whole document may follow.
  bool untidy = false;               // The worker's.

  std::mutex mutex;
  std::condition_variable wake;
  std::deque<Waiting> queue;
  bool ending = false;
  std::uint64_t appended = 0, answered = 0;
  std::uint64_t hurried = 0;  // So many entries' outcomes are told at once.
  const std::shared_ptr<Outcomes> outcomes = std::make_shared<Outcomes>();

  std::mutex speaking;
  bool silent = false;
  std::thread worker;
};

SqliteJournal::SqliteJournal(std::string path, Timers& timers, Logger log)
    : state_(std::make_unique<State>(std::move(path), timers, std::move(log))) {}

SqliteJournal::~SqliteJournal() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->ending = true;
  }
  state_->wake.notify_one();
  if (state_->worker.joinable()) state_->worker.join();
}

Result<Journal::Loaded> SqliteJournal::load() { return state_->load(); }

// Good as it stands: opened, checked, restored up to its last row.
Result<Restored> SqliteJournal::State::read_good(std::vector<std::string>& damage) {
  std::uint64_t size = 0;
  if (exists(path, &size) && size == 0)
    return fail(Errc::kCorrupt, "the journal {} is empty (0 bytes): it was cut off", path);
  auto opened = SqliteStore::attach(path, SqliteStore::Mode::kWrite);
  if (!opened) return fail(std::move(opened.error()));
  if (auto ok = opened->check(); !ok) return fail(std::move(ok.error()));
  const std::int64_t whole = opened->newest_whole();
  bool complete = false;
  // One row more than is needed: its chain digest vouches for the first.
  auto rows = opened->rows(std::max<std::int64_t>(0, whole - 2), kAll, false, complete);
  std::optional<std::string> before = std::string();
  if (!rows.empty() && rows[0].sequence < whole) {
    before = rows[0].chain;
    rows.erase(rows.begin());
  } else if (!rows.empty() && rows[0].sequence > 1) {
    before.reset();
  }
  Restored restored = restore(rows, before);
  const bool good =
      complete && restored.findings.empty() && (rows.empty() || restored.up_to == rows.back().sequence);
  if (!good) {
    damage = restored.findings;
    return fail(Errc::kCorrupt, "the journal {} has entries that are not what was written", path);
  }
  opened->drop_autoincrement();
  store.emplace(std::move(*opened));
  return restored;
}

// What can still be read of a damaged file, from both ends.
Restored SqliteJournal::State::salvage() {
  auto opened = SqliteStore::attach(path, SqliteStore::Mode::kReadOnly);
  if (!opened) return {};
  bool complete = false;
  std::vector<StoredEntry> rows = opened->rows(0, kAll, false, complete);
  if (!complete) {
    bool unused = false;
    for (StoredEntry& row : opened->rows(rows.empty() ? 0 : rows.back().sequence, kAll, true, unused))
      rows.push_back(std::move(row));
    std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.sequence < b.sequence; });
  }
  return restore(rows, std::nullopt);
}

Result<std::string> SqliteJournal::State::move_aside() {
  std::string aside;
  for (int n = 1; aside.empty() || exists(aside); ++n) aside = fmt::format("{}.damaged-{}", path, n);
  for (const char* suffix : {"", "-wal", "-shm"}) {
    const std::string from = path + suffix, to = aside + suffix;
    if (exists(from) && std::rename(from.c_str(), to.c_str()) != 0)
      return fail(Errc::kIo, "the damaged journal {} cannot be moved to {}: {}", from, to, strerror(errno));
  }
  return aside;
}

Result<void> SqliteJournal::State::start_anew(const Restored& restored, const std::string& aside) {
  auto opened = SqliteStore::attach(path, SqliteStore::Mode::kWrite);
  if (!opened) return fail(std::move(opened.error()));
  if (restored.document) {
    JournalEntry entry;
    entry.version = restored.version;
    entry.digest = restored.digest;
    entry.document = restored.document->serialize();
    entry.note = fmt::format("restored from {}", aside);
    if (auto ok = opened->append({&entry}); !ok) return ok;
  }
  store.emplace(std::move(*opened));
  return {};
}

Result<Journal::Loaded> SqliteJournal::State::load() {
  Loaded loaded;
  std::vector<std::string> details;
  auto good = read_good(details);
  if (good) {
    loaded.document = std::move(good->document);
    return loaded;
  }
  if (good.error().code != Errc::kCorrupt) return fail(std::move(good.error()));
  Restored restored = salvage();
  auto aside = move_aside();
  if (!aside) return fail(std::move(aside.error()));
  if (auto ok = start_anew(restored, *aside); !ok) return fail(std::move(ok.error()));
  loaded.damage.push_back(good.error().message);
  for (std::string& detail : details) loaded.damage.push_back(std::move(detail));
  const std::string outcome =
      restored.document ? fmt::format("configuration {} was restored from it", to_string(restored.version))
                        : std::string("nothing in it could be used");
  loaded.damage.push_back(fmt::format(
      "{}; the damaged file is kept as {}. Newer versions, if there were any, come from the other nodes when "
      "this one joins them; if it is alone, compare with `cibadmin -Q` what you expect to be configured",
      outcome, *aside));
  loaded.document = std::move(restored.document);
  return loaded;
}

void SqliteJournal::append(JournalEntry entry, std::function<void(Result<void>)> done) {
  state_->append({std::move(entry), {}, std::move(done), false});
}

void SqliteJournal::append_quietly(JournalEntry entry, Word word, std::function<void(Result<void>)> done) {
  state_->append({std::move(entry), std::move(word), std::move(done), true});
}

void SqliteJournal::State::append(Waiting waiting) {
  {
    const std::lock_guard lock(mutex);
    queue.push_back(std::move(waiting));
    ++appended;
    if (!worker.joinable()) {
      worker = std::thread([this] {
        pthread_setname_np(pthread_self(), "journal");
        work();
      });
    }
  }
  wake.notify_one();
}

void SqliteJournal::collect() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->hurried = state_->appended;
  }
  state_->outcomes->take();
}

void SqliteJournal::silence() {
  const std::lock_guard lock(state_->speaking);
  state_->silent = true;
}

void SqliteJournal::State::work() {
  while (true) {
    std::vector<Waiting> batch;
    {
      std::unique_lock lock(mutex);
      const auto called = [this] { return ending || !queue.empty(); };
      if (untidy && !wake.wait_for(lock, kQuiet, called)) {
        lock.unlock();
        tidy();
        continue;
      }
      wake.wait(lock, called);
      if (queue.empty()) return;
      while (!queue.empty() && batch.size() < kMaxBatch) {
        batch.push_back(std::move(queue.front()));
        queue.pop_front();
      }
    }
    write(std::move(batch));
    if (store && store->log_is_long()) store->checkpoint();
  }
}

void SqliteJournal::State::tidy() {
  untidy = false;
  if (store) store->tidy();
}

void SqliteJournal::State::write(std::vector<Waiting> batch) {
  if (gap) {  // Up to the first whole document there is nothing to add to.
    const auto whole =
        std::find_if(batch.begin(), batch.end(), [](const Waiting& w) { return !w.entry.document.empty(); });
    std::vector<Waiting> refused(std::make_move_iterator(batch.begin()), std::make_move_iterator(whole));
    batch.erase(batch.begin(), whole);
    answer(std::move(refused), fail(Errc::kIo,
                                    "the journal {} has a gap since it could not be written: it waits "
                                    "for the whole document",
                                    path));
    if (batch.empty()) return;
  }
  if (!store) {
    auto opened = SqliteStore::attach(path, SqliteStore::Mode::kWrite);
    if (!opened) return answer(std::move(batch), fail(std::move(opened.error())));
    store.emplace(std::move(*opened));
  }
  std::vector<const JournalEntry*> entries;
  for (const Waiting& w : batch) entries.push_back(&w.entry);
  const Result<void> result = store->append(entries);
  untidy = true;
  gap = !result;
  if (result) speak(batch);
  if (!result) store.reset();  // Opened anew for the next attempt: nothing half done stays.
  answer(std::move(batch), result);
}

void SqliteJournal::State::speak(const std::vector<Waiting>& batch) {
  const std::lock_guard lock(speaking);
  std::vector<std::uint64_t> spoken_to;
  for (auto w = batch.rbegin(); w != batch.rend() && !silent; ++w) {
    if (!w->word.say || std::find(spoken_to.begin(), spoken_to.end(), w->word.whom) != spoken_to.end())
      continue;
    spoken_to.push_back(w->word.whom);
    w->word.say();
  }
}

void SqliteJournal::State::answer(std::vector<Waiting> batch, const Result<void>& result) {
  if (batch.empty()) return;
  bool at_once = !result;
  std::vector<Outcomes::Done> done;
  for (Waiting& w : batch) {
    at_once = at_once || !w.quiet;
    done.push_back(std::move(w.done));
  }
  outcomes->put(std::move(done), result);
  {
    // After they were put: who hurries from now on finds them.
    const std::lock_guard lock(mutex);
    at_once = at_once || hurried > answered;
    answered += batch.size();
  }
  if (at_once) timers.post([o = outcomes] { o->take(); });
}

Result<std::vector<JournalEntry>> SqliteJournal::history(std::size_t most) {
  if (!exists(state_->path)) return std::vector<JournalEntry>{};
  auto opened = SqliteStore::attach(state_->path, SqliteStore::Mode::kReadOnly);
  if (!opened) return fail(std::move(opened.error()));
  bool complete = false;
  std::vector<JournalEntry> out;
  for (StoredEntry& row : opened->rows(0, most, true, complete)) out.push_back(std::move(row.entry));
  if (!complete && out.size() < most)
    return fail(Errc::kCorrupt, "the journal {} cannot be read: restart the daemon, which repairs it",
                state_->path);
  return out;
}

}  // namespace systole::cib
