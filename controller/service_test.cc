// Every request of the local API, asked of a running cluster.
#include "controller/service.h"

#include "controller/test_cluster.h"
#include "ipc/systole.pb.h"

namespace systole::controller {
namespace {

using ipc::Request;
using ipc::Response;

class ServiceTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"n1", "n2"}) cluster.boot(name);
    ASSERT_TRUE(cluster.settle());
    cluster.configure(
        "crm_config",
        R"(<cluster_property_set id="cib-bootstrap-options"><nvpair id="s" name="stonith-enabled" value="false"/></cluster_property_set>)");
    cluster.primitive("r");
    ASSERT_TRUE(cluster.settle());
    Ports ports;
    ports.clock = &cluster.loop;
    ports.timers = &cluster.loop;
    service = std::make_unique<Service>(ports, Logger(), cluster.node("n2"),
                                        [this](std::uint64_t to, const Response& r) {
                                          EXPECT_EQ(to, 5U);
                                          (r.event() ? events : answers).push_back(r);
                                        });
  }
  // The answer, after at most `most`.
  Response ask(Request request, Duration most = Seconds(5)) {
    request.set_id(++last);
    request.set_client("test");
    answers.clear();
    service->request(5, "root", std::move(request));
    for (const Time end = cluster.loop.now() + most; answers.empty() && cluster.loop.now() < end;) {
      cluster.run_for(Milliseconds(10));
    }
    EXPECT_EQ(answers.size(), 1U);
    if (answers.empty()) return {};
    EXPECT_EQ(answers[0].id(), last);
    return answers[0];
  }
  static int code(Errc e) { return static_cast<int>(e) + 1; }

  TestCluster cluster{2};
  std::unique_ptr<Service> service;
  std::vector<Response> answers, events;
  std::uint64_t last = 0;
};

TEST_F(ServiceTest, AQueryIsAnsweredAndAChangeIsMadeInTheNameOfItsUser) {
  Request change;
  change.mutable_cib()->set_kind(ipc::CibRequest::MODIFY);
  change.mutable_cib()->set_section("crm_config");
  change.mutable_cib()->set_allow_create(true);
  change.mutable_cib()->set_xml(
      R"(<cluster_property_set id="cib-bootstrap-options"><nvpair id="x" name="x" value="1"/></cluster_property_set>)");
  change.mutable_cib()->set_dry_run(true);
  EXPECT_EQ(ask(change).error(), 0);
  Request query;
  query.mutable_cib()->set_xpath("//nvpair[@name='x']");
  EXPECT_EQ(ask(query).error(), code(Errc::kNotFound));
  change.mutable_cib()->set_dry_run(false);
  EXPECT_EQ(ask(change).error(), 0);
  EXPECT_NE(ask(query).text().find("value=\"1\""), std::string::npos);
  Request history;
  history.mutable_history();
  const Response versions = ask(history);
  ASSERT_GT(versions.journal_size(), 0);
  EXPECT_NE(versions.journal(versions.journal_size() - 1).author().find("root@n2 via test"),
            std::string::npos);
}

TEST_F(ServiceTest, StatusTellsNodesDcAndQuorum) {
  Request r;
  r.mutable_status()->set_ring(true);
  const ipc::Status s = ask(r).status();
  ASSERT_EQ(s.nodes_size(), 2);
  EXPECT_TRUE(s.nodes(0).member());
  EXPECT_TRUE(s.nodes(1).local());
  EXPECT_EQ(s.local_node(), "n2");
  EXPECT_EQ(s.dc(), "n1");
  EXPECT_TRUE(s.quorate());
  EXPECT_TRUE(s.synced());
  EXPECT_EQ(s.state(), "S_NOT_DC");
  EXPECT_EQ(s.nodes(0).joins(), 1U);
  EXPECT_EQ(s.totem().at("token"), 1000U);
  EXPECT_EQ(s.totem().at("consensus"), 1200U);
  r.mutable_status()->set_ring(false);
  EXPECT_EQ(ask(r).status().totem_size(), 0);
}

TEST_F(ServiceTest, EveryReturnOfANodeIsCounted) {
  cluster.crash("n1");
  ASSERT_TRUE(cluster.settle());
  cluster.boot("n1");
  ASSERT_TRUE(cluster.settle());
  Request r;
  r.mutable_status();
  const ipc::Status s = ask(r).status();
  EXPECT_EQ(s.nodes(0).joins(), 2U);
  EXPECT_EQ(s.nodes(1).joins(), 1U);
}

