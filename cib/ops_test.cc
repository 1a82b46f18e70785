// What the operations of cibadmin do to a document.
#include "cib/ops.h"

#include <gtest/gtest.h>

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

TEST(Status, CountsUpWithPlusPlus) {
  Document d = cib("", "<node_state id=\"1\" n=\"3\" m=\"5\"/>");
  ASSERT_TRUE(run(d, op(Op::Kind::kModify, "status", "<node_state id=\"1\" n=\"n++\" m=\"m+=INFINITY\"/>")));
  EXPECT_STREQ(d.section("status").first_child().attribute("n").value(), "4");
  EXPECT_STREQ(d.section("status").first_child().attribute("m").value(), "INFINITY");
}

TEST(Create, TakesTheChildrenOfASection) {
  Document d = cib(dummy("a"));
  ASSERT_TRUE(
      run(d, op(Op::Kind::kCreate, "resources", "<resources>" + dummy("b") + dummy("c") + "</resources>")));
  EXPECT_EQ(resources(d), "<resources>" + dummy("a") + dummy("b") + dummy("c") + "</resources>");
}

TEST(Create, MakesASectionThatIsNotThereYet) {
  Document d = cib();
  ASSERT_TRUE(run(d, op(Op::Kind::kCreate, "", "<tag id=\"t\"><obj_ref id=\"t\"/></tag>")));
  EXPECT_EQ(to_xml(d.section("tags")), "<tags><tag id=\"t\"><obj_ref id=\"t\"/></tag></tags>");
}

TEST(Create, BelowWhatAnXPathFinds) {
  Document d = cib(dummy("a"));
  ASSERT_TRUE(run(d, op(Op::Kind::kCreate, "", "<meta_attributes id=\"m\"/>", "//primitive[@id='a']")));
  EXPECT_EQ(resources(d), "<resources>" + dummy("a", "<meta_attributes id=\"m\"/>") + "</resources>");
}

TEST(Create, OfWhatNoSectionIsImpliedForSaysSo) {
  Document d = cib();
  const auto r = run(d, op(Op::Kind::kCreate, "", "<nvpair id=\"x\" name=\"a\" value=\"b\"/>"));
  ASSERT_FALSE(r);
  EXPECT_NE(r.error().message.find("--xpath"), std::string::npos);
}

TEST(Create, InAnUnknownSectionIsRefused) {
  Document d = cib();
  const auto r = run(d, op(Op::Kind::kCreate, "resource", dummy("a")));
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, Errc::kInvalidArgument);
}

TEST(Modify, OfWhatIsMissingNeedsAllowCreate) {
  Document d = cib();
  Op o = op(Op::Kind::kModify, "resources", dummy("a"));
  const auto r = run(d, o);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, Errc::kNotFound);
  o.allow_create = true;
  EXPECT_TRUE(run(d, o));
}

TEST(Modify, FindsAnNvpairByItsIdAnywhereInTheSection) {
  Document d = cib(
      dummy("a", "<meta_attributes id=\"m\"><nvpair id=\"v\" name=\"x\" value=\"1\"/></meta_attributes>"));
  ASSERT_TRUE(run(d, op(Op::Kind::kModify, "", "<nvpair id=\"v\" value=\"2\"/>")));
  EXPECT_NE(resources(d).find("value=\"2\""), std::string::npos);
}

TEST(Replace, OfAnObjectExchangesItWhole) {
  Document d = cib(dummy("a", "<meta_attributes id=\"m\"/>") + dummy("b"));
  ASSERT_TRUE(run(d, op(Op::Kind::kReplace, "resources", dummy("a", "<operations/>"))));
  EXPECT_EQ(resources(d), "<resources>" + dummy("a", "<operations/>") + dummy("b") + "</resources>");
}

TEST(Replace, OfASectionTakesItOutOfAWholeCib) {
  Document d = cib(dummy("a"), "<node_state id=\"1\"/>");
  ASSERT_TRUE(run(d, op(Op::Kind::kReplace, "resources", cib(dummy("z")).serialize())));
  EXPECT_EQ(resources(d), "<resources>" + dummy("z") + "</resources>");
  EXPECT_TRUE(d.section("status").first_child());
}

