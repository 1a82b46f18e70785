// Runs a tool on a document in memory and catches what it prints.
#pragma once

#include "cli/tools.h"

namespace systole::cli {

class CapturingConsole : public Console {
 public:
  void out(std::string_view text) override { output += text; }
  void err(std::string_view text) override { errors += text; }
  void flush() override {}
  Result<void> redirect(const std::string&) override { return {}; }
  Result<std::string> input() override { return given; }
  bool terminal() const override { return false; }
  bool colour() const override { return false; }

  std::string output, errors, given;
};

struct Outcome {
  int code = 0;
  std::string out, err;
};

class Bench {
 public:
  explicit Bench(std::string_view xml) : document(cib::Document::parse(xml).value()) {}

  Outcome run(std::vector<std::string> words, std::string input = "") {
    CapturingConsole console;
    console.given = std::move(input);
    Context context;
    context.name = words.front();
    context.args.assign(words.begin() + 1, words.end());
    context.console = &console;
    context.environment = environment;
    context.now = [] { return WallTime(Seconds(1'700'000'000)); };
    context.open = [this](const SessionChoice&) -> Result<std::unique_ptr<Session>> {
      if (down) return fail(Errc::kUnavailable, "the cluster is not running on this node");
      return memory_session(document, Paths{}, "test");
    };
    const ToolEntry* tool = find_tool(context.name);
    if (tool == nullptr) return {-1, "", "no such tool"};
    const int code = tool->run(context);
    return {code, console.output, console.errors};
  }

  cib::Document document;
  std::map<std::string, std::string> environment;
  bool down = false;
};

}  // namespace systole::cli
