// The journal on a real file: what was acknowledged is there again, and every kind of damage is found, kept
// aside and survived.
#include "cib/sqlite_journal.h"

#include <sys/resource.h>
#include <unistd.h>

#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <mutex>

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

  Loop loop_;
  fs::path directory_;
  std::string path_;
  std::unique_ptr<SqliteJournal> journal_;
  Document document_ = Document::empty();
  int resources_ = 0;
  std::string last_error_;
};

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

}  // namespace
}  // namespace systole::cib
