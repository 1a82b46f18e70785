// The journal on a real file: what was acknowledged is there again, and every kind of damage is found, kept
// aside and survived.
#include "cib/sqlite_journal.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <thread>

#include "cib/ops.h"
#include "cib/sqlite_store.h"

namespace systole::cib {
namespace {

namespace fs = std::filesystem;

// A main loop that runs what the journal's thread posts.
class Loop : public Timers {
 public:
  Id after(Duration, std::function<void()>) override { return 1; }
  void cancel(Id) override {}
  void post(std::function<void()> task) override {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    wake_.notify_one();
  }
  void run_until(const std::function<bool()>& done) {
    while (!done()) {
      std::vector<std::function<void()>> tasks;
      {
        std::unique_lock lock(mutex_);
        ASSERT_TRUE(wake_.wait_for(lock, Seconds(60), [&] { return !tasks_.empty(); })) << "nothing comes";
        tasks.swap(tasks_);
      }
      for (auto& task : tasks) task();
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::function<void()>> tasks_;
};

class SqliteJournalTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    directory_ = fs::temp_directory_path() / fmt::format("systole-journal-{}-{}", getpid(), info->name());
    fs::create_directories(directory_);
    path_ = directory_ / "journal.sqlite";
    document_.track_digest();
  }
  void TearDown() override { fs::remove_all(directory_); }

  void open() { journal_ = std::make_unique<SqliteJournal>(path_, loop_, Logger()); }
  void close() { journal_.reset(); }
  Journal::Loaded load() {
    open();
    auto loaded = journal_->load();
    EXPECT_TRUE(loaded) << loaded.error().message;
    return loaded ? std::move(*loaded) : Journal::Loaded{};
  }

  // The next configuration, with one more resource.
  JournalEntry next(bool whole, const std::string& padding = "") {
    Op op;
    op.kind = Op::Kind::kCreate;
    op.xml = fmt::format("<primitive id=\"r{}\" class=\"lsb\" type=\"dummy\" description=\"{}\"/>",
                         ++resources_, padding);
    auto applied = apply(document_, op);
    EXPECT_TRUE(applied) << applied.error().message;
    JournalEntry entry;
    entry.version = document_.version();
    entry.digest = document_.configuration_digest();
    entry.author = "root@n1 via cibadmin";
    entry.when = WallTime(Seconds(1700000000 + resources_));
    if (applied) entry.patch = applied->patch;
    if (whole) entry.document = document_.serialize();
    return entry;
  }
  Result<void> append(JournalEntry entry) {
    std::optional<Result<void>> answer;
    journal_->append(std::move(entry), [&](Result<void> r) { answer = std::move(r); });
    loop_.run_until([&] { return answer.has_value(); });
    if (answer && !*answer) last_error_ = answer->error().message;
    return answer ? *answer : fail(Errc::kTimeout, "no answer");
  }
  void write_good(int versions) {
    load();
    for (int i = 0; i < versions; ++i) ASSERT_TRUE(append(next(i == 0))) << last_error_;
  }
  void overwrite(std::uintmax_t at, const std::string& bytes) {
    std::FILE* file = std::fopen(path_.c_str(), "r+b");  // A test's own file.
    ASSERT_NE(file, nullptr);
    std::fseek(file, static_cast<long>(at), SEEK_SET);
    ASSERT_EQ(std::fwrite(bytes.data(), 1, bytes.size(), file), bytes.size());
    std::fclose(file);
  }
  void checkpoint() {  // Everything from the WAL into the main file, as a clean end does.
    close();
    ASSERT_FALSE(fs::exists(path_ + "-wal"));
  }
  // Damage was found and said, the file is kept, and the journal goes on.
  void expect_survived(Journal::Loaded& loaded) {
    ASSERT_FALSE(loaded.damage.empty());
    EXPECT_NE(loaded.damage.back().find(path_ + ".damaged-1"), std::string::npos) << loaded.damage.back();
    EXPECT_TRUE(fs::exists(path_ + ".damaged-1"));
    ASSERT_TRUE(append(next(true))) << last_error_;
    close();
    auto again = load();
    EXPECT_TRUE(again.damage.empty());
    ASSERT_TRUE(again.document);
    EXPECT_EQ(again.document->digest(), document_.digest());
  }

