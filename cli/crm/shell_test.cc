// The shell as people use it: lines in, text and a changed CIB out.
#include "cli/crm/merge.h"
#include "cli/crm/move.h"
#include "cli/crm/select.h"
#include "cli/crm/shell_test_support.h"

namespace systole::crm {
namespace {

using testing::Test;

TEST_F(ShellTest, OneCommandCommitsAtOnce) {
  run_ok(
      "configure primitive d1 ocf:pacemaker:Dummy params fake=abc op monitor interval=10s timeout=20s meta "
      "target-role=Started");
  EXPECT_EQ(run_ok("configure show d1"),
            "primitive d1 ocf:pacemaker:Dummy \\\n\tparams fake=abc \\\n\top monitor interval=10s "
            "timeout=20s \\\n\tmeta target-role=Started\n");
}

TEST_F(ShellTest, TheSessionEveryoneKnows) {
  run_ok("configure primitive WebIP ocf:heartbeat:IPaddr2 params ip=172.16.100.1");
  run_ok("configure property no-quorum-policy=ignore");
  run_ok("configure rsc_defaults resource-stickiness=100");
  run_ok("configure primitive WebSite ocf:heartbeat:Dummy");
  run_ok("configure colocation website-with-ip INFINITY: WebSite WebIP");
  run_ok("configure order httpd-after-ip mandatory: WebIP WebSite");
  run_ok("configure location prefer_node WebSite 200: node1");
  EXPECT_EQ(run_ok("configure show"),
            "node 1: node1\nnode 2: node2\nprimitive WebIP IPaddr2 \\\n\tparams ip=172.16.100.1\nprimitive "
            "WebSite Dummy\n"
            "location prefer_node WebSite 200: node1\ncolocation website-with-ip inf: WebSite WebIP\n"
            "order httpd-after-ip Mandatory: WebIP WebSite\n"
            "property cib-bootstrap-options: \\\n\tstonith-enabled=false \\\n\tno-quorum-policy=ignore\n"
            "rsc_defaults rsc-options: \\\n\tresource-stickiness=100\n");
  EXPECT_EQ(run_ok("configure get_property no-quorum-policy"), "ignore\n");
}

TEST_F(ShellTest, AbbreviationsWorkWhileTheyAreUnambiguous) {
  EXPECT_EQ(run_ok("conf sh type:node"), "node 1: node1\nnode 2: node2\n");
  EXPECT_NE(run_fails("configure s").find("ERROR: 's' is ambiguous: show, set, save, simulate, schema"),
            std::string::npos)
      << console_.all;
  EXPECT_NE(run_fails("configure nonsense x").find("ERROR: no such command: nonsense in configure"),
            std::string::npos);
}

TEST_F(ShellTest, AnUnknownAgentIsRefusedAndForcePasses) {
  EXPECT_NE(run_fails("configure primitive x ocf:heartbeat:NoSuch").find("ERROR: x: "), std::string::npos)
      << console_.all;
  EXPECT_NE(console_.all.find("NoSuch"), std::string::npos);
  run_fails("configure show x");
  run_ok("-F configure primitive x ocf:heartbeat:NoSuch");
  run_ok("configure show x");
}

TEST_F(ShellTest, ParametersAreHeldAgainstTheAgent) {
  EXPECT_NE(run_fails("configure primitive ip IPaddr2").find("ERROR: ip: required parameter ip not defined"),
            std::string::npos);
  EXPECT_NE(run_fails("configure primitive ip IPaddr2 params ip=1.2.3.4 netmaks=24")
                .find("ERROR: ip: parameter netmaks does not exist (ocf:heartbeat:IPaddr2 has: ip, nic)"),
            std::string::npos);
  run_ok("configure primitive ip IPaddr2 params ip=1.2.3.4 op monitor interval=10s timeout=5s");
  EXPECT_NE(
      console_.all.find("WARNING: ip: specified timeout 5s for monitor is smaller than the advised 20s"),
      std::string::npos)
      << console_.all;
  // Only what is changed is asked about: the old resource is not warned of again.
  EXPECT_EQ(run_ok("configure primitive d Dummy"), "");
}

TEST_F(ShellTest, ATemplatesParametersCount) {
  run_ok("configure rsc_template addr IPaddr2 params ip=1.1.1.1");
  run_ok("configure primitive ip @addr params nic=eth0");
  EXPECT_NE(run_fails("configure primitive ip2 @nosuch").find("ERROR: ip2: object nosuch does not exist"),
            std::string::npos);
}

TEST_F(ShellTest, ConstraintsNeedTheirResources) {
  EXPECT_NE(run_fails("configure colocation c inf: a b").find("ERROR: c: object a does not exist"),
            std::string::npos);
  EXPECT_NE(run_fails("-F configure order o a b").find("object b does not exist"), std::string::npos);
  run_ok("configure primitive a Dummy");
  EXPECT_NE(run_ok("configure location l a 1: nowhere").find("WARNING: l: node nowhere is not known"),
            std::string::npos);
}

TEST_F(ShellTest, SyntaxErrorsSayWhere) {
  EXPECT_EQ(
      run_fails("configure order o sometimes: a b"),
      "ERROR: syntax in order: expected Mandatory:, Optional:, Serialize: or a score near <sometimes:>\n");
  EXPECT_EQ(run_fails("configure delete nosuch"), "ERROR: object nosuch does not exist\n");
}

TEST_F(ShellTest, ABatchIsOneWorkingCopyCommittedAtItsEnd) {
  EXPECT_EQ(batch("configure\nprimitive a Dummy\nprimitive b Dummy # not a comment inside\n"), 1);
  EXPECT_NE(console_.all.find("ERROR: 3: syntax in primitive"), std::string::npos) << console_.all;
  run_fails("configure show a");
  EXPECT_EQ(
      batch("# head\nconfigure\nprimitive a Dummy\nprimitive b Dummy \\\n  meta priority=1\ngroup g a b\n"),
      0)
      << console_.all;
  EXPECT_EQ(run_ok("configure show g"), "group g a b\n");
}

TEST_F(ShellTest, ALevelAloneTakesItsCommandsFromTheInput) {
  EXPECT_EQ(batch("primitive a Dummy\nprimitive b Dummy\ngroup g a b\n", {"configure"}), 0) << console_.all;
  EXPECT_EQ(run_ok("configure show g"), "group g a b\n");
}

TEST_F(ShellTest, FencingDevicesTakeTheFencersParameters) {
  write_agent(folder_ / "sbin/fence_x",
              "<parameter name=\"plug\" required=\"1\"><content type=\"string\"/></parameter>");
  paths_.fence_agents = path("sbin");
  run_ok("configure primitive st stonith:fence_x params pcmk_host_list=\"node1 node2\"");
  EXPECT_EQ(console_.all.find("ERROR"), std::string::npos) << console_.all;
  EXPECT_NE(run_fails("configure primitive st2 stonith:fence_x params nonsense=1")
                .find("parameter nonsense does not exist"),
            std::string::npos);
  EXPECT_NE(run_ok("ra info stonith:fence_x").find("pcmk_host_map (string)"), std::string::npos);
}

TEST_F(ShellTest, AFileStopsAtItsFirstErrorAndNamesTheLine) {
  std::ofstream(path("f"))
      << "configure primitive a Dummy\nconfigure primitive b NoSuch\nconfigure primitive c Dummy\n";
  EXPECT_EQ(run("-f " + path("f")), 1);
  EXPECT_NE(console_.all.find("ERROR: 2: b: "), std::string::npos) << console_.all;
  run_ok("configure show a");
  run_fails("configure show c");
}

TEST_F(ShellTest, LevelsAndUpAndQuit) {
  EXPECT_EQ(batch("configure\nshow type:node\nup\nresource\ncd ../configure\nshow type:property\nquit\nshow "
                  "nonsense\n"),
            0)
      << console_.all;
  EXPECT_EQ(console_.all,
            "node 1: node1\nnode 2: node2\nproperty cib-bootstrap-options: \\\n\tstonith-enabled=false\n");
}

TEST_F(ShellTest, SavedAndLoadedItIsTheSame) {
  run_ok(
      "configure primitive d1 ocf:pacemaker:Dummy params fake=\"a b\" op monitor interval=10s timeout=20s");
  run_ok("configure primitive d2 Dummy");
  run_ok("configure group g d1 d2 meta ordered=false");
  run_ok("configure clone c g");
  run_ok("configure location l c rule -inf: not_defined pingd or pingd lte 0");
  const std::string before = run_ok("configure show"), xml = document_->serialize();
  run_ok("configure save " + path("saved"));
  run_ok("configure load update " + path("saved"));
  EXPECT_EQ(run_ok("configure show"), before);
  EXPECT_EQ(document_->serialize(), xml);
  run_ok("configure primitive extra Dummy");
  run_ok("configure load replace " + path("saved"));
  EXPECT_EQ(run_ok("configure show"), before);
  run_ok("configure save xml " + path("saved.xml"));
  run_ok("-F configure erase");
  EXPECT_EQ(run_ok("configure show type:primitive"), "");
  run_ok("configure load xml replace " + path("saved.xml"));
  EXPECT_EQ(run_ok("configure show"), before);
}

TEST_F(ShellTest, AFileWithErrorsChangesNothingAndNamesThemAll) {
  std::ofstream(path("bad")) << "primitive a Dummy\nprimitve b Dummy\norder o\n";
  run_fails("configure load update " + path("bad"));
  EXPECT_NE(console_.all.find("line 2: 'primitve'"), std::string::npos) << console_.all;
  EXPECT_NE(console_.all.find("line 3: "), std::string::npos);
  run_fails("configure show a");
}

TEST_F(ShellTest, EditReplacesAndDeletesWhatWasShown) {
  run_ok("configure primitive a Dummy meta priority=1");
  run_ok("configure primitive b Dummy");
  auto c = context({});
  Shell shell(c);
  shell.edit_text = [](const std::string& text) -> Result<std::string> {
    EXPECT_EQ(text, "primitive a Dummy \\\n\tmeta priority=1\nprimitive b Dummy\n");
    return std::string("primitive a Dummy \\\n\tmeta priority=2\n");
  };
  EXPECT_EQ(shell.run_once({"configure", "edit", "a", "b"}), 0) << console_.all;
  EXPECT_EQ(run_ok("configure show type:primitive"), "primitive a Dummy \\\n\tmeta priority=2\n");
}

TEST_F(ShellTest, ACommitKeepsWhatOthersChangedMeanwhile) {
  run_ok("configure primitive a Dummy params fake=1");
  auto c = context({});
  Shell shell(c);
  ASSERT_TRUE(shell.run_line("configure"));
  ASSERT_TRUE(shell.run_line("primitive b Dummy"));
  ASSERT_TRUE(shell.run_line("set a.fake 2"));
  EXPECT_EQ(shell.prompt(), "crm(live)configure*# ");
  run_ok("resource meta a set priority 5");
  run_ok("configure property maintenance-mode=true");
  ASSERT_TRUE(shell.run_line("commit")) << console_.all;
  EXPECT_EQ(shell.prompt(), "crm(live)configure# ");
  const std::string now = run_ok("configure show");
  EXPECT_NE(now.find("params fake=2 \\\n\tmeta priority=5"), std::string::npos) << now;
  EXPECT_NE(now.find("maintenance-mode=true"), std::string::npos) << now;
  EXPECT_NE(now.find("primitive b Dummy"), std::string::npos) << now;
}

TEST_F(ShellTest, AConflictIsNamedAndNothingIsCommitted) {
  run_ok("configure primitive a Dummy params fake=1");
  auto c = context({});
  Shell shell(c);
  shell.run_line("configure");
  shell.run_line("set a.fake 2");
  shell.run_line("primitive b Dummy");
  run_ok("resource param a set fake 3");
  console_.all.clear();
  EXPECT_FALSE(shell.run_line("commit"));
  EXPECT_NE(console_.all.find("ERROR: conflict in a: nvpair a-instance_attributes-fake: value was set to '2' "
                              "here and to '3' meanwhile"),
            std::string::npos)
      << console_.all;
  EXPECT_EQ(run_ok("resource param a show fake"), "3\n");
  run_fails("configure show b");
  ASSERT_TRUE(shell.run_line("refresh"));
  ASSERT_TRUE(shell.run_line("primitive b Dummy"));
  EXPECT_TRUE(shell.run_line("commit")) << console_.all;
}

TEST_F(ShellTest, ResourceCommandsChangeMetaAttributes) {
  run_ok("configure primitive d1 Dummy");
  run_ok("configure primitive d2 Dummy meta target-role=Started");
  run_ok("configure group g d2");
  run_ok("resource stop d1");
  EXPECT_EQ(run_ok("resource meta d1 show target-role"), "Stopped\n");
  run_ok("resource start d1");
  EXPECT_EQ(run_ok("resource meta d1 show target-role"), "Started\n");
  EXPECT_NE(run_ok("resource stop g").find("INFO: target-role of member d2 removed"), std::string::npos);
  run_fails("resource meta d2 show target-role");
  run_ok("resource unmanage d1");
  EXPECT_EQ(run_ok("resource meta d1 show is-managed"), "false\n");
  run_ok("resource manage d1");
  run_ok("resource maintenance d1 on");
  EXPECT_EQ(run_ok("resource meta d1 show maintenance"), "true\n");
  run_ok("resource meta d1 set priority 7");
  run_ok("resource meta d1 delete priority");
  run_fails("resource meta d1 delete priority");
  EXPECT_EQ(run_fails("resource start nosuch"), "ERROR: resource nosuch does not exist\n");
  run_ok("resource utilization d1 set cpu 2");
  EXPECT_EQ(run_ok("resource utilization d1 show cpu"), "2\n");
  EXPECT_EQ(run_ok("resource failcount d1 show node1"), "scope=status  name=fail-count-d1 value=0\n");
  EXPECT_EQ(run_ok("resource locate d1"), "resource d1 is NOT running\n");
}

TEST_F(ShellTest, MoveBanAndClear) {
  run_ok("configure primitive d1 Dummy");
  run_fails("resource move d1");
  run_fails("resource move d1 node9");
  EXPECT_EQ(run_ok("resource move d1 node2"),
            "INFO: Move constraint created for d1 to node2\nINFO: Use `crm resource clear d1` to remove this "
            "constraint\n");
  EXPECT_EQ(run_ok("configure show type:location"), "location cli-prefer-d1 d1 role=Started inf: node2\n");
  EXPECT_NE(run_ok("resource ban d1 node1").find("INFO: Ban constraint created for d1 to node1"),
            std::string::npos);
  EXPECT_NE(
      run_ok("configure show type:location").find("location cli-ban-d1-on-node1 d1 role=Started -inf: node1"),
      std::string::npos)
      << console_.all;
  EXPECT_EQ(run_ok("resource clear d1"), "INFO: Removed migration constraints for d1\n");
  EXPECT_EQ(run_ok("configure show type:location"), "");
  run_ok("resource move d1 node1 PT1H");
  EXPECT_NE(run_ok("configure show type:location")
                .find("rule inf: #uname string:eq node1 and date lt \"2026-09-21 15:13:20Z\""),
            std::string::npos)
      << console_.all;
}

TEST_F(ShellTest, Lifetimes) {
  EXPECT_EQ(parse_lifetime("PT1H30M"), Seconds(5400));
  EXPECT_EQ(parse_lifetime("P1D"), Seconds(86400));
  EXPECT_EQ(parse_lifetime("30min"), Seconds(1800));
  for (const char* bad : {"", "P", "PT", "P1", "PT1X", "1", "x", "P1H", "PT-1H", "P99999999999D"})
    EXPECT_FALSE(parse_lifetime(bad).has_value() && parse_lifetime(bad) != Seconds(1)) << bad;
}

TEST_F(ShellTest, NodeCommands) {
  EXPECT_EQ(run_ok("node standby node2"), "INFO: standby node node2\n");
  EXPECT_EQ(run_ok("configure show node2"), "node 2: node2 \\\n\tattributes standby=on\n");
  EXPECT_EQ(run_ok("node online node2"), "INFO: online node node2\n");
  EXPECT_EQ(run_ok("configure show node2"), "node 2: node2 \\\n\tattributes standby=off\n");
  run_ok("node attribute node1 set rack r7");
  EXPECT_EQ(run_ok("node attribute node1 show rack"), "scope=nodes  name=rack value=r7\n");
  run_ok("node attribute node1 delete rack");
  run_fails("node attribute node1 show rack");
  run_ok("node maintenance node2");
  EXPECT_EQ(run_ok("node attribute node2 show maintenance"), "scope=nodes  name=maintenance value=true\n");
  run_ok("node ready node2");
  EXPECT_NE(run_ok("node show").find("node1(1): member"), std::string::npos);
  EXPECT_EQ(run_fails("node standby node9"), "ERROR: node node9 does not exist in the cluster\n");
  run_ok("node delete node2");
  run_fails("configure show node2");
}

TEST_F(ShellTest, ClusterCommandsSayWhatTheyNeed) {
  for (const char* verb : {"start", "stop", "restart", "enable", "disable"})
    EXPECT_NE(run_fails(fmt::format("cluster {} node2", verb)).find("on this node only"), std::string::npos)
        << verb;
  // Here is a document, no cluster.
  for (const char* command : {"status", "health", "reload", "rotate-key", "wait_for_startup 1"})
    EXPECT_TRUE(run_fails(fmt::format("cluster {}", command)).starts_with("ERROR: ")) << command;
  EXPECT_NE(run_fails("cluster wait_for_startup soon").find("is no time"), std::string::npos);
  EXPECT_NE(run_fails("cluster health now").find("usage"), std::string::npos);
}

TEST_F(ShellTest, DeleteRenameModgroup) {
  run_ok("configure primitive d2 Dummy");
  run_ok("configure primitive d3 Dummy");
  run_ok("configure primitive d4 Dummy");
  run_ok("configure group g1 d2 d3");
  run_ok("configure modgroup g1 add d4");
  EXPECT_EQ(run_ok("configure show g1"), "group g1 d2 d3 d4\n");
  run_ok("configure modgroup g1 remove d3");
  EXPECT_EQ(run_ok("configure show g1"), "group g1 d2 d4\n");
  run_ok("configure location l2 g1 1: node1");
  run_ok("configure rename g1 web");
  EXPECT_EQ(run_ok("configure show l2"), "location l2 web 1: node1\n");
  EXPECT_EQ(run_ok("configure show related:web"),
            "primitive d2 Dummy\nprimitive d4 Dummy\ngroup web d2 d4\nlocation l2 web 1: node1\n");
  EXPECT_EQ(run_ok("configure delete web"), "INFO: hanging location:l2 deleted\n");
  run_ok("configure delete d2 d3 d4");
  EXPECT_EQ(run_ok("configure show type:primitive"), "");
}

TEST_F(ShellTest, AgentsAreListedAndExplained) {
  EXPECT_NE(run_ok("ra classes").find("ocf / "), std::string::npos) << console_.all;
  EXPECT_NE(run_ok("ra list ocf heartbeat").find("IPaddr2"), std::string::npos);
  EXPECT_EQ(run_ok("ra providers Dummy"), "heartbeat pacemaker\n");
  const std::string info = run_ok("ra info ocf:heartbeat:IPaddr2");
  EXPECT_TRUE(
      info.starts_with("A test (ocf:heartbeat:IPaddr2)\n\nA test agent.\nSecond paragraph.\n\nParameters (*: "
                       "required, []: default):\n\n"
                       "ip* (string): IP\n    The address.\n"))
      << info;
  EXPECT_NE(info.find("Operations' defaults (advisory minimum):\n\n    start         timeout=20s\n"),
            std::string::npos)
      << info;
  EXPECT_EQ(run_ok("ra info IPaddr2"), info);
  run_fails("ra info NoSuch");
  run_fails("ra list nosuch");
  run_ok("ra validate IPaddr2 ip=1.2.3.4");
  EXPECT_NE(run_fails("ra validate IPaddr2").find("required parameter ip"), std::string::npos);
}

TEST_F(ShellTest, ShadowsAreTriedOutAndCommitted) {
  EXPECT_EQ(run_ok("cib new test1"), "INFO: cib.new: test1 shadow CIB created\n");
  run_fails("cib new test1");
  run_ok("-c test1 configure property maintenance-mode=true");
  EXPECT_EQ(run_ok("configure show cib-bootstrap-options").find("maintenance-mode"), std::string::npos);
  EXPECT_EQ(run_ok("cib list"), "test1\n");
  EXPECT_NE(run_ok("cib diff test1").find("maintenance-mode"), std::string::npos);
  run_ok("cib commit test1");
  EXPECT_EQ(run_ok("configure get_property maintenance-mode"), "true\n");
  run_ok("cib delete test1");
  EXPECT_EQ(run_ok("cib list"), "");
  run_fails("cib use test1");
  run_fails("cib new ../evil");
}

TEST_F(ShellTest, HelpTeachesAtEachLevel) {
  EXPECT_NE(run_ok("help").find("configure          the configuration"), std::string::npos) << console_.all;
  for (const auto* level : levels()) {
    const std::string text = run_ok("help " + std::string(level->name));
    for (const auto& command : level->commands) {
      EXPECT_NE(text.find(command.name), std::string::npos) << command.name;
      EXPECT_FALSE(command.brief.empty()) << command.name;
      EXPECT_NE(run_ok(fmt::format("{} help {}", level->name, command.name)).find(command.name),
                std::string::npos);
    }
  }
  EXPECT_NE(run_ok("help primitive").find("ocf:heartbeat:IPaddr2 params ip="), std::string::npos);
  EXPECT_EQ(run_ok("configure help order"), run_ok("help configure order"));
  run_fails("help nonsense");
}

TEST_F(ShellTest, OptionsOfTheProgram) {
  EXPECT_NE(run_ok("-h").find("usage: crm"), std::string::npos);
  EXPECT_NE(run_ok("--version").find("crm"), std::string::npos);
  EXPECT_NE(run_fails("--nonsense").find("unknown option"), std::string::npos);
  EXPECT_NE(run_fails("-f").find("needs a value"), std::string::npos);
  EXPECT_NE(run_ok("options show").find("sort-elements \"yes\""), std::string::npos);
}

TEST_F(ShellTest, ShowXmlCanBeReadByPrograms) {
  run_ok("configure primitive d1 ocf:pacemaker:Dummy");
  const std::string xml = run_ok("configure show xml");
  EXPECT_NE(xml.find("<cib crm_feature_set="), std::string::npos) << xml;
  EXPECT_NE(xml.find("<primitive id=\"d1\" class=\"ocf\" provider=\"pacemaker\" type=\"Dummy\""),
            std::string::npos)
      << xml;
  const std::string one = run_ok("configure show xml d1");
  EXPECT_NE(one.find("<primitive id=\"d1\""), std::string::npos);
  EXPECT_EQ(one.find("<node "), std::string::npos);
}

TEST_F(ShellTest, FiltersOfShow) {
  run_ok("configure primitive web1 Dummy");
  run_ok("configure primitive web2 Dummy");
  run_ok("configure tag t: web2");
  EXPECT_EQ(run_ok("configure show web*"), "primitive web1 Dummy\nprimitive web2 Dummy\n");
  EXPECT_EQ(run_ok("configure show tag:t"), "primitive web2 Dummy\n");
  run_fails("configure show type:nonsense");
  run_fails("configure show nosuch");
  EXPECT_TRUE(glob_match("w*b?", "web1"));
  EXPECT_FALSE(glob_match("w*c", "web1"));
}

// -- Completion.

class CompletionTest : public ShellTest {
 protected:
  std::vector<std::string> complete(const std::string& level, const std::string& line) {
    auto c = context({});
    Shell shell(c);
    if (!level.empty()) shell.run_line(level);
    return shell.complete(line);
  }
};

TEST_F(CompletionTest, CommandsAndLevels) {
  EXPECT_EQ(complete("", "con"), Words{"configure"});
  EXPECT_EQ(complete("", "configure pr"), (Words{"primitive", "promotable", "property"}));
  EXPECT_EQ(complete("configure", "modg"), Words{"modgroup"});
  EXPECT_EQ(complete("", "resource unm"), (Words{"unmanage"}));
}

TEST_F(CompletionTest, ObjectsOfTheirKind) {
  run_ok("configure primitive d1 Dummy");
  run_ok("configure primitive d2 Dummy");
  run_ok("configure group dg d2");
  EXPECT_EQ(complete("resource", "stop d"), (Words{"d1", "d2", "dg"}));
  EXPECT_EQ(complete("configure", "modgroup "), Words{"dg"});
  EXPECT_EQ(complete("node", "standby "), (Words{"node1", "node2"}));
  EXPECT_EQ(complete("resource", "move d1 "), (Words{"node1", "node2"}));
  EXPECT_EQ(complete("resource", "param d1 s"), (Words{"set", "show"}));
  EXPECT_EQ(complete("resource", "param d1 set "), Words{"fake"});
}

TEST_F(CompletionTest, AgentsStepByStepAndTheirParameters) {
  EXPECT_EQ(complete("configure", "primitive x oc"), Words{"ocf:"});
  EXPECT_EQ(complete("configure", "primitive x ocf:p"), Words{"ocf:pacemaker:"});
  EXPECT_EQ(complete("configure", "primitive x ocf:heartbeat:IP"), Words{"ocf:heartbeat:IPaddr2"});
  EXPECT_EQ(complete("configure", "primitive x ocf:heartbeat:IPaddr2 params n"), Words{"nic="});
  EXPECT_EQ(complete("configure", "primitive x ocf:heartbeat:IPaddr2 params ip=1 op m"), Words{"monitor"});
  EXPECT_EQ(complete("configure", "primitive x ocf:heartbeat:IPaddr2 params ip=1 op monitor int"),
            Words{"interval="});
  EXPECT_EQ(complete("configure", "primitive x Dummy meta target"), Words{"target-role="});
  EXPECT_EQ(complete("configure", "property no-q"), Words{"no-quorum-policy="});
}

TEST_F(CompletionTest, NonsenseHasNoCandidates) {
  EXPECT_TRUE(complete("", "nonsense ").empty());
  EXPECT_TRUE(complete("configure", "primitive x \"open ").empty());
}

}  // namespace
}  // namespace systole::crm
