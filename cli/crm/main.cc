#include "cli/crm/main.h"

#include "cli/crm/shell.h"
#include "cli/crm/terminal.h"
#include "cli/host.h"

namespace systole::crm {
namespace {

constexpr std::string_view kVersion = "crm 4.4.1 (Systole 0.1.0)\n";
constexpr std::string_view kUsage =
    "usage: crm [OPTIONS] [LEVEL] [COMMAND [ARGUMENTS]]\n\n"
    "  -f, --file FILE     run the commands in FILE (-: standard input); stops at the first error\n"
    "  -c, --cib SHADOW    work on a shadow configuration instead of the cluster\n"
    "  -F, --force         go on in spite of errors; answer questions with yes\n"
    "  -w, --wait          wait until the cluster has done what a change leads to\n"
    "  -R, --regression-tests, -X, -H, -D TYPE: accepted\n"
    "  -d, --debug         say more\n"
    "  -h, --help          this text      --version   the version\n\n"
    "Without a command: the interactive shell, or on a pipe the commands that come from it; with a level "
    "alone the\n"
    "same at that level (crm configure < FILE).\n"
    "`crm help` explains the levels.\n";

struct Parsed {
  Words words;
  std::string file, shadow;
  bool help = false, version = false;
  std::string error;
};

// Options end at the first word that is none: what follows belongs to the command.
Parsed parse_options(const std::vector<std::string>& args, Options& options) {
  Parsed parsed;
  std::size_t i = 0;
  const auto value = [&](std::string_view name) -> std::string {
    const std::string& arg = args[i];
    if (arg.starts_with("--") && arg.find('=') != std::string::npos) return arg.substr(arg.find('=') + 1);
    if (arg.size() > 2 && arg[1] != '-') return arg.substr(2);
    if (i + 1 < args.size()) return args[++i];
    parsed.error = fmt::format("option {} needs a value", name);
    return {};
  };
  for (; i < args.size() && args[i].size() > 1 && args[i][0] == '-'; ++i) {
    const std::string arg = args[i];
    const auto is = [&](std::string_view brief, std::string_view name) {
      return arg == brief || arg == name || arg.starts_with(std::string(name) + '=');
    };
    if (is("-f", "--file"))
      parsed.file = value("-f");
    else if (is("-c", "--cib"))
      parsed.shadow = value("-c");
    else if (is("-D", "--display") || is("-H", "--history") || is("-X", "--profile"))
      options.colour = value(arg) != "plain" && options.colour;
    else if (is("-F", "--force"))
      options.force = true;
    else if (is("-w", "--wait"))
      options.wait = true;
    else if (is("-d", "--debug"))
      options.debug = true;
    else if (is("-R", "--regression-tests"))
      options.colour = false;
    else if (is("-h", "--help"))
      parsed.help = true;
    else if (arg == "--version")
      parsed.version = true;
    else
      parsed.error = fmt::format("unknown option {}", arg);
    if (!parsed.error.empty()) return parsed;
  }
  parsed.words.assign(args.begin() + static_cast<std::ptrdiff_t>(i), args.end());
  return parsed;
}

}  // namespace

int run_shell(cli::Context& context, Terminal* terminal) {
  Shell shell(context);
  const auto parsed = parse_options(context.args, shell.options());
  if (!parsed.error.empty()) {
    shell.error(parsed.error);
    context.console->err(kUsage);
    return 1;
  }
  if (parsed.help || parsed.version) {
    shell.out(parsed.help ? kUsage : kVersion);
    context.console->flush();
    return 0;
  }
  if (!parsed.shadow.empty()) shell.use_shadow(parsed.shadow);
  if (terminal != nullptr) terminal->attach(shell);
  if (!parsed.words.empty() && !shell.start_at_level(parsed.words)) return shell.run_once(parsed.words);
  if (parsed.file.empty() && terminal != nullptr && terminal->interactive()) return terminal->run(shell);
  auto text =
      parsed.file.empty() || parsed.file == "-" ? context.console->input() : cli::read_file(parsed.file);
  if (!text) return shell.error(text.error()), 1;
  return shell.run_batch(*text, parsed.file.empty() ? "standard input" : parsed.file);
}

int crm_tool(cli::Context& context) { return run_shell(context, nullptr); }

}  // namespace systole::crm