  std::string log() const { return path_ + "-wal"; }
  std::uintmax_t log_size() const { return fs::exists(log()) ? fs::file_size(log()) : 0; }
  // Until the journal, left alone, has given its log the blocks that it writes to from then on.
  void wait_for_blocks() {
    constexpr std::uintmax_t kBlocks = 1250 * (4096 + 24);  // All of them: they are written one by one.
    for (int i = 0; i < 500 && log_size() < kBlocks; ++i) std::this_thread::sleep_for(Milliseconds(10));
    ASSERT_GE(log_size(), kBlocks);
  }
  // The files as they are on the disk now, under another name: what a power loss would leave.
  std::string power_loss(int number) {
    const std::string image = directory_ / fmt::format("image-{}.sqlite", number);
    fs::copy_file(path_, image);
    fs::copy_file(log(), image + "-wal");
    return image;
  }
  std::string sql(const std::string& statement) {  // Its first value.
    sqlite3* db = nullptr;
    std::string value;
    const auto take = [](void* out, int, char** values, char**) {
      *static_cast<std::string*>(out) = values[0] == nullptr ? "" : values[0];
      return 0;
    };
    EXPECT_EQ(sqlite3_open(path_.c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, statement.c_str(), take, &value, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
    sqlite3_close(db);
    return value;
  }

  Loop loop_;
  fs::path directory_;
  std::string path_;
  std::unique_ptr<SqliteJournal> journal_;
  Document document_ = Document::empty();
  int resources_ = 0;
  std::string last_error_;
};

TEST_F(SqliteJournalTest, AQuietSuccessWaitsToBeCollectedAndItsWordDoesNot) {
  load();
  journal_->append(next(true), [](const Result<void>&) {});
  std::mutex mutex;
  std::condition_variable spoken;
  int words = 0, answers = 0;
  const auto say = [&] {
    const std::lock_guard lock(mutex);
    ++words;
    spoken.notify_one();
  };
  const auto wait_for_words = [&](int count) {
    std::unique_lock lock(mutex);
    return spoken.wait_for(lock, Seconds(60), [&] { return words == count; });
  };
  const auto done = [&](const Result<void>& result) {
    EXPECT_TRUE(result);
    ++answers;
  };
  journal_->append_quietly(next(false), {7, say}, done);
  ASSERT_TRUE(wait_for_words(1));
  journal_->append_quietly(next(false), {7, say}, done);
  ASSERT_TRUE(wait_for_words(2));
  EXPECT_EQ(answers, 0);
  loop_.run_until([&] {  // Without it the second may not be among the outcomes yet, though it has spoken.
    journal_->collect();
    if (answers < 2) loop_.post([] {});
    return answers == 2;
  });

  // What is collected before its end comes by itself.
  journal_->append_quietly(next(false), {}, done);
  journal_->collect();
  loop_.run_until([&] { return answers == 3; });

  journal_->silence();
  journal_->append_quietly(next(false), {7, say}, done);
  journal_->collect();
  loop_.run_until([&] { return answers == 4; });
  EXPECT_EQ(words, 2);
}

TEST_F(SqliteJournalTest, IsEmptyAtFirst) {
  const auto loaded = load();
  EXPECT_FALSE(loaded.document);
  EXPECT_TRUE(loaded.damage.empty());
}

TEST_F(SqliteJournalTest, GivesBackTheNewestConfigurationFromADocumentAndPatches) {
  write_good(5);
  close();
  const auto loaded = load();
  ASSERT_TRUE(loaded.document);
  EXPECT_TRUE(loaded.damage.empty());
  EXPECT_EQ(loaded.document->digest(), document_.digest());
  EXPECT_EQ(loaded.document->version(), document_.version());
}

TEST_F(SqliteJournalTest, KeepsWhoChangedWhatAndWhen) {
  write_good(3);
  const auto history = journal_->history(2);
  ASSERT_TRUE(history) << history.error().message;
  ASSERT_EQ(history->size(), 2U);
  EXPECT_EQ((*history)[0].version, document_.version());
  EXPECT_EQ((*history)[0].author, "root@n1 via cibadmin");
  EXPECT_EQ((*history)[0].when, WallTime(Seconds(1700000003)));
  EXPECT_NE((*history)[0].patch.find("r3"), std::string::npos);
}

TEST_F(SqliteJournalTest, RefusesAPatchAsTheFirstEntry) {
  load();
  const auto refused = append(next(false));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kIo);
}

TEST_F(SqliteJournalTest, AZeroLengthFileIsMovedAside) {
  write_good(2);
  checkpoint();
  fs::resize_file(path_, 0);
  auto loaded = load();
  EXPECT_FALSE(loaded.document);
  expect_survived(loaded);
}

TEST_F(SqliteJournalTest, AGarbageHeaderIsMovedAside) {
  write_good(2);
  checkpoint();
  overwrite(0, std::string(100, 'x'));
  auto loaded = load();
  EXPECT_FALSE(loaded.document);
  expect_survived(loaded);
}

TEST_F(SqliteJournalTest, ATruncatedFileGivesWhatIsLeft) {
  load();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(append(next(i % 5 == 0, std::string(3000, 'p')))) << last_error_;
  checkpoint();
  fs::resize_file(path_, fs::file_size(path_) / 4096 / 2 * 4096);
  auto loaded = load();
  expect_survived(loaded);
}

TEST_F(SqliteJournalTest, ATornPageCostsOnlyWhatComesAfterIt) {
  load();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(append(next(i == 0, std::string(3000, 'p')))) << last_error_;
  checkpoint();
  const auto size = fs::file_size(path_);
  overwrite(size - 4096 * 3, std::string(4096, '\0'));
  auto loaded = load();
  ASSERT_TRUE(loaded.document);
  EXPECT_GT(loaded.document->version().epoch, 1U);
  EXPECT_LT(loaded.document->version(), document_.version());
  expect_survived(loaded);
}

TEST_F(SqliteJournalTest, AnEntryThatWasChangedIsFoundByItsDigest) {
  write_good(4);
  checkpoint();
  std::FILE* file = std::fopen(path_.c_str(), "rb");
  std::string content(fs::file_size(path_), '\0');
  ASSERT_EQ(std::fread(content.data(), 1, content.size(), file), content.size());
  std::fclose(file);
  const std::size_t at =
      content.find("id=\"r3\"");  // In the third version's patch: still XML, other content.
  ASSERT_NE(at, std::string::npos);
  overwrite(at, "id=\"rX\"");
  auto loaded = load();
  ASSERT_TRUE(loaded.document);
  EXPECT_EQ(loaded.document->version().epoch, 2U);
  expect_survived(loaded);
}

TEST_F(SqliteJournalTest, AMissingDirectoryIsAnErrorThatNamesIt) {
  path_ = directory_ / "missing" / "journal.sqlite";
  open();
  const auto loaded = journal_->load();
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, Errc::kIo);
  EXPECT_NE(loaded.error().message.find("missing"), std::string::npos);
}

// The limit on file sizes stands for a full disk: the same writes fail.
TEST_F(SqliteJournalTest, AFullDiskIsReportedAndLosesNothing) {
  write_good(3);
  const Version before = document_.version();
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  getrlimit(RLIMIT_FSIZE, &old);
  rlimit small = old;
  small.rlim_cur = 64 * 1024;
  setrlimit(RLIMIT_FSIZE, &small);
  const auto refused = append(next(false, std::string(200000, 'p')));
  const auto after_gap = append(next(false));
  setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find(path_), std::string::npos);
  ASSERT_FALSE(after_gap);
  {
    SqliteJournal other(path_, loop_, Logger());  // A crash now would find the last good version.
    const auto loaded = other.load();
    ASSERT_TRUE(loaded) << loaded.error().message;
    EXPECT_TRUE(loaded->damage.empty());
    EXPECT_EQ(loaded->document->version(), before);
  }
  ASSERT_TRUE(append(next(true))) << last_error_;
  ASSERT_TRUE(append(next(false))) << last_error_;
  close();
  const auto loaded = load();
  EXPECT_TRUE(loaded.damage.empty());
  EXPECT_EQ(loaded.document->digest(), document_.digest());
}

TEST_F(SqliteJournalTest, EntriesAnswerInOrderAndShareCommits) {
  load();
  std::vector<int> order;
  for (int i = 0; i < 50; ++i)
    journal_->append(next(i == 0), [&order, i](Result<void> r) {
      EXPECT_TRUE(r);
      order.push_back(i);
    });
  loop_.run_until([&] { return order.size() == 50; });
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

// A growing log makes every commit wait for the file system's own journal too.
TEST_F(SqliteJournalTest, TheLogDoesNotGrowOnceItHasItsBlocks) {
  write_good(1);
  wait_for_blocks();
  const auto size = log_size();
  std::size_t answers = 0;
  for (int i = 0; i < 1500; ++i) {
    journal_->append(next(false), [&](Result<void> r) { answers += r ? 1 : 0; });
    if (i % 3 == 0) loop_.run_until([&] { return answers == static_cast<std::size_t>(i) + 1; });
  }
  loop_.run_until([&] { return answers == 1500; });
  EXPECT_EQ(log_size(), size);
  close();
  const auto loaded = load();
  EXPECT_TRUE(loaded.damage.empty());
  EXPECT_EQ(loaded.document->digest(), document_.digest());
}

// Before and after the log has its blocks, and where it was begun anew over older entries.
TEST_F(SqliteJournalTest, ATornEndOfTheLogCostsNothingThatWasAcknowledged) {
  int images = 0;
  write_good(3);
  for (const bool reserved : {false, true}) {
    if (reserved) wait_for_blocks();
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(append(next(false))) << last_error_;
    const Version acknowledged = document_.version();
    const std::string before = power_loss(images++);
    ASSERT_TRUE(append(next(false))) << last_error_;
    const std::string after = power_loss(images++);
    std::string old_log, new_log;  // Up to any byte, the new one reached the disk; beyond is what was there.
    for (auto& [name, content] : {std::pair<std::string, std::string&>{before, old_log}, {after, new_log}}) {
      content.resize(fs::file_size(name + "-wal"));
      std::FILE* file = std::fopen((name + "-wal").c_str(), "rb");
      ASSERT_EQ(std::fread(content.data(), 1, content.size(), file), content.size());
      std::fclose(file);
    }
    const std::string longer = old_log + std::string(new_log.size() - old_log.size(), '\0');
    const std::size_t first = static_cast<std::size_t>(
        std::mismatch(longer.begin(), longer.end(), new_log.begin()).first - longer.begin());
    std::size_t last = new_log.size();
    while (last > first && longer[last - 1] == new_log[last - 1]) --last;
    ASSERT_LT(first, last);
    for (std::size_t cut = first; cut <= last; cut += std::max<std::size_t>(1, (last - first) / 37)) {
      const std::string image = directory_ / fmt::format("torn-{}.sqlite", images++);
      fs::copy_file(after, image);
      const std::string torn = new_log.substr(0, cut) + longer.substr(cut);
      std::FILE* file = std::fopen((image + "-wal").c_str(), "wb");
      ASSERT_EQ(std::fwrite(torn.data(), 1, torn.size(), file), torn.size());
      std::fclose(file);
      SqliteJournal journal(image, loop_, Logger());
      const auto loaded = journal.load();
      ASSERT_TRUE(loaded) << loaded.error().message;
      EXPECT_TRUE(loaded->damage.empty()) << loaded->damage[0];
      ASSERT_TRUE(loaded->document);
      EXPECT_GE(loaded->document->version(), acknowledged) << "cut at " << cut;
    }
  }
}

TEST_F(SqliteJournalTest, KilledAtAnyMomentItHasWhatItAcknowledged) {
  for (int round = 0; round < 12; ++round) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
      document_ = Document::empty();
      document_.track_digest();
      open();
      if (auto loaded = journal_->load(); loaded && loaded->document) {
        document_ = std::move(*loaded->document);
        document_.track_digest();
      }
      resources_ = 10000 * (round + 1);
      for (bool whole = true;; whole = false) {
        if (!append(next(whole))) _exit(1);
        const std::uint64_t epoch = document_.version().epoch;
        if (write(ends[1], &epoch, sizeof epoch) != sizeof epoch) _exit(1);
        if (epoch % 7 == static_cast<std::uint64_t>(round % 7))
          std::this_thread::sleep_for(Milliseconds(230));  // Tidied meanwhile.
      }
    }
    ::close(ends[1]);
    std::uint64_t acknowledged = 0, one = 0;
    for (int i = 0; i < 3 + round; ++i)
      if (read(ends[0], &one, sizeof one) == sizeof one) acknowledged = one;
    std::this_thread::sleep_for(std::chrono::microseconds(997 * (round % 5)));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    while (read(ends[0], &one, sizeof one) == sizeof one) acknowledged = one;
    ::close(ends[0]);
    auto loaded = load();
    EXPECT_TRUE(loaded.damage.empty());
    ASSERT_TRUE(loaded.document);
    EXPECT_GT(acknowledged, 0U);
    EXPECT_GE(loaded.document->version().epoch, acknowledged);
    close();
  }
}

