// Quorum disks on real files.
#include "qdevice/disk.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/asio_runtime.h"

namespace systole::qdevice {
namespace {

class DiskFile : public ::testing::Test {
 protected:
  DiskFile() {
    char name[] = "/tmp/systole-qdisk-XXXXXX";
    folder_ = ::mkdtemp(name);
    path_ = folder_ + "/disk";
  }
  ~DiskFile() override {
    ::unlink(path_.c_str());
    ::rmdir(folder_.c_str());
  }
  std::optional<std::map<NodeId, SlotRead>> round(Disk& disk, const Slot& slot) {
    std::optional<std::map<NodeId, SlotRead>> out;
    disk.round(runtime_.timers(), slot, [&](auto slots) {
      out = std::move(slots);
      runtime_.stop();
    });
    runtime_.run();
    return out;
  }
  AsioRuntime runtime_;
  std::string folder_, path_;
  const Slot slot_{{NodeId{7}, Incarnation{2}}, 5, {9, NodeId{1}}, Slot::Flag::kHolds, 2, 0};
};

TEST_F(DiskFile, HoldsASlotForEachNode) {
  ASSERT_TRUE(Disk::make(path_, "c"));
  const auto disk = Disk::open(path_, "c");
  ASSERT_TRUE(disk) << disk.error().message;
  const auto slots = round(**disk, slot_);
  ASSERT_TRUE(slots);
  EXPECT_EQ(slots->size(), 1U);
  EXPECT_EQ(slots->at(NodeId{7}).slot, slot_);
  const auto text = Disk::describe(path_);
  ASSERT_TRUE(text);
  EXPECT_NE(text->find("Label: c"), std::string::npos);
  EXPECT_NE(text->find("Node 7: generation 5 ring 1.9 members 2 holds the vote"), std::string::npos) << *text;
}

TEST_F(DiskFile, WhatIsNoneIsNotTouched) {
  EXPECT_EQ(Disk::open(path_, "c").error().code, Errc::kNotFound);
  ASSERT_TRUE(Disk::make(path_, "other"));
  const auto other = Disk::open(path_, "c");
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().message.find("but of other: make it one, which erases it, with  mkqdisk -c"),
            std::string::npos);
  ASSERT_EQ(::truncate(path_.c_str(), 100), 0);
  EXPECT_FALSE(Disk::open(path_, "other"));
  EXPECT_FALSE(Disk::describe(path_));
  EXPECT_FALSE(Disk::make(path_, "two words"));
}

TEST_F(DiskFile, ADiskThatFailsSaysSo) {
  ASSERT_TRUE(Disk::make(path_, "c"));
  const auto disk = Disk::open(path_, "c");
  ASSERT_TRUE(disk);
  ASSERT_EQ(::truncate(path_.c_str(), 0), 0);  // The write comes, the read of what is beyond it does not.
  EXPECT_FALSE(round(**disk, {{NodeId{1}, Incarnation{2}}, 5, {9, NodeId{1}}, Slot::Flag::kNone, 2, 0}));
  EXPECT_NE((*disk)->problem(), "");
}

}  // namespace
}  // namespace systole::qdevice
