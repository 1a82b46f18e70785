// quorum.device in corosync.conf: defaults as corosync-qdevice(8) has them, and what it excludes.
#include "membership/config_device.h"

#include <gmock/gmock.h>

namespace systole::membership {
namespace {

std::string conf(unsigned nodes, const std::string& quorum) {
  std::string text = "totem {\ncluster_name: c\n}\nnodelist {\n";
  for (unsigned i = 1; i <= nodes; ++i)
    text += fmt::format("node {{\nnodeid: {}\nring0_addr: 10.0.0.{}\n}}\n", i, i);
  return text + "}\nquorum {\n" + quorum + "}\n";
}

std::string device(const std::string& inside) { return "device {\n" + inside + "}\n"; }

TEST(QuorumDeviceSection, HasTheManualsDefaults) {
  const auto config =
      parse_corosync_conf(conf(4, device("model: net\nvotes: 1\nnet {\nhost: qnetd.example.org\n}\n")));
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_THAT(config->warnings, ::testing::IsEmpty());
  EXPECT_EQ(config->quorum.device_votes, 1U);
  const DeviceOptions& d = config->quorum.device;
  EXPECT_EQ(d.model, DeviceOptions::Model::kNet);
  EXPECT_EQ(d.host, "qnetd.example.org");
  EXPECT_EQ(d.port, 5403);
  EXPECT_EQ(d.algorithm, DeviceOptions::Algorithm::kFfsplit);
  EXPECT_EQ(d.tie_breaker, DeviceOptions::TieBreaker::kLowest);
  EXPECT_EQ(d.tls, DeviceOptions::Tls::kOn);
  EXPECT_EQ(d.timeout, Milliseconds(10000));
  EXPECT_EQ(d.sync_timeout, Milliseconds(30000));
  EXPECT_EQ(d.connect_timeout, Milliseconds(8000));
  EXPECT_EQ(d.heuristics.mode, DeviceOptions::Heuristics::Mode::kOff);
  EXPECT_EQ(d.heuristics.timeout, Milliseconds(5000));
  EXPECT_EQ(d.heuristics.sync_timeout, Milliseconds(15000));
  EXPECT_EQ(d.heuristics.interval, Milliseconds(30000));
}

TEST(QuorumDeviceSection, TakesEveryOption) {
  const auto config = parse_corosync_conf(conf(
      4,
      device(
          "model: net\ntimeout: 4000\nsync_timeout: 6000\nnet {\nhost: 192.0.2.1\nport: 99\ntls: required\n"
          "algorithm: lms\ntie_breaker: 3\nconnect_timeout: 2000\nforce_ip_version: 6\n"
          "keep_active_partition_tie_breaker: off\n}\nheuristics {\nmode: sync\ntimeout: 1500\n"
          "sync_timeout: 2500\ninterval: 9000\nexec_ping: /bin/ping -q -c 1 \"www example\"\n}\n")));
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->quorum.device_votes, 3U);  // The nodes' votes less one.
  const DeviceOptions& d = config->quorum.device;
  EXPECT_EQ(d.port, 99);
  EXPECT_EQ(d.tls, DeviceOptions::Tls::kRequired);
  EXPECT_EQ(d.algorithm, DeviceOptions::Algorithm::kLms);
  EXPECT_EQ(d.tie_breaker, DeviceOptions::TieBreaker::kNode);
  EXPECT_EQ(d.tie_breaker_node, NodeId{3});
  EXPECT_EQ(d.connect_timeout, Milliseconds(2000));
  EXPECT_EQ(d.ip_version, 6U);
  EXPECT_FALSE(d.keep_active);
  EXPECT_EQ(d.heuristics.mode, DeviceOptions::Heuristics::Mode::kSync);
  EXPECT_EQ(d.heuristics.commands.at("ping"),
            (std::vector<std::string>{"/bin/ping", "-q", "-c", "1", "www example"}));
}

TEST(QuorumDeviceSection, ADiskIsOurs) {
  const auto config =
      parse_corosync_conf(conf(2, device("model: disk\nvotes: 1\ntimeout: 5000\ndisk {\ndevice: "
                                         "/dev/vdb\ninterval: 500\nmaster_wins: 1\n}\n")));
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->quorum.device.path, "/dev/vdb");
  EXPECT_EQ(config->quorum.device.interval, Milliseconds(500));
  EXPECT_TRUE(config->quorum.device.master_wins);
}

