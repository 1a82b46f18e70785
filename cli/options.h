// Options: command lines as GNU getopt reads them. Short ones bundle (-Ql, -LVVV), long ones take --x=v or
// --x v, options come before and after operands in any order, "--" ends them. --help and --version are
// everyone's.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "cli/context.h"

namespace systole::cli {

struct Option {
  enum class Takes { kNothing, kValue, kMaybe };  // kMaybe: --x=v, -x3, or a next word without a dash.
  const char* key;                                // Long name, and what the tool asks by.
  char letter = 0;                                // 0: none.
  Takes takes = Takes::kNothing;
  const char* value = "";  // Its name in the help.
  const char* help = "";   // Null: accepted, not shown.
  const char* also = "";   // Other long names, separated by blanks.
};

// A titled group of options in the help.
struct OptionGroup {
  const char* title;
  std::vector<Option> options;
};

struct Manual {
  const char* summary;  // One sentence.
  const char* usage;    // After the tool's name: "[options] COMMAND".
  std::vector<OptionGroup> groups;
  const char* examples;  // Lines; may be empty.
};

class Parsed {
 public:
  bool has(std::string_view key) const { return count(key) > 0; }
  int count(std::string_view key) const;
  std::string value(std::string_view key, std::string otherwise = "") const;  // The last one given.
  std::vector<std::string> values(std::string_view key) const;
  // Of the keys named, the one given last; empty: none. For commands of which the last wins.
  std::string last_of(const std::vector<std::string_view>& keys) const;

  std::vector<std::pair<std::string, std::string>> given;  // In order.
  std::vector<std::string> operands;
};

// Error: kInvalidArgument, naming the option and a close one.
Result<Parsed> parse_options(const Manual& manual, const std::vector<std::string>& args);
std::string help_text(const std::string& tool, const Manual& manual);
// The same as a page for man(1), and as the words that a shell completes. Every tool answers --man and
// --list-options with them, so that packages and shells never hold an older list.
std::string man_text(const std::string& tool, const Manual& manual);
std::string option_words(const Manual& manual);

// Options of all tools with formatted output, and of all that ignore a tuning of Pacemaker's.
OptionGroup output_options();

// The start of every tool: parses, answers --help, --version, --man and --list-options. A number: the tool is
// done with that exit code.
std::optional<int> begin(Context& context, const Manual& manual, Parsed& parsed);

// First line as Pacemaker's clients look for it, second our own.
std::string version_text();
constexpr const char* kPacemakerVersion = "2.1.5";
constexpr const char* kBuild = "systole0.1.0";
constexpr const char* kFeatures = "agent-manpages cibsecrets corosync-ge-2 monotonic nagios ncurses systemd";

// "10", "10s", "10000ms", "2min", "1h", "PT10S", "P1DT2H": milliseconds; a plain number counts `unit`.
std::optional<Milliseconds> parse_interval(std::string_view text, Milliseconds unit = Milliseconds(1000));

}  // namespace systole::cli
