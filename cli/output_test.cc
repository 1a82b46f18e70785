// What agents and peers say reaches neither a terminal nor a document as it is.
#include "cli/output.h"

#include <gtest/gtest.h>

namespace systole::cli {
namespace {

TEST(Printable, DisarmsTerminalSequencesAndBrokenText) {
  EXPECT_EQ(printable("a\x1b[31mred"), "a\\x1b[31mred");
  EXPECT_EQ(printable("one\ntwo"), "one\\x0atwo");
  EXPECT_EQ(printable_lines("one\ntwo\r"), "one\ntwo\\x0d");
  EXPECT_EQ(printable("caf\xc3\xa9 \xe4\xb8\xad"), "caf\xc3\xa9 \xe4\xb8\xad");
  EXPECT_EQ(printable("\xff\xc0\xaf\xed\xa0\x80"), "\\xff\\xc0\\xaf\\xed\\xa0\\x80");
  EXPECT_EQ(printable("\xc2\x9b"), "\\xc2\\x9b");           // The one-character CSI.
  EXPECT_EQ(printable("\xe2\x80\xae"), "\\xe2\\x80\\xae");  // Right-to-left override.
  EXPECT_EQ(printable("\xf0\x9f"), "\\xf0\\x9f");           // Cut off.
}

TEST(XmlAndJson, CarryAnyNameWithoutBreaking) {
  const std::string hostile = std::string("a\x1b\"<&'\xff\x01") + '\n';
  pugi::xml_document document;
  pugi::xml_node node = add(document, "resource");
  set(node, "id", hostile);
  pugi::xml_document again;
  EXPECT_TRUE(again.load_string(xml_text(node).c_str()));
  EXPECT_EQ(xml_text(node).find('\x1b'), std::string::npos);
  EXPECT_EQ(json_text(node).find('\x1b'), std::string::npos);
  EXPECT_NE(json_text(node).find("\\\"<&'"), std::string::npos);
}

TEST(Json, KeepsNamesThatSpellBooleansAsStrings) {
  pugi::xml_document document;
  pugi::xml_node node = add(document, "node");
  set(node, "name", "true");
  set(node, "online", true);
  EXPECT_EQ(json_text(node), "{\n  \"name\": \"true\",\n  \"online\": true\n}\n");
}

}  // namespace
}  // namespace systole::cli
