// What is taken as a document, what is refused and with what position, and how it looks when written.
#include "cib/document.h"

#include <gtest/gtest.h>

#include "cib/schema.h"

namespace systole::cib {
namespace {

std::string cib(const std::string& inside) {
  return "<cib validate-with=\"none\"><configuration>" + inside + "</configuration></cib>";
}

struct Bad {
  const char* xml;
  const char* words;
};
class BadXmlTest : public ::testing::TestWithParam<Bad> {};
TEST_P(BadXmlTest, IsRefusedWithLineAndColumn) {
  const auto document = Document::parse(GetParam().xml);
  ASSERT_FALSE(document);
  EXPECT_EQ(document.error().code, Errc::kParse);
  EXPECT_NE(document.error().message.find(GetParam().words), std::string::npos) << document.error().message;
}
INSTANTIATE_TEST_SUITE_P(
    Document, BadXmlTest,
    ::testing::Values(Bad{"", "line 1, column 1"}, Bad{"hello", "line 1"}, Bad{"<cib>", "line 1"},
                      Bad{"<cib>\n  <a></b>\n</cib>", "line 2"},
                      Bad{"<cib>\n<a x=\"1\n<b/></cib>", "line 3, column 1"},
                      Bad{"<!DOCTYPE cib [<!ENTITY a \"b\">]>\n<cib/>", "line 1, column 1: a document type"},
                      Bad{"<cib x=\"&nope;\"/>", "line 1, column 9: the entity &nope;"},
                      Bad{"<cib>\n &</cib>", "line 2, column 2"}, Bad{"<cib x=\"&#0;\"/>", "entity &#0;"},
                      Bad{"<cib>\x01</cib>", "control character"}, Bad{"<cib>\xff</cib>", "not UTF-8"},
                      Bad{"<cib x=\"1\" x=\"2\"/>", "twice"}, Bad{"<cib/><cib/>", "follows the root"},
                      Bad{"<crm/>", "<crm>"}, Bad{"<cib><!-- </cib>", "a comment without an end"}));

TEST(Document, RefusesWhatIsNestedTooDeep) {
  std::string open, close;
  for (int i = 0; i < kMaxDepth - 1; ++i) {
    open += "<a>";
    close += "</a>";
  }
  EXPECT_TRUE(Document::parse("<cib>" + open + close + "</cib>"));
  const auto deeper = Document::parse("<cib>" + open + "<a/>" + close + "</cib>");
  ASSERT_FALSE(deeper);
  EXPECT_NE(deeper.error().message.find("deeper than 200"), std::string::npos);
}

TEST(Document, RefusesWhatIsTooLong) {
  EXPECT_FALSE(Document::parse("<cib>" + std::string(kMaxDocument, ' ') + "</cib>"));
}

TEST(Document, KeepsCommentsOrderAndSpecialCharacters) {
  const std::string xml = cib("<!-- a > b --><p z=\"1\" a=\"&lt;&amp;&quot;&#10;&#9;'\"/><b/><p/>");
  const auto document = Document::parse(xml);
  ASSERT_TRUE(document) << document.error().message;
  EXPECT_EQ(document->serialize(), xml);
  EXPECT_EQ(Document::parse(document->serialize(true))->serialize(), xml);
}

TEST(Document, DigestIgnoresWhiteSpaceAttributeOrderAndVersionButNotOrder) {
  const auto digest = [](const std::string& xml) { return Document::parse(xml)->digest(); };
  const std::string one =
      digest("<cib epoch=\"1\"><configuration><a x=\"1\" y=\"2\"/><b/></configuration></cib>");
  EXPECT_EQ(one,
            digest("<cib epoch=\"2\">\n<configuration>\n <a y=\"2\" x=\"1\"/>\n<b/></configuration></cib>"));
  EXPECT_NE(one, digest("<cib epoch=\"1\"><configuration><b/><a x=\"1\" y=\"2\"/></configuration></cib>"));
  EXPECT_NE(one, digest("<cib epoch=\"1\"><configuration><a x=\"1\" y=\"3\"/><b/></configuration></cib>"));
  EXPECT_NE(one, digest("<cib epoch=\"1\"><configuration><a x=\"1\" y=\"2\"><b/></a></configuration></cib>"));
}

TEST(Document, ConfigurationDigestLeavesOutWhatIsOfThisRun) {
  const auto a = Document::parse("<cib have-quorum=\"1\"><configuration/><status><x/></status></cib>");
  const auto b = Document::parse("<cib have-quorum=\"0\"><configuration/><status/></cib>");
  EXPECT_EQ(a->configuration_digest(),
            Document::parse("<cib dc-uuid=\"1\"><configuration/><status/></cib>")->configuration_digest());
  EXPECT_EQ(a->configuration_digest(), b->configuration_digest());
  EXPECT_NE(a->digest(), b->digest());
}

TEST(Document, FindsSectionsByName) {
  const Document d = Document::empty();
  for (const char* name : {"configuration", "status", "resources", "nodes", "crm_config", "constraints"})
    EXPECT_STREQ(d.section(name).name(), name);
  for (const char* name : {"", "all", "cib"}) EXPECT_EQ(d.section(name), d.root());
  EXPECT_FALSE(d.section("acls"));
  EXPECT_FALSE(d.section("node"));
}

TEST(Document, VersionsThatAreNoNumbersCountAsZero) {
  const auto d =
      Document::parse("<cib epoch=\"x\" num_updates=\"-1\" admin_epoch=\"99999999999999999999999\"/>");
  EXPECT_EQ(d->version(), Version{});
}

TEST(Document, ACloneIsACopy) {
  Document d = Document::empty();
  const Document copy = d.clone();
  d.root().append_attribute("x") = "1";
  EXPECT_FALSE(copy.root().attribute("x"));
}

}  // namespace
}  // namespace systole::cib