TEST_F(SqliteJournalTest, AJournalOfTheFirstVersionIsTakenOver) {
  write_good(5);
  close();
  const std::string table = sql("SELECT sql FROM sqlite_master WHERE name = 'entry'");
  const std::size_t at = table.find("PRIMARY KEY");
  ASSERT_NE(at, std::string::npos);
  ASSERT_EQ(table.find("AUTOINCREMENT"), std::string::npos);
  sql("ALTER TABLE entry RENAME TO new_entry; DROP INDEX whole; " +
      std::string(table).insert(at + 11, " AUTOINCREMENT") +
      "; INSERT INTO entry SELECT * FROM new_entry; DROP TABLE new_entry;"
      "CREATE INDEX whole ON entry (sequence) WHERE document <> ''");
  const auto loaded = load();
  EXPECT_TRUE(loaded.damage.empty());
  ASSERT_TRUE(loaded.document);
  EXPECT_EQ(loaded.document->digest(), document_.digest());
  ASSERT_TRUE(append(next(true))) << last_error_;
  ASSERT_TRUE(append(next(false))) << last_error_;
  close();
  EXPECT_EQ(sql("SELECT sql FROM sqlite_master WHERE name = 'entry'").find("AUTOINCREMENT"),
            std::string::npos);
  EXPECT_EQ(sql("SELECT count(*) FROM entry"), "7");
  EXPECT_EQ(sql("SELECT max(sequence) FROM entry"), "7");
  EXPECT_EQ(load().document->digest(), document_.digest());
}

}  // namespace
}  // namespace systole::cib
