#include "membership/config.h"

#include <gtest/gtest.h>

#include <random>

namespace systole::membership {
namespace {

constexpr std::string_view kGood = R"(# Two nodes
totem {
    version: 2
    cluster_name: web
    transport: udpu
    token: 2000
    interface {
        linknumber: 0
        mcastport: 5407
    }
}
nodelist {
    node {
        ring0_addr: 192.0.2.2
        ring1_addr: 198.51.100.2
        name: node2
        nodeid: 2
    }
    node {
        ring0_addr: 192.0.2.1
        ring1_addr: 198.51.100.1
        nodeid: 1
        quorum_votes: 3
    }
}
quorum {
    provider: corosync_votequorum
    expected_votes: 4
    wait_for_all: 1
}
logging {
    to_logfile: yes
    logfile: /var/log/cluster/corosync.log
    debug: on
}
)";

std::string nodes(const std::string& extra = "") {
  return "nodelist {\nnode {\nnodeid: 1\nring0_addr: 10.0.0.1\n}\n}\n" + extra;
}

TEST(CorosyncConf, ReadsWhatACorosyncAdministratorWrites) {
  const auto config = parse_corosync_conf(kGood);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->totem.cluster_name, "web");
  EXPECT_EQ(config->totem.token, Milliseconds(2000));
  EXPECT_EQ(config->port_of(0), 5407);
  EXPECT_EQ(config->port_of(1), 5408);
  EXPECT_EQ(config->links(), 2U);
  ASSERT_EQ(config->nodes.size(), 2U);
  EXPECT_EQ(config->nodes[0].id, NodeId{1});
  EXPECT_EQ(config->nodes[0].name, "192.0.2.1");
  EXPECT_EQ(config->nodes[0].votes, 3U);
  EXPECT_EQ(config->nodes[1].name, "node2");
  EXPECT_EQ(config->nodes[1].addresses[1], "198.51.100.2");
  EXPECT_EQ(config->quorum.expected_votes, 4U);
  EXPECT_EQ(config->quorum.wait_for_all, true);
  EXPECT_EQ(config->log_file, "/var/log/cluster/corosync.log");
  EXPECT_TRUE(config->debug);
  EXPECT_TRUE(config->warnings.empty()) << config->warnings[0];
  EXPECT_NE(config->find("node2"), nullptr);
  EXPECT_EQ(config->find(NodeId{7}), nullptr);
}

TEST(CorosyncConf, UnknownOptionsAreWarningsWithTheirLine) {
  const auto config =
      parse_corosync_conf(nodes("totem {\ntokn: 5\n}\nfoo {\n}\nquorum {\nexpected_votes_tracking: 1\n}\n"));
  ASSERT_TRUE(config) << config.error().message;
  ASSERT_EQ(config->warnings.size(), 3U);
  EXPECT_NE(config->warnings[0].find("line 8"), std::string::npos) << config->warnings[0];
  EXPECT_NE(config->warnings[0].find("tokn"), std::string::npos);
  EXPECT_NE(config->warnings[1].find("foo"), std::string::npos);
  EXPECT_NE(config->warnings[2].find("expected_votes_tracking"), std::string::npos);
}

struct Bad {
  std::string text, part;  // The error's message contains it.
};
class BadCorosyncConf : public ::testing::TestWithParam<Bad> {};

