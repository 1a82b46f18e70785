// Commands as data: each level is a table of commands with their usage, help and completion beside the
// function that does the work. Dispatch, abbreviations, help and completion all read these tables.
#pragma once

#include <span>
#include <string_view>

#include "cli/crm/words.h"

namespace systole::crm {

class Shell;
struct Command;

struct Invocation {
  const Command& command;
  Words args;            // Behind the command.
  std::string_view raw;  // The logical line from the command on, quotes as typed.
};

// What the arguments of a command are, for completion. The last entry holds for all further ones.
enum class Arg : unsigned char {
  kNone,
  kObject,  // Any id of the configuration.
  kResource,
  kGroup,
  kPrimitive,
  kNode,
  kAgent,  // ocf:heartbeat:IPaddr2
  kClass,
  kProvider,
  kDefinition,  // The language of primitive: params, meta, op and the agent's parameters.
  kProperty,    // Cluster properties.
  kMetaAttribute,
  kShadow,
  kFile,
  kCommand,    // A command of this level.
  kAction,     // set, delete, show.
  kParameter,  // Of the resource named before.
  kOnOff,
  kMethod,  // replace, update, push
  kOption,  // Of the options level.
};

struct Command {
  std::string_view name;
  std::string_view usage;  // "<id> [<class>:[<provider>:]]<type> …"; without the name.
  std::string_view brief;  // One line.
  std::string_view help;   // Teaches: what it does, an example.
  bool (*run)(Shell&, const Invocation&) = nullptr;  // False: it failed and has said why.
  Arg args[4] = {Arg::kNone, Arg::kNone, Arg::kNone, Arg::kNone};
  std::string_view other_names = {};  // Comma-separated.
};

struct Level {
  std::string_view name;  // "configure"; "" for the top.
  std::string_view brief;
  std::string_view help;
  std::span<const Command> commands;
};

const Level& root_level();
const Level& configure_level();
const Level& resource_level();
const Level& node_level();
const Level& ra_level();
const Level& cib_level();
const Level& cluster_level();
const Level& options_level();
const Level& history_level();
std::span<const Level* const> levels();      // All below the top.
std::span<const Command> common_commands();  // help, up, quit… known everywhere.

// By name, other name, or an unambiguous beginning of a name.
struct Found {
  const Command* command = nullptr;
  const Level* level = nullptr;  // The word names a level.
  Words candidates;              // Several fit.
};
Found find_command(const Level& level, std::string_view word);

// `help`, `help TOPIC` at a level. Empty when the topic is not known.
std::string help_of_level(const Level& level);
std::string help_of_command(const Level& level, const Command& command);
std::string help_topic(const Level& level, std::string_view topic);

}  // namespace systole::crm
