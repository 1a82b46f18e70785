// systole: one program under many names. Called as `crm_mon`, it is crm_mon; called as `systole crm_mon`,
// too.
#include <csignal>

#include <cstdio>

#include "cli/crm/main.h"
#include "cli/options.h"
#include "cli/tools.h"

namespace systole::cli {
namespace {

// The shell is not among tools(): it stands on top of them.
constexpr ToolEntry kShell{"crm", crm::run_crm, "the shell of the cluster"};

const ToolEntry* find_program(std::string_view name) {
  return name == kShell.name ? &kShell : find_tool(name);
}

std::string base_name(const char* path) {
  const std::string text = path == nullptr ? "" : path;
  return text.substr(text.rfind('/') + 1);
}

std::string overview() {
  std::string text =
      "systole - the tools of the cluster in one program\n\nUsage: systole TOOL [options], or call it by the "
      "tool's name (systole ring: systole-ring)\n\nTools:\n";
  text += fmt::format("  {:<22}{}\n", kShell.name, kShell.summary);
  for (const ToolEntry& tool : tools()) text += fmt::format("  {:<22}{}\n", tool.name, tool.summary);
  return text + "\nsystole TOOL --help explains each.\n";
}

int run(int argc, char** argv) {
  std::vector<std::string> args(argv + std::min(argc, 1), argv + argc);
  std::string name = base_name(argc > 0 ? argv[0] : nullptr);
  const ToolEntry* tool = find_program(name);
  if (tool == nullptr && !args.empty()) {
    name = args.front();
    tool = find_program(name);
    if (tool == nullptr && (tool = find_program("systole-" + name)) != nullptr) name = tool->name;
    args.erase(args.begin());
  }
  Context context = process_context(name, std::move(args));
  if (tool != nullptr) {
    const int code = tool->run(context);
    context.console->flush();
    return code;
  }
  const bool asked = name == "--help" || name == "-h" || name == "help";
  if (name == "--version" || name == "-$")
    context.console->out(version_text());
  else if (asked)
    context.console->out(overview());
  else
    context.console->err(overview());
  return asked || name == "--version" || name == "-$" ? 0 : 64;
}

}  // namespace
}  // namespace systole::cli

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_DFL);
  try {
    return systole::cli::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "systole: %s\n", error.what());
    return 70;
  }
}
