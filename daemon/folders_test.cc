#include "daemon/folders.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/asio_runtime.h"

namespace systole::daemon {
namespace {
namespace fs = std::filesystem;

constexpr uid_t kOther = 54321;

class FoldersTest : public testing::Test {
 protected:
  FoldersTest() {
    char name[] = "/tmp/systole-folders-XXXXXX";
    root_ = ::mkdtemp(name);
    paths_.state = root_ + "/state";
    paths_.run = root_ + "/run";
    paths_.cib = root_ + "/cib";
    paths_.pengine = root_ + "/pengine";
  }
  ~FoldersTest() override { fs::remove_all(root_); }

  static struct stat look(const std::string& path) {
    struct stat s {};
    EXPECT_EQ(::lstat(path.c_str(), &s), 0) << path;
    return s;
  }
  static void touch(const std::string& path) { std::ofstream(path) << "x"; }
  static Identity other() { return {kOther, kOther, "other", true, {}}; }

  std::string root_;
  Paths paths_;
  std::unique_ptr<Files> files_ = posix_files();
};

TEST_F(FoldersTest, AreMadeAndUsableAsWhoeverRuns) {
  const Identity self{::geteuid(), ::getegid(), "self", false, {}};
  ASSERT_TRUE(make_folders(*files_, paths_, self));
  for (const auto& path : {paths_.state, paths_.run, paths_.cib, paths_.pengine})
    EXPECT_EQ(look(path).st_mode & 07777, 0750U) << path;
  EXPECT_TRUE(check_folders(paths_, self));
  fs::remove_all(paths_.run);
  const auto missing = check_folders(paths_, self);
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find(paths_.run), std::string::npos);
}

TEST_F(FoldersTest, AsRootTheyAndTheStateAreGivenToTheDaemonsUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root gives files away";
  fs::create_directories(paths_.state + "/history");
  fs::create_directories(paths_.cib);
  touch(paths_.state + "/journal.sqlite");
  touch(paths_.state + "/history/1");
  touch(paths_.cib + "/shadow.mine");
  ::chmod(paths_.state.c_str(), 0777);
  ASSERT_TRUE(make_folders(*files_, paths_, other()));
  EXPECT_EQ(look(paths_.state).st_mode & 07777, 0750U);
  for (const char* name : {"", "/journal.sqlite", "/history", "/history/1"})
    EXPECT_EQ(look(paths_.state + name).st_uid, kOther) << name;
  EXPECT_EQ(look(paths_.cib).st_uid, kOther);
  EXPECT_EQ(look(paths_.cib + "/shadow.mine").st_uid, 0U);  // A person's, not the daemon's.
}

TEST_F(FoldersTest, WhatOnlyHasANameInTheStateFolderIsNotGivenAway) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root gives files away";
  fs::create_directories(paths_.state);
  touch(root_ + "/secret");
  touch(root_ + "/target");
  ASSERT_EQ(::link((root_ + "/secret").c_str(), (paths_.state + "/hard").c_str()), 0);
  ASSERT_EQ(::symlink((root_ + "/target").c_str(), (paths_.state + "/soft").c_str()), 0);
  ASSERT_EQ(::symlink(root_.c_str(), (paths_.state + "/folder").c_str()), 0);
  ASSERT_EQ(::mkfifo((paths_.state + "/pipe").c_str(), 0600), 0);  // Opening it must not wait.
  ASSERT_TRUE(make_folders(*files_, paths_, other()));
  EXPECT_EQ(look(root_ + "/secret").st_uid, 0U);
  EXPECT_EQ(look(root_ + "/target").st_uid, 0U);
  EXPECT_EQ(look(root_).st_uid, 0U);
}

TEST_F(FoldersTest, AFolderThatUsersShareIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root gives files away";
  fs::create_directories(paths_.run);
  ::chmod(paths_.run.c_str(), 01777);
  const auto made = make_folders(*files_, paths_, other());
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Errc::kInvalidArgument);
  EXPECT_EQ(look(paths_.run).st_uid, 0U);
}

TEST_F(FoldersTest, TheLogIsGivenAndALinkInItsPlaceIsNot) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root gives files away";
  touch(root_ + "/log");
  ASSERT_EQ(::symlink((root_ + "/log").c_str(), (root_ + "/link").c_str()), 0);
  give_file(root_ + "/link", other());
  EXPECT_EQ(look(root_ + "/log").st_uid, 0U);
  give_file(root_ + "/log", other());
  EXPECT_EQ(look(root_ + "/log").st_uid, kOther);
}

}  // namespace
}  // namespace systole::daemon
