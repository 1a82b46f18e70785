// The address agent as the executor runs it, in a network namespace of this test's own: two ends of one
// cable, "eth0" for the node and "wire" at which the test listens and answers like another host.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "agents/netlink.h"
#include "agents/packet.h"

namespace systole::agents {
namespace {

constexpr const char* kAgent = SYSTOLE_AGENTS_BUILT "/systole/IPaddr2";
constexpr const char* kAddress = "10.77.0.100";

bool write_file(const char* path, const std::string& text) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool ok = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(fd);
  return ok;
}

// A network namespace for this process, as root or through a user namespace. Empty, or why not.
std::string enter_own_network() {
  const unsigned uid = ::geteuid(), gid = ::getegid();
  if (::unshare(CLONE_NEWNET) == 0) return "";
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return "the kernel permits no network namespace";
  write_file("/proc/self/setgroups", "deny");
  if (!write_file("/proc/self/uid_map", fmt::format("0 {} 1", uid)) ||
      !write_file("/proc/self/gid_map", fmt::format("0 {} 1", gid)))
    return "the kernel permits no user namespace";
  return "";
}

struct Ran {
  int code = -1;
  std::string errors;
  std::chrono::milliseconds took{};
};

class IpAgent : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    problem_ = enter_own_network();
    if (problem_.empty() && !shell("ip link add eth0 type veth peer name wire"))
      problem_ = "the ip program is not there";
  }

  void SetUp() override {
    if (!problem_.empty()) GTEST_SKIP() << problem_;
    shell(
        "ip addr flush dev eth0; ip link set lo up; ip link set wire up; ip link set eth0 up; "
        "ip addr add 10.77.0.1/24 dev eth0; ip addr add fd77::1/64 dev eth0 nodad");
    environment_ = {{"ip", kAddress}, {"arp_count", "1"}};
    for (int i = 0; i < 200 && !link("eth0").carrier; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }

  static bool shell(const char* command) { return std::system(command) == 0; }

  Ran run(const char* action) {
    std::array<int, 2> pipe{};
    EXPECT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
    const auto began = std::chrono::steady_clock::now();
    const pid_t child = ::fork();
    if (child == 0) {
      ::dup2(pipe[1], 2);
      for (const auto& [name, value] : environment_)
        ::setenv(("OCF_RESKEY_" + name).c_str(), value.c_str(), 1);
      ::setenv("HA_RSCTMP", "/tmp", 1);
      ::execl(kAgent, kAgent, action, nullptr);
      ::_exit(127);
    }
    ::close(pipe[1]);
    Ran ran;
    std::array<char, 4096> buffer{};
    while (true) {  // To the end of file: a child in the background must not hold the pipe.
      const ssize_t got = ::read(pipe[0], buffer.data(), buffer.size());
      if (got <= 0) break;
      ran.errors.append(buffer.data(), static_cast<std::size_t>(got));
    }
    ran.took =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began);
    ::close(pipe[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return ran;
  }

  static Link link(const std::string& name) {
    auto netlink = Netlink::open();
    const std::vector<Link> links = netlink->links().value();
    for (const Link& each : links)
      if (each.name == name) return each;
    return {};
  }

  static std::optional<AddressEntry> entry(const char* address) {
    auto netlink = Netlink::open();
    const Address wanted = parse_address(address).value();
    const std::vector<AddressEntry> entries = netlink->addresses(wanted.v6).value();
    for (const AddressEntry& each : entries)
      if (each.address == wanted) return each;
    return std::nullopt;
  }

  // Announcements of `address` that come out of the wire within `ms`.
  static int heard(PacketSocket& wire, const char* address, int ms) {
    const Address wanted = parse_address(address).value();
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(ms);
    int count = 0;
    while (std::chrono::steady_clock::now() < until)
      if (const auto frame = wire.receive(10); frame && claimed_by_other(*frame, wanted, Mac{})) ++count;
    return count;
  }

  std::map<std::string, std::string> environment_;
  static std::string problem_;
};
std::string IpAgent::problem_;

TEST_F(IpAgent, StartsMonitorsAndStopsAndIsNotTroubledByRepetition) {
  EXPECT_EQ(run("monitor").code, 7);
  EXPECT_EQ(run("stop").code, 0);
  EXPECT_EQ(run("start").code, 0);
  ASSERT_TRUE(entry(kAddress));
  EXPECT_EQ(entry(kAddress)->prefix, 24U);
  EXPECT_EQ(entry(kAddress)->link, link("eth0").index);
  EXPECT_EQ(run("start").code, 0);
  EXPECT_EQ(run("monitor").code, 0);
  EXPECT_EQ(run("stop").code, 0);
  EXPECT_EQ(run("monitor").code, 7);
  EXPECT_FALSE(entry(kAddress));
  EXPECT_TRUE(entry("10.77.0.1"));
}

TEST_F(IpAgent, AnnouncesItselfAtOnceAndGoesOnInTheBackground) {
  auto wire = PacketSocket::open(link("wire"), false);
  ASSERT_TRUE(wire);
  environment_["arp_count"] = "3";
  environment_["arp_interval"] = "50";
  const Ran ran = run("start");
  EXPECT_EQ(ran.code, 0);
  EXPECT_GE(heard(*wire, kAddress, 5), 1) << "the first announcement precedes the end of start";
  // A request and a reply each time: three times two in all.
  EXPECT_GE(heard(*wire, kAddress, 400), 3);
}

TEST_F(IpAgent, StopsAnnouncingOnceTheAddressIsGone) {
  environment_["arp_count"] = "100";
  environment_["arp_interval"] = "30";
  EXPECT_EQ(run("start").code, 0);
  EXPECT_EQ(run("stop").code, 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(60));
  auto wire = PacketSocket::open(link("wire"), false);
  ASSERT_TRUE(wire);
  EXPECT_EQ(heard(*wire, kAddress, 200), 0);
}

TEST_F(IpAgent, RefusesAnAddressThatAnotherHostHasAndSaysWho) {
  const Mac other{2, 0, 0, 0, 0, 0x99};
  for (const char* address : {kAddress, "fd77::100"}) {
    environment_["ip"] = address;
    environment_["conflict_check"] = "500";
    const Address ip = parse_address(address).value();
    auto wire = PacketSocket::open(link("wire"), ip.v6);
    ASSERT_TRUE(wire);
    std::atomic<bool> ended = false;
    std::thread host([&] {
      while (!ended)
        if (wire->receive(20)) (void)wire->send(announcements(ip, other).back());
    });
    const Ran ran = run("start");
    ended = true;
    host.join();
    EXPECT_EQ(ran.code, 1);
    EXPECT_NE(ran.errors.find("ocf-exit-reason:"), std::string::npos);
    EXPECT_NE(ran.errors.find("already in use"), std::string::npos) << ran.errors;
    EXPECT_NE(ran.errors.find("02:00:00:00:00:99"), std::string::npos) << ran.errors;
    EXPECT_FALSE(entry(address));
  }
}

TEST_F(IpAgent, ServesIPv6WithoutWaitingForTheKernelsDuplicateDetection) {
  environment_["ip"] = "fd77::100";
  auto wire = PacketSocket::open(link("wire"), true);
  ASSERT_TRUE(wire);
  EXPECT_EQ(run("start").code, 0);
  EXPECT_GE(heard(*wire, "fd77::100", 100), 1);
  ASSERT_TRUE(entry("fd77::100"));
  EXPECT_EQ(entry("fd77::100")->prefix, 64U);
  EXPECT_EQ(run("monitor").code, 0);
  EXPECT_EQ(run("stop").code, 0);
  EXPECT_FALSE(entry("fd77::100"));
}

TEST_F(IpAgent, FailsItsMonitorOnALinkThatIsDownUnlessToldNotToLook) {
  EXPECT_EQ(run("start").code, 0);
  shell("ip link set wire down");
  const Ran ran = run("monitor");
  EXPECT_EQ(ran.code, 1);
  EXPECT_NE(ran.errors.find("carrier"), std::string::npos) << ran.errors;
  environment_["check_link_status"] = "false";
  EXPECT_EQ(run("monitor").code, 0);
  EXPECT_EQ(run("stop").code, 0);
  shell("ip link set wire up");
}

TEST_F(IpAgent, NamesWhatIsWrongWithItsParameters) {
  const auto refused = [&](std::map<std::string, std::string> parameters, int code, const char* word) {
    environment_ = std::move(parameters);
    const Ran ran = run("validate-all");
    EXPECT_EQ(ran.code, code) << word;
    EXPECT_NE(ran.errors.find(word), std::string::npos) << ran.errors;
    EXPECT_EQ(run("stop").code, 0) << "what cannot be set is not there";
  };
  refused({}, 6, "parameter ip is missing");
  refused({{"ip", "10.77.0.999"}}, 6, "10.77.0.999");
  refused({{"ip", kAddress}, {"cidr_netmask", "99"}}, 6, "cidr_netmask");
  refused({{"ip", kAddress}, {"nic", "nosuch0"}}, 5, "nosuch0");
  refused({{"ip", "203.0.113.1"}}, 5, "no network of this host contains 203.0.113.1");
  environment_ = {{"ip", kAddress}};
  EXPECT_EQ(run("validate-all").code, 0);
  EXPECT_EQ(run("dance").code, 3);
}

TEST_F(IpAgent, TakesTheAddressOffTheLoopbackForServiceAndPutsItBack) {
  environment_["lvs_support"] = "true";
  // Here both ends of the wire are this one host, which would answer for its loopback address.
  shell("echo 8 >/proc/sys/net/ipv4/conf/wire/arp_ignore");
  shell("ip addr add 10.77.0.100/32 dev lo");
  EXPECT_EQ(run("monitor").code, 7);
  const Ran started = run("start");
  EXPECT_EQ(started.code, 0) << started.errors;
  ASSERT_TRUE(entry(kAddress));
  EXPECT_EQ(entry(kAddress)->link, link("eth0").index);
  EXPECT_EQ(run("stop").code, 0);
  ASSERT_TRUE(entry(kAddress));
  EXPECT_EQ(entry(kAddress)->link, link("lo").index);
  shell("ip addr del 10.77.0.100/32 dev lo");
}

}  // namespace
}  // namespace systole::agents
