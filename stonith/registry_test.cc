// What a CIB's stonith resources and topology are understood as; the two brakes.
#include "stonith/registry.h"

#include <gtest/gtest.h>

#include "stonith/guard.h"
#include "stonith/shot.h"

namespace systole::stonith {
namespace {

Registry parse(const std::string& configuration) {
  pugi::xml_document document;
  EXPECT_TRUE(
      document.load_string(("<cib><configuration>" + configuration + "</configuration></cib>").c_str()));
  return parse_registry(document.document_element());
}
std::string nvpairs(const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::string xml;
  for (const auto& [name, value] : pairs)
    xml += fmt::format(R"(<nvpair id="x-{0}" name="{0}" value="{1}"/>)", name, value);
  return xml;
}
Device one(const std::vector<std::pair<std::string, std::string>>& parameters) {
  const auto registry =
      parse(R"(<resources><primitive id="d" class="stonith" type="fence_x"><instance_attributes id="a">)" +
            nvpairs(parameters) + "</instance_attributes></primitive></resources>");
  EXPECT_EQ(registry.devices.size(), 1U);
  return registry.devices.begin()->second;
}

TEST(ParseSpan, ReadsTheFieldsWaysToWriteTime) {
  const std::pair<const char*, std::int64_t> good[] = {
      {"30", 30000},  {"0", 0},        {"5s", 5000},     {"5sec", 5000},  {"100ms", 100}, {"2min", 120000},
      {"2m", 120000}, {"1h", 3600000}, {"PT30S", 30000}, {"10 s", 10000}, {"1500us", 1}};
  for (const auto& [text, ms] : good) EXPECT_EQ(parse_span(text), Milliseconds(ms)) << text;
  for (const char* text : {"", "s", "-1", "5x", "99999999999999999999", "PT5", "1e3", "5 s 3"}) {
    EXPECT_FALSE(parse_span(text)) << text;
  }
}

TEST(Registry, TakesPacemakersSpecialParametersOutOfWhatTheAgentGets) {
  const auto d = one({{"ip", "192.0.2.1"},
                      {"pcmk_host_list", "n1, n2 n3"},
                      {"pcmk_host_map", "n1:1;n2:2,5 n3=web"},
                      {"pcmk_host_check", "static-list"},
                      {"pcmk_delay_base", "2s"},
                      {"pcmk_delay_max", "10"},
                      {"pcmk_off_timeout", "45s"},
                      {"pcmk_reboot_action", "off"},
                      {"pcmk_off_retries", "4"},
                      {"pcmk_action_limit", "-1"},
                      {"pcmk_host_argument", "outlet"}});
  EXPECT_EQ(d.defect, "");
  EXPECT_EQ(d.parameters, (std::map<std::string, std::string>{{"ip", "192.0.2.1"}}));
  EXPECT_EQ(d.hosts, (std::vector<std::string>{"n1", "n2", "n3"}));
  EXPECT_EQ(d.port_of("n2"), "2,5");
  EXPECT_EQ(d.port_of("n3"), "web");
  EXPECT_EQ(d.port_of("n9"), "n9");
  EXPECT_EQ(d.host_check, HostCheck::kStaticList);
  EXPECT_EQ(d.delay_base, Seconds(2));
  EXPECT_EQ(d.delay_max, Seconds(10));
  EXPECT_EQ(d.timeouts.at("off"), Seconds(45));
  EXPECT_EQ(d.action_names.at("reboot"), "off");
  EXPECT_EQ(d.retries.at("off"), 4U);
  EXPECT_EQ(d.action_limit, -1);
  EXPECT_EQ(d.host_argument, "outlet");
}

TEST(Registry, WhatCannotBeMeantMakesADeviceDefectNotUseful) {
  for (const auto& [name, value] : std::map<std::string, std::string>{{"pcmk_host_check", "sometimes"},
                                                                      {"pcmk_host_map", "n1"},
                                                                      {"pcmk_off_timeout", "soon"},
                                                                      {"pcmk_delay_base", "n1:x"},
                                                                      {"ip", "192.0.2.1&#10;action=on"}}) {
    EXPECT_NE(one({{name, value}}).defect, "") << name;
  }
  // The action is never the configuration's to choose.
  EXPECT_EQ(one({{"action", "metadata"}, {"option", "on"}}).parameters.size(), 0U);
}

TEST(Registry, FindsDevicesInGroupsAndByTemplateButNotStoppedOnes) {
  const auto r = parse(R"(<resources>
    <template id="t" class="stonith" type="fence_x"><instance_attributes id="ta"><nvpair id="a" name="user" value="root"/>
      <nvpair id="b" name="ip" value="1"/></instance_attributes></template>
    <group id="g"><primitive id="one" template="t"><instance_attributes id="oa"><nvpair id="c" name="ip" value="2"/>
      </instance_attributes></primitive></group>
    <primitive id="off" class="stonith" type="fence_x"><meta_attributes id="m">
      <nvpair id="d" name="target-role" value="Stopped"/></meta_attributes></primitive>
    <primitive id="web" class="ocf" provider="heartbeat" type="Dummy"/></resources>)");
  ASSERT_EQ(r.devices.size(), 1U);
  EXPECT_EQ(r.devices.at("one").type, "fence_x");
  EXPECT_EQ(r.devices.at("one").parameters,
            (std::map<std::string, std::string>{{"ip", "2"}, {"user", "root"}}));
}

TEST(Registry, TopologyIsFoundByNameThenPatternThenAttribute) {
  const auto r = parse(R"(<nodes><node id="1" uname="n1"/><node id="2" uname="n2"/><node id="3" uname="web3">
      <instance_attributes id="i"><nvpair id="r" name="rack" value="7"/></instance_attributes></node></nodes>
    <fencing-topology>
      <fencing-level id="b" target="n1" index="2" devices="b"/><fencing-level id="a" target="n1" index="1" devices="a"/>
      <fencing-level id="p" target-pattern="^n[0-9]$" index="1" devices="p1,p2"/>
      <fencing-level id="r" target-attribute="rack" target-value="7" index="1" devices="r"/>
      <fencing-level id="z" target="n1" index="10" devices="never"/>
      <fencing-level id="y" target-pattern="(" index="1" devices="never"/>
    </fencing-topology>)");
  const auto devices = [&](const std::string& target) { return plan_levels(r, {}, target, "off"); };
  using Levels = std::vector<std::vector<std::string>>;
  EXPECT_EQ(devices("n1"), (Levels{{"a"}, {"b"}}));
  EXPECT_EQ(devices("n2"), (Levels{{"p1", "p2"}}));
  EXPECT_EQ(devices("web3"), (Levels{{"r"}}));
  EXPECT_EQ(devices("other"), Levels{});
}

TEST(PlanLevels, WithoutTopologyEachDeviceThatReachesTheTargetIsTriedByPriority) {
  Registry r;
  for (const char* id : {"a", "b", "c", "d", "e", "f"}) r.devices[id].id = id;
  r.devices["b"].priority = 5;
  r.devices["c"].hosts = {"n9"};
  r.devices["d"].host_check = HostCheck::kStaticList;
  r.devices["e"].defect = "broken";
  r.devices["f"].host_check = HostCheck::kDynamicList;
  using Levels = std::vector<std::vector<std::string>>;
  EXPECT_EQ(plan_levels(r, {}, "n1", "off"), (Levels{{"b"}, {"a"}, {"f"}}));
  EXPECT_EQ(plan_levels(r, {{"f", {"n2"}}}, "n1", "off"), (Levels{{"b"}, {"a"}}));
  EXPECT_EQ(plan_levels(r, {{"f", {"n1"}}}, "n9", "off"), (Levels{{"b"}, {"a"}, {"c"}}));
}

TEST(TieBreak, OnlyTheHigherOfTwoAloneWaits) {
  Registry two;
  two.nodes = {{"n1", NodeId{1}}, {"n2", NodeId{2}}};
  EXPECT_EQ(tie_break(two, NodeId{1}, 1, NodeId{2}, false), Milliseconds(0));
  EXPECT_EQ(tie_break(two, NodeId{2}, 1, NodeId{1}, false), kTieBreak);
  EXPECT_EQ(tie_break(two, NodeId{2}, 1, NodeId{1}, true), Milliseconds(0));
  EXPECT_EQ(tie_break(two, NodeId{2}, 2, NodeId{1}, false), Milliseconds(0));
  EXPECT_EQ(tie_break(two, NodeId{2}, 1, NodeId{2}, false), Milliseconds(0));
  Registry three = two;
  three.nodes["n3"] = NodeId{3};
  EXPECT_EQ(tie_break(three, NodeId{2}, 1, NodeId{1}, false), Milliseconds(0));
}

TEST(StormBrake, LetsAMinorityCutAsManyAsItHasMembersInTenSeconds) {
  StormBrake brake;
  const Time t{Seconds(100)};
  EXPECT_EQ(brake.hold("a", 2, 5, t), Duration::zero());
  EXPECT_EQ(brake.hold("b", 2, 5, t + Seconds(1)), Duration::zero());
  EXPECT_EQ(brake.hold("a", 2, 5, t + Seconds(2)), Duration::zero());  // No further target.
  EXPECT_EQ(brake.hold("c", 2, 5, t + Seconds(4)), Seconds(6));
  EXPECT_EQ(brake.hold("c", 2, 5, t + Seconds(12)), Duration::zero());
  StormBrake majority;
  for (const char* target : {"a", "b", "c", "d"}) EXPECT_EQ(majority.hold(target, 3, 5, t), Duration::zero());
}

}  // namespace
}  // namespace systole::stonith
