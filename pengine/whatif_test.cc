// What if: events in words, where everything ends up, and surveys that take short cuts and miss nothing.
#include "pengine/whatif.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "pengine/random_cluster.h"
#include "pengine/survey.h"
#include "pengine/whatif_text.h"

namespace systole::pengine {
namespace {

using Fate = ServiceOutcome::Fate;
constexpr WallTime kNow{Seconds(1'700'000'000)};

cib::Document parse(const std::string& xml) {
  auto document = cib::Document::parse(xml);
  EXPECT_TRUE(document) << (document ? "" : document.error().message);
  return std::move(*document);
}

cib::Document cluster(const std::string& constraints = "") {
  std::string xml =
      testing::RandomCluster{.nodes = 3, .primitives = 2, .stickiness = false, .devices = true}.xml(3);
  const std::size_t from = xml.find("<constraints>"), to = xml.find("</constraints>");
  xml.replace(from, to - from, "<constraints>" + constraints);
  return parse(xml);
}

Fate fate(const WhatIf& w, const std::string& id) {
  for (const ServiceOutcome& s : w.services)
    if (s.id == id) return s.fate;
  ADD_FAILURE() << id << " is not among the services";
  return Fate::kUntouched;
}

WhatIf what(const cib::Document& document, const std::vector<std::string>& events) {
  auto w = what_if(document, kNow, events);
  EXPECT_TRUE(w) << (w ? "" : w.error().message);
  return std::move(*w);
}

const char* kOnN2 = "<rsc_location id=\"l\" rsc=\"r0\" node=\"n2\" score=\"INFINITY\"/>";

TEST(WhatIf, AFencedNodesServicesMove) {
  const WhatIf w = what(cluster(kOnN2), {"n2 dies"});
  EXPECT_EQ(fate(w, "r0"), Fate::kMoves);
  EXPECT_TRUE(w.dead_ends.empty()) << what_if_text(w);
  EXPECT_TRUE(w.settled);
}

TEST(WhatIf, WithoutItsOnlyDeviceANodesServicesAreLost) {
  const WhatIf w = what(cluster(kOnN2), {"n2 dies", "device dev2 fails"});
  EXPECT_EQ(fate(w, "r0"), Fate::kStops);
  ASSERT_FALSE(w.dead_ends.empty());
  EXPECT_NE(w.dead_ends[0].find("n2 cannot be fenced"), std::string::npos);
  EXPECT_NE(w.dead_ends[0].find("dev2"), std::string::npos);
}

TEST(WhatIf, AFailedResourceIsRestartedAndOneFailedForGoodMoves) {
  const cib::Document document = cluster(kOnN2);
  EXPECT_EQ(fate(what(document, {"r0 fails"}), "r0"), Fate::kRestarts);
  const WhatIf w = what(document, {"r0 fails for good on n2"});
  EXPECT_EQ(fate(w, "r0"), Fate::kMoves);
}

TEST(WhatIf, InterventionsAreUnderstood) {
  const std::string ticket = "<rsc_ticket id=\"t\" rsc=\"r1\" ticket=\"T\" loss-policy=\"stop\"/>";
  const cib::Document document = cluster(kOnN2 + ticket);
  EXPECT_EQ(fate(what(document, {"n2 standby"}), "r0"), Fate::kMoves);
  EXPECT_EQ(fate(what(document, {"node n2 leaves"}), "r0"), Fate::kMoves);
  EXPECT_EQ(fate(what(document, {"n2 maintenance"}), "r0"), Fate::kUntouched);
  EXPECT_EQ(fate(what(document, {"resource r0 stops"}), "r0"), Fate::kStops);
  EXPECT_EQ(fate(what(document, {"ticket T granted"}), "r1"), Fate::kStarts);
  EXPECT_EQ(fate(what(document, {"ticket T granted", "ticket T revoked"}), "r1"), Fate::kUntouched);
  EXPECT_EQ(fate(what(document, {"quorum lost"}), "r0"), Fate::kStops);
  EXPECT_EQ(fate(what(document, {"n2 dies", "n2 returns"}), "r0"), Fate::kUntouched);
}

TEST(WhatIf, TheMajorityGoneStopsEverything) {
  const WhatIf w = what(cluster(kOnN2), {"n1 dies", "n3 dies"});
  EXPECT_EQ(fate(w, "r0"), Fate::kStops);
}

TEST(WhatIf, MistakesListWhatIsUnderstood) {
  const cib::Document document = cluster(kOnN2);
  for (const char* text : {"n9 dies", "n2 explodes", "r0 fails on n9", "device n2 fails", "ticket X revoked",
                           "n2", "", "quorum maybe", "r0 fails for bad", "device dev1", "n2 dies now"}) {
    const auto w = what_if(document, kNow, {text});
    ASSERT_FALSE(w) << text;
    EXPECT_NE(w.error().message.find("NODE dies"), std::string::npos) << text << ": " << w.error().message;
  }
  const auto nowhere = what_if(document, kNow, {"r0 fails on n1"});
  ASSERT_FALSE(nowhere);
  EXPECT_NE(nowhere.error().message.find("does not run on n1"), std::string::npos);
}

TEST(Fencing, TopologyLevelsAndHostLists) {
  const FencingPaths paths(parse(
      "<cib><configuration><nodes><node id=\"1\" uname=\"a\"/><node id=\"2\" uname=\"b\"/></nodes><resources>"
      "<primitive id=\"ipmi\" class=\"stonith\" type=\"x\"><instance_attributes id=\"i\"><nvpair id=\"i1\" "
      "name=\"pcmk_host_list\" value=\"a\"/></instance_attributes></primitive>"
      "<primitive id=\"p1\" class=\"stonith\" type=\"x\"/><primitive id=\"p2\" class=\"stonith\" type=\"x\"/>"
      "<primitive id=\"off\" class=\"stonith\" type=\"x\"><meta_attributes id=\"m\"><nvpair id=\"m1\" "
      "name=\"target-role\" value=\"Stopped\"/></meta_attributes></primitive></resources><fencing-topology>"
      "<fencing-level id=\"1\" target=\"a\" index=\"1\" devices=\"ipmi\"/>"
      "<fencing-level id=\"2\" target=\"a\" index=\"2\" "
      "devices=\"p1,p2\"/></fencing-topology></configuration></cib>"));
  EXPECT_TRUE(paths.possible("a", {"ipmi"}));
  EXPECT_TRUE(paths.possible("a", {"p1"}));
  EXPECT_FALSE(paths.possible("a", {"ipmi", "p1"}));
  EXPECT_TRUE(paths.possible("b", {"p1"}));
  EXPECT_FALSE(paths.possible("b", {"p1", "p2"}));
}

// -- Surveys

using Loss = std::set<std::string>;

// What a survey says a pair of faults costs, singles included.
Loss surveyed(const Survey& singles, const Survey& doubles, const Fault& a, const Fault& b) {
  Loss lost;
  const auto add = [&](const Survey& s, const std::vector<Fault>& faults) {
    for (const Casualty& c : s.casualties)
      if (c.faults == faults) lost.insert(c.lost.begin(), c.lost.end());
  };
  add(singles, {a});
  add(singles, {b});
  add(doubles, {a, b});
  add(doubles, {b, a});
  return lost;
}

Loss simulated(const cib::Document& document, const std::vector<std::string>& events,
               const std::string& then) {
  FencingPaths fencing(document);
  Situation s{document.clone(), {}, {}, true, 0, {}, {}, {}, {}, false};
  settle(s, kNow, fencing);
  const std::vector<Service> before = services_of(s.document, kNow);
  const auto apply = [&](const std::string& event) {
    const std::string name = event.substr(0, event.find(' '));
    if (event.ends_with(" dies"))
      fail_node(s, name, {});
    else
      fail_resource(s, services_of(s.document, kNow), name, "", true, kNow);
  };
  for (const std::string& event : events) apply(event);
  settle(s, kNow, fencing);
  if (!then.empty()) {
    apply(then);
    settle(s, kNow, fencing);
  }
  Loss lost;
  const std::vector<Service> after = services_of(s.document, kNow);
  for (const Service& was : before) {
    if (was.nodes.empty() || fencing.is_device(was.id)) continue;
    const auto is =
        std::find_if(after.begin(), after.end(), [&](const Service& x) { return x.id == was.id; });
    if (is == after.end() || is->nodes.empty()) lost.insert(was.id);
  }
  return lost;
}

TEST(Survey, ItsShortCutsMissNothing) {
  std::size_t compared = 0, losses = 0;
  for (unsigned seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(seed);
    const cib::Document document =
        parse(testing::RandomCluster{.nodes = 4, .primitives = 6, .orders = true, .devices = true}.xml(seed));
    SurveyOptions options;
    const Survey singles = survey(document, kNow, options);
    options.doubles = true;
    const Survey doubles = survey(document, kNow, options);
    std::vector<Fault> faults;
    for (int n = 1; n <= 4; ++n) faults.push_back({Fault::Kind::kNode, fmt::format("n{}", n)});
    for (int r = 0; r < 6; ++r) faults.push_back({Fault::Kind::kResource, fmt::format("r{}", r)});
    for (std::size_t i = 0; i < faults.size(); ++i) {
      for (std::size_t j = i + 1; j < faults.size(); ++j) {
        const Fault &a = faults[i], &b = faults[j];
        const bool nodes = b.kind == Fault::Kind::kNode;
        const std::string first = fault_text(a), second = fault_text(b);
        const Loss truth =
            nodes ? simulated(document, {first, second}, "") : simulated(document, {first}, second);
        Loss said = surveyed(singles, doubles, a, b);
        // One that is lost to a single failure may be spared where another failed before: that is no finding.
        for (const std::string& id : truth)
          EXPECT_TRUE(said.contains(id)) << first << ", " << second << ": " << id;
        losses += truth.size();
        ++compared;
      }
    }
  }
  EXPECT_EQ(compared, 12u * 45u);
  EXPECT_GT(losses, 100u);
}

TEST(Survey, DevicesMatterWhereSomebodyIsToBeFenced) {
  SurveyOptions options;
  options.doubles = true;
  const Survey s = survey(cluster(kOnN2), kNow, options);
  const std::vector<Fault> pair{{Fault::Kind::kNode, "n2"}, {Fault::Kind::kDevice, "dev2"}};
  const auto found = std::find_if(s.casualties.begin(), s.casualties.end(),
                                  [&](const Casualty& c) { return c.faults == pair; });
  ASSERT_NE(found, s.casualties.end()) << survey_text(s, true);
  EXPECT_NE(std::find(found->lost.begin(), found->lost.end(), "r0"), found->lost.end());
  EXPECT_EQ(found->unfenced, std::vector<std::string>{"n2"});
}

}  // namespace
}  // namespace systole::pengine
