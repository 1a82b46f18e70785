#include "cli/tools.h"

namespace systole::cli {
namespace {

constexpr ToolEntry kTools[] = {
    {"attrd_updater", run_attrd_updater, "transient node attributes"},
    {"cibadmin", run_cibadmin, "query and change the CIB"},
    {"corosync-cfgtool", run_cfgtool, "the ring's links"},
    {"corosync-cmapctl", run_cmapctl, "the ring's settings and counters"},
    {"corosync-quorumtool", run_quorumtool, "quorum and votes"},
    {"crm_attribute", run_crm_attribute, "attributes of the cluster and of nodes"},
    {"crm_diff", run_crm_diff, "compare configurations"},
    {"crm_error", run_crm_error, "explain exit codes"},
    {"crm_failcount", run_crm_failcount, "fail counts"},
    {"crm_master", run_crm_master, "promotion scores"},
    {"crm_mon", run_crm_mon, "show the state of the cluster"},
    {"crm_node", run_crm_node, "nodes"},
    {"crm_resource", run_crm_resource, "resources"},
    {"crm_shadow", run_crm_shadow, "configurations on the side"},
    {"crm_simulate", run_crm_simulate, "what the cluster would do"},
    {"crm_standby", run_crm_standby, "put nodes into standby"},
    {"crm_ticket", run_crm_ticket, "tickets of multi-site clusters"},
    {"crm_verify", run_crm_verify, "check a configuration"},
    {"crmadmin", run_crmadmin, "controllers"},
    {"iso8601", run_iso8601, "dates and durations"},
    {"pacemakerd", run_pacemakerd, "version and features"},
    {"stonith_admin", run_stonith_admin, "fencing"},
    {"systole-ring", run_ring, "the ring: members, token, links"},
};

}  // namespace

std::span<const ToolEntry> tools() { return kTools; }

const ToolEntry* find_tool(std::string_view name) {
  for (const ToolEntry& tool : kTools) {
    if (name == tool.name) return &tool;
  }
  return nullptr;
}

}  // namespace systole::cli
