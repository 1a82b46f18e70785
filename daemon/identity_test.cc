#include "daemon/identity.h"

#include <gtest/gtest.h>

namespace systole::daemon {
namespace {

Accounts debian() {
  Accounts a;
  a.passwd =
      "root:x:0:0:root:/root:/bin/bash\nhacluster:x:102:105::/var/lib/pacemaker:/usr/sbin/nologin\n"
      "alice:x:1000:1000::/home/alice:/bin/sh\nbroken:x\n";
  a.group = "root:x:0:\nhaclient:x:105:\nalice:x:1000:\n";
  a.uid_map = a.gid_map = "         0          0 4294967295\n";
  return a;
}

TEST(Identity, RootBecomesHacluster) {
  const auto i = choose_identity("", debian());
  ASSERT_TRUE(i) << i.error().message;
  EXPECT_EQ(i->name, "hacluster");
  EXPECT_EQ(i->uid, 102U);
  EXPECT_EQ(i->gid, 105U);
  EXPECT_TRUE(i->changes);
  EXPECT_EQ(i->warning, "");
}

TEST(Identity, AUserIsNamedOrGivenInNumbers) {
  EXPECT_EQ(choose_identity("alice", debian())->uid, 1000U);
  EXPECT_EQ(choose_identity("alice", debian())->gid, 105U);  // The socket's group, whoever it is.
  EXPECT_EQ(choose_identity("1000", debian())->name, "alice");
  EXPECT_EQ(choose_identity("4711", debian())->uid, 4711U);
  const auto both = choose_identity("4711:4712", debian());
  EXPECT_EQ(both->uid, 4711U);
  EXPECT_EQ(both->gid, 4712U);
  Accounts no_group = debian();
  no_group.group.clear();
  EXPECT_EQ(choose_identity("alice", no_group)->gid, 1000U);
}

TEST(Identity, WithoutTheDefaultUserRootStaysAndIsWarned) {
  Accounts a = debian();
  a.passwd = "root:x:0:0:root:/root:/bin/bash\n";
  const auto i = choose_identity("", a);
  ASSERT_TRUE(i);
  EXPECT_EQ(i->uid, 0U);
  EXPECT_EQ(i->gid, 105U);
  EXPECT_NE(i->warning.find("useradd"), std::string::npos);
  EXPECT_EQ(choose_identity("root", a)->warning, "");  // Asked for: nothing to warn of.
}

TEST(Identity, AUserWhoWasAskedForAndIsNotThereIsAnError) {
  for (const char* user : {"bob", "broken", "12x", "1:", "1:x"}) {
    const auto i = choose_identity(user, debian());
    ASSERT_FALSE(i) << user;
    EXPECT_EQ(i.error().code, Errc::kNotFound);
  }
}

TEST(Identity, AnOrdinaryUserStaysHimself) {
  Accounts a = debian();
  a.uid = a.gid = 1000;
  const auto i = choose_identity("", a);
  ASSERT_TRUE(i);
  EXPECT_EQ(i->uid, 1000U);
  EXPECT_FALSE(i->changes);
  EXPECT_EQ(i->warning, "");
  EXPECT_TRUE(choose_identity("alice", a));
  EXPECT_EQ(choose_identity("hacluster", a).error().code, Errc::kDenied);
  EXPECT_EQ(choose_identity("root", a).error().code, Errc::kDenied);
}

TEST(Identity, ANamespaceOfOneUserKeepsItsRoot) {
  Accounts a = debian();
  a.uid_map = a.gid_map = "         0       1000          1\n";
  a.groups_denied = true;
  const auto i = choose_identity("", a);
  ASSERT_TRUE(i);
  EXPECT_EQ(i->uid, 0U);
  EXPECT_FALSE(i->changes);
  EXPECT_NE(i->warning, "");
  EXPECT_FALSE(choose_identity("hacluster", a));
  EXPECT_TRUE(choose_identity("root", a));
  a.groups_denied = false;
  a.uid_map = "0 1000 1\n102 100102 1\n";
  a.gid_map = "0 1000 1\n105 100105 1\n";
  EXPECT_EQ(choose_identity("", a)->uid, 102U);
}

}  // namespace
}  // namespace systole::daemon
