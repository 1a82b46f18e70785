// What `systole ring` and `crm cluster health` say of rings that the tests make up.
#include "cli/ring_view.h"

#include <gtest/gtest.h>

#include "cli/document_session.h"
#include "cli/health.h"
#include "cli/output.h"
#include "cli/tools_test_support.h"

namespace systole::cli {
namespace {

ClusterInfo healthy() {
  ClusterInfo info;
  info.nodes = {{1, "alpha", 11, 1, true, true, {"10.0.0.1", "10.1.0.1"}, 1},
                {2, "beta", 12, 1, true, false, {"10.0.0.2", "10.1.0.2"}, 1},
                {3, "gamma", 13, 1, true, false, {"10.0.0.3", "10.1.0.3"}, 1}};
  info.ring_representative = 1;
  info.ring_sequence = 0x2d;
  info.ring_state = "OPERATIONAL";
  info.quorate = info.synced = true;
  info.votes = info.expected_votes = 3;
  info.threshold = 2;
  info.cluster_name = "test";
  info.local_node = "alpha";
  info.dc = "beta";
  info.local_id = 1;
  info.totem = {{"token", 1000}};
  info.counters = {{"views", 4}, {"messages_sent", 1000}, {"retransmits", 2}};
  info.token_rotation_us = 2500;
  for (const std::uint32_t peer : {2U, 3U}) {
    info.peers.push_back({peer, 10 + peer, true, true, true, 0, 0});
    for (const std::uint32_t number : {0U, 1U}) {
      ClusterInfo::Link link;
      link.peer = peer;
      link.link = number;
      link.local = fmt::format("10.{}.0.1", number);
      link.remote = fmt::format("10.{}.0.{}", number, peer);
      link.up = true;
      link.used = number == 0;
      link.latency_us = 120;
      link.latency_min_us = 90;
      link.latency_max_us = 1100;
      link.latency_samples = 7;
      link.mtu = 1500;
      link.tx_data = {100, 5000};
      info.links.push_back(link);
    }
  }
  return info;
}

WallTime at(std::int64_t seconds) { return WallTime(Seconds(seconds)); }

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST(RingView, TellsTheWholeRing) {
  const std::string text = ring_text({healthy(), at(100)});
  for (const char* part :
       {"Ring of test as alpha (1) sees it\n", "  State:     OPERATIONAL, view 1.2d, 3 of 3 nodes\n",
        "  Quorum:    yes, 3 of 3 votes, 2 needed\n",
        "  Token:     round in 2.50 ms, timeout 1000 ms, lost 0 times\n",
        "  Messages:  1000 sent, 0 delivered, 2 packets sent again; 4 views\n", "  Loop:      never too late",
        "  * alpha (1): member, this node\n", "  * beta (2): member\n", "0.12   0.09..1.10  0.0%  1500",
        "Refused frames:\n  * none\n"})
    EXPECT_TRUE(has(text, part)) << part << "\n" << text;
}

TEST(RingView, TellsTrouble) {
  ClusterInfo info = healthy();
  info.nodes[2].member = false;
  info.peers[1] = {3, 0, false, true, false, 4, 8400};
  info.links[3].up = false;
  info.links[3].downs = 2;
  info.refused = {{"node 3\x1b[31m", "key", 9}};
  info.delays = 2;
  info.worst_delay_us = 400'000;
  info.next_key = 5;
  info.key_phase = "receive-only";
  info.key_waiting_for = {3};
  const std::string text = ring_text({info, at(100)});
  for (const char* part :
       {"gamma (3): LOST, heard, but it DOES NOT HEAR us, left 4 times lately, QUARANTINED for 8.4 s more",
        "DOWN, was down 2x", "9 of node 3\\x1b[31m (key): sealed with another cluster key",
        "LATE 2 times, at worst 400.00 ms", "00000005 follows, receive-only: waits for gamma (3)"})
    EXPECT_TRUE(has(text, part)) << part << "\n" << text;
}

TEST(RingView, RatesAreOfTheTimeBetween) {
  RingSample before{healthy(), at(100)}, now{healthy(), at(102)};
  now.info.counters["messages_sent"] = 1500;
  now.info.links[0].tx_data.bytes += 4096;
  std::string text = ring_text(now, &before);
  EXPECT_TRUE(has(text, "1500 sent (250/s)")) << text;
  EXPECT_TRUE(has(text, "2.0 KiB/s")) << text;
  now.info.counters["messages_sent"] = 3;  // The daemon was started anew.
  text = ring_text(now, &before);
  EXPECT_TRUE(has(text, "3 sent, ")) << text;
}

TEST(RingView, IsATreeForPrograms) {
  pugi::xml_document document;
  add_ring_tree(document, healthy());
  const pugi::xml_node ring = document.child("ring");
  EXPECT_STREQ(ring.attribute("view").value(), "1.2d");
  EXPECT_STREQ(ring.child("token").attribute("rotation_us").value(), "2500");
  EXPECT_EQ(
      std::distance(ring.child("links").children("link").begin(), ring.child("links").children("link").end()),
      4);
  const std::string json = json_text(ring);
  EXPECT_TRUE(has(json, "\"rotation_us\": 2500")) << json;
  EXPECT_TRUE(has(json, "\"member\": true")) << json;
}

class RingTool : public testing::Test {
 protected:
  struct Fake : DocumentSession {
    explicit Fake(const ClusterInfo& i)
        : DocumentSession(
              Place::kLive, "live",
              {[] { return std::string("<cib/>"); }, [](const cib::Document&) { return Result<void>(); }},
              Paths{}, "test", "root"),
          info_(i) {}
    Result<ClusterInfo> info(bool) override { return info_; }
    const ClusterInfo& info_;
  };
  Outcome run(std::vector<std::string> args) {
    CapturingConsole console;
    Context context;
    context.name = "systole-ring";
    context.args = std::move(args);
    context.console = &console;
    context.now = [] { return at(5); };
    context.open = [this](const SessionChoice&) -> Result<std::unique_ptr<Session>> {
      return std::make_unique<Fake>(info);
    };
    return {run_ring(context), console.output, console.errors};
  }
  ClusterInfo info = healthy();
};

TEST_F(RingTool, HasThreeFormats) {
  EXPECT_TRUE(has(run({"-1"}).out, "Ring of test"));
  EXPECT_TRUE(has(run({}).out, "Ring of test"));  // No terminal: once.
  const Outcome xml = run({"--output-as=xml"});
  EXPECT_TRUE(xml.out.starts_with("<pacemaker-result") && has(xml.out, "<ring cluster=\"test\"")) << xml.out;
  EXPECT_TRUE(run({"--output-as=json"}).out.starts_with("{\n"));
  EXPECT_EQ(run({"--output-as=html"}).code, 64);
  EXPECT_EQ(run({"--interval=0"}).code, 64);
  EXPECT_TRUE(has(run({"--help"}).out, "--one-shot"));
}

// --- Health
// --------------------------------------------------------------------------------------------------------

class Health : public testing::Test {
 protected:
  static constexpr const char* kDevice =
      R"(<group id="g"><primitive id="f" class="stonith" type="external/ssh"/></group>)";

