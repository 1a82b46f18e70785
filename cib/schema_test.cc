// Which configurations are refused, and with what words.
#include "cib/schema.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/asio_runtime.h"
#include "cib/ops.h"

namespace systole::cib {
namespace {

Document cib(const std::string& resources, const std::string& constraints = "", const std::string& more = "",
             const std::string& schema = "pacemaker-3.9") {
  auto document =
      Document::parse("<cib validate-with=\"" + schema +
                      "\" admin_epoch=\"0\" epoch=\"1\" num_updates=\"0\">\n<configuration><crm_config/>"
                      "<nodes/><resources>" +
                      resources + "</resources><constraints>" + constraints + "</constraints>" + more +
                      "</configuration><status/></cib>");
  EXPECT_TRUE(document) << document.error().message;
  return std::move(*document);
}

std::string all(const std::vector<Finding>& findings) {
  std::string out;
  for (const Finding& f : findings) out += fmt::format("{}: {}\n", f.line, f.message);
  return out;
}

void expect_finding(const Document& document, const std::string& part) {
  const auto findings = validate(document);
  EXPECT_EQ(findings.size(), 1U) << all(findings);
  EXPECT_NE(all(findings).find(part), std::string::npos) << all(findings);
}

const char* const kA = "<primitive id=\"a\" class=\"lsb\" type=\"a\"/>";

TEST(Schema, AcceptsAnEmptyDocument) { EXPECT_EQ(all(validate(Document::empty())), ""); }

struct Refused {
  const char* resources;
  const char* constraints;
  const char* words;
};
class RefusedTest : public ::testing::TestWithParam<Refused> {};
TEST_P(RefusedTest, SaysWhatIsWrong) {
  expect_finding(cib(GetParam().resources, GetParam().constraints), GetParam().words);
}

INSTANTIATE_TEST_SUITE_P(
    Schema, RefusedTest,
    ::testing::Values(
        Refused{"<primitive id=\"1a\" class=\"lsb\" type=\"a\"/>", "", "id=\"1a\" is no usable id"},
        Refused{"<primitive id=\"a\" class=\"lsb\"/>", "", "type is missing"},
        Refused{"<primitive id=\"a\" class=\"ocf\" type=\"Dummy\"/>", "", "provider is missing"},
        Refused{"<primitive id=\"a\" class=\"osf\" provider=\"x\" type=\"Dummy\"/>", "",
                "is none of ocf, lsb"},
        Refused{"<primitive id=\"a\" class=\"lsb\" type=\"a\" colour=\"red\"/>", "",
                "colour is not known; known are id"},
        Refused{"<primitive class=\"lsb\" type=\"a\"/>", "", "the attribute id is missing"},
        Refused{"<prim id=\"a\"/>", "", "there is no <prim> in resources; known are <primitive>"},
        Refused{"<group id=\"g\"/>", "", "<primitive> is missing"},
        Refused{"<clone id=\"c\"/>", "", "exactly one of these must be in it: primitive group"},
        Refused{kA, "<rsc_location id=\"l\" rsc=\"a\" node=\"n\" score=\"many\"/>", "is no score"},
        Refused{kA, "<rsc_location id=\"l\" rsc=\"a\"><rule id=\"r\" score=\"1\"/></rsc_location>",
                "a rule needs an expression"},
        Refused{kA, "<rsc_location id=\"l\" rsc=\"b\" node=\"n\" score=\"1\"/>",
                "rsc=\"b\" names a resource"},
        Refused{kA, "<rsc_location id=\"l\" node=\"n\" score=\"1\"/>",
                "one of these must be there: rsc rsc-pattern"},
        Refused{kA, "<rsc_location id=\"a\" rsc=\"a\" node=\"n\" score=\"1\"/>", "the id 'a' is there twice"},
        Refused{kA, "<rsc_order id=\"o\" first=\"a\" then=\"a\" kind=\"maybe\"/>",
                "is none of Optional, Mandatory"},
        Refused{kA,
                "<rsc_colocation id=\"c\"><resource_set id=\"s\"><resource_ref "
                "id=\"x\"/></resource_set></rsc_colocation>",
                "id=\"x\" names a resource"},
        Refused{"<primitive id=\"a\" class=\"lsb\" type=\"a\"><meta_attributes id-ref=\"m\"/></primitive>",
                "", "names a meta_attributes that is not configured"},
        Refused{"<primitive id=\"a\" template=\"t\"/>", "", "names a template"},
        Refused{"<primitive id=\"a\" class=\"lsb\" type=\"a\">text</primitive>", "", "text is not allowed"},
        Refused{"<primitive id=\"a\" class=\"lsb\" type=\"a\"><operations/><operations/></primitive>", "",
                "only one <operations>"}));

TEST(Schema, NamesTheLineOfTheWrittenDocument) {
  const Document d = cib(std::string(kA) + "<primitive id=\"b\" class=\"lsb\" type=\"b\" x=\"\"/>");
  const auto findings = validate(d);
  ASSERT_EQ(findings.size(), 1U);
  const std::string text = d.serialize(true);
  const auto line =
      1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(text.find("id=\"b\"")), '\n');
  EXPECT_EQ(findings[0].line, line);
}

TEST(Schema, AsksNothingOfADocumentWithoutOne) {
  EXPECT_EQ(all(validate(cib("<thing/>", "", "", "none"))), "");
}

TEST(Schema, RefusesASchemaThatNobodyKnows) {
  expect_finding(cib("", "", "", "pacemaker-9.1"), "names no schema");
}

TEST(Schema, RefusesASecondSectionEvenWithoutSchema) {
  expect_finding(cib("", "", "<resources/>", "none"), "second <resources>");
}

TEST(Schema, AnInstanceOfACloneMayBeReferredTo) {
  EXPECT_EQ(all(validate(cib("<clone id=\"c\"><primitive id=\"p\" class=\"lsb\" type=\"a\"/></clone>",
                             "<rsc_location id=\"l\" rsc=\"p:0\" node=\"n\" score=\"1\"/>"))),
            "");
}

Result<Applied> run(Document& document, Op::Kind kind, const std::string& xml) {
  Op op;
  op.kind = kind;
  op.xml = xml;
  return apply(document, op);
}

TEST(SchemaOfChanges, ReferencesToWhatIsDeletedAreFound) {
  Document d = cib(kA, "<rsc_location id=\"l\" rsc=\"a\" node=\"n\" score=\"1\"/>");
  const auto r = run(d, Op::Kind::kDelete, "<primitive id=\"a\"/>");
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, Errc::kInvalidConfig);
  EXPECT_NE(r.error().message.find("rsc_location 'l'"), std::string::npos) << r.error().message;
}

