// A follower's plans are those of the document that it follows, and what is known to be untouched is left
// out.
#include "controller/follower.h"

#include <gtest/gtest.h>

#include "cib/ops.h"
#include "pengine/scheduler.h"

namespace systole::controller {
namespace {

constexpr const char* kStates = "/cib/status/node_state[@id='1']";

std::string resource(const std::string& id) {
  return "<primitive id=\"" + id + "\" class=\"ocf\" provider=\"pacemaker\" type=\"Dummy\"/>";
}

std::string history(const std::string& id, const char* task, int call, int rc) {
  return fmt::format(
      R"(<lrm_resource id="{0}" class="ocf" provider="pacemaker" type="Dummy"><lrm_rsc_op id="{0}_last_0" )"
      R"(operation_key="{0}_{1}_0" operation="{1}" interval="0" call-id="{2}" rc-code="{3}" op-status="0" )"
      R"(op-digest="f2317cad3d54cec5d7d7aa7d0bf35cf8" )"
      R"(transition-key="1:1:{3}:u" transition-magic="0:{3};1:1:{3}:u"/></lrm_resource>)",
      id, task, call, rc);
}

// Six resources on one node, all running.
cib::Document cluster() {
  std::string resources, histories;
  for (const char* id : {"a", "b", "c", "d", "e", "f"}) {
    resources += resource(id);
    histories += history(id, "start", 2, 0);
  }
  auto document = cib::Document::parse(
      R"(<cib validate-with="pacemaker-3.7" epoch="1" num_updates="0" admin_epoch="0" have-quorum="1" dc-uuid="1">)"
      R"(<configuration><crm_config><cluster_property_set id="p"><nvpair id="p-s" name="stonith-enabled" )"
      R"(value="false"/></cluster_property_set></crm_config><nodes><node id="1" uname="n1"/></nodes><resources>)" +
      resources +
      R"(</resources><constraints/></configuration><status><node_state id="1" uname="n1" in_ccm="true" )"
      R"(crmd="online" join="member" expected="member"><lrm id="1"><lrm_resources>)" +
      histories +
      R"(</lrm_resources></lrm><transient_attributes id="1"><instance_attributes id="s">)"
      R"(<nvpair id="s-x" name="fail-count-f#monitor_0" value="1"/></instance_attributes></transient_attributes>)"
      R"(</node_state></status></cib>)");
  return std::move(*document);
}

struct Case {
  const char* what;
  cib::Op op;
  std::size_t planned;  // Resources.
};

cib::Op op(cib::Op::Kind kind, std::string xpath, std::string xml = {}) {
  cib::Op op;
  op.kind = kind;
  op.xpath = std::move(xpath);
  op.xml = std::move(xml);
  return op;
}

TEST(Follower, PlansWhatItFollows) {
  using Kind = cib::Op::Kind;
  const auto record = [](char id) {
    return fmt::format("{}/lrm/lrm_resources/lrm_resource[@id='{}']", kStates, id);
  };
  const Case cases[] = {
      {"a resource has stopped", op(Kind::kReplace, record('b'), history("b", "stop", 3, 0)), 1},
      // What had something to do is looked at again.
      {"another one's fail count goes", op(Kind::kDelete, "//nvpair[@id='s-x']"), 2},
      {"a record goes", op(Kind::kDelete, record('c')), 2},
      {"the node is lost",
       op(Kind::kModify, kStates, R"(<node_state id="1" in_ccm="false" crmd="offline" join="down"/>)"), 6},
      {"a resource is new", op(Kind::kCreate, "/cib/configuration/resources", resource("g")), 7},
  };
  cib::Document document = cluster();
  Follower follower;
  follower.take(document.clone());
  EXPECT_TRUE(follower.plan({}).graph.actions.empty());
  EXPECT_EQ(follower.scheduler().planned_resources(), 6u);
  for (const Case& c : cases) {
    const auto applied = cib::apply(document, c.op);
    ASSERT_TRUE(applied) << c.what << ": " << applied.error().message;
    ASSERT_TRUE(follower.follow(applied->patch)) << c.what;
    EXPECT_EQ(follower.document().serialize(), document.serialize()) << c.what;
    EXPECT_EQ(follower.plan({}).graph.to_xml(0), pengine::schedule(document).graph.to_xml(0)) << c.what;
    EXPECT_EQ(follower.scheduler().planned_resources(), c.planned) << c.what;
  }
}

TEST(Follower, SaysThatAPatchDoesNotFit) {
  Follower follower;
  follower.take(cluster());
  EXPECT_FALSE(
      follower.follow("<diff format=\"2\"><change operation=\"modify\" path=\"/cib/nowhere\"/></diff>"));
}

}  // namespace
}  // namespace systole::controller
