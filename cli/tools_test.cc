// The tools on documents: output and exit codes as their clients need them.
#include <gtest/gtest.h>

#include "cli/tools_test_support.h"

namespace systole::cli {
namespace {

constexpr const char* kCib =
    R"(<cib crm_feature_set="3.16.1" validate-with="pacemaker-3.9" admin_epoch="0" epoch="3" num_updates="0">
<configuration><crm_config><cluster_property_set id="cib-bootstrap-options">
<nvpair id="cib-bootstrap-options-stonith-enabled" name="stonith-enabled" value="false"/></cluster_property_set></crm_config>
<nodes><node id="1" uname="n1"/><node id="2" uname="n2"/></nodes>
<resources><primitive id="d1" class="ocf" provider="pacemaker" type="Dummy"><instance_attributes id="d1-instance_attributes">
<nvpair id="d1-instance_attributes-fake" name="fake" value="abc"/></instance_attributes></primitive>
<group id="g1"><primitive id="d2" class="ocf" provider="pacemaker" type="Dummy"/></group></resources>
<constraints><rsc_location id="l1" rsc="d1" node="n1" score="200"/></constraints></configuration>
<status><node_state id="1" uname="n1" in_ccm="true" crmd="online" join="member" expected="member"><lrm id="1"><lrm_resources>
<lrm_resource id="d1" class="ocf" provider="pacemaker" type="Dummy">
<lrm_rsc_op id="d1_last_0" operation="start" operation_key="d1_start_0" call-id="5" rc-code="0" op-status="0" interval="0" transition-key="1:1:0:u"/></lrm_resource>
</lrm_resources></lrm><transient_attributes id="1"><instance_attributes id="status-1">
<nvpair id="a" name="fail-count-d1#monitor_10000" value="2"/><nvpair id="b" name="fail-count-d1#start_0" value="1"/>
<nvpair id="c" name="pingd" value="100"/></instance_attributes></transient_attributes></node_state></status></cib>)";

struct Case {
  std::vector<std::string> words;
  int code;
  const char* out;  // Exactly; null: not judged.
  const char* err;  // A part; null: nothing at all.
};

class Tools : public testing::Test {
 protected:
  void check(const std::vector<Case>& cases) {
    for (const Case& c : cases) {
      Bench bench(kCib);
      const Outcome got = bench.run(c.words);
      const std::string line = fmt::format("{}", fmt::join(c.words, " "));
      EXPECT_EQ(got.code, c.code) << line << "\n" << got.out << got.err;
      if (c.out != nullptr) {
        EXPECT_EQ(got.out, c.out) << line;
      }
      if (c.err == nullptr) {
        EXPECT_EQ(got.err, "") << line;
      } else {
        EXPECT_NE(got.err.find(c.err), std::string::npos) << line << "\n" << got.err;
      }
    }
  }
};

TEST_F(Tools, CibadminAnswersAsItsClientsExpect) {
  check({
      {{"cibadmin", "-Ql", "-o", "crm_config", "-n"}, 0, nullptr, nullptr},
      {{"cibadmin", "-Q", "--xpath", "//nothing"}, 105, "", "cib_query"},
      {{"cibadmin", "-Q", "-o", "nowhere"}, 64, "", "sections are"},
      {{"cibadmin", "-D", "-o", "nodes", "-X", "<node uname='n2'/>"}, 0, "", nullptr},
      {{"cibadmin", "-D", "-o", "nodes", "-X", "<node uname='n9'/>"}, 0, "", nullptr},
      {{"cibadmin", "-C", "-o", "resources", "-X",
        "<primitive id='d1' class='ocf' provider='pacemaker' type='Dummy'/>"},
       108,
       nullptr,
       "cib_create"},
      {{"cibadmin", "-M", "-o", "resources", "-X",
        "<primitive id='d9' class='ocf' provider='pacemaker' type='Dummy'/>"},
       105,
       "",
       "cib_modify"},
      {{"cibadmin", "-M", "-X", "<unclosed"}, 65, nullptr, "cib_modify"},
      {{"cibadmin", "-E"}, 107, "", "--force"},
      {{"cibadmin"}, 64, "", "needs a command"},
      {{"cibadmin", "--wrong"}, 64, "", "unknown option --wrong"},
  });
  Bench bench(kCib);
  const Outcome features = bench.run({"cibadmin", "-!"});
  EXPECT_TRUE(features.out.starts_with("Pacemaker 2.1.5 (Build: ")) << features.out;
  EXPECT_TRUE(bench.run({"cibadmin", "-Q", "--xpath", "//node"}).out.starts_with("<xpath-query>"));
  EXPECT_TRUE(bench.run({"cibadmin", "-$"}).out.starts_with("Pacemaker 2.1.5"));
}

TEST_F(Tools, CrmDiffAndPatchCarryAChange) {
  Bench bench(kCib);
  const std::string before = bench.document.serialize();
  ASSERT_EQ(bench.run({"crm_attribute", "-n", "no-quorum-policy", "-v", "ignore"}).code, 0);
  const Outcome same = bench.run({"crm_diff", "-u", "-O", before, "-N", before});
  EXPECT_EQ(same.code, 0);
  EXPECT_EQ(same.out, "");
  const Outcome diff =
      bench.run({"crm_diff", "--no-version", "-O", before, "-n", "-"}, bench.document.serialize());
  EXPECT_EQ(diff.code, 1);
  EXPECT_EQ(diff.out.find("<version"), std::string::npos);
  Bench other(kCib);
  EXPECT_EQ(other.run({"cibadmin", "-p", "-P", "--force"}, diff.out).code, 0);
  EXPECT_EQ(other.run({"crm_attribute", "-n", "no-quorum-policy", "-Gq"}).out, "ignore\n");
}

TEST_F(Tools, CrmAttributeReadsAndWritesEveryScope) {
  check({
      {{"crm_attribute", "-t", "crm_config", "-n", "stonith-enabled", "-G"},
       0,
       "scope=crm_config  name=stonith-enabled value=false\n",
       nullptr},
      {{"crm_attribute", "-n", "stonith-enabled", "-Gq"}, 0, "false\n", nullptr},
      {{"crm_attribute", "-Gq", "-t", "crm_config", "-n", "crmd-transition-delay"},
       105,
       "",
       "crmd-transition-delay"},
      {{"crm_attribute", "-n", "x", "-G", "-d", "7"}, 0, "scope=crm_config  name=x value=7\n", nullptr},
      {{"crm_attribute", "-t", "status", "-N", "n1", "-n", "pingd", "-G"},
       0,
       "scope=status  name=pingd value=100\n",
       nullptr},
      {{"crm_attribute", "-N", "n9", "-n", "x", "-v", "1"}, 105, "", "n9"},
      {{"crm_attribute", "-t", "wrong", "-n", "x", "-G"}, 64, "", "there is no scope"},
      {{"crm_attribute", "-n", "stonith-enabled", "-D"},
       0,
       "Deleted crm_config option: id=cib-bootstrap-options-stonith-enabled name=stonith-enabled\n",
       nullptr},
      {{"crm_attribute", "-n", "absent", "-D"}, 0, "", nullptr},
      {{"crm_attribute", "-G"}, 64, "", "--name"},
  });
  for (const std::vector<std::string>& where :
       std::vector<std::vector<std::string>>{{"-t", "nodes", "-N", "n1"},
                                             {"-t", "rsc_defaults"},
                                             {"-t", "op_defaults"},
                                             {"-t", "crm_config"},
                                             {"-l", "reboot", "-N", "n2"},
                                             {"-z", "-N", "n1"}}) {
    Bench bench(kCib);
    std::vector<std::string> set{"crm_attribute", "-n", "x"}, get = set;
    set.insert(set.end(), where.begin(), where.end());
    get = set;
    set.insert(set.end(), {"-v", "5"});
    get.insert(get.end(), {"-Gq"});
    EXPECT_EQ(bench.run(set).code, 0) << where[1];
    EXPECT_EQ(bench.run(get).out, "5\n") << where[1];
    set.back() = "+=2";
    EXPECT_EQ(bench.run(set).code, 0) << where[1];
    EXPECT_EQ(bench.run(get).out, "7\n") << where[1];
  }
}

TEST_F(Tools, AgentsFindTheirAttributes) {
  Bench bench(kCib);
  bench.environment = {{"OCF_RESOURCE_INSTANCE", "ms:1"}, {"OCF_RESKEY_CRM_meta_on_node", "n2"}};
  EXPECT_EQ(bench.run({"crm_attribute", "-p", "-l", "reboot", "-v", "100"}).code, 0);
  EXPECT_EQ(bench.run({"crm_master", "-l", "reboot", "-G", "-Q"}).out, "100\n");
  EXPECT_EQ(bench.run({"attrd_updater", "-n", "master-ms", "-Q"}).out,
            "name=\"master-ms\" host=\"n2\" value=\"100\"\n");
  EXPECT_EQ(bench.run({"attrd_updater", "-n", "pingd", "-Q", "-A"}).out,
            "name=\"pingd\" host=\"n1\" value=\"100\"\n");
  EXPECT_EQ(bench.run({"attrd_updater", "-n", "pingd", "-D", "-N", "n1"}).code, 0);
  EXPECT_EQ(bench.run({"attrd_updater", "-n", "pingd", "-Q", "-A"}).code, 105);
}

TEST_F(Tools, FailCountsAreSumsOverOperations) {
  check({
      {{"crm_failcount", "-G", "-r", "d1", "-N", "n1"},
       0,
       "scope=status  name=fail-count-d1 value=3\n",
       nullptr},
      {{"crm_failcount", "-G", "-r", "d1", "-N", "n1", "-n", "monitor", "-I", "10s"},
       0,
       "scope=status  name=fail-count-d1 value=2\n",
       nullptr},
      {{"crm_failcount", "-G", "-r", "d1", "-N", "n2"},
       0,
       "scope=status  name=fail-count-d1 value=0\n",
       nullptr},
      {{"crm_failcount", "-D", "-r", "d1", "-N", "n1"}, 0, "Cleaned up d1 on n1\n", nullptr},
  });
}

TEST_F(Tools, CrmResourceAnswersQuestions) {
  check({
      {{"crm_resource", "-W", "-r", "d1"}, 0, "resource d1 is running on: n1 \n", nullptr},
      {{"crm_resource", "--locate", "-r", "d2"}, 0, "resource d2 is NOT running\n", nullptr},
      {{"crm_resource", "-W", "-r", "nosuch"}, 105, "", "Resource 'nosuch' not found"},
      {{"crm_resource", "-l"}, 0, "d1\ng1\nd2\n", nullptr},
      {{"crm_resource", "-L"},
       0,
       "Full List of Resources:\n  * d1\t(ocf:pacemaker:Dummy):\t Started n1\n  * Resource Group: g1:\n    * "
       "d2\t(ocf:pacemaker:Dummy):\t Stopped\n",
       nullptr},
      {{"crm_resource", "-r", "d1", "-g", "fake"}, 0, "abc\n", nullptr},
      {{"crm_resource", "-r", "d1", "-g", "absent"}, 0, "", "Attribute 'absent' not found for 'd1'"},
      {{"crm_resource", "-r", "d1", "-a"},
       0,
       "Locations:\n  * Node n1 (score=200, id=l1, rsc=d1)\n",
       nullptr},
      {{"crm_resource", "--move"}, 64, "", "--resource"},
      {{"crm_resource"}, 64, "", "needs a command"},
  });
}

TEST_F(Tools, CrmResourceChangesDefinitionsWithTheUsualIds) {
  check({
      {{"crm_resource", "-r", "d1", "-p", "fake", "-v", "xyz"},
       0,
       "Set 'd1' option: id=d1-instance_attributes-fake set=d1-instance_attributes name=fake value=xyz\n",
       nullptr},
      {{"crm_resource", "-r", "d2", "--meta", "-p", "priority", "-v", "7"},
       0,
       "Set 'd2' option: id=d2-meta_attributes-priority set=d2-meta_attributes name=priority value=7\n",
       nullptr},
      {{"crm_resource", "-r", "d1", "-d", "fake"},
       0,
       "Deleted 'd1' option: id=d1-instance_attributes-fake name=fake\n",
       nullptr},
      {{"crm_resource", "-r", "d1", "-d", "absent"}, 0, "", nullptr},
  });
}

TEST_F(Tools, MovesBansAndClears) {
  Bench bench(kCib);
  EXPECT_EQ(bench.run({"crm_resource", "-M", "-r", "d1", "-N", "n2"}).code, 0);
  EXPECT_NE(bench.document.serialize().find(
                R"(id="cli-prefer-d1" rsc="d1" role="Started" node="n2" score="INFINITY")"),
            std::string::npos);
  EXPECT_EQ(bench.run({"crm_resource", "--clear", "-r", "d1"}).out, "Removing constraint: cli-prefer-d1\n");
  const Outcome ban = bench.run({"crm_resource", "-B", "-r", "d1"});
  EXPECT_EQ(ban.code, 0);
  EXPECT_NE(ban.err.find("WARNING"), std::string::npos);
  EXPECT_NE(bench.document.serialize().find("cli-ban-d1-on-n1"), std::string::npos);
  EXPECT_EQ(bench.run({"crm_resource", "-U", "-r", "d1", "-N", "n2"}).out, "");
  EXPECT_EQ(bench.run({"crm_resource", "-U", "-r", "d1"}).out, "Removing constraint: cli-ban-d1-on-n1\n");
  EXPECT_EQ(bench.run({"crm_resource", "-M", "-r", "d1", "-N", "n2", "-u", "PT1H"}).code, 0);
  EXPECT_NE(bench.document.serialize().find(R"(end="2023-11-14 23:13:20Z")"), std::string::npos);
  EXPECT_EQ(bench.run({"crm_resource", "-M", "-r", "d1", "-N", "nowhere"}).code, 105);
}

TEST_F(Tools, WithoutAClusterExitsWith102) {
  Bench bench(kCib);
  bench.down = true;
  for (const char* line : {"cibadmin -Q", "crm_node -l", "crm_attribute -n x -G", "crmadmin -D",
                           "crm_resource -L", "stonith_admin -L"}) {
    std::vector<std::string> words;
    for (std::string_view rest = line; !rest.empty();) {
      const std::size_t blank = std::min(rest.find(' '), rest.size());
      words.emplace_back(rest.substr(0, blank));
      rest.remove_prefix(std::min(blank + 1, rest.size()));
    }
    EXPECT_EQ(bench.run(words).code, 102) << line;
  }
}

TEST_F(Tools, CrmVerifyNamesTheRemedyWhenThereIsNoFencing) {
  check({
      {{"crm_verify", "-L"}, 0, "", nullptr},
      {{"crm_verify", "-X", "<cib><configuration>"}, 78, "", "crm_verify"},
      {{"crm_verify"}, 64, "", "--live-check"},
  });
  std::string fencing = kCib;
  fencing.replace(fencing.find("value=\"false\""), 13, "value=\"true\"");
  Bench bench(fencing);
  const Outcome got = bench.run({"crm_verify", "-L"});
  EXPECT_EQ(got.code, 78);
  EXPECT_NE(got.err.find("no STONITH resources have been defined"), std::string::npos) << got.err;
  EXPECT_NE(got.err.find("stonith-enabled"), std::string::npos) << got.err;
  bench.down = true;
  EXPECT_EQ(bench.run({"crm_verify", "-L"}).code, 66);
  Bench broken(kCib);
  const Outcome piped = broken.run({"crm_verify", "-VV", "-p"}, "not xml");
  EXPECT_EQ(piped.code, 78);
}

TEST_F(Tools, CrmSimulateShowsWhatWouldBeDone) {
  Bench bench(kCib);
  const Outcome got = bench.run({"crm_simulate", "-LS"});
  EXPECT_EQ(got.code, 0);
  for (const char* part : {"Current cluster status:", "Transition Summary:", "Executing Cluster Transition:",
                           "Revised Cluster Status:"}) {
    EXPECT_NE(got.out.find(part), std::string::npos) << part;
  }
  EXPECT_NE(bench.run({"crm_simulate", "-sL"}).out.find("allocation score on n1"), std::string::npos);
  EXPECT_EQ(bench.run({"crm_simulate", "-L", "-i", "nonsense"}).code, 64);
}

TEST_F(Tools, TicketsAreGrantedWithForceOnly) {
  Bench bench(kCib);
  const Outcome refused = bench.run({"crm_ticket", "-t", "T", "-g"});
  EXPECT_EQ(refused.code, 4);
  EXPECT_NE(refused.err.find("please specify --force"), std::string::npos);
  EXPECT_EQ(bench.run({"crm_ticket", "-t", "T", "-g", "--force"}).code, 0);
  EXPECT_EQ(bench.run({"crm_ticket", "-t", "T", "-G", "granted"}).out, "true\n");
  EXPECT_EQ(bench.run({"crm_ticket", "-t", "U", "-G", "granted"}).code, 105);
  EXPECT_EQ(bench.run({"crm_ticket", "-t", "T", "-r", "--force"}).code, 0);
  EXPECT_EQ(bench.run({"crm_ticket", "-t", "T", "-G", "granted"}).out, "false\n");
}

TEST_F(Tools, SmallToolsExplain) {
  check({
      {{"crm_error", "-X", "105"}, 0, "No such object\n", nullptr},
      {{"crm_error", "-X", "-n", "78"}, 0, "CRM_EX_CONFIG - Invalid configuration\n", nullptr},
      {{"crm_error", "--", "x"}, 64, "", "not a number"},
      {{"iso8601", "-d", "2020-01-01"}, 0, "Date: 2020-01-01 00:00:00Z\n", nullptr},
      {{"iso8601", "-d", "2020-01-01 00:30:00 +08:00"}, 0, "Date: 2019-12-31 16:30:00Z\n", nullptr},
      {{"iso8601", "-d", "today"}, 64, "", "cannot be understood"},
      {{"iso8601", "-D", "PT1H"}, 0, "Duration: 3600 seconds\n", nullptr},
  });
}

TEST_F(Tools, HelpTeachesAndHoldsWhatClientsSearchFor) {
  Bench bench(kCib);
  for (const ToolEntry& tool : tools()) {
    const Outcome help = bench.run({tool.name, "--help"});
    EXPECT_EQ(help.code, 0) << tool.name;
    EXPECT_TRUE(help.out.starts_with(std::string(tool.name) + " - ")) << tool.name;
    EXPECT_TRUE(bench.run({tool.name, "--version"}).out.starts_with("Pacemaker 2.1.5")) << tool.name;
    EXPECT_TRUE(bench.run({tool.name, "--man"}).out.starts_with(".TH ")) << tool.name;
    EXPECT_NE(bench.run({tool.name, "--list-options"}).out.find("--help\n"), std::string::npos) << tool.name;
  }
  for (const auto& [tool, words] : std::vector<std::pair<std::string, std::vector<std::string>>>{
           {"crm_mon", {"--pending", "--output-as=", "--fence-history"}},
           {"crm_resource", {"--expired", "--digests"}},
           {"stonith_admin", {"--history", "--broadcast", "--cleanup"}}}) {
    const std::string text = bench.run({tool, "--help-all"}).out;
    for (const std::string& word : words)
      EXPECT_NE(text.find(word), std::string::npos) << tool << " " << word;
  }
}

}  // namespace
}  // namespace systole::cli
