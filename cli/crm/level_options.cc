// The options level: how the shell behaves, for this session.
#include "cli/crm/shell.h"

namespace systole::crm {
namespace {

struct Option {
  std::string_view name, brief;
  std::string (*get)(Options&);
  bool (*set)(Options&, const std::string&);  // False: no such value.
};

std::string yes_no(bool value) { return value ? "yes" : "no"; }

bool parse_bool(const std::string& text, bool& value) {
  if (text == "yes" || text == "on" || text == "true" || text == "1")
    value = true;
  else if (text == "no" || text == "off" || text == "false" || text == "0")
    value = false;
  else
    return false;
  return true;
}

constexpr Option kOptions[] = {
    {"editor", "program for `edit`", [](Options& o) { return o.editor; },
     [](Options& o, const std::string& v) { return o.editor = v, true; }},
    {"pager", "program that shows long output", [](Options& o) { return o.pager; },
     [](Options& o, const std::string& v) { return o.pager = v, true; }},
    {"output", "color or plain", [](Options& o) { return std::string(o.colour ? "color" : "plain"); },
     [](Options& o, const std::string& v) { return o.colour = v == "color", v == "color" || v == "plain"; }},
    {"sort-elements", "sort objects in `show`", [](Options& o) { return yes_no(o.sort); },
     [](Options& o, const std::string& v) { return parse_bool(v, o.sort); }},
    {"wait", "wait until the cluster has done what follows", [](Options& o) { return yes_no(o.wait); },
     [](Options& o, const std::string& v) { return parse_bool(v, o.wait); }},
    {"force", "go on in spite of errors", [](Options& o) { return yes_no(o.force); },
     [](Options& o, const std::string& v) { return parse_bool(v, o.force); }},
};

bool run_show(Shell& shell, const Invocation& call) {
  bool any = call.args.empty();
  for (const auto& option : kOptions) {
    if (!call.args.empty() && call.args[0] != option.name) continue;
    any = true;
    shell.out(fmt::format("{} \"{}\"\n", option.name, option.get(shell.options())));
  }
  return any ? true : shell.error(fmt::format("no such option: {}", call.args[0]));
}

bool run_set(Shell& shell, const Invocation& call) {
  const bool by_name = call.command.name != "set";
  if (call.args.size() != (by_name ? 1u : 2u)) return shell.usage(call);
  const std::string name = by_name ? std::string(call.command.name) : call.args[0];
  for (const auto& option : kOptions)
    if (option.name == name)
      return option.set(shell.options(), call.args.back())
                 ? true
                 : shell.error(fmt::format("{} is no value for {}", call.args.back(), name));
  return shell.error(fmt::format("no such option: {}", name));
}

constexpr Command kCommands[] = {
    {.name = "show",
     .usage = "[<option>]",
     .brief = "the options",
     .help = "",
     .run = run_show,
     .args = {Arg::kOption, Arg::kNone}},
    {.name = "set",
     .usage = "<option> <value>",
     .brief = "set one",
     .help = "  set editor nano",
     .run = run_set,
     .args = {Arg::kOption, Arg::kNone}},
    {.name = "editor", .usage = "<program>", .brief = "program for `edit`", .help = "", .run = run_set},
    {.name = "pager",
     .usage = "<program>",
     .brief = "program that shows long output",
     .help = "",
     .run = run_set},
    {.name = "output", .usage = "{color|plain}", .brief = "colours or not", .help = "", .run = run_set},
    {.name = "sort-elements",
     .usage = "{yes|no}",
     .brief = "sort objects in `show`",
     .help = "",
     .run = run_set,
     .args = {Arg::kOnOff, Arg::kNone}},
    {.name = "wait",
     .usage = "{yes|no}",
     .brief = "wait after changes",
     .help = "",
     .run = run_set,
     .args = {Arg::kOnOff, Arg::kNone}},
};

constexpr Level kLevel = {
    .name = "options",
    .brief = "how this shell behaves",
    .help = "Options hold until the shell is left. Colours are only used on a terminal.",
    .commands = kCommands};

}  // namespace

const Level& options_level() { return kLevel; }

}  // namespace systole::crm
