// Sessions on documents: files, pipes, attributes, clean-ups.
#include "cli/session.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "cli/document_session.h"
#include "cli/host.h"

namespace systole::cli {
namespace {

constexpr const char* kCib = R"(<cib admin_epoch="0" epoch="3" num_updates="0" validate-with="pacemaker-3.9">
  <configuration><crm_config/><nodes><node id="1" uname="n1"/><node id="2" uname="n2"/></nodes><resources>
    <primitive id="r" class="ocf" provider="heartbeat" type="Dummy"/></resources><constraints/></configuration>
  <status><node_state id="1" uname="n1"><lrm id="1"><lrm_resources>
    <lrm_resource id="r" class="ocf" provider="heartbeat" type="Dummy"/></lrm_resources></lrm>
    <transient_attributes id="1"><instance_attributes id="status-1">
      <nvpair id="status-1-fail-count-r.start_0" name="fail-count-r#start_0" value="INFINITY"/>
      <nvpair id="status-1-pingd" name="pingd" value="100"/>
    </instance_attributes></transient_attributes></node_state></status></cib>)";

class SessionTest : public testing::Test {
 protected:
  cib::Document document_ = cib::Document::parse(kCib).value();
  std::unique_ptr<Session> session_ = memory_session(document_, Paths{}, "test");
};

TEST_F(SessionTest, CountsOnTransientAttributes) {
  ASSERT_TRUE(session_->set_attribute("n1", "pingd", "+=5"));
  ASSERT_TRUE(session_->set_attribute("n2", "fresh", "++"));
  EXPECT_EQ(session_->attributes("pingd", "*").value().at(0).value, "105");
  EXPECT_EQ(session_->attributes("fresh", "n2").value().at(0).value, "1");
  ASSERT_TRUE(session_->delete_attribute("n1", "pingd"));
  EXPECT_TRUE(session_->attributes("pingd", "*").value().empty());
}

TEST_F(SessionTest, RefusesAttributesOfUnknownNodes) {
  const auto refused = session_->set_attribute("n9", "x", "1");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kNotFound);
}

TEST_F(SessionTest, CleansUpHistoryAndFailCountsOfOneResource) {
  ASSERT_TRUE(session_->cleanup({.resource = "r"}));
  EXPECT_EQ(document_.serialize().find("lrm_resource id"), std::string::npos);
  EXPECT_EQ(document_.serialize().find("fail-count"), std::string::npos);
  EXPECT_NE(document_.serialize().find("pingd"), std::string::npos);
}

TEST_F(SessionTest, LeavesTheDocumentAloneInADryRun) {
  cib::Op op;
  op.kind = cib::Op::Kind::kDelete;
  op.xpath = "//primitive[@id='r']";
  ASSERT_TRUE(session_->cib(op, true));
  EXPECT_NE(document_.serialize().find("<primitive"), std::string::npos);
}

TEST(FileSession, WritesBackAndKeepsTheVersionMoving) {
  const std::string path =
      std::filesystem::temp_directory_path() / ("systole-cli-" + std::to_string(getpid()));
  ASSERT_TRUE(write_file(path, kCib));
  auto session = open_session({.file = path}, Paths{}, "test").value();
  cib::Op op;
  op.kind = cib::Op::Kind::kDelete;
  op.xpath = "//primitive[@id='r']";
  ASSERT_TRUE(session->cib(op));
  EXPECT_EQ(cib::Document::parse(read_file(path).value())->version().epoch, 4U);
  ASSERT_TRUE(remove_file(path));
}

TEST(FileSession, ReadsAPipeOnce) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  ASSERT_GT(write(ends[1], kCib, std::char_traits<char>::length(kCib)), 0);
  close(ends[1]);
  auto session = open_session({.file = "/dev/fd/" + std::to_string(ends[0])}, Paths{}, "test").value();
  ASSERT_TRUE(session->document());
  ASSERT_TRUE(session->document());
  cib::Op op;
  op.kind = cib::Op::Kind::kBump;
  EXPECT_EQ(session->cib(op).error().code, Errc::kIo);
  close(ends[0]);
}

TEST(Session, RefusesShadowNamesThatLeaveTheFolder) {
  for (const char* name : {"../x", "a/b", ".", ""}) EXPECT_FALSE(shadow_path({}, Paths{}, name)) << name;
}

TEST(Session, QuotesAnyTextForXPath) {
  EXPECT_EQ(xpath_literal("a"), "'a'");
  EXPECT_EQ(xpath_literal("it's"), "\"it's\"");
  pugi::xml_document xml;
  xml.append_child("r").append_attribute("id") = "a'b\"c";
  EXPECT_TRUE(xml.select_node(("//r[@id=" + xpath_literal("a'b\"c") + "]").c_str()));
}

TEST(RunProgram, KillsWhatDoesNotEnd) {
  const auto ran = run_program({"/bin/sleep", "60"}, {}, "", Milliseconds(50));
  ASSERT_FALSE(ran);
  EXPECT_EQ(ran.error().code, Errc::kTimeout);
}

TEST(RunProgram, SaysWhenThereIsNoProgram) {
  EXPECT_FALSE(run_program({"/nonexistent"}, {}, "", Seconds(1)));
}

}  // namespace
}  // namespace systole::cli
