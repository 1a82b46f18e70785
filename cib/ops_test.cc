// What the operations of cibadmin do to a document.
#include "cib/ops.h"

#include "cib/schema.h"

namespace systole::cib {
namespace {

Document cib(const std::string& resources = "", const std::string& status = "",
             const std::string& constraints = "") {
  auto document = Document::parse(
      "<cib crm_feature_set=\"3.16.1\" validate-with=\"pacemaker-3.9\" epoch=\"5\" num_updates=\"3\" "
      "admin_epoch=\"1\">"
      "<configuration><crm_config/><nodes/><resources>" +
      resources + "</resources><constraints>" + constraints + "</constraints></configuration><status>" +
      status + "</status></cib>");
  EXPECT_TRUE(document) << document.error().message;
  document->track_digest();
  return std::move(*document);
}

std::string dummy(const std::string& id, const std::string& inside = "") {
  return "<primitive id=\"" + id + "\" class=\"ocf\" provider=\"heartbeat\" type=\"Dummy\"" +
         (inside.empty() ? "/>" : ">" + inside + "</primitive>");
}

Op op(Op::Kind kind, const std::string& section, const std::string& xml, const std::string& xpath = "") {
  Op o;
  o.kind = kind;
  o.section = section;
  o.xml = xml;
  o.xpath = xpath;
  return o;
}

// Applies, and holds what holds of every operation: the patch leads from before to after, the digest that was
// kept is the one that a fresh look gives, and what failed changed nothing.
Result<Applied> run(Document& document, const Op& o) {
  Document before = document.clone();
  auto result = apply(document, o);
  EXPECT_EQ(document.digest(), document.clone().digest());
  EXPECT_EQ(document.configuration_digest(), document.clone().configuration_digest());
  if (!result) {
    EXPECT_EQ(document.serialize(), before.serialize());
    return result;
  }
  if (!result->patch.empty()) {
    Document patched = before.clone();
    auto replayed = replay(patched, result->patch);
    EXPECT_TRUE(replayed) << replayed.error().message << result->patch;
    EXPECT_EQ(patched.serialize(), document.serialize()) << result->patch;
    EXPECT_EQ(patched.version(), document.version());
  } else {
    EXPECT_EQ(document.serialize(), before.serialize());
  }
  return result;
}

std::string resources(const Document& d) { return to_xml(d.section("resources")); }

TEST(Create, PutsAPrimitiveWhereItsNameSays) {
  Document d = cib();
  const auto r = run(d, op(Op::Kind::kCreate, "", dummy("a")));
  ASSERT_TRUE(r) << r.error().message;
  EXPECT_TRUE(r->changed_configuration);
  EXPECT_FALSE(r->changed_status);
  EXPECT_EQ(resources(d), "<resources>" + dummy("a") + "</resources>");
  EXPECT_EQ(d.version(), (Version{1, 6, 0}));
}

TEST(Create, RefusesAnIdThatIsThere) {
  Document d = cib(dummy("a"));
  const auto r = run(d, op(Op::Kind::kCreate, "resources", dummy("a")));
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, Errc::kExists);
}

TEST(Modify, MergesByIdAndKeepsWhatItDoesNotName) {
  Document d = cib(
      dummy("a", "<meta_attributes id=\"m\"><nvpair id=\"m-x\" name=\"x\" value=\"1\"/></meta_attributes>"));
  const auto r =
      run(d, op(Op::Kind::kModify, "resources",
                "<primitive id=\"a\"><meta_attributes id=\"m\"><nvpair id=\"m-y\" name=\"y\" value=\"2\"/>"
                "</meta_attributes></primitive>"));
  ASSERT_TRUE(r) << r.error().message;
  EXPECT_EQ(resources(d), "<resources>" +
                              dummy("a",
                                    "<meta_attributes id=\"m\"><nvpair id=\"m-x\" name=\"x\" value=\"1\"/>"
                                    "<nvpair id=\"m-y\" name=\"y\" value=\"2\"/></meta_attributes>") +
                              "</resources>");
}

TEST(Status, AChangeRaisesOnlyNumUpdates) {
  Document d = cib("", "<node_state id=\"1\" uname=\"n1\"/>");
  const auto r = run(d, op(Op::Kind::kModify, "status", "<node_state id=\"1\" crmd=\"online\"/>"));
  ASSERT_TRUE(r) << r.error().message;
  EXPECT_TRUE(r->changed_status);
  EXPECT_FALSE(r->changed_configuration);
  EXPECT_EQ(d.version(), (Version{1, 5, 4}));
}

TEST(Status, AnUnchangedValueChangesNothing) {
  Document d = cib("", "<node_state id=\"1\" uname=\"n1\"/>");
  const auto r = run(d, op(Op::Kind::kModify, "status", "<node_state id=\"1\" uname=\"n1\"/>"));
  ASSERT_TRUE(r);
  EXPECT_TRUE(r->patch.empty());
  EXPECT_EQ(d.version(), (Version{1, 5, 3}));
}

}  // namespace
}  // namespace systole::cib
