#include "cli/crm/command.h"

#include "cli/crm/shell.h"

namespace systole::crm {
namespace {

using std::string_view;

bool has_name(const Command& command, string_view word) {
  if (command.name == word) return true;
  string_view names = command.other_names;
  while (!names.empty()) {
    const auto comma = names.find(',');
    if (names.substr(0, comma) == word) return true;
    names.remove_prefix(comma == string_view::npos ? names.size() : comma + 1);
  }
  return false;
}

bool run_help(Shell& shell, const Invocation& call) {
  const std::string text =
      call.args.empty() ? help_of_level(shell.level()) : help_topic(shell.level(), join(call.args, " "));
  if (text.empty())
    return shell.error(fmt::format("no help on '{}'; `help` lists what there is", join(call.args, " ")));
  shell.out(text);
  return true;
}

bool run_up(Shell& shell, const Invocation&) {
  shell.go_up();
  return true;
}

bool run_cd(Shell& shell, const Invocation& call) {
  std::string_view path = call.args.empty() ? string_view("/") : string_view(call.args[0]);
  if (path.starts_with('/'))
    while (!shell.level().name.empty()) {
      const auto* before = &shell.level();
      shell.go_up();
      if (before == &shell.level()) return true;  // The person wants to stay with the changes.
    }
  while (!path.empty()) {
    const auto slash = path.find('/');
    const auto step = path.substr(0, slash);
    path.remove_prefix(slash == string_view::npos ? path.size() : slash + 1);
    if (step.empty() || step == ".") continue;
    if (step == "..") {
      shell.go_up();
      continue;
    }
    const auto found = find_command(root_level(), step);
    if (found.level == nullptr) return shell.error(fmt::format("no such level: {}", step));
    shell.enter(*found.level);
  }
  return true;
}

bool run_quit(Shell& shell, const Invocation&) {
  shell.quit();
  return true;
}

bool run_ls(Shell& shell, const Invocation&) {
  std::string text;
  if (shell.level().name.empty())
    for (const auto* level : levels()) text += fmt::format("{}/\n", level->name);
  for (const auto& command : shell.level().commands) text += fmt::format("{}\n", command.name);
  for (const auto& command : common_commands()) text += fmt::format("{}\n", command.name);
  shell.out(text);
  return true;
}

constexpr Command kCommon[] = {
    {.name = "help",
     .usage = "[<topic>]",
     .brief = "what there is here, or how one command works",
     .help = "Without a topic: the commands of this level. With the name of a command or level: what it "
             "does, with an\n"
             "example. `help configure primitive` works from everywhere.",
     .run = run_help,
     .args = {Arg::kCommand},
     .other_names = "?,h"},
    {.name = "up",
     .usage = "",
     .brief = "one level up",
     .help = "Leaves this level. Leaving `configure` with changes asks whether to commit them.",
     .run = run_up,
     .other_names = "back,end,.."},
    {.name = "cd",
     .usage = "[<level> | .. | /]",
     .brief = "go to a level",
     .help = "`cd configure`, `cd ../resource`, `cd /`.",
     .run = run_cd},
    {.name = "ls",
     .usage = "",
     .brief = "names of levels and commands",
     .help = "Lists the names only.",
     .run = run_ls},
    {.name = "quit",
     .usage = "",
     .brief = "leave the shell",
     .help = "Leaves the shell; changes that are not committed are asked about. Control-D does the same.",
     .run = run_quit,
     .other_names = "exit,bye"},
};

const Level* level_named(string_view name) {
  for (const auto* level : levels())
    if (level->name == name) return level;
  return nullptr;
}

std::string table_line(string_view name, string_view brief) {
  return fmt::format("  {:<18} {}\n", name, brief);
}

}  // namespace

std::span<const Command> common_commands() { return kCommon; }

std::span<const Level* const> levels() {
  static const Level* const kLevels[] = {&configure_level(), &resource_level(), &node_level(),
                                         &ra_level(),        &cib_level(),      &cluster_level(),
                                         &options_level(),   &history_level()};
  return kLevels;
}

Found find_command(const Level& level, string_view word) {
  const bool top = level.name.empty();
  for (const auto& command : level.commands)
    if (has_name(command, word)) return {&command, nullptr, {}};
  for (const auto& command : kCommon)
    if (has_name(command, word)) return {&command, nullptr, {}};
  // From `configure` the agents and shadows are one word away, as in crmsh.
  const bool from_configure = &level == &configure_level() && (word == "ra" || word == "cib");
  if (top || from_configure)
    if (const auto* found = level_named(word)) return {nullptr, found, {}};
  Found found;
  const auto note = [&](string_view name, const Command* command, const Level* sub) {
    if (word.empty() || !name.starts_with(word)) return;
    found.candidates.emplace_back(name);
    found.command = command;
    found.level = sub;
  };
  for (const auto& command : level.commands) note(command.name, &command, nullptr);
  for (const auto& command : kCommon) note(command.name, &command, nullptr);
  if (top)
    for (const auto* sub : levels()) note(sub->name, nullptr, sub);
  if (found.candidates.size() == 1)
    found.candidates.clear();
  else
    found.command = nullptr, found.level = nullptr;
  return found;
}

std::string help_of_level(const Level& level) {
  std::string text = fmt::format("{}\n\n", level.help);
  if (level.name.empty()) {
    text += "Levels:\n";
    for (const auto* sub : levels()) text += table_line(sub->name, sub->brief);
    text += '\n';
  }
  text += "Commands:\n";
  for (const auto& command : level.commands) text += table_line(command.name, command.brief);
  text += "\nEverywhere:\n";
  for (const auto& command : kCommon) text += table_line(command.name, command.brief);
  return text +
         "\n`help COMMAND` says more. Commands may be abbreviated as long as they are unambiguous; Tab "
         "completes.\n";
}

std::string help_of_command(const Level& level, const Command& command) {
  std::string text = fmt::format("{}{}{} {}\n\n{}\n", level.name, level.name.empty() ? "" : " ", command.name,
                                 command.usage, command.help.empty() ? command.brief : command.help);
  if (!command.other_names.empty()) text += fmt::format("\nAlso: {}\n", command.other_names);
  return text;
}

std::string help_topic(const Level& level, string_view topic) {
  const auto blank = topic.find(' ');
  if (blank != string_view::npos) {
    const auto* sub = level_named(topic.substr(0, blank));
    return sub == nullptr ? std::string{} : help_topic(*sub, topic.substr(blank + 1));
  }
  const auto found = find_command(level, topic);
  if (found.command != nullptr) return help_of_command(level, *found.command);
  if (const auto* sub = level_named(topic)) return help_of_level(*sub);
  for (const auto* sub : levels())
    if (const auto inside = find_command(*sub, topic); inside.command != nullptr)
      return help_of_command(*sub, *inside.command);
  return {};
}

}  // namespace systole::crm
