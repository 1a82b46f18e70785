// Agents' names, places and lists, over real folders.
#include "lrmd/agents.h"

#include "lrmd/test_world.h"

namespace systole::lrmd {
namespace {

using Names = std::vector<std::string>;

class Agents : public testing::Test {
 protected:
  Agents() {
    paths.ocf_root = world.dir + "/ocf";
    paths.own_agents = world.dir + "/own";
    paths.lsb = world.dir + "/init.d";
    paths.heartbeat = world.dir + "/ha.d";
  }
  TestWorld world;
  Paths paths;
};

TEST(ParseAgent, ReadsTheFormsPeopleWrite) {
  EXPECT_EQ(parse_agent("ocf:heartbeat:IPaddr2").value(), (AgentId{"ocf", "heartbeat", "IPaddr2"}));
  EXPECT_EQ(parse_agent("ocf::heartbeat:IPaddr2").value(), (AgentId{"ocf", "heartbeat", "IPaddr2"}));
  EXPECT_EQ(parse_agent("lsb:httpd").value(), (AgentId{"lsb", "", "httpd"}));
  EXPECT_EQ(parse_agent("stonith:fence_ipmilan").value(), (AgentId{"stonith", "", "fence_ipmilan"}));
  EXPECT_EQ(to_string(AgentId{"ocf", "heartbeat", "IPaddr2"}), "ocf:heartbeat:IPaddr2");
  EXPECT_EQ(to_string(AgentId{"lsb", "", "httpd"}), "lsb:httpd");
}

TEST(ParseAgent, RefusesWhatIsNoName) {
  for (const char* text :
       {"", ":", "httpd", "ocf:heartbeat", "ocf:heartbeat:", "lsb:a:b", "lsb:../../bin/sh", "lsb:-x",
        "ocf:heartbeat:a/b", "ocf:..:Dummy", "lsb:a b", "a::::b", "lsb:.hidden"}) {
    const auto agent = parse_agent(text);
    ASSERT_FALSE(agent) << text;
    EXPECT_EQ(agent.error().code, Errc::kInvalidArgument);
  }
}

TEST_F(Agents, AnOcfAgentIsTheEcosystemsFirstAndOursOtherwise) {
  const auto ours = world.script("own/pacemaker/Dummy", "exit 0\n");
  EXPECT_EQ(find_agent({"ocf", "pacemaker", "Dummy"}, paths, *world.files).value(), ours);
  const auto theirs = world.script("ocf/resource.d/pacemaker/Dummy", "exit 0\n");
  EXPECT_EQ(find_agent({"ocf", "pacemaker", "Dummy"}, paths, *world.files).value(), theirs);
}

TEST_F(Agents, OurAddressAgentAnswersForIPaddrWhereResourceAgentsIsAbsent) {
  EXPECT_FALSE(find_agent({"ocf", "heartbeat", "IPaddr"}, paths, *world.files));
  const auto ours = world.script("own/systole/IPaddr2", "exit 0\n");
  for (const char* type : {"IPaddr", "IPaddr2"}) {
    EXPECT_EQ(find_agent({"ocf", "heartbeat", type}, paths, *world.files).value(), ours);
  }
  EXPECT_FALSE(find_agent({"ocf", "heartbeat", "Filesystem"}, paths, *world.files));
  EXPECT_EQ(installed_providers("ocf", paths, *world.files), (Names{"heartbeat", "systole"}));
  EXPECT_EQ(installed_types("ocf", "heartbeat", paths, *world.files), (Names{"IPaddr", "IPaddr2"}));
  const auto theirs = world.script("ocf/resource.d/heartbeat/IPaddr", "exit 0\n");
  EXPECT_EQ(find_agent({"ocf", "heartbeat", "IPaddr"}, paths, *world.files).value(), theirs);
}

TEST_F(Agents, WhatIsMissingIsSaidWithThePlacesLookedAt) {
  const auto missing = find_agent({"ocf", "heartbeat", "Nope"}, paths, *world.files);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::kNotFound);
  EXPECT_NE(missing.error().message.find(paths.ocf_root + "/resource.d/heartbeat/Nope"), std::string::npos);
  EXPECT_NE(missing.error().message.find(paths.own_agents + "/heartbeat/Nope"), std::string::npos);
  world.write("init.d/plain", "text", 0644);
  EXPECT_EQ(find_agent({"lsb", "", "plain"}, paths, *world.files).error().code, Errc::kNotFound);
  EXPECT_EQ(find_agent({"systemd", "", "nginx"}, paths, *world.files).error().code, Errc::kUnsupported);
  EXPECT_EQ(find_agent({"upstart", "", "nginx"}, paths, *world.files).error().code, Errc::kUnsupported);
  EXPECT_EQ(find_agent({"lsb", "", "../../bin/sh"}, paths, *world.files).error().code,
            Errc::kInvalidArgument);
}

TEST_F(Agents, ListsShowProgramsOnly) {
  world.script("ocf/resource.d/heartbeat/Dummy", "exit 0\n");
  world.script("ocf/resource.d/heartbeat/.ocf-shellfuncs", "exit 0\n");
  world.write("ocf/resource.d/heartbeat/notes", "text", 0644);
  world.script("own/heartbeat/Extra", "exit 0\n");
  world.script("init.d/nginx", "exit 0\n");
  world.write("init.d/README", "text", 0755);
  EXPECT_EQ(installed_classes(paths, *world.files), (Names{"lsb", "ocf", "service"}));
  EXPECT_EQ(installed_types("ocf", "heartbeat", paths, *world.files), (Names{"Dummy", "Extra"}));
  EXPECT_EQ(installed_types("lsb", "", paths, *world.files), Names{"nginx"});
  EXPECT_EQ(installed_types("service", "", paths, *world.files), Names{"nginx"});
  EXPECT_EQ(installed_types("heartbeat", "", paths, *world.files), Names{});
  EXPECT_EQ(installed_types("ocf", "../..", paths, *world.files), Names{});
  EXPECT_EQ(installed_providers("lsb", paths, *world.files), Names{});
}

}  // namespace
}  // namespace systole::lrmd
