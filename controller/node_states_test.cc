// What the DC writes about nodes, as tables of documents before and after.
#include "controller/node_states.h"

#include <gtest/gtest.h>

#include "controller/attributes.h"
#include "controller/cleanup.h"
#include "controller/cluster_properties.h"
#include "controller/dc.h"
#include "controller/messages.pb.h"
#include "controller/properties.h"

namespace systole::controller {
namespace {

membership::ClusterConfig three() {
  membership::ClusterConfig config;
  config.totem.cluster_name = "web";
  for (unsigned i = 1; i <= 3; ++i) config.nodes.push_back({NodeId{i}, fmt::format("n{}", i), {}, 1});
  return config;
}

membership::View view(std::vector<std::pair<unsigned, std::uint64_t>> lives) {
  membership::View v;
  v.id = {5, NodeId{lives.front().first}};
  for (const auto& [id, incarnation] : lives) v.members.push_back({NodeId{id}, Incarnation{incarnation}});
  return v;
}

std::string attribute(const cib::Document& d, const std::string& node, const char* name) {
  return node_state(d, node).attribute(name).value();
}

// Applies, and says that it could be.
void make(cib::Document& d, const std::optional<cib::Op>& op) {
  ASSERT_TRUE(op);
  const auto applied = cib::apply(d, *op);
  ASSERT_TRUE(applied) << applied.error().message;
}

// A document in which n1..n3 are members with incarnation 10*id and have a history.
cib::Document running() {
  cib::Document d = cib::Document::empty();
  make(d, view_update(d, view({{1, 10}, {2, 20}, {3, 30}}), true, {}, three()));
  for (unsigned i = 1; i <= 3; ++i) {
    const std::string lrm = fmt::format(
        R"(<lrm id="{0}"><lrm_resources><lrm_resource id="r" class="ocf" provider="p" type="D">)"
        R"(<lrm_rsc_op id="r_last_0"/><lrm_rsc_op id="r_last_failure_0" operation="start" interval="0"/></lrm_resource></lrm_resources></lrm>)",
        i);
    const std::string attributes = fmt::format(
        R"(<transient_attributes id="{0}"><instance_attributes id="status-{0}"><nvpair id="status-{0}-f" name="fail-count-r#start_0" value="1"/>)"
        R"(<nvpair id="status-{0}-x" name="x" value="y"/></instance_attributes></transient_attributes>)",
        i);
    make(d, own_state(fmt::format("n{}", i), {NodeId{i}, Incarnation{10 * i}}, lrm, attributes));
  }
  return d;
}

TEST(ViewUpdate, MembersOfAnEmptyDocumentAreEnteredAsJoining) {
  cib::Document d = cib::Document::empty();
  make(d, view_update(d, view({{1, 10}, {3, 30}}), true, {}, three()));
  EXPECT_EQ(attribute(d, "n1", "join"), "pending");
  EXPECT_EQ(attribute(d, "n3", "in_ccm"), "true");
  EXPECT_EQ(attribute(d, "n3", "incarnation"), "30");
  EXPECT_FALSE(node_state(d, "n2"));
  EXPECT_STREQ(d.root().attribute("have-quorum").value(), "1");
  EXPECT_STREQ(d.root().attribute("dc-uuid").value(), "1");
  EXPECT_EQ(joining_nodes(d), (std::vector<std::string>{"n1", "n3"}));
  EXPECT_EQ(unseen_nodes(d, three()), std::vector<std::string>{"n2"});
}

TEST(ViewUpdate, AMemberThatSpokeForItselfStaysOneAndNothingChangesTwice) {
  const cib::Document d = running();
  EXPECT_EQ(attribute(d, "n2", "join"), "member");
  EXPECT_TRUE(joining_nodes(d).empty());
  EXPECT_FALSE(view_update(d, view({{1, 10}, {2, 20}, {3, 30}}), true, {}, three()));
}

TEST(ViewUpdate, ANodeThatLeftWithoutLeaveIsLostAndExpected) {
  cib::Document d = running();
  make(d, view_update(d, view({{1, 10}, {2, 20}}), true, {}, three()));
  EXPECT_EQ(attribute(d, "n3", "in_ccm"), "false");
  EXPECT_EQ(attribute(d, "n3", "crmd"), "offline");
  EXPECT_EQ(attribute(d, "n3", "expected"), "member");
  EXPECT_TRUE(node_state(d, "n3").child("lrm"));
  EXPECT_FALSE(forget_departed(d, view({{1, 10}, {2, 20}})));
}

TEST(ViewUpdate, ANewLifeAndAnotherHistoryBothJoinAnew) {
  cib::Document d = running();
  make(d, view_update(d, view({{1, 10}, {2, 21}, {3, 30}}), true, {NodeId{3}}, three()));
  EXPECT_EQ(attribute(d, "n1", "join"), "member");
  EXPECT_EQ(attribute(d, "n2", "join"), "pending");
  EXPECT_EQ(attribute(d, "n3", "join"), "pending");
}

TEST(ViewUpdate, ANodeToldToGoIsNotExpectedBackByAnotherView) {
  cib::Document d = running();
  make(d, leaving("n3", NodeId{3}));
  EXPECT_EQ(attribute(d, "n3", "expected"), "down");
  make(d, view_update(d, view({{1, 10}, {3, 30}}), true, {}, three()));
  EXPECT_EQ(attribute(d, "n3", "expected"), "down");
  make(d, view_update(d, view({{1, 10}}), false, {}, three()));
  EXPECT_EQ(attribute(d, "n3", "expected"), "down");
  EXPECT_EQ(attribute(d, "n3", "crmd"), "offline");
  make(d, forget_departed(d, view({{1, 10}})));
  EXPECT_FALSE(node_state(d, "n3").child("transient_attributes"));
  EXPECT_TRUE(node_state(d, "n3").child("lrm"));  // What was unmanaged runs on there.
  EXPECT_TRUE(node_state(d, "n2").child("transient_attributes"));
  EXPECT_FALSE(forget_departed(d, view({{1, 10}})));
  // And is a member again in its next life.
  make(d, view_update(d, view({{1, 10}, {3, 31}}), true, {NodeId{3}}, three()));
  EXPECT_EQ(attribute(d, "n3", "expected"), "member");
}

TEST(ConfirmedDown, ErasesWhatRanThereAndOnlyForTheLifeThatWasShot) {
  cib::Document d = running();
  make(d, view_update(d, view({{1, 10}, {2, 20}}), true, {}, three()));
  EXPECT_FALSE(needs_confirmation(d, {NodeId{3}, Incarnation{29}}, "n3"));
  EXPECT_FALSE(needs_confirmation(d, {NodeId{3}, Incarnation{0}}, "n3"));
  ASSERT_TRUE(needs_confirmation(d, {NodeId{3}, Incarnation{30}}, "n3"));
  make(d, confirmed_down(d, "n3", NodeId{3}));
  EXPECT_EQ(attribute(d, "n3", "expected"), "down");
  EXPECT_FALSE(node_state(d, "n3").first_child());
  EXPECT_FALSE(needs_confirmation(d, {NodeId{3}, Incarnation{0}}, "n3"));
}

TEST(ConfirmedDown, EntersANodeThatNobodyHasSeen) {
  cib::Document d = cib::Document::empty();
  ASSERT_TRUE(needs_confirmation(d, {NodeId{3}, Incarnation{0}}, "n3"));
  make(d, confirmed_down(d, "n3", NodeId{3}));
  EXPECT_EQ(attribute(d, "n3", "crmd"), "offline");
  EXPECT_TRUE(unseen_nodes(d, three()).size() == 2);
}

TEST(Properties, AreReadWithTheBootstrapSetFirst) {
  const auto d = cib::Document::parse(
      R"(<cib><configuration><crm_config><cluster_property_set id="other"><nvpair id="a" name="x" value="1"/>)"
      R"(<nvpair id="b" name="y" value="2"/></cluster_property_set><cluster_property_set id="cib-bootstrap-options">)"
      R"(<nvpair id="c" name="x" value="3"/><nvpair id="d" name="stonith-enabled" value="Off"/></cluster_property_set>)"
      R"(</crm_config><nodes/><resources/><constraints/></configuration><status/></cib>)");
  ASSERT_TRUE(d);
  EXPECT_EQ(property(*d, "x"), "3");
  EXPECT_EQ(property(*d, "y"), "2");
  EXPECT_FALSE(property(*d, "z"));
  EXPECT_FALSE(property_is(*d, "stonith-enabled", true));
  EXPECT_FALSE(startup_fencing(*d));
}

TEST(Properties, IntervalsInAllTheirSpellings) {
  const std::pair<const char*, std::int64_t> good[] = {
      {"10", 10'000},      {"10s", 10'000},      {"250ms", 250},    {"5min", 300'000},
      {"5m", 300'000},     {"1h", 3'600'000},    {"PT10S", 10'000}, {"PT1H30M", 5'400'000},
      {"P1D", 86'400'000}, {" 15min ", 900'000}, {"0", 0}};
  for (const auto& [text, ms] : good) EXPECT_EQ(parse_interval(text), Milliseconds(ms)) << text;
  for (const char* bad : {"", "s", "-5", "10x", "P", "PT", "PT5", "P5M", "99999999999999999999"}) {
    EXPECT_FALSE(parse_interval(bad)) << bad;
  }
}

TEST(ClusterProperties, ArePutBackWhenMissingAndLeftAloneWhenThere) {
  cib::Document d = cib::Document::empty();
  make(d, property_update(d, three(), false));
  EXPECT_EQ(property(d, "cluster-infrastructure"), "corosync");
  EXPECT_EQ(property(d, "cluster-name"), "web");
  EXPECT_EQ(property(d, "have-watchdog"), "false");
  EXPECT_EQ(property(d, "dc-version"), kDcVersion);
  EXPECT_FALSE(property_update(d, three(), false));
  make(d, node_entries(d, three()));
  EXPECT_STREQ(d.section("nodes").find_child_by_attribute("node", "id", "2").attribute("uname").value(),
               "n2");
  EXPECT_FALSE(node_entries(d, three()));
}

TEST(NodeAttributes, AreSetCountedAndDeletedInBothPlaces) {
  cib::Document d = running();
  for (const bool permanent : {false, true}) {
    const auto set = [&](const std::string& value) {
      const auto op = attribute_op(d, three(), "n2", "pingd", value, permanent);
      ASSERT_TRUE(op);
      ASSERT_TRUE(cib::apply(d, *op));
    };
    set("100");
    EXPECT_EQ(attribute_value(d, "n2", "pingd", permanent), "100");
    set("++");
    set("+=9");
    EXPECT_EQ(attribute_value(d, "n2", "pingd", permanent), "110");
    EXPECT_EQ(attribute_values(d, "pingd", permanent), (std::map<std::string, std::string>{{"n2", "110"}}));
    set("");
    EXPECT_FALSE(attribute_value(d, "n2", "pingd", permanent));
  }
  EXPECT_FALSE(attribute_op(d, three(), "nobody", "a", "b", false));
  EXPECT_EQ(counted("INFINITY", "++"), "INFINITY");
  EXPECT_EQ(counted("5", "-INFINITY"), "-INFINITY");
  EXPECT_EQ(counted("5", "-=7"), "-2");
}

TEST(Cleanup, ErasesHistoryAndCountsOfWhatIsAsked) {
  cib::Document d = running();
  wire::Cleanup what;
  what.set_resource("r");
  what.set_node("n2");
  EXPECT_EQ(cleaned_resources(d, what, "n2"), std::vector<std::string>{"r"});
  EXPECT_TRUE(cleaned_resources(d, what, "n1").empty());
  make(d, cleanup_op(d, what));
  EXPECT_FALSE(node_state(d, "n2").child("lrm").child("lrm_resources").first_child());
  EXPECT_FALSE(attribute_value(d, "n2", "fail-count-r#start_0", false));
  EXPECT_EQ(attribute_value(d, "n2", "x", false), "y");
  EXPECT_TRUE(node_state(d, "n1").child("lrm").child("lrm_resources").first_child());
  EXPECT_FALSE(cleanup_op(d, what));
}

TEST(Cleanup, OfFailuresOnlyLeavesWhatDidNotFail) {
  cib::Document d = running();
  wire::Cleanup what;
  what.set_failures_only(true);
  what.set_operation("monitor");
  what.set_interval_ms(10000);
  EXPECT_FALSE(cleanup_op(d, what));
  what.set_operation("start");
  what.set_interval_ms(0);
  EXPECT_EQ(cleaned_resources(d, what, "n3"), std::vector<std::string>{"r"});
  make(d, cleanup_op(d, what));
  EXPECT_FALSE(cleanup_op(d, what));
}

TEST(Dc, IsTheLowestMemberAndActsAtOnceWithQuorumOrAfterDcDeadtime) {
  EXPECT_EQ(dc_of(view({{2, 1}, {3, 1}})), NodeId{2});
  EXPECT_FALSE(dc_of({}));
  Seen seen;
  seen.started = Time(Seconds(100));
  EXPECT_EQ(may_act_at(seen), seen.started + kDcDeadtime);
  seen.quorate_since = Time(Seconds(101));
  EXPECT_EQ(may_act_at(seen), Time(Seconds(101)));
}

}  // namespace
}  // namespace systole::controller
