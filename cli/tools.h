// The tools by name. Each is a function of its Context; aliases share one.
#pragma once

#include <span>
#include <string_view>

#include "cli/context.h"

namespace systole::cli {

int run_attrd_updater(Context& context);
int run_cibadmin(Context& context);
int run_cfgtool(Context& context);
int run_cmapctl(Context& context);
int run_crm_attribute(Context& context);
int run_crm_diff(Context& context);
int run_crm_error(Context& context);
int run_crm_failcount(Context& context);
int run_crm_master(Context& context);
int run_crm_mon(Context& context);
int run_crm_node(Context& context);
int run_crm_resource(Context& context);
int run_crm_shadow(Context& context);
int run_crm_simulate(Context& context);
int run_crm_standby(Context& context);
int run_crm_ticket(Context& context);
int run_crm_verify(Context& context);
int run_crmadmin(Context& context);
int run_iso8601(Context& context);
int run_pacemakerd(Context& context);
int run_quorumtool(Context& context);
int run_ring(Context& context);
int run_stonith_admin(Context& context);

struct ToolEntry {
  const char* name;
  Tool run;
  const char* summary;
};
std::span<const ToolEntry> tools();  // By name.
const ToolEntry* find_tool(std::string_view name);

}  // namespace systole::cli
