// The history level: the versions of the configuration that the cluster's journal keeps.
#include <charconv>

#include "cli/crm/move.h"
#include "cli/crm/shell.h"

namespace systole::crm {
namespace {

constexpr unsigned kMost = 1000;

bool run_log(Shell& shell, const Invocation& call) {
  unsigned most = 20;
  if (call.args.size() > 1) return shell.usage(call);
  if (!call.args.empty()) {
    const std::string& text = call.args[0];
    if (std::from_chars(text.data(), text.data() + text.size(), most).ec != std::errc{} || most == 0)
      return shell.usage(call);
  }
  auto session = shell.session();
  if (!session) return shell.error(session.error());
  auto versions = (*session)->history(std::min(most, kMost));
  if (!versions) return shell.error(versions.error());
  for (const auto& version : *versions)
    shell.out(fmt::format("{:<12} {} {}{}{}\n", version.version, utc_text(WallTime(Seconds(version.when))),
                          version.author, version.note.empty() ? "" : "  ", version.note));
  return true;
}

bool run_diff(Shell& shell, const Invocation& call) {
  if (call.args.size() != 1) return shell.usage(call);
  auto session = shell.session();
  if (!session) return shell.error(session.error());
  auto versions = (*session)->history(kMost);
  if (!versions) return shell.error(versions.error());
  for (const auto& version : *versions) {
    if (version.version != call.args[0]) continue;
    shell.out(version.patch.empty() ? "(a whole document, without a patch)\n" : version.patch + '\n');
    return true;
  }
  return shell.error(fmt::format("version {} is not in the journal; `history log` lists them", call.args[0]));
}

constexpr Command kCommands[] = {
    {.name = "log",
     .usage = "[<how many>]",
     .brief = "versions of the configuration: who, when",
     .help = "Newest first.",
     .run = run_log,
     .other_names = "latest,show"},
    {.name = "diff",
     .usage = "<version>",
     .brief = "what a version changed",
     .help = "  diff 0.12.0",
     .run = run_diff},
};

constexpr Level kLevel = {
    .name = "history",
    .brief = "who changed the configuration, and when",
    .help = "Every version of the configuration is kept with its author, time and patch.",
    .commands = kCommands};

}  // namespace

const Level& history_level() { return kLevel; }

}  // namespace systole::crm
