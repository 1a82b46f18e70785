// Attributes as crm_attribute and its relatives (crm_standby, crm_failcount, crm_master, attrd_updater) read
// and change them: one command, whatever tool it came from.
#pragma once

#include <optional>
#include <string>

#include "cli/context.h"

namespace systole::cli {

struct AttributeCommand {
  enum class Verb { kGet, kSet, kDelete };
  Verb verb = Verb::kGet;
  std::string scope;  // crm_config, nodes, status, rsc_defaults, op_defaults
  std::string name, value, node, set, id;
  std::optional<std::string> otherwise;  // The value when there is none.
  std::string pattern;                   // status only: a POSIX regular expression of names.
  bool utilization = false, quiet = false, xml = false;
};
int run_attribute(Context& context, const AttributeCommand& command);

// The node meant without --node: the agent's, when called by one, or else this one.
Result<std::string> default_node(const Context& context, Session& session);

}  // namespace systole::cli