TEST_F(ServiceTest, AttributesAreSetQueriedAndDeleted) {
  Request r;
  ipc::AttributeRequest& a = *r.mutable_attribute();
  a.set_name("pingd");
  a.set_kind(ipc::AttributeRequest::SET);
  EXPECT_EQ(ask(r).error(), code(Errc::kInvalidArgument));  // No value.
  a.set_value("7");
  EXPECT_EQ(ask(r).error(), 0);
  a.set_kind(ipc::AttributeRequest::QUERY);
  EXPECT_EQ(ask(r).text(), "7");
  a.set_node("*");
  ASSERT_EQ(ask(r).items_size(), 1);
  EXPECT_EQ(answers[0].items(0), "n2=7");
  a.set_node("n2");
  a.set_kind(ipc::AttributeRequest::DELETE);
  EXPECT_EQ(ask(r).error(), 0);
  a.set_kind(ipc::AttributeRequest::QUERY);
  EXPECT_EQ(ask(r).error(), code(Errc::kNotFound));
  a.set_node("nobody");
  a.set_kind(ipc::AttributeRequest::SET);
  EXPECT_EQ(ask(r).error(), code(Errc::kNotFound));
}

TEST_F(ServiceTest, CleanupReprobesAndWaitIdleWaits) {
  Request r;
  r.mutable_cleanup()->set_resource("r");
  r.mutable_cleanup()->set_refresh(true);
  r.mutable_cleanup()->set_interval("soon");
  EXPECT_EQ(ask(r).error(), code(Errc::kInvalidArgument));
  r.mutable_cleanup()->clear_interval();
  EXPECT_EQ(ask(r).error(), 0);
  Request wait;
  wait.mutable_control()->set_kind(ipc::ControlRequest::WAIT_IDLE);
  EXPECT_EQ(ask(wait).error(), 0);
  EXPECT_EQ(cluster.where("r"), std::set<std::string>{"n1"});
  EXPECT_EQ(cluster.query("n2", "//node_state[@uname='n1']//lrm_rsc_op[@id='r_last_0']/@operation"),
            "monitor");
}

TEST_F(ServiceTest, WhatTakesTooLongIsATimeout) {
  cluster.agent_takes = Seconds(4);
  cluster.primitive("slow");
  Request wait;
  wait.mutable_control()->set_kind(ipc::ControlRequest::WAIT_IDLE);
  wait.set_timeout_ms(500);
  EXPECT_EQ(ask(wait).error(), code(Errc::kTimeout));
}

TEST_F(ServiceTest, SubscribersHearOfChangesUntilTheyClose) {
  Request r;
  r.mutable_subscribe()->set_cib(true);
  r.mutable_subscribe()->set_view(true);
  EXPECT_EQ(ask(r).error(), 0);
  const std::uint64_t subscription = last;
  cluster.primitive("other");
  cluster.run_for(Seconds(1));
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events[0].id(), subscription);
  EXPECT_EQ(events[0].items(0), "configuration");
  events.clear();
  cluster.crash("n1");
  cluster.run_for(Seconds(1));
  EXPECT_TRUE(std::any_of(events.begin(), events.end(),
                          [](const Response& e) { return e.items_size() > 0 && e.items(0) == "view"; }));
  service->closed(5);
  events.clear();
  cluster.run_for(Seconds(30));
  cluster.primitive("third");
  EXPECT_TRUE(events.empty());
}

TEST_F(ServiceTest, AgentsAndFencingAnswer) {
  Request r;
  r.mutable_agent()->set_kind(ipc::AgentRequest::CLASSES);
  const Response classes = ask(r);
  EXPECT_NE(std::find(classes.items().begin(), classes.items().end(), "stonith"), classes.items().end());
  Request fence;
  fence.mutable_fence()->set_target("n1");
  fence.mutable_fence()->set_action("explode");
  EXPECT_EQ(ask(fence).error(), code(Errc::kInvalidArgument));
  fence.mutable_fence()->set_action("off");
  const Response failed = ask(fence, Seconds(120));  // There is no device.
  EXPECT_NE(failed.error(), 0);
  EXPECT_EQ(failed.fencing_size(), 1);
  Request history;
  history.mutable_fence()->set_kind(ipc::FenceRequest::HISTORY);
  EXPECT_EQ(ask(history).fencing_size(), 1);
  Request confirm;
  confirm.mutable_fence()->set_kind(ipc::FenceRequest::CONFIRM);
  confirm.mutable_fence()->set_target("nobody");
  EXPECT_EQ(ask(confirm).error(), code(Errc::kNotFound));
}

TEST_F(ServiceTest, AnUnknownRequestSaysSo) { EXPECT_EQ(ask(Request()).error(), code(Errc::kUnsupported)); }

TEST_F(ServiceTest, AnotherNodeIsStoppedInGoodOrder) {
  Request r;
  r.mutable_control()->set_kind(ipc::ControlRequest::SHUTDOWN);
  r.mutable_control()->set_node("n1");
  EXPECT_EQ(ask(r).error(), 0);
  cluster.run_for(Seconds(3));
  EXPECT_FALSE(cluster.up("n1"));
  EXPECT_EQ(cluster.state("n1", "expected", "n2"), "down");
}

}  // namespace
}  // namespace systole::controller
