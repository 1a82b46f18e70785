// Status of documents as crm_mon shows it.
#include <gtest/gtest.h>

#include <cstdlib>

#include "cli/status.h"

#include "cli/tools_test_support.h"

namespace systole::cli {
namespace {

constexpr const char* kNodes = R"(<nodes><node id="1" uname="node1"/><node id="2" uname="node2"/></nodes>)";
constexpr const char* kOp = R"(operation_key="k" crm_feature_set="3.16.1" op-status="0")";

std::string history(const std::string& resource, const std::string& operation, int rc, int call,
                    const std::string& more = "") {
  return fmt::format(
      R"(<lrm_resource id="{0}" class="ocf" provider="pacemaker" type="Dummy"><lrm_rsc_op id="{0}_last" operation="{1}" rc-code="{2}" call-id="{3}" interval="0" transition-key="1:1:{4}:u" {5} {6}/></lrm_resource>)",
      resource, operation, rc, call, operation == "monitor" ? 7 : 0, kOp, more);
}

std::string cib(
    const std::string& resources, const std::string& on1, const std::string& on2,
    const std::string& properties = "",
    const std::string& state2 = R"(in_ccm="true" crmd="online" join="member" expected="member")") {
  return fmt::format(
      R"(<cib admin_epoch="0" epoch="5" num_updates="1" validate-with="pacemaker-3.9" have-quorum="1" dc-uuid="1"><configuration>
<crm_config><cluster_property_set id="cib-bootstrap-options"><nvpair id="a" name="stonith-enabled" value="false"/>
<nvpair id="b" name="cluster-infrastructure" value="corosync"/><nvpair id="c" name="dc-version" value="2.1.5-x"/>{}</cluster_property_set></crm_config>
{}<resources>{}</resources><constraints/></configuration><status>
<node_state id="1" uname="node1" in_ccm="true" crmd="online" join="member" expected="member"><lrm id="1"><lrm_resources>{}</lrm_resources></lrm></node_state>
<node_state id="2" uname="node2" {}><lrm id="2"><lrm_resources>{}</lrm_resources></lrm></node_state></status></cib>)",
      properties, kNodes, resources, on1, state2, on2);
}

const std::string kDummy = R"(<primitive id="d1" class="ocf" provider="pacemaker" type="Dummy"/>)";

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

class Status : public testing::Test {
 protected:
  void SetUp() override { setenv("TZ", "UTC", 1); }
};

TEST_F(Status, ShowsAnEmptyClusterAsClientsExpect) {
  Bench bench(cib("", "", ""));
  const Outcome got = bench.run({"crm_mon", "-1", "-r"});
  EXPECT_EQ(got.code, 0);
  EXPECT_EQ(got.err, "");
  EXPECT_EQ(got.out, R"(Cluster Summary:
  * Stack: corosync
  * Current DC: node1 (version 2.1.5-x) - partition with quorum
  * Last updated: Tue Nov 14 22:13:20 2023
  * Last change:  
  * 2 nodes configured
  * 0 resource instances configured

Node List:
  * Online: [ node1 node2 ]

Full List of Resources:
  * No resources
)");
}

TEST_F(Status, ShowsWhereAPrimitiveRuns) {
  Bench bench(cib(kDummy, history("d1", "start", 0, 3), history("d1", "monitor", 7, 2)));
  EXPECT_TRUE(has(bench.run({"crm_mon", "-1"}).out, "  * d1\t(ocf:pacemaker:Dummy):\t Started node1\n"));
}

TEST_F(Status, LaterOperationsWinOverEarlierOnes) {
  const std::string both =
      R"(<lrm_resource id="d1" class="ocf" provider="pacemaker" type="Dummy">)"
      R"(<lrm_rsc_op id="b" operation="stop" rc-code="0" call-id="9" interval="0" op-status="0" transition-key="1:1:0:u"/>)"
      R"(<lrm_rsc_op id="a" operation="start" rc-code="0" call-id="4" interval="0" op-status="0" transition-key="1:1:0:u"/></lrm_resource>)";
  Bench bench(cib(kDummy, both, ""));
  EXPECT_TRUE(has(bench.run({"crm_mon", "-1r"}).out, "\t Stopped\n"));
}

TEST_F(Status, NamesFailuresWithReasonAndTime) {
  Bench bench(cib(kDummy,
                  history("d1", "start", 1, 3,
                          R"(exit-reason="cannot do it" last-rc-change="1700000000" exec-time="22")"),
                  ""));
  const std::string out = bench.run({"crm_mon", "-1"}).out;
  EXPECT_TRUE(has(out, "  * d1\t(ocf:pacemaker:Dummy):\t FAILED node1\n"));
  EXPECT_TRUE(has(out,
                  "Failed Resource Actions:\n  * d1 start on node1 returned 'error' (cannot do it) at Tue "
                  "Nov 14 22:13:20 2023 after 22ms\n"));
}

TEST_F(Status, ShowsStartsUnderWay) {
  Bench bench(cib(kDummy, history("d1", "start", 193, -1), ""));
  Bench pending(cib(
      kDummy,
      R"(<lrm_resource id="d1" class="ocf" provider="pacemaker" type="Dummy"><lrm_rsc_op id="x" operation="start" rc-code="193" call-id="-1" op-status="-1" interval="0"/></lrm_resource>)",
      ""));
  EXPECT_TRUE(has(pending.run({"crm_mon", "-1"}).out, "\t Starting node1\n"));
}

TEST_F(Status, GathersCloneInstances) {
  const std::string clone =
      R"(<clone id="cl1"><primitive id="d1" class="ocf" provider="pacemaker" type="Dummy"/></clone>)";
  Bench bench(cib(clone, history("d1", "start", 0, 3), ""));
  const std::string out = bench.run({"crm_mon", "-1r"}).out;
  EXPECT_TRUE(has(out, "  * Clone Set: cl1 [d1]:\n    * Started: [ node1 ]\n    * Stopped: [ node2 ]\n"));
  EXPECT_FALSE(has(bench.run({"crm_mon", "-1"}).out, "Stopped:"));
  EXPECT_TRUE(has(out, "2 resource instances configured"));
}

TEST_F(Status, ShowsPromotedInstances) {
  const std::string clone =
      R"(<clone id="ms"><meta_attributes id="m"><nvpair id="m1" name="promotable" value="true"/></meta_attributes><primitive id="d1" class="ocf" provider="pacemaker" type="Dummy"/></clone>)";
  Bench bench(cib(clone, history("d1", "promote", 0, 4), history("d1", "start", 0, 3)));
  EXPECT_TRUE(
      has(bench.run({"crm_mon", "-1"}).out,
          "  * Clone Set: ms [d1] (promotable):\n    * Promoted: [ node1 ]\n    * Unpromoted: [ node2 ]\n"));
}

TEST_F(Status, TellsNodesThatNeedFencingFromThoseThatLeft) {
  Bench lost(cib("", "", "", R"(<nvpair id="z" name="stonith-enabled" value="true"/>)"));
  const auto out = [](const std::string& state, bool fencing) {
    std::string xml = cib("", "", "", "", state);
    if (fencing) xml.replace(xml.find("value=\"false\""), 13, "value=\"true\"");
    return Bench(xml).run({"crm_mon", "-1"}).out;
  };
  EXPECT_TRUE(has(out(R"(in_ccm="false" crmd="offline" join="down" expected="member")", true),
                  "  * Node node2: UNCLEAN (offline)\n  * Online: [ node1 ]\n"));
  EXPECT_TRUE(
      has(out(R"(in_ccm="false" crmd="offline" join="down" expected="down")", true), "OFFLINE: [ node2 ]"));
  EXPECT_TRUE(has(out(R"(in_ccm="false" crmd="offline" join="down" expected="member")", false),
                  "OFFLINE: [ node2 ]"));
}

TEST_F(Status, CountsDisabledResources) {
  const std::string disabled =
      R"(<primitive id="d1" class="ocf" provider="pacemaker" type="Dummy"><meta_attributes id="m"><nvpair id="n" name="target-role" value="Stopped"/></meta_attributes></primitive>)";
  const std::string out = Bench(cib(disabled, "", "")).run({"crm_mon", "-1r"}).out;
  EXPECT_TRUE(has(out, "1 resource instance configured (1 DISABLED)"));
  EXPECT_TRUE(has(out, "\t Stopped (disabled)\n"));
}

TEST_F(Status, GroupsResourcesByNode) {
  Bench bench(cib(kDummy, history("d1", "start", 0, 3), ""));
  EXPECT_TRUE(has(bench.run({"crm_mon", "-1n"}).out,
                  "  * Node node1: online:\n    * Resources:\n      * d1\t(ocf:pacemaker:Dummy):\t Started\n "
                  " * Node node2: online:\n"));
}

TEST_F(Status, XmlHasTheShapeThatClientsRead) {
  Bench bench(cib(kDummy, history("d1", "start", 0, 3), ""));
  const Outcome got = bench.run({"crm_mon", "--output-as=xml"});
  pugi::xml_document xml;
  ASSERT_TRUE(xml.load_string(got.out.c_str()));
  EXPECT_STREQ(xml.document_element().name(), "pacemaker-result");
  EXPECT_TRUE(
      xml.select_node("//nodes/node[@name='node1' and @online='true' and @is_dc='true' and @type='member']"));
  EXPECT_TRUE(xml.select_node(
      "//resources/resource[@id='d1' and @role='Started' and @active='true']/node[@name='node1']"));
  EXPECT_TRUE(xml.select_node("//summary/resources_configured[@number='1']"));
  EXPECT_TRUE(xml.select_node("/pacemaker-result/status[@code='0' and @message='OK']"));
  EXPECT_TRUE(has(bench.run({"crm_mon", "-X"}).out, "<crm_mon version=\"2.1.5\">"));
}

TEST_F(Status, WithoutAClusterSaysSoInEachFormat) {
  Bench bench(cib("", "", ""));
  bench.down = true;
  EXPECT_EQ(bench.run({"crm_mon", "-1"}).code, 102);
  EXPECT_TRUE(has(bench.run({"crm_mon", "-1"}).err, "Connection to cluster failed"));
  EXPECT_TRUE(has(bench.run({"crm_mon", "--output-as", "xml"}).out,
                  "<status code=\"102\" message=\"Not connected\">"));
  EXPECT_TRUE(has(bench.run({"crm_mon", "-X"}).out, "<crm_mon version=\"2.1.5\"/>"));
}

TEST_F(Status, HostileNamesAndReasonsStayText) {
  Bench bench(cib(kDummy,
                  history("d1", "start", 1, 3,
                          "exit-reason=\"\xc2\x9b"
                          "31m&lt;/failure&gt;&#10;\xe2\x80\xae\""),
                  ""));
  for (const char* format : {"text", "xml", "json", "html"}) {
    const std::string out = bench.run({"crm_mon", "-1", std::string("--output-as=") + format}).out;
    EXPECT_TRUE(std::string_view(format) != "text" || !has(out, "\xc2\x9b"));
    pugi::xml_document xml;
    EXPECT_TRUE(std::string_view(format) != "xml" || xml.load_string(out.c_str()));
    EXPECT_FALSE(has(out, "\x1b")) << format;
  }
}

}  // namespace
}  // namespace systole::cli