TEST(SchemaOfChanges, AnIdThatIsInUseElsewhereIsFound) {
  Document d = cib(kA);
  const auto r = run(d, Op::Kind::kCreate, "<rsc_location id=\"a\" rsc=\"a\" node=\"n\" score=\"1\"/>");
  ASSERT_FALSE(r);
  EXPECT_NE(r.error().message.find("twice"), std::string::npos) << r.error().message;
}

TEST(SchemaOfChanges, AnOldFaultElsewhereDoesNotBlock) {
  Document d = cib(kA, "<rsc_location id=\"l\" rsc=\"gone\" node=\"n\" score=\"1\"/>");
  EXPECT_TRUE(run(d, Op::Kind::kCreate, "<primitive id=\"b\" class=\"lsb\" type=\"b\"/>"));
}

TEST(SchemaOfChanges, AGroupMustNotLoseItsLastMember) {
  Document d = cib("<group id=\"g\">" + std::string(kA) + "</group>");
  EXPECT_FALSE(run(d, Op::Kind::kDelete, "<primitive id=\"a\"/>"));
}

TEST(SchemaOfChanges, AnUpgradeMovesToTheNewestSchema) {
  Document d = cib(kA, "", "", "pacemaker-1.2");
  ASSERT_TRUE(run(d, Op::Kind::kUpgrade, ""));
  EXPECT_STREQ(d.root().attribute("validate-with").value(), kNewestSchema);
}

TEST(SchemaOfChanges, AnUpgradeNeverGoesBack) {
  Document d = cib(kA, "", "", "pacemaker-4.0");
  ASSERT_TRUE(run(d, Op::Kind::kUpgrade, ""));
  EXPECT_STREQ(d.root().attribute("validate-with").value(), "pacemaker-4.0");
}

TEST(SchemaOfChanges, AnUpgradeFromNoSchemaLooksAtEverything) {
  Document d = cib("<thing/>", "", "", "none");
  const auto r = run(d, Op::Kind::kUpgrade, "");
  ASSERT_FALSE(r);
  EXPECT_NE(r.error().message.find("<thing>"), std::string::npos);
}

// The inputs of the scheduler's cases, where SYSTOLE_SUITE names their folder.
TEST(SchemaSuite, AcceptsEveryInputAndReportsWhatTheyMeanToBeWrong) {
  const char* suite = std::getenv("SYSTOLE_SUITE");
  if (suite == nullptr) GTEST_SKIP() << "SYSTOLE_SUITE is not set";
  const auto files = posix_files();
  const std::string folder = std::string(suite) + "/xml";
  const auto names = files->list(folder);
  ASSERT_TRUE(names) << names.error().message;
  // Two cases are about values that must be refused.
  std::size_t references = 0, wrong_values = 0;
  for (const std::string& name : *names) {
    const auto text = files->read(folder + "/" + name);
    ASSERT_TRUE(text);
    auto document = Document::parse(as_text(*text));
    ASSERT_TRUE(document) << name << ": " << document.error().message;
    for (const Finding& f : validate(*document)) {
      if (f.reference) {
        ++references;
        continue;
      }
      const bool of_value = f.message.find("kind=\"foo\"") != std::string::npos ||
                            f.message.find("influence=\"invalid\"") != std::string::npos;
      EXPECT_TRUE(of_value) << name << ":" << f.line << ": " << f.message;
      wrong_values += of_value;
    }
  }
  EXPECT_GT(names->size(), 500U);
  EXPECT_LE(wrong_values, 2U);
  RecordProperty("references", static_cast<int>(references));
}

}  // namespace
}  // namespace systole::cib
