// Command lines as clients write them.
#include "cli/options.h"

#include <gtest/gtest.h>

namespace systole::cli {
namespace {

using T = Option::Takes;

Manual manual() {
  return {"a test",
          "[options]",
          {{"Options",
            {{"query", 'Q', T::kNothing},
             {"local", 'l', T::kNothing},
             {"verbose", 'V', T::kNothing},
             {"name", 'n', T::kValue, "NAME", "", "attr-name"},
             {"history", 'm', T::kMaybe, "LEVEL"}}}},
          ""};
}

std::string parsed(std::vector<std::string> args) {
  const auto result = parse_options(manual(), args);
  if (!result) return "error: " + result.error().message;
  std::string text;
  for (const auto& [key, value] : result->given) text += key + "=" + value + " ";
  for (const std::string& operand : result->operands) text += "[" + operand + "]";
  return text;
}

struct Case {
  std::vector<std::string> args;
  const char* expected;
};

TEST(Options, ReadsWhatGetoptReads) {
  const Case cases[] = {
      {{"-Ql"}, "query= local= "},
      {{"-QVVV", "x"}, "query= verbose= verbose= verbose= [x]"},
      {{"-nfoo"}, "name=foo "},
      {{"-Qn", "foo"}, "query= name=foo "},
      {{"--name=foo"}, "name=foo "},
      {{"--name", "-1"}, "name=-1 "},
      {{"--attr-name", "a=b"}, "name=a=b "},
      {{"x", "-Q", "y", "--", "-l"}, "query= [x][y][-l]"},
      {{"-m3Q"}, "history=3Q "},
      {{"-mQ"}, "history= query= "},
      {{"-m", "-Q"}, "history= query= "},
      {{"--history=2"}, "history=2 "},
      {{"-"}, "[-]"},
      {{"--name"}, "error: --name needs a value (NAME)"},
      {{"--nme"}, "error: unknown option --nme"},
      {{"--query=1"}, "error: --query takes no value"},
      {{"-\x1b"}, "error: unknown option -\\x1b"},
  };
  for (const Case& c : cases) EXPECT_EQ(parsed(c.args), c.expected);
}

TEST(Options, SuggestsACloseName) {
  EXPECT_NE(parsed({"--quey"}).find("did you mean --query?"), std::string::npos);
}

TEST(Options, TakesTheLastOfSeveralCommands) {
  const auto result = parse_options(manual(), {"-l", "-Q"});
  EXPECT_EQ(result->last_of({"query", "local"}), "query");
}

TEST(Interval, ReadsEverySpelling) {
  const std::pair<const char*, long> cases[] = {{"10", 10000},        {"10s", 10000},  {"10000ms", 10000},
                                                {"2min", 120000},     {"1h", 3600000}, {"PT10S", 10000},
                                                {"P1DT2H", 93600000}, {"0", 0}};
  for (const auto& [text, ms] : cases)
    EXPECT_EQ(parse_interval(text).value_or(Milliseconds(-1)).count(), ms) << text;
  for (const char* bad : {"", "x", "10x", "-5", "P5", "PT", "99999999999999999999"}) {
    const auto read = parse_interval(bad);
    EXPECT_TRUE(!read || read->count() == 0) << bad;
  }
}

}  // namespace
}  // namespace systole::cli
