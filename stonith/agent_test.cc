// How fencing programs are called.
#include "stonith/agent.h"

#include <gtest/gtest.h>

namespace systole::stonith {
namespace {

Device device() {
  Device d;
  d.id = "pdu";
  d.type = "fence_apc";
  d.parameters = {{"ip", "192.0.2.9"}, {"password", "a b=c $x"}};
  d.host_map = {{"n1", "7"}};
  return d;
}
std::string input(const Device& d, const AgentFacts& facts, const std::string& action,
                  const std::string& target) {
  return device_spec(d, facts, action, target, Paths{})->input;
}

TEST(DeviceSpec, OptionsAreLinesOnStandardInput) {
  const auto spec = device_spec(device(), {}, "off", "n1", Paths{});
  ASSERT_TRUE(spec);
  EXPECT_EQ(spec->argv, std::vector<std::string>{"/usr/sbin/fence_apc"});
  EXPECT_EQ(spec->input, "action=off\nip=192.0.2.9\npassword=a b=c $x\nnodename=n1\nport=7\n");
  EXPECT_TRUE(spec->urgent);
}

TEST(DeviceSpec, ThePlugGoesByTheNameThatTheAgentKnows) {
  EXPECT_NE(input(device(), {true, {"off"}, {"plug"}}, "off", "n1").find("plug=7\n"), std::string::npos);
  EXPECT_EQ(input(device(), {true, {"off"}, {"ip"}}, "off", "n1").find("=7\n"), std::string::npos);
  auto d = device();
  d.host_argument = "outlet";
  EXPECT_NE(input(d, {}, "off", "n1").find("outlet=7\n"), std::string::npos);
  d.host_argument = "none";
  EXPECT_EQ(input(d, {}, "off", "n1").find("=7\n"), std::string::npos);
  d = device();
  d.parameters["port"] = "3";  // Configured for one node only: not overruled.
  EXPECT_EQ(input(d, {}, "off", "n1").find("port=7"), std::string::npos);
}

TEST(DeviceSpec, RefusesNamesThatLeaveTheFolderOrSmuggleLines) {
  auto d = device();
  for (const char* type : {"../bin/sh", "fence_/../../bin/sh", "sh", "", "fence_a b"}) {
    d.type = type;
    EXPECT_FALSE(device_spec(d, {}, "off", "n1", Paths{})) << type;
  }
  EXPECT_FALSE(device_spec(device(), {}, "off", "n1\naction=on", Paths{}));
}

TEST(FenceTestDevice, SplitsBeforeItReplaces) {
  Device d;
  d.id = "t";
  d.type = "fence_test";
  d.parameters = {{"command", " /lab/power  %a --node=%n "}, {"status_command", "/lab/power status %n"}};
  EXPECT_EQ(device_spec(d, {}, "off", "n 1; reboot", Paths{})->argv,
            (std::vector<std::string>{"/lab/power", "off", "--node=n 1; reboot"}));
  d.host_map = {{"n1", "plug4"}};
  d.action_names = {{"reboot", "cycle"}};
  EXPECT_EQ(device_spec(d, {}, "reboot", "n1", Paths{})->argv,
            (std::vector<std::string>{"/lab/power", "cycle", "--node=plug4"}));
  EXPECT_EQ(device_spec(d, {}, "status", "n1", Paths{})->argv,
            (std::vector<std::string>{"/lab/power", "status", "plug4"}));
  for (const char* command : {"", "  ", "power off", "./power"}) {
    d.parameters["command"] = command;
    EXPECT_FALSE(device_spec(d, {}, "off", "n1", Paths{})) << command;
  }
}

TEST(Facts, AreReadFromMetadata) {
  const auto facts =
      parse_facts(R"(<?xml version="1.0"?><resource-agent name="x"><parameters><parameter name="plug"/>
    </parameters><actions><action name="off"/><action name="on" on_target="1"/></actions></resource-agent>)");
  EXPECT_TRUE(facts.known);
  EXPECT_TRUE(facts.offers("off"));
  EXPECT_FALSE(facts.offers("status"));
  EXPECT_EQ(facts.parameters, std::set<std::string>{"plug"});
  EXPECT_FALSE(parse_facts("garbage").known);
  EXPECT_TRUE(parse_facts("garbage").offers("status"));  // What cannot be asked is held to the standard.
  EXPECT_TRUE(parse_facts(test_metadata()).offers("status"));
}

TEST(ParseList, TakesEveryNameOfALine) {
  EXPECT_EQ(parse_list("1,node1\n2,node2\n\n"), (std::set<std::string>{"1", "2", "node1", "node2"}));
  EXPECT_EQ(parse_list(""), std::set<std::string>{});
}

}  // namespace
}  // namespace systole::stonith
