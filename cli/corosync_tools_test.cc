// Corosync's tools on answers of a daemon that the tests make up: outputs and exit codes as Corosync 3.1.7's
// own tools give them, for people, pcs, crmsh and exporters.
#include <gtest/gtest.h>

#include "cli/cmap.h"
#include "cli/document_session.h"
#include "cli/tools_test_support.h"

namespace systole::cli {
namespace {

ClusterInfo three_nodes() {
  ClusterInfo info;
  info.nodes = {{1, "alpha", 11, 1, true, true, {"10.0.0.1", "10.1.0.1"}, 1},
                {2, "beta", 12, 1, true, false, {"10.0.0.2", "10.1.0.2"}, 3},
                {10, "gamma", 0, 1, false, false, {"10.0.0.10", "10.1.0.10"}, 1},
                {11, "never", 0, 1, false, false, {"10.0.0.11"}, 0}};
  info.ring_representative = 1;
  info.ring_sequence = 0x2d;
  info.quorate = true;
  info.votes = 2;
  info.expected_votes = 3;
  info.threshold = 2;
  info.cluster_name = "test";
  info.local_node = "alpha";
  info.local_id = 1;
  info.transport = "knet";
  info.totem = {{"token", 1000}, {"interface.0.knet_ping_interval", 100}, {"interface.0.mcastport", 5405}};
  ClusterInfo::Link link;
  link.peer = 2;
  link.local = "10.0.0.1";
  link.remote = "10.0.0.2";
  link.up = true;
  link.latency_us = 120;
  link.latency_min_us = 90;
  link.latency_max_us = 1100;
  link.latency_samples = 7;
  link.mtu = 1500;
  link.ups = 2;
  link.downs = 1;
  link.tx_data = {100, 5000};
  link.tx_link = {10, 400};
  info.links.push_back(link);
  link.link = 1;
  link.local = "10.1.0.1";
  link.remote = "10.1.0.2";
  link.up = false;
  link.loss = 0.25;
  info.links.push_back(link);
  link.peer = 10;
  link.remote = "10.1.0.10";
  info.links.push_back(link);
  info.counters = {{"views", 5}, {"tokens", 1000}, {"frames_refused_auth", 2}};
  info.refused = {{"node 10", "key", 4}};
  info.peers = {{2, 12, true, true, true, 0, 0}, {10, 0, false, true, false, 3, 8000}};
  info.token_rotation_us = 2500;
  return info;
}

class RingSession : public DocumentSession {
 public:
  RingSession(const ClusterInfo& info, std::vector<std::string>& asked)
      : DocumentSession(
            Place::kLive, "live",
            {[] { return std::string("<cib/>"); }, [](const cib::Document&) { return Result<void>(); }},
            Paths{}, "test", "root"),
        info_(info),
        asked_(asked) {}
  Result<ClusterInfo> info(bool) override { return info_; }
  Result<void> shutdown(const std::string& node) override { return note("shutdown " + node); }
  Result<void> reload_ring() override { return note("reload"); }
  Result<void> set_expected_votes(unsigned votes) override { return note(fmt::format("expect {}", votes)); }