TEST(Replace, OfTheWholeByAnOlderOneIsRefusedUnlessForced) {
  Document d = cib(dummy("a"));
  Document older = cib(dummy("z"));
  older.set_version({1, 4, 9});
  Op o = op(Op::Kind::kReplace, "", older.serialize());
  const auto r = run(d, o);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, Errc::kOld);
  o.force = true;
  ASSERT_TRUE(run(d, o));
  EXPECT_EQ(d.version(), (Version{1, 6, 0}));
}

TEST(Replace, OfTheWholeByANewerOneTakesItsVersion) {
  Document d = cib(dummy("a"));
  Document newer = cib(dummy("z"));
  newer.set_version({1, 9, 2});
  ASSERT_TRUE(run(d, op(Op::Kind::kReplace, "", newer.serialize())));
  EXPECT_EQ(d.version(), (Version{1, 9, 2}));
}

TEST(Delete, MatchesByAnyAttributes) {
  Document d = cib("", "<node_state id=\"1\" uname=\"n1\"/><node_state id=\"2\" uname=\"n2\"/>");
  ASSERT_TRUE(run(d, op(Op::Kind::kDelete, "status", "<node_state uname=\"n2\"/>")));
  EXPECT_EQ(to_xml(d.section("status")), "<status><node_state id=\"1\" uname=\"n1\"/></status>");
}

TEST(Delete, OfNothingIsFineAndChangesNothing) {
  Document d = cib(dummy("a"));
  for (const Op& o :
       {op(Op::Kind::kDelete, "resources", dummy("b")), op(Op::Kind::kDelete, "", "", "//group"),
        op(Op::Kind::kDeleteAll, "", "", "//group"), op(Op::Kind::kDelete, "acls", "<acl_role id=\"x\"/>")}) {
    const auto r = run(d, o);
    ASSERT_TRUE(r) << r.error().message;
    EXPECT_FALSE(r->changed_configuration);
  }
  EXPECT_EQ(d.version(), (Version{1, 5, 3}));
}

TEST(Delete, TheFirstOrAllThatAnXPathFinds) {
  Document d = cib(dummy("a") + dummy("b") + dummy("c"));
  ASSERT_TRUE(run(d, op(Op::Kind::kDelete, "", "", "//primitive[@id!='a']")));
  EXPECT_EQ(resources(d), "<resources>" + dummy("a") + dummy("c") + "</resources>");
  ASSERT_TRUE(run(d, op(Op::Kind::kDeleteAll, "", "", "//primitive")));
  EXPECT_EQ(resources(d), "<resources/>");
}

TEST(Delete, NeverTheRoot) {
  Document d = cib();
  EXPECT_FALSE(run(d, op(Op::Kind::kDelete, "", "", "/cib")));
  EXPECT_FALSE(run(d, op(Op::Kind::kDeleteAll, "", "", "//*")));
  EXPECT_FALSE(run(d, op(Op::Kind::kDelete, "", "<cib/>")));
}

TEST(Version, BumpAndEraseAreConfigurationChanges) {
  Document d = cib(dummy("a"), "<node_state id=\"1\"/>");
  auto r = run(d, op(Op::Kind::kBump, "", ""));
  ASSERT_TRUE(r && r->changed_configuration);
  EXPECT_EQ(d.version(), (Version{1, 6, 0}));
  Op erase = op(Op::Kind::kErase, "", "");
  erase.keep_status = true;
  ASSERT_TRUE(run(d, erase));
  EXPECT_EQ(resources(d), "<resources/>");
  EXPECT_TRUE(d.section("status").first_child());
  ASSERT_TRUE(run(d, op(Op::Kind::kErase, "", "")));
  EXPECT_FALSE(d.section("status").first_child());
  EXPECT_EQ(d.version(), (Version{1, 8, 0}));
}

