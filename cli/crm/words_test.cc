#include "cli/crm/words.h"

#include <gtest/gtest.h>

namespace systole::crm {
namespace {

TEST(Words, QuotesMayStandAnywhereInAWord) {
  EXPECT_EQ(*split_words(R"(a b="c d" e='f "g"' "")"), (Words{"a", "b=c d", "e=f \"g\"", ""}));
  EXPECT_EQ(*split_words(R"("a\"b\\c" 'x\y')"), (Words{"a\"b\\c", "x\\y"}));
}

TEST(Words, AnOpenQuoteIsAnError) {
  const auto words = split_words("primitive a params b=\"c");
  ASSERT_FALSE(words);
  EXPECT_NE(words.error().message.find("not closed"), std::string::npos);
}

TEST(Words, LinesEndingInABackslashAreContinuedAndCommentsDropped) {
  const auto lines =
      logical_lines("# head\nprimitive a \\\n\tparams b=c \\\n\n\nshow\n  # tail\nlocation l a \\\n # kept");
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0].number, 2);
  EXPECT_EQ(lines[0].text, "primitive a params b=c");
  EXPECT_EQ(lines[1].text, "show");
  EXPECT_EQ(lines[1].number, 6);
  EXPECT_EQ(lines[2].text, "location l a # kept");
}

TEST(Words, WhatIsQuotedIsReadBackAsItWas) {
  for (const std::string value :
       {"plain-1.2_x", "a b", "", "it's", "say \"no\"", "both ' and \"", "\\", "a\\b'c", "#x", "/dev/sdb"})
    EXPECT_EQ(split_words("x=" + quote(value))->front(), "x=" + value) << quote(value);
}

TEST(Words, OnlyWhatNeedsItIsQuoted) {
  EXPECT_EQ(quote("192.168.1.1"), "192.168.1.1");
  EXPECT_EQ(quote("10s"), "10s");
  EXPECT_EQ(quote("/dev/sdb"), "\"/dev/sdb\"");
  EXPECT_EQ(quote("a b"), "\"a b\"");
}

}  // namespace
}  // namespace systole::crm
