// crm_error: what an exit code or result means.
#include <cstring>

#include <charconv>

#include "cli/exit_codes.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/tools.h"

namespace systole::cli {
namespace {

Manual manual() {
  using T = Option::Takes;
  return {"explain exit codes",
          "[options] CODE...",
          {{"Options",
            {{"exit", 'X', T::kNothing, "", "CODE is an exit status of a tool"},
             {"rc", 'r', T::kNothing, "", "CODE is a standard result code"},
             {"name", 'n', T::kNothing, "", "Print the symbolic name too"},
             {"list", 'l', T::kNothing, "", "List all"}}},
           output_options()},
          "  crm_error -X 78\n  crm_error -X -l\n"};
}

// System error numbers, negative or not, when no exit status is meant.
std::string explained(int code, bool exit, bool named) {
  if (exit) return named ? fmt::format("{} - {}", exit_name(code), exit_message(code)) : exit_message(code);
  const int number = code < 0 ? -code : code;
  if (!named) return std::strerror(number);
  const char* name = strerrorname_np(number);
  return fmt::format("{} - {}", name != nullptr ? name : "unknown", std::strerror(number));
}

}  // namespace

int run_crm_error(Context& context) {
  Parsed parsed;
  // A negative number is a code here, not a bundle of options.
  std::vector<std::string> words, codes;
  for (const std::string& word : context.args) {
    const bool negative = word.size() > 1 && word[0] == '-' && word[1] >= '0' && word[1] <= '9';
    (negative ? codes : words).push_back(word);
  }
  context.args = words;
  if (const auto done = begin(context, manual(), parsed)) return *done;
  codes.insert(codes.end(), parsed.operands.begin(), parsed.operands.end());
  const bool exit = parsed.has("exit");
  if (parsed.has("list")) {
    for (const ExitCode& code : exit_codes()) {
      context.console->out(parsed.has("name")
                               ? fmt::format("{:4}: {:<26}  {}\n", code.code, code.name, code.message)
                               : fmt::format("{:4}: {}\n", code.code, code.message));
    }
    return 0;
  }
  if (codes.empty()) {
    context.console->err("crm_error: needs a code, for example crm_error -X 78\n");
    return 64;
  }
  for (const std::string& text : codes) {
    int code = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), code);
    if (read.ec != std::errc() || read.ptr != text.data() + text.size()) {
      context.console->err(fmt::format("crm_error: \"{}\" is not a number\n", printable(text)));
      return 64;
    }
    context.console->out(explained(code, exit, parsed.has("name")) + "\n");
  }
  return 0;
}

}  // namespace systole::cli
