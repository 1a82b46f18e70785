// The shell's language both ways, as tables: text -> XML, text -> XML -> text, and errors.
#include <gtest/gtest.h>

#include <sstream>

#include "cli/crm/format.h"
#include "cli/crm/parse.h"
#include "cli/crm/xml.h"

namespace systole::crm {
namespace {

std::string raw(pugi::xml_node node) {
  std::ostringstream out;
  node.print(out, "", pugi::format_raw);
  return out.str();
}

std::string to_xml(const std::string& text) {
  auto object = parse_statement(text);
  return object ? raw(object->node()) : "ERROR " + object.error().message;
}

// The object put where it belongs, so that the formatter knows its section.
std::string to_text(const std::string& xml, const std::string& section) {
  pugi::xml_document document;
  auto place = document.append_child("configuration").append_child(section.c_str());
  EXPECT_TRUE(place.append_buffer(xml.data(), xml.size())) << xml;
  return format_object(place.first_child(), {referenced_ids(document)});
}

struct Pair {
  const char *text, *xml;
};

class ParsesTo : public testing::TestWithParam<Pair> {};
TEST_P(ParsesTo, Xml) { EXPECT_EQ(to_xml(GetParam().text), GetParam().xml); }

INSTANTIATE_TEST_SUITE_P(
    Resources, ParsesTo,
    testing::Values(
        Pair{
            "primitive WebIP ocf:heartbeat:IPaddr params ip=172.16.100.1",
            R"(<primitive id="WebIP" class="ocf" provider="heartbeat" type="IPaddr"><instance_attributes id="WebIP-instance_attributes"><nvpair name="ip" value="172.16.100.1" id="WebIP-instance_attributes-ip"/></instance_attributes></primitive>)"},
        Pair{
            "primitive d IPaddr2 ip=1.2.3.4 nic=eth0",
            R"(<primitive id="d" class="ocf" provider="heartbeat" type="IPaddr2"><instance_attributes id="d-instance_attributes"><nvpair name="ip" value="1.2.3.4" id="d-instance_attributes-ip"/><nvpair name="nic" value="eth0" id="d-instance_attributes-nic"/></instance_attributes></primitive>)"},
        Pair{"primitive w lsb:httpd", R"(<primitive id="w" class="lsb" type="httpd"/>)"},
        Pair{
            "primitive w stonith:external/ssh params hostlist=\"n1 n2\"",
            R"(<primitive id="w" class="stonith" type="external/ssh"><instance_attributes id="w-instance_attributes"><nvpair name="hostlist" value="n1 n2" id="w-instance_attributes-hostlist"/></instance_attributes></primitive>)"},
        Pair{
            "primitive t @tmpl meta target-role=Stopped",
            R"(<primitive id="t" template="tmpl"><meta_attributes id="t-meta_attributes"><nvpair name="target-role" value="Stopped" id="t-meta_attributes-target-role"/></meta_attributes></primitive>)"},
        Pair{
            "primitive d1 ocf:pacemaker:Dummy op monitor interval=10s timeout=20s OCF_CHECK_LEVEL=10 op "
            "start timeout=20s",
            R"(<primitive id="d1" class="ocf" provider="pacemaker" type="Dummy"><operations><op name="monitor" interval="10s" timeout="20s" id="d1-monitor-10s"><instance_attributes id="d1-monitor-10s-instance_attributes"><nvpair name="OCF_CHECK_LEVEL" value="10" id="d1-monitor-10s-instance_attributes-OCF_CHECK_LEVEL"/></instance_attributes></op><op name="start" interval="0s" timeout="20s" id="d1-start-0s"/></operations></primitive>)"},
        Pair{
            "group g1 d2 d3 meta ordered=false",
            R"(<group id="g1"><meta_attributes id="g1-meta_attributes"><nvpair name="ordered" value="false" id="g1-meta_attributes-ordered"/></meta_attributes><member id="d2"/><member id="d3"/></group>)"},
        Pair{
            "ms ms1 s1 meta promoted-max=1",
            R"(<master id="ms1"><meta_attributes id="ms1-meta_attributes"><nvpair name="promoted-max" value="1" id="ms1-meta_attributes-promoted-max"/></meta_attributes><member id="s1"/></master>)"},
        Pair{
            "promotable c p",
            R"(<clone id="c"><meta_attributes id="c-meta_attributes"><nvpair name="promotable" value="true" id="c-meta_attributes-promotable"/></meta_attributes><member id="p"/></clone>)"}));

INSTANTIATE_TEST_SUITE_P(
    Constraints, ParsesTo,
    testing::Values(
        Pair{"location l1 d1 200: node1", R"(<rsc_location id="l1" rsc="d1" score="200" node="node1"/>)"},
        Pair{
            "location l2 d4 rule -inf: not_defined pingd or pingd lte 0",
            R"(<rsc_location id="l2" rsc="d4"><rule id="l2-rule" score="-INFINITY" boolean-op="or"><expression id="l2-rule-expression" operation="not_defined" attribute="pingd"/><expression id="l2-rule-expression-0" operation="lte" attribute="pingd" value="0"/></rule></rsc_location>)"},
        Pair{
            "location l3 /web.*/ role=Master resource-discovery=never -inf: n2",
            R"(<rsc_location id="l3" rsc-pattern="web.*" role="Master" resource-discovery="never" score="-INFINITY" node="n2"/>)"},
        Pair{
            "location l4 { a b } inf: n1",
            R"(<rsc_location id="l4" score="INFINITY" node="n1"><resource_set id="l4-0"><resource_ref id="a"/><resource_ref id="b"/></resource_set></rsc_location>)"},
        Pair{
            "location l5 a rule 50: #uname eq node1 and date spec hours=9-16 weekdays=1-5",
            R"(<rsc_location id="l5" rsc="a"><rule id="l5-rule" score="50" boolean-op="and"><expression id="l5-rule-expression" operation="eq" attribute="#uname" value="node1"/><date_expression id="l5-rule-expression-0" operation="date_spec"><date_spec id="l5-rule-date_spec" hours="9-16" weekdays="1-5"/></date_expression></rule></rsc_location>)"},
        Pair{"colocation website-with-ip INFINITY: WebSite WebIP",
             R"(<rsc_colocation id="website-with-ip" score="INFINITY" rsc="WebSite" with-rsc="WebIP"/>)"},
        Pair{
            "colocation c inf: WebFS WebDataClone:Master",
            R"(<rsc_colocation id="c" score="INFINITY" rsc="WebFS" with-rsc="WebDataClone" with-rsc-role="Master"/>)"},
        Pair{
            "colocation c 100: a ( b c ) d:master node-attribute=rack",
            R"(<rsc_colocation id="c" score="100" node-attribute="rack"><resource_set id="c-0"><resource_ref id="a"/></resource_set><resource_set id="c-1" sequential="false"><resource_ref id="b"/><resource_ref id="c"/></resource_set><resource_set id="c-2" role="Master"><resource_ref id="d"/></resource_set></rsc_colocation>)"},
        Pair{"order httpd-after-ip mandatory: WebIP WebSite",
             R"(<rsc_order id="httpd-after-ip" kind="Mandatory" first="WebIP" then="WebSite"/>)"},
        Pair{
            "order o inf: WebDataClone:promote WebFS:start",
            R"(<rsc_order id="o" score="INFINITY" first="WebDataClone" first-action="promote" then="WebFS" then-action="start"/>)"},
        Pair{
            "order o Optional: [a b] c symmetrical=false",
            R"(<rsc_order id="o" kind="Optional" symmetrical="false"><resource_set id="o-0" require-all="false" sequential="false"><resource_ref id="a"/><resource_ref id="b"/></resource_set><resource_set id="o-1"><resource_ref id="c"/></resource_set></rsc_order>)"},
        Pair{"rsc_ticket t ticketA: a:Master loss-policy=fence",
             R"(<rsc_ticket id="t" ticket="ticketA" rsc="a" rsc-role="Master" loss-policy="fence"/>)"}));

INSTANTIATE_TEST_SUITE_P(
    Others, ParsesTo,
    testing::Values(
        Pair{
            "node 1: node1 attributes standby=on rack=r7",
            R"(<node id="1" uname="node1"><instance_attributes id="nodes-1"><nvpair name="standby" value="on" id="nodes-1-standby"/><nvpair name="rack" value="r7" id="nodes-1-rack"/></instance_attributes></node>)"},
        Pair{
            "property stonith-enabled=false",
            R"(<cluster_property_set id="cib-bootstrap-options"><nvpair name="stonith-enabled" value="false" id="cib-bootstrap-options-stonith-enabled"/></cluster_property_set>)"},
        Pair{
            "property $id=\"cib-bootstrap-options\" no-quorum-policy=ignore",
            R"(<cluster_property_set id="cib-bootstrap-options"><nvpair name="no-quorum-policy" value="ignore" id="cib-bootstrap-options-no-quorum-policy"/></cluster_property_set>)"},
        Pair{
            "rsc_defaults resource-stickiness=100",
            R"(<meta_attributes id="rsc-options"><nvpair name="resource-stickiness" value="100" id="rsc-options-resource-stickiness"/></meta_attributes>)"},
        Pair{"tag T: a b", R"(<tag id="T"><obj_ref id="a"/><obj_ref id="b"/></tag>)"},
        Pair{
            "fencing_topology n1: poison power,reset n2: ipmi",
            R"(<fencing-topology><fencing-level target="n1" index="1" devices="poison" id="fencing-n1-1"/><fencing-level target="n1" index="2" devices="power,reset" id="fencing-n1-2"/><fencing-level target="n2" index="1" devices="ipmi" id="fencing-n2-1"/></fencing-topology>)"},
        Pair{"xml <bundle id=\"b\"><podman image=\"x\"/></bundle>",
             R"(<bundle id="b"><podman image="x"/></bundle>)"}));

// Text as `show` prints it: read and printed again it is the same.
class RoundTrip : public testing::TestWithParam<const char*> {};
TEST_P(RoundTrip, TextIsPrintedAsItWasRead) {
  auto object = parse_statement(logical_lines(GetParam()).front().text);
  ASSERT_TRUE(object) << object.error().message;
  EXPECT_EQ(to_text(raw(object->node()),
                    std::string(object->kind->section.empty() ? "configuration" : object->kind->section)),
            GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Language, RoundTrip,
    testing::Values(
        "node 1: node1 \\\n\tattributes rack=r7 \\\n\tutilization cpu=4", "node node1", "node 3: far:remote",
        "primitive WebIP IPaddr \\\n\tparams ip=172.16.100.1",
        "primitive fs Filesystem \\\n\tparams device=\"/dev/drbd/by-res/wwwdata\" "
        "directory=\"/var/www/html\" fstype=gfs2",
        "primitive d1 ocf:pacemaker:Dummy \\\n\tparams fake=abc \\\n\top monitor interval=10s timeout=20s "
        "\\\n\top start timeout=20s "
        "interval=0 \\\n\tmeta target-role=Started",
        "primitive d ocf:pacemaker:Dummy \\\n\tdescription=\"a test\" \\\n\tparams rule #uname eq n1 fake=1 "
        "\\\n\tparams 2: fake=2 "
        "\\\n\tutilization cpu=1",
        "primitive s ocf:pacemaker:Stateful \\\n\toperations $id=s-ops \\\n\top monitor role=Master "
        "interval=9s op_params "
        "OCF_CHECK_LEVEL=10 \\\n\top monitor role=Slave interval=11s",
        "primitive st stonith:fence_ipmilan \\\n\tparams pcmk_host_list=\"a b\" passwd=\"it's \\\"x\\\"\"",
        "primitive t @tmpl", "rsc_template tmpl lsb:httpd \\\n\tmeta priority=1", "primitive u systemd:nginx",
        "group g1 d2 d3", "group g1 d2 d3 \\\n\tmeta ordered=false",
        "clone cl1 c1 \\\n\tmeta interleave=true", "ms ms1 s1 \\\n\tmeta promoted-max=1 notify=true",
        "location l1 d1 200: node1", "location l1 d1 -inf: node1",
        "location l2 d4 \\\n\trule -inf: not_defined pingd or pingd lte 0",
        "location l3 d4 resource-discovery=never \\\n\trule $role=Master 10: #uname eq n1 \\\n\trule pingd: "
        "defined pingd",
        "location l4 /web.*/ role=Master inf: n1", "location l5 { a b } 10: n1",
        "location l6 a \\\n\trule 5: date in start=2026-01-01 end=2026-02-01 and version number:gte 3",
        "location l7 a \\\n\trule 5: date lt 2026-01-01 or date spec hours=9-16 weekdays=1-5",
        "location l8 a \\\n\trule 5: date in start=2026-01-01 months=2", "colocation col1 inf: d1 g1",
        "colocation c -inf: a:Master b:Slave node-attribute=rack", "colocation c inf: a b c",
        "colocation c inf: _rsc_set_ a b", "colocation c inf: a ( b c ) d:Master",
        "order o1 Mandatory: g1 d1", "order o1 g1 d1", "order o1 0: g1 d1",
        "order o1 Serialize: a b symmetrical=false", "order o inf: m:promote fs:start",
        "order o Mandatory: a ( b c ) [ d e ]", "order o Mandatory: [ sequential=true a b ] c",
        "order o Optional: a b c:stop", "rsc_ticket t T1: a:Master loss-policy=fence", "rsc_ticket t T1: a b",
        "rsc_ticket t T1: _rsc_set_ a", "tag T: a b",
        "fencing_topology n1: poison power \\\n\tn2: ipmi serial,reset", "fencing_topology a b",
        "fencing_topology pattern:web.*: a \\\n\tattr:rack=1: b",
        "property cib-bootstrap-options: \\\n\tdc-version=2.1.5-a3f44 \\\n\tstonith-enabled=false",
        "property extra: \\\n\trule date gt 2026-01-01 \\\n\tmaintenance-mode=true",
        "rsc_defaults rsc-options: \\\n\tresource-stickiness=100",
        "op_defaults op-options: \\\n\ttimeout=30s",
        "role watcher \\\n\tread xpath:/cib \\\n\tdeny ref:secret attr:value",
        "acl_target bob watcher operator"));

TEST(Show, WhatTheLanguageCannotSayIsShownAsXmlThatIsReadBack) {
  for (
      const auto& [section, xml] : std::vector<std::pair<std::string, std::string>>{
          {"resources",
           R"(<bundle id="b"><podman image="x"/><primitive id="p" class="ocf" provider="a" type="b"/></bundle>)"},
          {"constraints",
           R"(<rsc_location id="l" rsc="a"><rule id="r" score="1" boolean-op="or"><rule id="r1" boolean-op="and"><expression id="e" operation="defined" attribute="x"/></rule></rule></rsc_location>)"},
          {"resources", R"(<primitive id="p" class="ocf" provider="a" type="b" unknown="1"/>)"},
          {"alerts", R"(<alert id="a" path="/x y"><recipient id="r" value="v"/></alert>)"},
          {"resources",
           R"(<primitive id="p" class="ocf" provider="a" type="b"><instance_attributes id="i"><nvpair id="n" name="empty"/></instance_attributes></primitive>)"}}) {
    const std::string text = to_text(xml, section);
    EXPECT_TRUE(text.starts_with("xml <")) << text;
    auto back = parse_statement(logical_lines(text).front().text);
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(raw(back->node()), xml);
  }
}

TEST(Show, SetsThatOthersReferToShowTheirIds) {
  const std::string xml =
      R"(<group id="x"><primitive id="a" class="lsb" type="a"><instance_attributes id="shared"><nvpair id="n" name="k" value="v"/></instance_attributes></primitive><primitive id="b" class="lsb" type="b"><instance_attributes id-ref="shared"/></primitive></group>)";
  pugi::xml_document document;
  auto resources = document.append_child("configuration").append_child("resources");
  ASSERT_TRUE(resources.append_buffer(xml.data(), xml.size()));
  const FormatOptions options{referenced_ids(document)};
  EXPECT_EQ(format_object(resources.first_child().first_child(), options),
            "primitive a lsb:a \\\n\tparams $id=shared k=v");
  EXPECT_EQ(format_object(resources.first_child().last_child(), options),
            "primitive b lsb:b \\\n\tparams $id-ref=shared");
}

struct Wrong {
  const char *text, *says;
};
class Refuses : public testing::TestWithParam<Wrong> {};
TEST_P(Refuses, AndSaysWhere) {
  auto object = parse_statement(GetParam().text);
  ASSERT_FALSE(object) << raw(object->node());
  EXPECT_EQ(object.error().code, Errc::kParse);
  EXPECT_NE(object.error().message.find(GetParam().says), std::string::npos) << object.error().message;
}
INSTANTIATE_TEST_SUITE_P(
    Errors, Refuses,
    testing::Values(
        Wrong{"primitve a b", "'primitve' is no kind of object"},
        Wrong{"primitive", "the resource's id is missing"}, Wrong{"primitive 1a lsb:x", "'1a' cannot be"},
        Wrong{"primitive a", "the agent"}, Wrong{"primitive a ocf::", "an agent is"},
        Wrong{"primitive a lsb:x:y", "only agents of class ocf"},
        Wrong{"primitive a lsb:x foo", "near <foo>"},
        Wrong{"primitive a lsb:x op interval=1", "operation's name"},
        Wrong{"group g", "at least one primitive"}, Wrong{"clone c a b", "exactly one resource"},
        Wrong{"location l a", "SCORE: NODE"}, Wrong{"location l a 10 n1", "SCORE: NODE"},
        Wrong{"location l a x: n1", "'x' is no score"}, Wrong{"location l a 10:", "node's name is missing"},
        Wrong{"location l a rule 1: x is y", "expected eq"},
        Wrong{"location l a rule 1: x eq", "value to compare"},
        Wrong{"location l a rule 1: defined x and defined y or defined z", "cannot be mixed"},
        Wrong{"colocation c a b", "the score"}, Wrong{"colocation c inf: a", "two resources"},
        Wrong{"colocation c inf: a b:start", "'start' is no role"},
        Wrong{"colocation c inf: a b foo=1", "attribute foo"}, Wrong{"colocation c inf: ( a b", "not closed"},
        Wrong{"colocation c inf: a ) b", "closes nothing"},
        Wrong{"colocation c inf: ( ( a ) )", "set within a set"},
        Wrong{"colocation c inf: ( ) a", "empty set"}, Wrong{"order o sometimes: a b", "expected Mandatory:"},
        Wrong{"order o a b:Master", "no action"}, Wrong{"rsc_ticket t a", "ticket's name"},
        Wrong{"property", "NAME=VALUE"}, Wrong{"property foo", "not understood"},
        Wrong{"tag t", "at least one"}, Wrong{"fencing_topology", "missing"},
        Wrong{"role r own xpath:/", "read, write or deny"}, Wrong{"xml <a", "xml:"},
        Wrong{"xml <a/>", "no object"}, Wrong{"primitive a lsb:b params x=\"y", "not closed"}));

TEST(Parse, AnythingIsAnswered) {
  // No input makes the parser fall over: words of the language thrown together in all orders.
  const Words words = {
      "primitive", "a", "lsb:b", "params", "op", "monitor", "rule",      "10:", "date", "in",
      "(",         "]", "x=y",   "$id=",   "@",  ":",       "$id-ref=z", "/",   "{",    "and"};
  for (const char* keyword : {"primitive", "group", "location", "colocation", "order", "rsc_ticket", "node",
                              "property", "tag", "fencing_topology", "role"})
    for (std::size_t i = 0; i < words.size(); ++i)
      for (std::size_t j = 0; j < words.size(); ++j) {
        const Words line = {keyword,
                            "a",
                            words[i],
                            words[j],
                            words[(i * 7 + j) % words.size()],
                            words[(i + j * 3) % words.size()]};
        if (auto object = parse_object(line)) {
          EXPECT_TRUE(object->node());
        } else {
          EXPECT_FALSE(object.error().message.empty());
        }
      }
}

}  // namespace
}  // namespace systole::crm
