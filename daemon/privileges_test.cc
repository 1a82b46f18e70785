#include "daemon/privileges.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

namespace systole::daemon {
namespace {

// The values of /proc/self/status that privileges are seen by.
std::map<std::string, std::string> status() {
  std::map<std::string, std::string> values;
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(":\t");
    if (colon != std::string::npos) values[line.substr(0, colon)] = line.substr(colon + 2);
  }
  return values;
}

// Runs `body` in a child, which gives its rights away for good; the child's complaints, empty when it has
// none.
std::string in_child(const std::function<std::string()>& body) {
  int ends[2];
  if (::pipe(ends) != 0) return "no pipe";
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string text = body();
    [[maybe_unused]] const ssize_t n = ::write(ends[1], text.data(), text.size());
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string text;
  char block[1024];
  for (ssize_t n = 0; (n = ::read(ends[0], block, sizeof block)) > 0;)
    text.append(block, static_cast<std::size_t>(n));
  ::close(ends[0]);
  int end = 0;
  ::waitpid(child, &end, 0);
  return WIFEXITED(end) ? text : "the child died";
}

std::string expect(const std::string& name, const std::string& wanted) {
  const std::string is = status()[name];
  return is == wanted ? "" : fmt::format("{} is '{}', not '{}'\n", name, is, wanted);
}

constexpr const char* kNothing = "0000000000000000";

TEST(Privileges, RootBecomesAnotherUserWithOneCapabilityForGood) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root becomes somebody else";
  const std::string complaints = in_child([] {
    Capabilities kept;
    kept.add(CAP_NET_ADMIN);
    const auto became = become({54321, 54322, "other", true, {}}, kept);
    if (!became) return became.error().message;
    std::string text = expect("Uid", "54321\t54321\t54321\t54321") +
                       expect("Gid", "54322\t54322\t54322\t54322") + expect("Groups", "54322 ") +
                       expect("NoNewPrivs", "1");
    for (const char* set : {"CapPrm", "CapEff"}) text += expect(set, "0000000000001000");
    for (const char* set : {"CapInh", "CapBnd", "CapAmb"}) text += expect(set, kNothing);
    if (::setresuid(0, 0, 0) == 0) text += "became root again\n";
    if (::open("/etc/shadow", O_RDONLY) >= 0) text += "reads /etc/shadow\n";
    return text;
  });
  EXPECT_EQ(complaints, "");
}

TEST(Privileges, WhoStaysWhoHeIsLosesHisCapabilitiesAllTheSame) {
  const std::string complaints = in_child([] {
    const auto became = become({::geteuid(), ::getegid(), "self", false, {}}, {});
    if (!became) return became.error().message;
    std::string text = expect("NoNewPrivs", "1");
    for (const char* set : {"CapPrm", "CapEff", "CapInh", "CapAmb"}) text += expect(set, kNothing);
    return text;
  });
  EXPECT_EQ(complaints, "");
}

TEST(Privileges, LimitsStandInForCapabilitiesWhereTheyCanBeRaised) {
  const std::string complaints = in_child([] {
    membership::ClusterConfig config;
    const Capabilities kept = raise_limits(config);
    std::string text;
    if (::geteuid() != 0 && kept.names() != "none") text += "an ordinary user keeps " + kept.names() + "\n";
    if (kept.has(CAP_NET_BIND_SERVICE)) text += "port 5405 needs no capability\n";
    config.totem.port = 540;
    const bool root_like = ::geteuid() == 0 && ::prctl(PR_CAPBSET_READ, CAP_NET_BIND_SERVICE, 0, 0, 0) == 1;
    if (raise_limits(config).has(CAP_NET_BIND_SERVICE) != root_like) text += "port 540 needs one\n";
    return text;
  });
  EXPECT_EQ(complaints, "");
}

TEST(Privileges, CapabilitiesAreNamed) {
  Capabilities kept;
  EXPECT_EQ(kept.names(), "none");
  kept.add(CAP_NET_BIND_SERVICE);
  kept.add(CAP_NET_ADMIN);
  EXPECT_EQ(kept.names(), "net_admin, net_bind_service");
}

}  // namespace
}  // namespace systole::daemon
