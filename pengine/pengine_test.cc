// The scheduler's parts and its judgement, as tables.
#include <gtest/gtest.h>

#include "pengine/digest.h"
#include "pengine/engine.h"
#include "pengine/rules.h"
#include "pengine/scheduler.h"

namespace systole::pengine {
namespace {

std::string cib(const std::string& properties, const std::string& resources, const std::string& constraints,
                const std::string& status) {
  return "<cib have-quorum=\"1\" dc-uuid=\"1\" execution-date=\"1000\"><configuration><crm_config>"
         "<cluster_property_set id=\"p\">" +
         properties +
         "</cluster_property_set></crm_config><nodes>"
         "<node id=\"1\" uname=\"n1\"/><node id=\"2\" uname=\"n2\"/></nodes><resources>" +
         resources + "</resources><constraints>" + constraints + "</constraints></configuration><status>" +
         status + "</status></cib>";
}

std::string nv(const std::string& name, const std::string& value) {
  return "<nvpair id=\"" + name + "\" name=\"" + name + "\" value=\"" + value + "\"/>";
}

std::string online(const std::string& id, const std::string& lrm = "") {
  return "<node_state id=\"" + id + "\" uname=\"n" + id +
         "\" in_ccm=\"true\" crmd=\"online\" join=\"member\" expected=\"member\">"
         "<lrm id=\"" +
         id + "\"><lrm_resources>" + lrm + "</lrm_resources></lrm></node_state>";
}

std::string dummy(const std::string& id) {
  return "<primitive id=\"" + id + "\" class=\"ocf\" provider=\"pacemaker\" type=\"Dummy\"/>";
}

std::string started(const std::string& id) {
  return "<lrm_resource id=\"" + id +
         "\" class=\"ocf\" provider=\"pacemaker\" type=\"Dummy\"><lrm_rsc_op id=\"" + id +
         "_last_0\" operation_key=\"" + id +
         "_start_0\" operation=\"start\" transition-key=\"1:1:0:x\" "
         "transition-magic=\"0:0;1:1:0:x\" call-id=\"5\" rc-code=\"0\" op-status=\"0\" "
         "interval=\"0\"/></lrm_resource>";
}

Plan plan_of(const std::string& xml) {
  auto document = cib::Document::parse(xml);
  EXPECT_TRUE(document) << (document ? "" : document.error().message);
  Options options;
  options.scores = true;
  return schedule(*document, options);
}

bool has_action(const Plan& plan, const std::string& key, const std::string& node) {
  for (const auto& a : plan.graph.actions)
    if (a.key == key && a.node == node) return true;
  return false;
}

TEST(Scores, SaturateAndMinusInfinityWins) {
  struct Row {
    int a, b, sum;
  };
  for (const Row& r : {Row{1, 2, 3}, Row{kInfinity, -5, kInfinity}, Row{kInfinity, -kInfinity, -kInfinity},
                       Row{999'999, 5, kInfinity}, Row{-999'999, -5, -kInfinity}})
    EXPECT_EQ(add_scores(r.a, r.b), r.sum);
  EXPECT_EQ(score_text(-kInfinity), "-INFINITY");
}

TEST(Digest, OfParametersIsThatOfPacemaker) {
  // md5 of ' <parameters ip="127.0.0.1"/>\n'
  EXPECT_EQ(op_digest({{"ip", "127.0.0.1"}}).size(), 32u);
  EXPECT_NE(op_digest({{"ip", "127.0.0.1"}}), op_digest({{"ip", "127.0.0.2"}}));
  EXPECT_EQ(op_digest({}), "f2317cad3d54cec5d7d7aa7d0bf35cf8");
}

TEST(Rules, DatesAreReadInTheUsualForms) {
  EXPECT_EQ(engine::parse_date("1970-01-02"), 86400);
  EXPECT_EQ(engine::parse_date("2005-001"), 1104537600);
  EXPECT_EQ(engine::parse_date("1970-01-01T01:00:00+01:00"), 0);
  EXPECT_EQ(engine::parse_date("1970-01-01 00:00:10Z"), 10);
  EXPECT_FALSE(engine::parse_date("next week"));
}

TEST(Schedule, FreshResourceIsProbedEverywhereAndStartedOnce) {
  const Plan plan = plan_of(cib(nv("stonith-enabled", "false"), dummy("a"), "", online("1") + online("2")));
  EXPECT_TRUE(has_action(plan, "a_monitor_0", "n1"));
  EXPECT_TRUE(has_action(plan, "a_monitor_0", "n2"));
  EXPECT_TRUE(has_action(plan, "a_start_0", "n1"));
  EXPECT_FALSE(has_action(plan, "a_start_0", "n2"));
}

TEST(Schedule, WithoutFencingDeviceNothingStartsAndTheRemedyIsNamed) {
  const Plan plan = plan_of(cib("", dummy("a"), "", online("1") + online("2")));
  EXPECT_FALSE(has_action(plan, "a_start_0", "n1"));
  ASSERT_FALSE(plan.problems.empty());
  EXPECT_EQ(plan.problems.front().message,
            "Resource start-up disabled since no STONITH resources have been defined");
}

TEST(Schedule, LostNodeIsFencedBeforeItsResourceStartsElsewhere) {
  std::string lost = online("2", started("a"));
  lost.replace(lost.find("in_ccm=\"true\""), 13, "in_ccm=\"false\"");
  const Plan plan = plan_of(
      cib("", dummy("a") + "<primitive id=\"f\" class=\"stonith\" type=\"x\"/>", "", online("1") + lost));
  ASSERT_EQ(plan.fence, std::vector<std::string>{"n2"});
  int fence = -1;
  for (std::size_t i = 0; i < plan.graph.actions.size(); ++i)
    if (plan.graph.actions[i].task == "stonith") fence = static_cast<int>(i);
  bool ordered = false;
  for (const auto& s : plan.graph.synapses)
    if (plan.graph.actions[static_cast<std::size_t>(s.action)].key == "a_start_0")
      ordered = std::find(s.inputs.begin(), s.inputs.end(), fence) != s.inputs.end();
  EXPECT_TRUE(ordered);
}

TEST(Schedule, MandatoryColocationAndOrderBindTwoResources) {
  const Plan plan = plan_of(cib(nv("stonith-enabled", "false"), dummy("a") + dummy("b"),
                                "<rsc_colocation id=\"c\" score=\"INFINITY\" rsc=\"b\" with-rsc=\"a\"/>"
                                "<rsc_order id=\"o\" first=\"a\" then=\"b\" kind=\"Mandatory\"/>",
                                online("1") + online("2")));
  EXPECT_TRUE(has_action(plan, "a_start_0", "n1"));
  EXPECT_TRUE(has_action(plan, "b_start_0", "n1"));
}

TEST(Schedule, IsAFunctionOfItsInput) {
  const std::string xml = cib(nv("stonith-enabled", "false"), dummy("a") + dummy("b") + dummy("c"), "",
                              online("1", started("a")) + online("2"));
  EXPECT_EQ(plan_of(xml).graph.to_xml(1), plan_of(xml).graph.to_xml(1));
}

TEST(Schedule, DanglingReferencesAreNamedAndTheRestIsManaged) {
  const Plan plan = plan_of(cib(nv("stonith-enabled", "false"), dummy("a"),
                                "<rsc_colocation id=\"c\" score=\"INFINITY\" rsc=\"b\" with-rsc=\"a\"/>",
                                online("1") + online("2")));
  EXPECT_TRUE(has_action(plan, "a_start_0", "n1"));
  bool named = false;
  for (const auto& p : plan.problems) named |= p.message.find("'b'") != std::string::npos;
  EXPECT_TRUE(named);
}

TEST(Schedule, LoopsInConstraintsEnd) {
  const Plan plan =
      plan_of(cib(nv("stonith-enabled", "false"), dummy("a") + dummy("b"),
                  "<rsc_colocation id=\"c\" score=\"INFINITY\" rsc=\"b\" with-rsc=\"a\"/>"
                  "<rsc_colocation id=\"d\" score=\"INFINITY\" rsc=\"a\" with-rsc=\"b\"/>"
                  "<rsc_order id=\"o\" first=\"a\" then=\"b\"/><rsc_order id=\"p\" first=\"b\" then=\"a\"/>",
                  online("1") + online("2")));
  EXPECT_FALSE(plan.graph.actions.empty());
}

}  // namespace
}  // namespace systole::pengine