 private:
  Result<void> note(std::string what) {
    asked_.push_back(std::move(what));
    return {};
  }
  const ClusterInfo& info_;
  std::vector<std::string>& asked_;
};

class CorosyncTools : public testing::Test {
 protected:
  Outcome run(std::vector<std::string> words) {
    CapturingConsole console;
    Context context;
    context.name = words.front();
    context.args.assign(words.begin() + 1, words.end());
    context.console = &console;
    context.paths.conf = "/nowhere/corosync.conf";
    context.now = [] { return WallTime(Seconds(1'700'000'000)); };
    context.open = [this](const SessionChoice&) -> Result<std::unique_ptr<Session>> {
      if (down) return fail(Errc::kUnavailable, "the cluster is not running on this node");
      return std::make_unique<RingSession>(info, asked);
    };
    const int code = find_tool(context.name)->run(context);
    return {code, console.output, console.errors};
  }
  struct Case {
    std::vector<std::string> words;
    int code;
    const char* out;  // A part; null: nothing at all.
    const char* err;  // Likewise.
  };
  void check(const std::vector<Case>& cases) {
    for (const Case& c : cases) {
      const Outcome got = run(c.words);
      const std::string line = fmt::format("{}\n{}{}", fmt::join(c.words, " "), got.out, got.err);
      EXPECT_EQ(got.code, c.code) << line;
      EXPECT_TRUE(c.out == nullptr ? got.out.empty() : got.out.find(c.out) != std::string::npos) << line;
      EXPECT_TRUE(c.err == nullptr ? got.err.empty() : got.err.find(c.err) != std::string::npos) << line;
    }
  }

  ClusterInfo info = three_nodes();
  std::vector<std::string> asked;
  bool down = false;
};

TEST_F(CorosyncTools, QuorumtoolPrintsWhatExportersRead) {
  const std::string text = run({"corosync-quorumtool", "-s"}).out;
  const std::size_t date = text.find("Date:"), provider = text.find("Quorum provider:");
  ASSERT_LT(date, provider);
  EXPECT_EQ(text.substr(0, date), "Quorum information\n------------------\n");
  EXPECT_EQ(text.substr(provider),
            "Quorum provider:  corosync_votequorum\nNodes:            2\nNode ID:          1\n"
            "Ring ID:          1.2d\nQuorate:          Yes\n\n"
            "Votequorum information\n----------------------\nExpected votes:   3\nHighest expected: 3\n"
            "Total votes:      2\nQuorum:           2  \nFlags:            Quorate \n\n"
            "Membership information\n----------------------\n    Nodeid      Votes Name\n"
            "         1          1 alpha (local)\n         2          1 beta\n");
}

TEST_F(CorosyncTools, QuorumtoolTellsQuorumByItsExitCode) {
  info.quorate = false;
  check({
      {{"corosync-quorumtool"}, 2, "Quorum:           2 Activity blocked\n", nullptr},
      {{"corosync-quorumtool", "-s"}, 2, "Quorate:          No\n", nullptr},
      {{"corosync-quorumtool", "-p"}, 2, "Nodeid      Votes    Qdevice Name\n", nullptr},
      {{"corosync-quorumtool", "-l"}, 0, "         2          1 beta\n", nullptr},
  });
  info.quorate = true;
  check({{{"corosync-quorumtool", "-s"}, 0, "Quorate:          Yes\n", nullptr}});
  down = true;
  check({{{"corosync-quorumtool", "-s"}, 1, nullptr, "not running"}});
}

TEST_F(CorosyncTools, QuorumtoolOptions) {
  check({
      {{"corosync-quorumtool", "-pl"}, 0, "         1          1         NR alpha (local)\n", nullptr},
      {{"corosync-quorumtool", "-li"}, 0, "         2          1 10.0.0.2\n", nullptr},
      {{"corosync-quorumtool", "-lai"}, 0, "         1          1 10.0.0.1, 10.1.0.1 (local)\n", nullptr},
      {{"corosync-quorumtool", "-H"}, 0, "0x00000002          1 beta\n", nullptr},
      {{"corosync-quorumtool", "-H"}, 0, "Node ID:          0x00000001\n", nullptr},
      {{"corosync-quorumtool", "-o", "x"}, 1, nullptr, "valid orders are"},
      {{"corosync-quorumtool", "-V"}, 0, "version: 3.1.7", nullptr},
      {{"corosync-quorumtool", "-h"}, 0, "--expected", nullptr},
      {{"corosync-quorumtool", "-e", "0"}, 1, nullptr, "try a positive number"},
      {{"corosync-quorumtool", "-e", "-3"}, 1, nullptr, "try a positive number"},
      {{"corosync-quorumtool", "-e", "5"}, 0, nullptr, nullptr},
      {{"corosync-quorumtool", "-v", "2", "-n", "1"}, 1, nullptr, "quorum_votes in corosync.conf"},
      {{"corosync-quorumtool", "-f"}, 1, nullptr, "quorum.device"},
      {{"corosync-quorumtool", "-x"}, 1, nullptr, "unknown option"},
  });
  EXPECT_EQ(asked, std::vector<std::string>{"expect 5"});
  info.nodes[0].name = "zeta";
  const std::string named = run({"corosync-quorumtool", "-lo", "n"}).out;
  EXPECT_LT(named.find("beta"), named.find("zeta"));
  const std::string ids = run({"corosync-quorumtool", "-lo", "i"}).out;
  EXPECT_LT(ids.find("zeta"), ids.find("beta"));
}

TEST_F(CorosyncTools, QuorumtoolShowsADevice) {
  info.device_votes = 1;
  info.device_casts = true;
  info.last_man_standing = info.auto_tie_breaker = true;
  check({
      {{"corosync-quorumtool", "-s"},
       0,
       "Flags:            Quorate LastManStanding AutoTieBreaker Qdevice \n",
       nullptr},
      {{"corosync-quorumtool", "-s"}, 0, "         1          1    A,V,NMW alpha (local)\n", nullptr},
      {{"corosync-quorumtool", "-s"}, 0, "         0          1            Qdevice\n", nullptr},
  });
  info.device_casts = false;
  check(
      {{{"corosync-quorumtool", "-s"}, 0, "         0          0            Qdevice (votes 1)\n", nullptr}});
}

TEST_F(CorosyncTools, CfgtoolShowsLinks) {
  check({
      {{"corosync-cfgtool", "-s"},
       0,
       "Local node ID 1, transport knet\nLINK ID 0 udp\n\taddr\t= 10.0.0.1\n\tstatus:\n"
       "\t\tnodeid:          1:\tlocalhost\n\t\tnodeid:          2:\tconnected\n"
       "LINK ID 1 udp\n\taddr\t= 10.1.0.1\n\tstatus:\n\t\tnodeid:          1:\tlocalhost\n"
       "\t\tnodeid:          2:\tdisconnected\n\t\tnodeid:         10:\tdisconnected\n",
       nullptr},
      {{"corosync-cfgtool", "-sb"}, 1, "LINK ID 0 udp\n\taddr\t= 10.0.0.1\n\tstatus\t= n3\n", nullptr},
      {{"corosync-cfgtool", "-sb", "-i", "0"}, 0, "\tstatus\t= n3\n", nullptr},
      {{"corosync-cfgtool", "-s", "-i", "10.1.0.1"}, 0, "knet\nLINK ID 1 udp\n", nullptr},
      {{"corosync-cfgtool", "-s", "-i", "7"}, 1, nullptr, "no link 7"},
      {{"corosync-cfgtool", "-n"},
       0,
       "Local node ID 1, transport knet\nnodeid: 2 reachable\n"
       "   LINK: 0 udp (10.0.0.1->10.0.0.2) enabled connected mtu: 1500\n"
       "   LINK: 1 udp (10.1.0.1->10.1.0.2) enabled mtu: 1500\n\n",
       nullptr},
      {{"corosync-cfgtool", "-a", "10"}, 0, "10.0.0.10 10.1.0.10\n", nullptr},
      {{"corosync-cfgtool", "-a", "9"}, 1, nullptr, "Could not get node address for nodeid 9"},
      {{"corosync-cfgtool"}, 0, "--reload", nullptr},
      {{"corosync-cfgtool", "-h"}, 0, "--reload", nullptr},
      {{"corosync-cfgtool", "-L"}, 0, nullptr, nullptr},
  });
  EXPECT_EQ(run({"corosync-cfgtool", "-n"}).out.find("nodeid: 10"), std::string::npos);
  EXPECT_TRUE(asked.empty());
}

TEST_F(CorosyncTools, CfgtoolActs) {
  check({
      {{"corosync-cfgtool", "-R"}, 0, "Reloading corosync.conf...\nDone\n", nullptr},
      {{"corosync-cfgtool", "-k", "2"}, 0, "Killing node 2\n", nullptr},
      {{"corosync-cfgtool", "-k", "9"}, 1, "Killing node 9\n", "CS_ERR_NOT_EXIST"},
      {{"corosync-cfgtool", "-k", "10"}, 1, "Killing node 10\n", "not a member"},
      {{"corosync-cfgtool", "-k", "2x"}, 1, "Killing node 2x\n", "CS_ERR_NOT_EXIST"},
      {{"corosync-cfgtool", "-H", "--force"}, 0, nullptr, nullptr},
  });
  EXPECT_EQ(asked, (std::vector<std::string>{"reload", "shutdown beta", "shutdown "}));
}

TEST_F(CorosyncTools, CmapctlReadsKeys) {
  const char* missing = "its settings are missing";  // No corosync.conf here.
  check({
      {{"corosync-cmapctl", "-g", "runtime.members.2.status"},
       0,
       "runtime.members.2.status (str) = joined\n",
       missing},
      {{"corosync-cmapctl", "-qg", "runtime.members.10.status"}, 0, "left\n", missing},
      {{"corosync-cmapctl", "-g", "runtime.members.2.ip"},
       0,
       "= r(0) ip(10.0.0.2) r(1) ip(10.1.0.2) \n",
       missing},
      {{"corosync-cmapctl", "runtime.totem.pg.mrp.srp.members.2.ip"},
       0,
       "srp.members.2.ip (str) = r(0)",
       missing},
      {{"corosync-cmapctl", "-g", "runtime.config.totem.token"}, 0, "(u32) = 1000\n", missing},
      {{"corosync-cmapctl", "-g", "totem.interface.0.mcastport"}, 0, "(u16) = 5405\n", missing},
      {{"corosync-cmapctl", "-g", "nope"}, 1, nullptr, "Can't get key nope. Error CS_ERR_NOT_EXIST"},
      {{"corosync-cmapctl", "-b", "nope"}, 1, nullptr, missing},
      {{"corosync-cmapctl", "-m", "nope"}, 1, nullptr, "invalid map name"},
      {{"corosync-cmapctl", "-g"}, 1, nullptr, "no key"},
      {{"corosync-cmapctl", "-m", "stats", "-g", "stats.knet.node2.link0.connected"},
       0,
       "(u8) = 1\n",
       nullptr},
      {{"corosync-cmapctl", "-g", "stats.knet.node2.link1.loss_percent"}, 0, "(dbl) = 25.000000\n", nullptr},
      {{"corosync-cmapctl", "-g", "stats.knet.node2.link0.tx_total_bytes"}, 0, "(u64) = 5400\n", nullptr},
      {{"corosync-cmapctl", "-m", "icmap", "-g", "stats.knet.node2.link1.mtu"}, 1, nullptr, "NOT_EXIST"},
      {{"corosync-cmapctl", "-g", "stats.srp.operational_entered"}, 0, "(u64) = 5\n", nullptr},
      {{"corosync-cmapctl", "-g", "stats.refused.key.node_10"}, 0, "(u64) = 4\n", nullptr},
      {{"corosync-cmapctl", "-g", "stats.ring.node10.quarantine_ms"}, 0, "(u64) = 8000\n", nullptr},
  });
  const std::string all = run({"corosync-cmapctl"}).out;
  EXPECT_EQ(all.find("stats."), std::string::npos);
  EXPECT_EQ(all.find("pg.mrp"), std::string::npos);
  EXPECT_EQ(all.find("members.11."), std::string::npos);  // Never seen.
  EXPECT_NE(all.find("runtime.votequorum.highest_node_id (u32) = 11\n"), std::string::npos);
  down = true;
  check({{{"corosync-cmapctl"}, 1, nullptr, "not running"}});
}

TEST_F(CorosyncTools, CmapctlRefusesChangesAndSaysWhatToDo) {
  check({
      {{"corosync-cmapctl", "-s", "totem.token", "u32", "5000"}, 1, nullptr, "crm cluster reload"},
      {{"corosync-cmapctl", "-s", "quorum.expected_votes", "u32", "5"}, 1, nullptr, "corosync-quorumtool -e"},
      {{"corosync-cmapctl", "-s", "quorum.cancel_wait_for_all", "u8", "1"}, 1, nullptr, "wait_for_all: 0"},
      {{"corosync-cmapctl", "-d", "nodelist.node.1.name"}, 1, nullptr, "read-only"},
      {{"corosync-cmapctl", "-D", "nodelist."}, 1, nullptr, "read-only"},
      {{"corosync-cmapctl", "-p", "file"}, 1, nullptr, "read-only"},
      {{"corosync-cmapctl", "-C", "all"}, 1, nullptr, "take differences"},
      {{"corosync-cmapctl", "-s"}, 1, nullptr, "no key"},
  });
}

TEST(Cmap, CorosyncConfBecomesTypedKeys) {
  Cmap map;
  add_settings(
      "# A comment\ntotem {\n  version: 2\n  cluster_name: 12\n  config_version: 7\n  interface {\n    "
      "linknumber: 1\n"
      "    mcastport: 5410\n    knet_link_priority: 2\n  }\n}\nquorum {\n  two_node: 1\n  expected_votes: 2\n"
      "  device {\n    model: net\n    votes: 1\n    net {\n      host: q1\n    }\n  }\n}\n"
      "nodelist {\n  node {\n    ring0_addr: 10.0.0.1\n    nodeid: 1\n  }\n  node {\n    name: n2\n  }\n}\n"
      "logging {\n  logger_subsys {\n    subsys: QUORUM\n    debug: on\n  }\n}\nuidgid {\n  uid: 500\n}\n",
      map);
  const Cmap expected{{"totem.version", {"u32", "2"}},
                      {"totem.cluster_name", {"str", "12"}},
                      {"totem.config_version", {"u64", "7"}},
                      {"totem.interface.1.mcastport", {"u16", "5410"}},
                      {"totem.interface.1.knet_link_priority", {"u8", "2"}},
                      {"quorum.two_node", {"u8", "1"}},
                      {"quorum.expected_votes", {"u32", "2"}},
                      {"quorum.device.model", {"str", "net"}},
                      {"quorum.device.votes", {"u32", "1"}},
                      {"quorum.device.net.host", {"str", "q1"}},
                      {"nodelist.node.0.ring0_addr", {"str", "10.0.0.1"}},
                      {"nodelist.node.0.nodeid", {"u32", "1"}},
                      {"nodelist.node.1.name", {"str", "n2"}},
                      {"logging.logger_subsys.QUORUM.debug", {"str", "on"}},
                      {"uidgid.config.uid.500", {"u8", "1"}}};
  EXPECT_EQ(map, expected);
}

TEST(Cmap, TheLocalPositionIsTheFilesOrder) {
  Cmap map;
  add_settings("nodelist {\nnode {\nnodeid: 2\n}\nnode {\nnodeid: 1\n}\n}\n", map);
  add_runtime(three_nodes(), map);
  EXPECT_EQ(map.at("nodelist.local_node_pos").value, "1");
}

TEST(Cmap, AnyTextIsRead) {
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "a {\n";
  for (const std::string& text :
       {std::string("}\n}\ntotem {"), deep, std::string("x: 1\n}\ny: 2"), std::string(":\n:::")}) {
    Cmap map;
    add_settings(text, map);
    EXPECT_LE(map.size(), 3U);
  }
}

}  // namespace
}  // namespace systole::cli