  void SetUp() override {
    input.info = healthy();
    input.now = at(1'700'000'000);
    input.clock_synchronised = true;
    input.disk = {"/var/lib/systole", 8ULL << 30, 10ULL << 30};
    resources(kDevice);
  }
  void resources(const std::string& xml, const std::string& properties = "") {
    document = cib::Document::parse("<cib><configuration><crm_config><cluster_property_set id='p'>" +
                                    properties + "</cluster_property_set></crm_config><nodes/><resources>" +
                                    xml + "</resources><constraints/></configuration><status/></cib>")
                   .value();
    input.document = &document;
  }
  // The findings that are not good, as "GRADE area text".
  std::vector<std::string> found() const {
    std::vector<std::string> list;
    for (const Finding& each : check_health(input)) {
      EXPECT_EQ(each.remedy.empty(), each.grade == Finding::Grade::kGood) << each.text;
      if (each.grade != Finding::Grade::kGood)
        list.push_back(fmt::format("{} {} {}", each.grade == Finding::Grade::kWrong ? "WRONG" : "note",
                                   each.area, each.text));
    }
    return list;
  }
  void expect_one(const std::string& what) {
    const auto list = found();
    ASSERT_EQ(list.size(), 1U) << fmt::format("{}", fmt::join(list, "\n")) << "\nwanted: " << what;
    EXPECT_TRUE(has(list[0], what)) << list[0] << "\nwanted: " << what;
  }

  cib::Document document = cib::Document::parse("<cib/>").value();
  HealthInput input;
};

TEST_F(Health, AllIsWell) {
  EXPECT_TRUE(found().empty());
  const auto findings = check_health(input);
  EXPECT_EQ(findings.size(), 8U);
  const std::string text = health_text(findings);
  EXPECT_TRUE(text.starts_with("ok     ring     OPERATIONAL, view 1.2d, DC beta\n")) << text;
}

TEST_F(Health, EachTroubleIsFoundOnce) {
  struct Case {
    std::function<void(HealthInput&)> make;
    const char* found;
  };
  const std::vector<Case> cases{
      {[](auto& in) { in.info.ring_state = "GATHER"; }, "WRONG ring it is in the state GATHER"},
      {[](auto& in) { in.info.dc.clear(); }, "WRONG ring there is no DC"},
      {[](auto& in) { in.info.synced = false; }, "WRONG ring this node does not have"},
      {[](auto& in) { in.info.token_rotation_us = 600'000; }, "WRONG ring the token takes 600 ms"},
      {[](auto& in) { in.info.delays = 3; }, "note ring the ring's loop ran late 3 times"},
      {[](auto& in) { in.info.key_waiting_for = {2}; }, "note ring a new key waits"},
      {[](auto& in) { in.info.peers[0].quarantine_ms = 8200; },
       "WRONG nodes beta (2) left 0 times lately and is kept out for 9 s"},
      {[](auto& in) { in.info.peers[0].flaps = 2; }, "note nodes beta (2) left 2 times lately"},
      {[](auto& in) { in.info.nodes[1].member = false; }, "WRONG nodes beta (2) is lost"},
      {[](auto& in) { in.info.nodes[1].member = in.info.peers[0].hears_us = false; },
       "WRONG nodes beta (2) is heard but does not hear"},
      {[](auto& in) {
         in.info.nodes[1].member = false;
         in.info.nodes[1].joins = 0;
         in.info.peers[0].heard = false;
       },
       "WRONG nodes beta (2) was not seen"},
      {[](auto& in) { in.info.quorate = false; }, "WRONG quorum none: 3 of 3 votes"},
      {[](auto& in) {
         in.info.quorate = false;
         in.info.waiting_for_all = true;
       },
       "WRONG quorum none yet: wait_for_all"},
      {[](auto& in) { in.info.votes = 2; }, "note quorum 2 of 3 votes, 2 needed: one node less"},
      {[](auto& in) { in.info.device_votes = 1; }, "WRONG quorum the quorum device does not vote"},
      {[](auto& in) { in.info.links[1].up = false; },
       "WRONG links link 1 to beta (2) is down (10.1.0.1 -> 10.1.0.2)"},
      {[](auto& in) { in.info.links[0].loss = 0.25; }, "WRONG links link 0 to beta (2) loses 25.0%"},
      {[](auto& in) { in.info.links[0].loss = 0.02; }, "note links link 0 to beta (2) loses 2.0%"},
      {[](auto& in) { in.info.links[0].latency_us = 300'000; },
       "WRONG links link 0 to beta (2) has a latency of 300 ms"},
      {[](auto& in) { in.info.links[0].mtu = 600; },
       "note links link 0 to beta (2) takes packets of 600 bytes"},
      {[](auto& in) { std::erase_if(in.info.links, [](const auto& l) { return l.link == 1; }); },
       "note links there is one network only"},
      {[](auto& in) {
         in.info.refused = {{"10.9.9.9", "auth", 4}};
       },
       "note frames 4 of 10.9.9.9 were refused"},
      {[](auto& in) {
         in.last_change = JournalVersion{"0.9.0", "root@beta", "", "", 1'700'000'300};
       },
       "WRONG clock the last change (root@beta) was made 300 s after"},
      {[](auto& in) { in.clock_synchronised = false; }, "note clock this host's clock is not synchronised"},
      {[](auto& in) { in.disk->free = 30ULL << 20; }, "WRONG disk /var/lib/systole: 30 MiB"},
      {[](auto& in) { in.disk->free = 900ULL << 20; }, "note disk /var/lib/systole: 900 MiB"},
      {[](auto& in) { in.disk.reset(); }, "note disk its free space could not be told"},
      {[](auto& in) {
         in.fencing = {{"beta", "reboot", "f", "", "", "timed out", false, 50},
                       {"beta", "reboot", "f", "", "", "", true, 40}};
       },
       "WRONG fencing beta could not be fenced (reboot): timed out"},
  };
  for (const Case& c : cases) {
    const HealthInput whole = input;
    c.make(input);
    expect_one(c.found);
    input = whole;
  }
}

TEST_F(Health, AFencingThatSucceededLaterIsWell) {
  input.fencing = {{"beta", "reboot", "f", "", "", "timed out", false, 40},
                   {"beta", "reboot", "f", "", "", "", true, 50}};
  EXPECT_TRUE(found().empty());
}

TEST_F(Health, FramesOfAMissingMemberAreWhatIsWrong) {
  input.info.nodes[2].member = false;
  input.info.refused = {{"node 3", "key", 9}};
  const auto list = found();
  ASSERT_EQ(list.size(), 2U);
  EXPECT_TRUE(has(list[1], "WRONG frames 9 of node 3")) << list[1];
}

TEST_F(Health, FencingIsConfigured) {
  resources(kDevice, "<nvpair id='s' name='stonith-enabled' value='false'/>");
  expect_one("WRONG fencing it is disabled");
  resources("<primitive id='d' class='ocf' provider='heartbeat' type='Dummy'/>");
  expect_one("WRONG fencing it is enabled, but there is no device");
  resources("", "<nvpair id='s' name='stonith-watchdog-timeout' value='10s'/>");
  EXPECT_TRUE(found().empty());
}

TEST_F(Health, TwoNodesWantTwoNode) {
  input.info.nodes.pop_back();
  input.info.peers.pop_back();
  std::erase_if(input.info.links, [](const auto& l) { return l.peer == 3; });
  input.info.votes = input.info.expected_votes = input.info.threshold = 2;
  expect_one("note quorum two nodes without two_node");
  input.info.two_node = true;
  EXPECT_TRUE(found().empty());
}

}  // namespace
}  // namespace systole::cli