TEST(Version, CanBeRaisedByHandButNotLowered) {
  Document d = cib();
  ASSERT_TRUE(run(d, op(Op::Kind::kModify, "", "<cib admin_epoch=\"7\"/>")));
  EXPECT_EQ(d.version().admin_epoch, 7U);
  const auto r = run(d, op(Op::Kind::kModify, "", "<cib epoch=\"1\"/>"));
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, Errc::kOld);
}

TEST(Version, ARuntimeAttributeCountsAsStatus) {
  Document d = cib();
  const auto r = run(d, op(Op::Kind::kModify, "", "<cib have-quorum=\"1\"/>"));
  ASSERT_TRUE(r && r->changed_status && !r->changed_configuration);
  EXPECT_EQ(d.version(), (Version{1, 5, 4}));
}

TEST(Bookkeeping, SaysWhoAndWhenOnConfigurationChangesOnly) {
  Document d = cib("", "<node_state id=\"1\"/>");
  Op o = op(Op::Kind::kCreate, "", dummy("a"));
  o.user = "root";
  o.client = "cibadmin";
  o.origin = "n1";
  o.when = WallTime(Seconds(1605877921));
  ASSERT_TRUE(run(d, o));
  EXPECT_STREQ(d.root().attribute("cib-last-written").value(), "Fri Nov 20 13:12:01 2020");
  EXPECT_STREQ(d.root().attribute("update-user").value(), "root");
  EXPECT_STREQ(d.root().attribute("update-client").value(), "cibadmin");
  EXPECT_STREQ(d.root().attribute("update-origin").value(), "n1");
}

TEST(Query, GivesSectionsObjectsAndPaths) {
  Document d = cib(dummy("a") + dummy("b"));
  const auto answer = [&](const std::string& section, const std::string& xpath, bool paths = false,
                          bool alone = false) {
    Op o = op(Op::Kind::kQuery, section, "", xpath);
    o.node_path = paths;
    o.no_children = alone;
    auto r = apply(d, o);
    return r ? r->answer : fmt::format("{}", exit_code(r.error().code));
  };
  EXPECT_EQ(answer("", ""), d.serialize(true));
  EXPECT_EQ(answer("resources", "").substr(0, 11), "<resources>");
  EXPECT_EQ(answer("acls", ""), "105");
  EXPECT_EQ(answer("acl", ""), "64");
  EXPECT_EQ(answer("", "//primitive[@id='a']"), dummy("a") + "\n");
  EXPECT_EQ(answer("", "//primitive"),
            "<xpath-query>\n  " + dummy("a") + "\n  " + dummy("b") + "\n</xpath-query>\n");
  EXPECT_EQ(answer("", "//primitive/@id[.='b']"), dummy("b") + "\n");
  EXPECT_EQ(answer("", "//group"), "105");
  EXPECT_EQ(answer("", "//["), "64");
  EXPECT_EQ(
      answer("", "//primitive", true),
      "/cib/configuration/resources/primitive[@id='a']\n/cib/configuration/resources/primitive[@id='b']\n");
  EXPECT_EQ(answer("resources", "", false, true), "<resources/>\n");
}

TEST(Hostile, InputIsRefusedWithAWordAndChangesNothing) {
  Document d = cib(dummy("a"));
  const std::string deep = [] {
    std::string open, close;
    for (int i = 0; i < 199; ++i) {
      open += "<rule id=\"x\">";
      close += "</rule>";
    }
    return open + close;
  }();
  for (const std::string& xml : {std::string(), std::string("<"), std::string("<a>"), std::string(300, '<'),
                                 deep, std::string("<primitive id=\"&xxe;\"/>"), std::string("text")})
    for (const Op::Kind kind : {Op::Kind::kCreate, Op::Kind::kModify, Op::Kind::kReplace, Op::Kind::kPatch}) {
      Op o = op(kind, "resources", xml);
      o.allow_create = true;
      const auto r = run(d, o);
      ASSERT_FALSE(r) << xml;
      EXPECT_FALSE(r.error().message.empty());
    }
}

}  // namespace
}  // namespace systole::cib
