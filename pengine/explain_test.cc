// Explanations are true: what is cited decides, what is not cited does not, and what is suggested helps.
#include "pengine/explain.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "pengine/explain_text.h"
#include "pengine/random_cluster.h"
#include "pengine/simulate.h"

namespace systole::pengine {
namespace {

constexpr WallTime kNow{Seconds(1'700'000'000)};

cib::Document parse(const std::string& xml) {
  auto document = cib::Document::parse(xml);
  EXPECT_TRUE(document) << (document ? "" : document.error().message) << xml;
  return std::move(*document);
}

// "r0@n1:Started", sorted.
std::vector<std::string> where(const cib::Document& document, const std::string& resource) {
  Options options;
  options.now = kNow;
  options.reasons = true;
  const Plan plan = schedule(document, options);
  std::vector<std::string> out;
  for (const Placement& p : plan.reasons->placements)
    if (p.configured == resource) out.push_back(p.to + ":" + p.next_role);
  std::sort(out.begin(), out.end());
  return out;
}

cib::Document changed(const cib::Document& document, const std::vector<Change>& changes) {
  cib::Document copy = document.clone();
  for (const Change& change : changes) apply(change, copy);
  return copy;
}

struct Scene {
  std::string properties, extra_resources, constraints, r_meta, n1_attributes, n2_attributes, n1_transient,
      history;
  std::string utilization, tickets;
};

std::string nv(const std::string& id, const std::string& name, const std::string& value) {
  return fmt::format("<nvpair id=\"{}\" name=\"{}\" value=\"{}\"/>", id, name, value);
}

std::string document_of(const Scene& s, bool running_on_n1 = true) {
  const std::string history =
      "<lrm_resource id=\"web\" class=\"ocf\" provider=\"pacemaker\" type=\"Dummy\"><lrm_rsc_op "
      "id=\"web_last_0\" "
      "operation_key=\"web_start_0\" operation=\"start\" transition-key=\"1:1:0:x\" "
      "transition-magic=\"0:0;1:1:0:x\" call-id=\"5\" rc-code=\"0\" op-status=\"0\" "
      "interval=\"0\"/></lrm_resource>";
  const auto state = [&](int n, const std::string& transient, const std::string& lrm) {
    return fmt::format(
        "<node_state id=\"{0}\" uname=\"n{0}\" in_ccm=\"true\" crmd=\"online\" join=\"member\" "
        "expected=\"member\"><transient_attributes id=\"{0}\"><instance_attributes id=\"s{0}\">{1}"
        "</instance_attributes></transient_attributes><lrm "
        "id=\"{0}\"><lrm_resources>{2}</lrm_resources></lrm>"
        "</node_state>",
        n, transient, lrm);
  };
  return "<cib have-quorum=\"1\" dc-uuid=\"1\"><configuration><crm_config><cluster_property_set id=\"p\">" +
         nv("f", "stonith-enabled", "false") + s.properties +
         "</cluster_property_set></crm_config><nodes><node id=\"1\" uname=\"n1\"><instance_attributes "
         "id=\"na1\">" +
         s.n1_attributes + "</instance_attributes><utilization id=\"u1\">" + nv("u1c", "cpu", "2") +
         "</utilization></node><node id=\"2\" uname=\"n2\"><instance_attributes id=\"na2\">" +
         s.n2_attributes + "</instance_attributes><utilization id=\"u2\">" + nv("u2c", "cpu", "8") +
         "</utilization></node></nodes><resources><primitive id=\"web\" class=\"ocf\" provider=\"pacemaker\" "
         "type=\"Dummy\"><meta_attributes id=\"wm\">" +
         s.r_meta + "</meta_attributes><utilization id=\"wu\">" + s.utilization +
         "</utilization></primitive>" + s.extra_resources + "</resources><constraints>" + s.constraints +
         "</constraints></configuration><status>" + state(1, s.n1_transient, running_on_n1 ? history : "") +
         state(2, "", "") + s.tickets + "</status></cib>";
}

struct Row {
  const char* name;
  Scene scene;
  bool running_on_n1;
  Cause cause;           // Is among the reasons…
  const char* id;        // …with this id, where it has one…
  Change::Kind decides;  // …and taking this away moves web.
};

TEST(Explain, EveryKindOfCauseIsCitedAndDecides) {
  using Kind = Change::Kind;
  const std::string db = "<primitive id=\"db\" class=\"ocf\" provider=\"pacemaker\" type=\"Dummy\"/>";
  const std::vector<Row> rows{
      {"location",
       {.constraints = "<rsc_location id=\"not-n1\" rsc=\"web\" node=\"n1\" score=\"-INFINITY\"/>"},
       true,
       Cause::kLocation,
       "not-n1",
       Kind::kRemoveConstraint},
      {"rule",
       {.constraints =
            "<rsc_location id=\"rl\" rsc=\"web\"><rule id=\"rule1\" score=\"-INFINITY\"><expression "
            "id=\"e\" attribute=\"#uname\" operation=\"eq\" value=\"n1\"/></rule></rsc_location>"},
       true,
       Cause::kLocation,
       "rule1",
       Kind::kRemoveConstraint},
      {"stickiness",
       {.constraints = "<rsc_location id=\"n2\" rsc=\"web\" node=\"n2\" score=\"50\"/>",
        .r_meta = nv("s", "resource-stickiness", "100")},
       true,
       Cause::kStickiness,
       "",
       Kind::kStickiness},
      {"threshold",
       {.r_meta = nv("t", "migration-threshold", "2"),
        .n1_transient = nv("fc", "fail-count-web#monitor_10000", "2")},
       true,
       Cause::kThreshold,
       "",
       Kind::kCleanup},
      {"colocation",
       {.extra_resources = db,
        .constraints = "<rsc_location id=\"db-n2\" rsc=\"db\" node=\"n2\" score=\"INFINITY\"/>"
                       "<rsc_colocation id=\"together\" rsc=\"web\" with-rsc=\"db\" score=\"INFINITY\"/>"},
       true,
       Cause::kColocation,
       "together",
       Kind::kRemoveConstraint},
      {"utilization",
       {.properties = nv("ps", "placement-strategy", "utilization"), .utilization = nv("wc", "cpu", "4")},
       false,
       Cause::kUtilization,
       "",
       Kind::kCapacity},
      {"ticket",
       {.constraints = "<rsc_ticket id=\"needs-t\" rsc=\"web\" ticket=\"T\" loss-policy=\"stop\"/>"},
       true,
       Cause::kTicket,
       "needs-t",
       Kind::kTicket},
      {"health",
       {.properties = nv("hs", "node-health-strategy", "migrate-on-red"),
        .n1_attributes = nv("h", "#health-disk", "red")},
       true,
       Cause::kHealth,
       "migrate-on-red",
       Kind::kHealthy},
      {"target-role",
       {.r_meta = nv("tr", "target-role", "Stopped")},
       true,
       Cause::kStopped,
       "",
       Kind::kStart},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const cib::Document document = parse(document_of(row.scene, row.running_on_n1));
    const auto e = explain(document, kNow, "web");
    ASSERT_TRUE(e);
    ASSERT_EQ(e->instances.size(), 1u);
    bool cited = false;
    for (const NodeExplanation& n : e->instances[0].nodes)
      for (const Reason& r : n.reasons) cited |= r.cause == row.cause && (!*row.id || r.id == row.id);
    EXPECT_TRUE(cited) << explanation_text(*e);
    const Suggestion* decisive = nullptr;
    for (const Suggestion& s : e->decisive)
      if (s.changes[0].kind == row.decides) decisive = &s;
    ASSERT_NE(decisive, nullptr) << explanation_text(*e);
    EXPECT_NE(where(changed(document, decisive->changes), "web"), where(document, "web"));
  }
}

TEST(Explain, NodeStatesAreReasonsAndRemedies) {
  const cib::Document document = parse(document_of({.n1_attributes = nv("sb", "standby", "on")}));
  const auto e = explain(document, kNow, "web");
  ASSERT_TRUE(e);
  EXPECT_EQ(e->instances[0].placement.to, "n2");
  EXPECT_EQ(e->instances[0].nodes[0].verdict.state, NodeVerdict::State::kStandby);
  ASSERT_FALSE(e->instances[0].nodes[0].ways.empty());
  EXPECT_NE(explanation_text(*e).find("crm node online n1"), std::string::npos) << explanation_text(*e);
}

TEST(Explain, TheLeastScoreIsExact) {
  const cib::Document document = parse(document_of({.r_meta = nv("s", "resource-stickiness", "100")}));
  const auto e = explain(document, kNow, "web");
  ASSERT_TRUE(e);
  const auto& ways = e->instances[0].nodes[1].ways;
  const auto prefer = std::find_if(ways.begin(), ways.end(), [](const Suggestion& s) {
    return s.changes[0].kind == Change::Kind::kPrefer;
  });
  ASSERT_NE(prefer, ways.end());
  EXPECT_EQ(prefer->changes[0].value, "101");
}

TEST(Explain, WhatIsNotThereIsNamed) {
  const auto document = cib::Document::parse(
      R"(<cib epoch="1"><configuration><crm_config/><nodes><node id="1" uname="n1"/></nodes><resources>)"
      R"(<primitive id="r" class="ocf" provider="heartbeat" type="Dummy"/></resources><constraints/>)"
      R"(</configuration><status/></cib>)");
  ASSERT_TRUE(document);
  ExplainOptions options;
  EXPECT_TRUE(explain(*document, {}, "r", options));
  EXPECT_FALSE(explain(*document, {}, "q", options));
  options.node = "--json";
  const auto wrong = explain(*document, {}, "r", options);
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().message.find("n1"), std::string::npos) << wrong.error().message;
}

TEST(Explain, TwoBansAreLiftedTogether) {
  const cib::Document document = parse(document_of(
      {.constraints = "<rsc_location id=\"ban-a\" rsc=\"web\" node=\"n2\" score=\"-INFINITY\"/>"
                      "<rsc_location id=\"ban-b\" rsc=\"web\" node=\"n2\" score=\"-INFINITY\"/>"}));
  const auto e = explain(document, kNow, "web");
  ASSERT_TRUE(e);
  ASSERT_EQ(e->instances[0].nodes[1].ways.size(), 1u);
  const std::string text = change_text(e->instances[0].nodes[1].ways[0].changes[0]) +
                           change_text(e->instances[0].nodes[1].ways[0].changes[1]);
  EXPECT_NE(text.find("ban-a"), std::string::npos);
  EXPECT_NE(text.find("ban-b"), std::string::npos);
}

TEST(Explain, ActionsSayWhyAndWhatTheyWaitFor) {
  const cib::Document document = parse(document_of(
      {.extra_resources = "<primitive id=\"db\" class=\"ocf\" provider=\"pacemaker\" type=\"Dummy\"/>",
       .constraints = "<rsc_order id=\"db-then-web\" first=\"db\" then=\"web\"/>"},
      false));
  const auto e = explain(document, kNow, "web");
  ASSERT_TRUE(e);
  const auto start = std::find_if(e->actions.begin(), e->actions.end(),
                                  [](const ActionExplanation& a) { return a.task == "start"; });
  ASSERT_NE(start, e->actions.end());
  EXPECT_FALSE(start->why.empty());
  const bool waits = std::any_of(start->waits.begin(), start->waits.end(),
                                 [](const Wait& w) { return w.constraint == "db-then-web"; });
  EXPECT_TRUE(waits) << actions_text(e->actions);
}

TEST(Explain, UnknownResourceIsAnError) {
  const auto e = explain(parse(document_of({})), kNow, "nobody");
  ASSERT_FALSE(e);
  EXPECT_EQ(e.error().code, Errc::kNotFound);
}

// The promise of the whole: in random clusters what is said to decide decides, what is said to help helps,
// and a constraint that is not named makes no difference.
TEST(Explain, IsTrueInRandomClusters) {
  std::size_t decisive = 0, ways = 0, uncited = 0;
  for (unsigned seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    const cib::Document document = parse(testing::RandomCluster{}.xml(seed));
    for (const std::string resource : {"r0", "r2", "r4"}) {
      const auto e = explain(document, kNow, resource);
      ASSERT_TRUE(e);
      const auto before = where(document, resource);
      for (const Suggestion& s : e->decisive) {
        EXPECT_NE(where(changed(document, s.changes), resource), before) << change_text(s.changes[0]);
        ++decisive;
      }
      for (const NodeExplanation& n : e->instances[0].nodes) {
        for (const Suggestion& s : n.ways) {
          EXPECT_EQ(where(changed(document, s.changes), resource),
                    std::vector<std::string>{n.verdict.node + ":Started"});
          ++ways;
        }
      }
      for (const pugi::xml_node c : document.section("constraints").children()) {
        const std::string id = c.attribute("id").value();
        if (std::find(e->cited.begin(), e->cited.end(), id) != e->cited.end()) continue;
        EXPECT_EQ(where(changed(document, {{Change::Kind::kRemoveConstraint, id}}), resource), before)
            << id << " is not cited and moves " << resource << "\n"
            << explanation_text(*e);
        ++uncited;
      }
    }
  }
  // The clusters must be worth the name.
  EXPECT_GT(decisive, 200u);
  EXPECT_GT(ways, 200u);
  EXPECT_GT(uncited, 500u);
}

TEST(Reasons, AreNotThereUnlessAskedFor) {
  const cib::Document document = parse(testing::RandomCluster{}.xml(7));
  Options options;
  options.now = kNow;
  const Plan without = schedule(document, options);
  EXPECT_EQ(without.reasons, nullptr);
  options.reasons = true;
  const Plan with = schedule(document, options);
  ASSERT_NE(with.reasons, nullptr);
  EXPECT_EQ(with.graph.to_xml(0), without.graph.to_xml(0));
  EXPECT_EQ(with.reasons->actions.size(), with.graph.actions.size());
}

// A score is what its reasons add up to; infinite ones have an infinite reason.
void accounts_for_scores(const cib::Document& document, const std::string& what) {
  Options options;
  options.now = kNow;
  options.reasons = true;
  const Plan plan = schedule(document, options);
  for (const Placement& p : plan.reasons->placements) {
    for (const NodeVerdict& v : p.nodes) {
      if (!v.allowed || v.state != NodeVerdict::State::kUsable) continue;
      std::int64_t sum = 0;
      bool infinite = false, told = false;
      for (const Reason& r : plan.reasons->records) {
        if (r.node != v.node || r.resource != p.resource || r.promotion) continue;
        sum += r.score;
        infinite = infinite || std::abs(r.score) >= kInfinity;
        told = told || r.score == v.score;
      }
      if (std::abs(v.score) >= kInfinity) {
        EXPECT_TRUE(told) << what << ": " << p.resource << " on " << v.node;
      } else if (!infinite) {
        EXPECT_EQ(sum, v.score) << what << ": " << p.resource << " on " << v.node;
      }
    }
  }
}

TEST(Reasons, AddUpToTheScores) {
  for (unsigned seed = 1; seed <= 40; ++seed)
    accounts_for_scores(parse(testing::RandomCluster{.nodes = 4, .primitives = 8}.xml(seed)),
                        std::to_string(seed));
}

TEST(Reasons, AddUpToTheScoresInTheSharedCases) {
  const char* suite = std::getenv("SYSTOLE_SUITE");
  if (!suite) GTEST_SKIP() << "SYSTOLE_SUITE does not name the folder with the scheduler cases";
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(suite) / "xml")) {
    std::ifstream in(entry.path(), std::ios::binary);
    auto document = cib::Document::parse(std::string(std::istreambuf_iterator<char>(in), {}));
    ASSERT_TRUE(document) << entry.path();
    accounts_for_scores(*document, entry.path().filename());
  }
}

}  // namespace
}  // namespace systole::pengine