TEST_P(BadCorosyncConf, IsRefusedWithItsLineAndARemedy) {
  const auto config = parse_corosync_conf(GetParam().text);
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().code, Errc::kInvalidConfig);
  EXPECT_NE(config.error().message.find(GetParam().part), std::string::npos) << config.error().message;
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadCorosyncConf,
    ::testing::Values(
        Bad{"", "lists no nodes"}, Bad{"totem {\n", "line 1: section totem is not closed"},
        Bad{"}\n", "line 1: this brace closes nothing"}, Bad{"token: 1000\n", "line 1: token stands outside"},
        Bad{"totem {\nhello\n}\n", "line 2"}, Bad{"{\n}\n", "line 1: a section needs a name"},
        Bad{"to tem {\n}\n", "line 1"}, Bad{"totem {\n: 5\n}\n", "line 2: there is no key"},
        Bad{std::string("totem {\nto\0ken: 5\n}\n", 18), "line 2: a zero byte"},
        Bad{"a {\nb {\nc {\nd {\ne {\n", "line 5: sections are nested"},
        Bad{nodes("totem {\nversion: 3\n}\n"), "line 8: version"},
        Bad{nodes("totem {\ntoken: soon\n}\n"),
            "line 8: token: \"soon\" is not usable: give a whole number from 100"},
        Bad{nodes("totem {\ntoken: 10\n}\n"), "line 8"}, Bad{nodes("totem {\ntoken: -5\n}\n"), "line 8"},
        Bad{nodes("totem {\ntoken: 99999999999999999999999\n}\n"), "line 8"},
        Bad{nodes("totem {\ntoken:\n}\n"), "line 8"}, Bad{nodes("totem {\ntoken: 1000ms\n}\n"), "line 8"},
        Bad{nodes("totem {\nnetmtu: 64\n}\n"), "line 8: netmtu"},
        Bad{nodes("totem {\nwindow_size: 0\n}\n"), "line 8: window_size"},
        Bad{nodes("totem {\ntransport: carrier_pigeon\n}\n"), "use udpu"},
        Bad{nodes("totem {\nconsensus: 40\n}\n"), "consensus"},
        Bad{nodes("totem {\ntoken: 500\ntoken_retransmit: 600\n}\n"), "token_retransmit"},
        Bad{nodes("totem {\ninterface {\nmcastport: 70000\n}\n}\n"), "line 9"},
        Bad{nodes("totem {\ninterface {\nlinknumber: 9\n}\n}\n"), "line 9"},
        Bad{nodes("totem {\ninterface {\nmember {\n"), "not closed"},
        Bad{"nodelist {\nnode {\nring0_addr: a\n}\n}\n", "line 2: this node has no nodeid"},
        Bad{"nodelist {\nnode {\nnodeid: 1\n}\n}\n", "line 2: this node has no ring0_addr"},
        Bad{"nodelist {\nnode {\nnodeid: 0\nring0_addr: a\n}\n}\n", "line 3: nodeid"},
        Bad{"nodelist {\nnode {\nnodeid: 4294967296\nring0_addr: a\n}\n}\n", "line 3"},
        Bad{"nodelist {\nnode {\nnodeid: 1\nnodeid: 2\nring0_addr: a\n}\n}\n", "line 4"},
        Bad{"nodelist {\nnode {\nnodeid: 1\nring0_addr: a b\n}\n}\n", "line 4"},
        Bad{"nodelist {\nnode {\nnodeid: 1\nringx_addr: a\n}\n}\n", "line 4"},
        Bad{"nodelist {\nnode {\nnodeid: 1\nring99_addr: a\n}\n}\n", "line 4"},
        Bad{"nodelist {\nnodeid: 1\n}\n", "line 2: nodeid belongs into a node"},
        Bad{"nodelist {\nnode {\nnodeid: 1\nring0_addr: a\n}\nnode {\nnodeid: 1\nring0_addr: b\n}\n}\n",
            "line 6: nodeid 1"},
        Bad{"nodelist {\nnode {\nnodeid: 1\nring0_addr: a\n}\nnode {\nnodeid: 2\nring0_addr: a\nname: "
            "b\n}\n}\n",
            "line 6: ring0_addr a"},
        Bad{"nodelist {\nnode {\nnodeid: 1\nname: x\nring0_addr: a\n}\nnode {\nnodeid: 2\nname: "
            "x\nring0_addr: b\n}\n}\n",
            "the name x"},
        Bad{nodes("quorum {\nprovider: mine\n}\n"), "use corosync_votequorum"},
        Bad{nodes("quorum {\nexpected_votes: 0\n}\n"), "line 8"},
        Bad{nodes("quorum {\nauto_tie_breaker_node: 1 x\n}\n"), "line 8"},
        Bad{nodes("quorum {\nauto_tie_breaker_node: 1 77\n}\n"), "node 77"},
        Bad{nodes("quorum {\nlast_man_standing_window: 0\n}\n"), "line 8"},
        Bad{nodes("quorum {\ntwo_node: perhaps\n}\n"), "neither yes nor no"},
        Bad{nodes("quorum {\ntwo_node: 1\n}\n"), "line 8: two_node needs exactly two nodes"},
        Bad{"nodelist {\nnode {\nnodeid: 1\nring0_addr: a\nquorum_votes: 0\n}\n}\n", "no node has a vote"},
        Bad{nodes("logging {\nlogfile: here.log\n}\n"), "absolute path"},
        Bad{std::string((1 << 20) + 1, '#'), "is it the right file"}));

TEST(CorosyncConf, SurvivesAnyBytes) {
  std::minstd_rand random(1);
  const std::string alphabet = "totem{}nodelist: \n\n#ring0_addr1";
  for (int round = 0; round < 3000; ++round) {
    std::string text(kGood);
    for (unsigned i = 0; i < 1 + random() % 10; ++i) {
      const std::size_t at = random() % text.size();
      if (random() % 3 == 0) {
        text.erase(at, random() % 20);
      } else {
        text.insert(at, 1,
                    random() % 2 ? alphabet[random() % alphabet.size()] : static_cast<char>(random() % 256));
      }
      if (text.empty()) text = " ";
    }
    const auto config = parse_corosync_conf(text);
    if (config) {
      EXPECT_FALSE(config->nodes.empty());
    }
  }
}

TEST(CorosyncConf, NamesAreResolvedByWhoeverCanAndTheErrorSaysWhich) {
  auto config =
      parse_corosync_conf("nodelist {\nnode {\nnodeid: 1\nring0_addr: alpha\nring1_addr: fe80::1\n}\n}\n");
  ASSERT_TRUE(config);
  auto failing = *config;
  const auto failed = resolve_addresses(failing, [](const std::string& name) -> Result<std::string> {
    return fail(Errc::kNotFound, "{} is unknown", name);
  });
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().message.find("alpha"), std::string::npos);
  EXPECT_NE(failed.error().message.find("/etc/hosts"), std::string::npos);
  ASSERT_TRUE(
      resolve_addresses(*config, [](const std::string&) -> Result<std::string> { return "10.0.0.7"; }));
  EXPECT_EQ(config->nodes[0].addresses, (std::vector<std::string>{"10.0.0.7", "fe80::1"}));
}

TEST(CorosyncConf, ANodeFindsItselfByNameThenByAddress) {
  const auto config = parse_corosync_conf(kGood).value();
  EXPECT_EQ(find_self(config, "node2", {}).value(), NodeId{2});
  EXPECT_EQ(find_self(config, "node2.example.org", {}).value(), NodeId{2});
  EXPECT_EQ(find_self(config, "other", {"127.0.0.1", "198.51.100.1"}).value(), NodeId{1});
  const auto nobody = find_self(config, "other", {"127.0.0.1"});
  ASSERT_FALSE(nobody);
  EXPECT_NE(nobody.error().message.find("node2"), std::string::npos);
  EXPECT_NE(nobody.error().message.find("127.0.0.1"), std::string::npos);
}

}  // namespace
}  // namespace systole::membership
