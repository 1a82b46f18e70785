// Tables of what each class of agents is given and what its answers mean.
#include "lrmd/invocation.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "lrmd/legacy_metadata.h"
#include "lrmd/metadata.h"

namespace systole::lrmd {
namespace {

using End = ProcessResult::End;

Operation operation(const std::string& agent, const std::string& task) {
  Operation op;
  op.resource = "web";
  op.agent = parse_agent(agent).value();
  op.task = task;
  return op;
}

std::map<std::string, std::string> environment_of(const Operation& op) {
  const auto spec = invocation(op, "/agent", Paths{}, "n1");
  EXPECT_TRUE(spec);
  return {spec->environment.begin(), spec->environment.end()};
}

TEST(Invocation, OcfParametersAndMetaGoIntoTheEnvironment) {
  Operation op = operation("ocf:heartbeat:IPaddr2", "monitor");
  op.interval = Seconds(10);
  op.timeout = Seconds(20);
  op.parameters = {{"ip", "192.0.2.7; rm -rf /"}, {"OCF_CHECK_LEVEL", "10"}, {"crm_feature_set", "3.16.2"}};
  op.meta = {{"CRM_meta_notify-start-resource", "a b"}, {"CRM_meta_clone", "1"}};
  op.activation = 99;
  auto e = environment_of(op);
  EXPECT_EQ(e["OCF_RESKEY_ip"], "192.0.2.7; rm -rf /");
  EXPECT_EQ(e["OCF_CHECK_LEVEL"], "10");
  EXPECT_EQ(e["OCF_RESKEY_crm_feature_set"], "3.16.2");
  EXPECT_EQ(e["OCF_RESKEY_CRM_meta_notify_start_resource"], "a b");
  EXPECT_EQ(e["OCF_RESKEY_CRM_meta_clone"], "1");
  EXPECT_EQ(e["OCF_RESKEY_CRM_meta_interval"], "10000");
  EXPECT_EQ(e["OCF_RESKEY_CRM_meta_timeout"], "20000");
  EXPECT_EQ(e["OCF_RESKEY_CRM_meta_name"], "monitor");
  EXPECT_EQ(e["OCF_RESKEY_CRM_meta_on_node"], "n1");
  EXPECT_EQ(e["OCF_RESKEY_CRM_meta_activation"], "99");
  EXPECT_EQ(e["OCF_RESOURCE_INSTANCE"], "web");
  EXPECT_EQ(e["OCF_RESOURCE_TYPE"], "IPaddr2");
  EXPECT_EQ(e["OCF_RESOURCE_PROVIDER"], "heartbeat");
  EXPECT_EQ(e["OCF_ROOT"], "/usr/lib/ocf");
  EXPECT_EQ(e["OCF_RA_VERSION_MAJOR"], "1");
  EXPECT_EQ(invocation(op, "/agent", Paths{}, "n1")->argv, (std::vector<std::string>{"/agent", "monitor"}));
}

TEST(Invocation, AParameterThatCannotStandInAnEnvironmentIsRefused) {
  for (const auto& [name, value] :
       std::map<std::string, std::string>{{"", "x"}, {"a=b", "x"}, {"zero", std::string("a\0b", 3)}}) {
    Operation op = operation("ocf:heartbeat:Dummy", "start");
    op.parameters = {{name, value}};
    const auto spec = invocation(op, "/agent", Paths{}, "n1");
    ASSERT_FALSE(spec);
    EXPECT_EQ(spec.error().code, Errc::kInvalidArgument);
  }
}

TEST(Invocation, InitScriptsGetOneWordAndHeartbeatScriptsTheirArgumentsFirst) {
  const auto argv = [](Operation op) { return invocation(op, "/s", Paths{}, "n1")->argv; };
  EXPECT_EQ(argv(operation("lsb:nginx", "monitor")), (std::vector<std::string>{"/s", "status"}));
  EXPECT_EQ(argv(operation("service:nginx", "start")), (std::vector<std::string>{"/s", "start"}));
  Operation op = operation("heartbeat:IPaddr", "monitor");
  op.parameters = {{"1", "192.0.2.1/24/eth0"}, {"2", "x y"}, {"10", "after a gap"}};
  EXPECT_EQ(argv(op), (std::vector<std::string>{"/s", "192.0.2.1/24/eth0", "x y", "status"}));
  EXPECT_EQ(invocation(operation("lsb:nginx", "promote"), "/s", Paths{}, "n1").error().code,
            Errc::kUnsupported);
  EXPECT_EQ(invocation(operation("heartbeat:x", "notify"), "/s", Paths{}, "n1").error().code,
            Errc::kUnsupported);
}

struct Case {
  const char* agent;
  const char* task;
  int code;
  const char* output;
  int rc;
};

TEST(Judge, MapsExitCodesByClass) {
  const Case cases[] = {
      {"ocf:heartbeat:Dummy", "monitor", 7, "", ocf::kNotRunning},
      {"ocf:heartbeat:Dummy", "monitor", 8, "", ocf::kRunningPromoted},
      {"ocf:heartbeat:Dummy", "monitor", 190, "", ocf::kDegraded},
      {"ocf:heartbeat:Dummy", "stop", 7, "", ocf::kNotRunning},
      {"lsb:x", "monitor", 0, "", ocf::kOk},
      {"lsb:x", "monitor", 1, "", ocf::kNotRunning},
      {"lsb:x", "monitor", 2, "", ocf::kNotRunning},
      {"lsb:x", "monitor", 3, "", ocf::kNotRunning},
      {"lsb:x", "monitor", 4, "", ocf::kGenericError},
      {"lsb:x", "monitor", 127, "", ocf::kGenericError},
      {"lsb:x", "start", 0, "", ocf::kOk},
      {"lsb:x", "start", 5, "", ocf::kNotInstalled},
      {"lsb:x", "start", 6, "", ocf::kNotConfigured},
      {"lsb:x", "start", 42, "", ocf::kGenericError},
      {"lsb:x", "stop", 7, "", ocf::kOk},
      {"lsb:x", "stop", 1, "", ocf::kGenericError},
      {"service:x", "status", 3, "", ocf::kNotRunning},
      {"heartbeat:x", "monitor", 0, "INFO: Running OK\n", ocf::kOk},
      {"heartbeat:x", "monitor", 1, "running\n", ocf::kOk},
      {"heartbeat:x", "monitor", 0, "stopped\n", ocf::kNotRunning},
      {"heartbeat:x", "monitor", 0, "x is not running\n", ocf::kNotRunning},
      {"heartbeat:x", "monitor", 0, "", ocf::kNotRunning},
      {"heartbeat:x", "stop", 0, "", ocf::kOk},
      {"heartbeat:x", "start", 3, "", ocf::kGenericError},
  };
  for (const Case& c : cases) {
    ProcessResult process;
    process.code = c.code;
    process.output = c.output;
    OpResult result;
    judge(operation(c.agent, c.task), process, false, result);
    EXPECT_EQ(result.rc, c.rc) << c.agent << " " << c.task << " " << c.code << " " << c.output;
    EXPECT_EQ(result.status, OpStatus::kDone);
  }
}

TEST(Judge, TakesTheLastExitReasonFromStandardError) {
  ProcessResult process;
  process.code = 6;
  process.errors = "noise\nocf-exit-reason:first\nmore\nocf-exit-reason:no such device: eth9 \ntrailing\n";
  OpResult result;
  judge(operation("ocf:heartbeat:IPaddr2", "start"), process, false, result);
  EXPECT_EQ(result.exit_reason, "no such device: eth9");
  EXPECT_EQ(result.rc, ocf::kNotConfigured);
}

TEST(Judge, ATimeoutIsOneWhateverTheProcessSaidInTheEnd) {
  ProcessResult process;
  process.code = 0;
  process.ran = Seconds(1);
  process.errors = "waiting for the disk\n";
  OpResult result;
  judge(operation("ocf:heartbeat:Dummy", "start"), process, true, result);
  EXPECT_EQ(result.status, OpStatus::kTimedOut);
  EXPECT_EQ(result.rc, ocf::kGenericError);
  EXPECT_EQ(result.exit_reason, "start timed out after 20s; its last words: waiting for the disk");
}

TEST(Judge, SaysHowElseAnAgentEnded) {
  const auto judged = [](End end, int code) {
    ProcessResult process;
    process.end = end;
    process.code = code;
    OpResult result;
    judge(operation("ocf:heartbeat:Dummy", "start"), process, false, result);
    return result;
  };
  EXPECT_EQ(judged(End::kSignalled, 11).exit_reason, "the agent died of signal 11");
  EXPECT_EQ(judged(End::kSignalled, 11).status, OpStatus::kError);
  EXPECT_EQ(judged(End::kFailedToStart, ENOENT).rc, ocf::kNotInstalled);
  EXPECT_EQ(judged(End::kFailedToStart, ENOENT).status, OpStatus::kNotInstalled);
  EXPECT_EQ(judged(End::kFailedToStart, EACCES).rc, ocf::kInsufficientPrivileges);
  EXPECT_EQ(judged(End::kFailedToStart, EAGAIN).rc, ocf::kGenericError);
}

TEST(Printable, ReplacesWhatXmlAndTerminalsDislike) {
  EXPECT_EQ(printable("a\x1b[31m\x01\tb\n\x7f", 100), "a?[31m?\tb\n?");
  EXPECT_EQ(printable("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 100), "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
  EXPECT_EQ(printable("\xc3", 100), "?");
  EXPECT_EQ(printable("\xc0\x80", 100), "??");       // Overlong.
  EXPECT_EQ(printable("\xed\xa0\x80", 100), "???");  // Surrogate.
  EXPECT_EQ(printable("\xef\xbf\xbf", 100), "???");  // U+FFFF is not XML.
  EXPECT_EQ(printable("\xf5\x80\x80\x80", 100), "????");
  EXPECT_EQ(printable(std::string("a\0b", 3), 100), "a?b");
  EXPECT_EQ(printable("0123456789", 4), "6789");
  EXPECT_EQ(printable("x\xe2\x82\xac!", 3), "!");  // Not from the middle of a character.
}

TEST(LegacyMetadata, IsMadeFromTheInitInfoBlock) {
  const auto xml = lsb_metadata("web", R"(#!/bin/sh
### BEGIN INIT INFO
# Provides:          httpd <fast>
# Required-Start:    $network
# Short-Description: A web & wiki server
# Description:       Serves pages
#                    to people
### END INIT INFO
# Description: not this one
)");
  EXPECT_NE(xml.find("<shortdesc lang=\"en\">A web &amp; wiki server</shortdesc>"), std::string::npos) << xml;
  EXPECT_NE(xml.find("Serves pages to people"), std::string::npos) << xml;
  EXPECT_NE(xml.find("httpd &lt;fast&gt;"), std::string::npos);
  EXPECT_EQ(xml.find("not this one"), std::string::npos);
  EXPECT_TRUE(checked_metadata("lsb:web", xml));
  EXPECT_TRUE(checked_metadata("lsb:bare", lsb_metadata("bare", "")));
  EXPECT_TRUE(checked_metadata("heartbeat:x", heartbeat_metadata("x")));
}

TEST(Metadata, WhatIsNoMetadataIsRefused) {
  EXPECT_TRUE(checked_metadata("a", "warning: x\n<?xml version=\"1.0\"?><resource-agent/>\nbye"));
  for (const char* output : {"", "usage: agent {start|stop}", "<resource-agent>", "<html/>", "><"}) {
    const auto refused = checked_metadata("ocf:x:y", output);
    ASSERT_FALSE(refused) << output;
    EXPECT_EQ(refused.error().code, Errc::kParse);
    EXPECT_NE(refused.error().message.find("ocf:x:y"), std::string::npos);
  }
}

}  // namespace
}  // namespace systole::lrmd