TEST(QuorumDeviceSection, IsNotUsedBesideWhatItExcludes) {
  for (const char* option : {"last_man_standing: 1\nwait_for_all: 1\n", "auto_tie_breaker: 1\n"}) {
    const auto config =
        parse_corosync_conf(conf(4, option + device("model: net\nvotes: 1\nnet {\nhost: q\n}\n")));
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_FALSE(config->quorum.device_votes);
    ASSERT_EQ(config->warnings.size(), 1U);
    EXPECT_NE(config->warnings[0].find("the device is not used"), std::string::npos);
  }
}

struct Bad {
  unsigned nodes;
  std::string quorum;
  const char* says;
};
class BadDevice : public ::testing::TestWithParam<Bad> {};

TEST_P(BadDevice, IsRefusedWithItsLineAndTheRemedy) {
  const auto config = parse_corosync_conf(conf(GetParam().nodes, GetParam().quorum));
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().code, Errc::kInvalidConfig);
  EXPECT_NE(config.error().message.find(GetParam().says), std::string::npos) << config.error().message;
}

const std::string kNet = "model: net\nvotes: 1\nnet {\nhost: q\n";
INSTANTIATE_TEST_SUITE_P(
    Table, BadDevice,
    ::testing::Values(
        Bad{2, device(""), "line 15: the quorum device has no model: add  model: net"},
        Bad{2, device("model: pigeon\n"), "line 16: model \"pigeon\" is not known: use net, disk"},
        Bad{2, device("model: net\nvotes: 1\n"), "line 15: the quorum device has no host"},
        Bad{2, device("model: disk\nvotes: 1\n"), "the quorum disk has no device"},
        Bad{2, device("model: disk\ndisk {\ndevice: vdb\n}\n"), "line 18: device must be an absolute path"},
        Bad{2, device("model: disk\ntimeout: 1000\ndisk {\ndevice: /d\n}\n"), "at most a quarter"},
        Bad{2, "two_node: 1\n" + device(kNet + "}\n"), "remove two_node"},
        Bad{2, "expected_votes: 3\n" + device("model: net\nnet {\nhost: q\n}\n"),
            "add votes to the device section"},
        Bad{4, device("model: net\nnet {\nhost: q\n}\n"), "write  votes: 1"},
        Bad{4, device("model: net\nvotes: 2\nnet {\nhost: q\n}\n"), "write  votes: 1"},
        Bad{2, device(kNet + "tie_breaker: 9\n}\n"), "node 9, which is not in the nodelist"},
        Bad{2, device(kNet + "tie_breaker: left\n}\n"), "line 20: tie_breaker \"left\""},
        Bad{2, device(kNet + "tls: maybe\n}\n"), "use off, on, required"},
        Bad{2, device(kNet + "port: 0\n}\n"), "port: \"0\" is not usable"},
        Bad{2, device(kNet + "algorithm: dice\n}\n"), "use ffsplit, lms, test"},
        Bad{2, device(kNet + "force_ip_version: 5\n}\n"), "use 0, 4, 6"},
        Bad{2, device(kNet + "connect_timeout: 1\n}\n"), "1000 to 120000"},
        Bad{2, device("votes: none\n"), "votes: \"none\""}, Bad{2, device("timeout: 5\n"), "timeout: \"5\""},
        Bad{2, device(kNet + "}\nheuristics {\nexec_a: ping x\n}\n"), "not an absolute path"},
        Bad{2, device(kNet + "}\nheuristics {\nexec_a: /bin/ping \"x\n}\n"), "a quote is not closed"},
        Bad{2, device(kNet + "}\nheuristics {\nexec_a:\n}\n"), "there is no command"},
        Bad{2, device(kNet + "}\nheuristics {\nmode: always\n}\n"), "use off, on, sync"}));

TEST(SplitCommand, AsAShellWould) {
  EXPECT_EQ(split_command("  a  \"b c\"d e\\ f \"\" ").value(),
            (std::vector<std::string>{"a", "b cd", "e f", ""}));
  EXPECT_FALSE(split_command("a \\"));
  EXPECT_FALSE(split_command("\"\""));
}

}  // namespace
}  // namespace systole::membership
