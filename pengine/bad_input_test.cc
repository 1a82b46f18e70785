// Bad input, as a table: what is ignored is named with the reason, and the rest of the cluster is managed.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>

#include "pengine/simulate.h"
#include "pengine/verify.h"

namespace systole::pengine {
namespace {

constexpr WallTime kNow{Seconds(1'700'000'000)};

std::string dummy(const std::string& id, const std::string& inside = "") {
  return fmt::format(
      "<primitive id=\"{}\" class=\"ocf\" provider=\"pacemaker\" type=\"Dummy\">{}</primitive>", id, inside);
}

const std::string kThree = dummy("a") + dummy("b") + dummy("c");

// Two nodes, and a bystander that has nothing to do with the mistake.
std::string document(const std::string& resources, const std::string& constraints) {
  std::string states;
  for (const char* n : {"1", "2"})
    states += fmt::format(
        "<node_state id=\"{0}\" uname=\"n{0}\" in_ccm=\"true\" crmd=\"online\" join=\"member\" "
        "expected=\"member\">"
        "<lrm id=\"{0}\"><lrm_resources/></lrm></node_state>",
        n);
  return fmt::format(
      "<cib have-quorum=\"1\" dc-uuid=\"1\"><configuration><crm_config><cluster_property_set id=\"p\">"
      "<nvpair id=\"p1\" name=\"stonith-enabled\" value=\"false\"/></cluster_property_set></crm_config>"
      "<nodes><node id=\"1\" uname=\"n1\"/><node id=\"2\" uname=\"n2\"/></nodes><resources>{}{}</resources>"
      "<constraints>{}</constraints></configuration><status>{}</status></cib>",
      resources, dummy("bystander"), constraints, states);
}

bool starts(const Plan& plan, const std::string& resource) {
  return std::any_of(plan.graph.actions.begin(), plan.graph.actions.end(),
                     [&](const Action& a) { return a.task == "start" && a.resource == resource; });
}

struct Row {
  const char* name;
  std::string resources, constraints;
  const char* said;  // In one of the problems; empty: nothing needs to be said.
};

const Row kRows[] = {
    {"location of nothing", kThree, "<rsc_location id=\"l1\" rsc=\"nope\" node=\"n1\" score=\"5\"/>", "'l1'"},
    {"location on an unknown node", kThree, "<rsc_location id=\"l1\" rsc=\"a\" node=\"n9\" score=\"5\"/>",
     "'n9'"},
    {"colocation with nothing", kThree,
     "<rsc_colocation id=\"c1\" rsc=\"a\" with-rsc=\"nope\" score=\"INFINITY\"/>", "'c1'"},
    {"order after nothing", kThree, "<rsc_order id=\"o1\" first=\"nope\" then=\"a\"/>", "'o1'"},
    {"ticket for nothing", kThree, "<rsc_ticket id=\"t1\" rsc=\"nope\" ticket=\"T\"/>", "'t1'"},
    {"order loop", kThree,
     "<rsc_order id=\"o1\" first=\"a\" then=\"b\"/><rsc_order id=\"o2\" first=\"b\" then=\"c\"/>"
     "<rsc_order id=\"o3\" first=\"c\" then=\"a\"/>",
     "'o3' because it closes a loop: c, a, b, c"},
    {"order of oneself", kThree, "<rsc_order id=\"o1\" first=\"a\" then=\"a\"/>",
     "'o1' because it closes a loop: a, a"},
    {"order loop by a set", kThree,
     "<rsc_order id=\"o1\"><resource_set id=\"s1\"><resource_ref id=\"a\"/><resource_ref "
     "id=\"b\"/></resource_set>"
     "<resource_set id=\"s2\"><resource_ref id=\"c\"/></resource_set></rsc_order>"
     "<rsc_order id=\"o2\" first=\"c\" then=\"a\"/>",
     "'o2' because it closes a loop: c, a"},
    {"colocation loop", kThree,
     "<rsc_colocation id=\"c1\" rsc=\"a\" with-rsc=\"b\" score=\"INFINITY\"/>"
     "<rsc_colocation id=\"c2\" rsc=\"b\" with-rsc=\"c\" score=\"INFINITY\"/>"
     "<rsc_colocation id=\"c3\" rsc=\"c\" with-rsc=\"a\" score=\"INFINITY\"/>",
     ""},
    {"colocation with oneself", kThree,
     "<rsc_colocation id=\"c1\" rsc=\"a\" with-rsc=\"a\" score=\"INFINITY\"/>", ""},
    {"scores out of range", kThree,
     "<rsc_location id=\"l1\" rsc=\"a\" node=\"n1\" score=\"99999999999999999999999\"/>"
     "<rsc_location id=\"l2\" rsc=\"b\" node=\"n1\" score=\"-99999999999999999999999\"/>",
     ""},
    {"rule without expression", kThree,
     "<rsc_location id=\"l1\" rsc=\"a\"><rule id=\"r1\" score=\"5\"/></rsc_location>",
     "rule 'r1': it holds no expression"},
    {"rule with an impossible date", kThree,
     "<rsc_location id=\"l1\" rsc=\"a\"><rule id=\"r1\" score=\"5\"><date_expression id=\"d1\" "
     "operation=\"gt\" "
     "start=\"2025-99-99\"/></rule></rsc_location>",
     "date_expression 'd1': start=\"2025-99-99\""},
    {"rule that ends before it starts", kThree,
     "<rsc_location id=\"l1\" rsc=\"a\"><rule id=\"r1\" score=\"5\"><date_expression id=\"d1\" "
     "operation=\"in_range\" "
     "start=\"2025-02-01\" end=\"2025-01-01\"/></rule></rsc_location>",
     "'d1': it ends before it starts"},
    {"operation twice",
     dummy("a",
           "<operations><op id=\"op1\" name=\"monitor\" interval=\"10s\"/>"
           "<op id=\"op2\" name=\"monitor\" interval=\"10s\"/></operations>"),
     "", "op2 is a duplicate"},
    {"unknown target-role",
     dummy("a",
           "<meta_attributes id=\"m\"><nvpair id=\"m1\" name=\"target-role\" "
           "value=\"Frob\"/></meta_attributes>"),
     "", "'Frob' is not valid"},
    {"a clone of nothing", "<clone id=\"k\"/>", "", "k has nothing to clone"},
    {"a group of nothing", "<group id=\"g\"/>", "", ""},
    {"a template that is not there", "<primitive id=\"a\" template=\"nope\"/>", "", "nope"},
    {"the same id twice", dummy("a") + dummy("a"), "", ""},
    {"a resource without id", "<primitive class=\"ocf\" provider=\"pacemaker\" type=\"Dummy\"/>", "", ""},
    {"more instances than anybody has nodes for",
     "<clone id=\"k\"><meta_attributes id=\"km\"><nvpair id=\"k1\" name=\"clone-max\" value=\"999999999\"/>"
     "</meta_attributes>" +
         dummy("a") + "</clone>",
     "", "Only 10000 instances of clone k"},
};

TEST(BadInput, IsNamedAndTheRestIsManaged) {
  for (const Row& row : kRows) {
    SCOPED_TRACE(row.name);
    const auto parsed = cib::Document::parse(document(row.resources, row.constraints));
    ASSERT_TRUE(parsed);
    Options options;
    options.now = kNow;
    const Plan plan = schedule(*parsed, options);
    EXPECT_TRUE(starts(plan, "bystander"));
    EXPECT_TRUE(simulate(*parsed, plan, kNow).complete) << "a transition that can never be completed";
    if (*row.said == '\0') continue;
    std::string all;
    for (const Problem& p : verify(*parsed, kNow)) all += p.message + "\n";
    EXPECT_NE(all.find(row.said), std::string::npos) << all;
  }
}

// What is in a loop is started all the same, in the order that is left.
TEST(BadInput, AnOrderLoopDoesNotKeepItsMembersFromRunning) {
  const auto parsed = cib::Document::parse(document(kRows[5].resources, kRows[5].constraints));
  ASSERT_TRUE(parsed);
  const Plan plan = schedule(*parsed, {.now = kNow});
  for (const char* id : {"a", "b", "c"}) EXPECT_TRUE(starts(plan, id)) << id;
}

// As large or deep as may be: an error or a plan, and soon.
TEST(BadInput, HugeAndDeepDocumentsEnd) {
  std::string deep_rule, close;
  for (int i = 0; i < 20'000; ++i) {
    deep_rule += fmt::format("<rule id=\"r{}\" score=\"1\">", i);
    close += "</rule>";
  }
  std::string deep_group, group_close, chain, many;
  for (int i = 0; i < 5'000; ++i) {
    deep_group += fmt::format("<group id=\"g{}\">", i);
    group_close += "</group>";
  }
  for (int i = 0; i < 1'000; ++i) {
    many += dummy(fmt::format("m{}", i));
    if (i > 0)
      chain += fmt::format(
          "<rsc_colocation id=\"c{0}\" rsc=\"m{0}\" with-rsc=\"m{1}\" score=\"INFINITY\"/>"
          "<rsc_order id=\"o{0}\" first=\"m{1}\" then=\"m{0}\"/>",
          i, i - 1);
  }
  const std::string documents[] = {
      document(kThree, "<rsc_location id=\"l1\" rsc=\"a\">" + deep_rule + close + "</rsc_location>"),
      document(deep_group + dummy("a") + group_close, ""),
      document(many, chain),
      document(many, chain + "<rsc_order id=\"back\" first=\"m999\" then=\"m0\"/>"),
  };
  for (const std::string& xml : documents) {
    const auto begun = std::chrono::steady_clock::now();
    const auto parsed = cib::Document::parse(xml);
    if (!parsed) {
      EXPECT_FALSE(parsed.error().message.empty());
      continue;
    }
    EXPECT_TRUE(starts(schedule(*parsed, {.now = kNow}), "bystander"));
    EXPECT_LT(std::chrono::steady_clock::now() - begun, Seconds(60));
  }
}

}  // namespace
}  // namespace systole::pengine
