// The parts of crm_resource. Each runs one command and gives its exit code.
#pragma once

#include "cli/context.h"
#include "cli/options.h"
#include "cli/resource_tree.h"

namespace systole::cli {

struct ResourceCall {
  Context& context;
  const Parsed& parsed;
  Session& session;
  std::string resource, node;
  bool quiet = false, force = false, xml = false;

  void out(std::string_view text) const { context.console->out(text); }
  void err(std::string_view text) const { context.console->err(text); }
  int usage(const std::string& message) const;
  int not_found() const;  // Says that there is no such resource; 105.
};

// Agents: --list-standards, --list-ocf-providers, --list-ocf-alternatives, --list-agents, --show-metadata.
int resource_agents(const ResourceCall& call, const std::string& command);
// Looking: --list, --list-raw, --locate, --query-xml, --list-operations, --constraints, --stack, --why.
int resource_query(const ResourceCall& call, const std::string& command);
// --get-parameter, --set-parameter, --delete-parameter, --get-property, --set-property, --delete.
int resource_parameters(const ResourceCall& call, const std::string& command);
// --move, --ban, --clear.
int resource_place(const ResourceCall& call, const std::string& command);
// --cleanup, --refresh, --wait, --restart.
int resource_operate(const ResourceCall& call, const std::string& command);
// --force-start and its like, --validate: the agent is run here, outside the cluster.
int resource_run(const ResourceCall& call, const std::string& command);

}  // namespace systole::cli
