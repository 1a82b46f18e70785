#include "cli/crm/properties.h"

namespace systole::crm {
namespace {

constexpr Property kProperties[] = {
    {"batch-limit", "0", "operations at once in the cluster; 0: by load"},
    {"cluster-delay", "60s", "round trip that is always waited for"},
    {"cluster-infrastructure", "", "what forms the membership (set by the cluster)"},
    {"cluster-name", "", "name of the cluster (set by the cluster)"},
    {"cluster-recheck-interval", "15min", "how often rules with time are looked at again"},
    {"concurrent-fencing", "true", "whether several nodes are fenced at once"},
    {"dc-version", "", "version of the DC (set by the cluster)"},
    {"enable-acl", "false", "whether rights of users are looked at"},
    {"enable-startup-probes", "true", "whether nodes are asked what runs there when they join"},
    {"have-watchdog", "false", "whether a watchdog is there (set by the cluster)"},
    {"load-threshold", "80%", "load above which fewer operations are started"},
    {"maintenance-mode", "false", "whether the cluster leaves all resources alone"},
    {"migration-limit", "-1", "live migrations at once per node; -1: no limit"},
    {"no-quorum-policy", "stop", "without quorum: stop, ignore, freeze, demote or suicide"},
    {"node-health-strategy", "none", "what health attributes of nodes do"},
    {"pe-error-series-max", "-1", "scheduler inputs with errors that are kept"},
    {"pe-input-series-max", "4000", "scheduler inputs that are kept"},
    {"pe-warn-series-max", "5000", "scheduler inputs with warnings that are kept"},
    {"placement-strategy", "default", "default, utilization, balanced or minimal"},
    {"priority-fencing-delay", "0", "delay of fencing in favour of the node with more priority"},
    {"remove-after-stop", "false", "whether stopped resources are forgotten"},
    {"shutdown-lock", "false", "whether resources wait for a node that was shut down"},
    {"start-failure-is-fatal", "true", "whether one failed start keeps a resource off a node"},
    {"startup-fencing", "true", "whether nodes never seen are fenced"},
    {"stonith-action", "reboot", "reboot or off"},
    {"stonith-enabled", "true", "whether failed nodes are fenced"},
    {"stonith-max-attempts", "10", "fencing attempts before giving up"},
    {"stonith-timeout", "60s", "how long fencing may take"},
    {"stonith-watchdog-timeout", "0", "time after which a node has fenced itself by its watchdog"},
    {"stop-all-resources", "false", "whether everything is stopped"},
    {"stop-orphan-actions", "true", "whether operations that are no longer configured are ended"},
    {"stop-orphan-resources", "true", "whether resources that are no longer configured are stopped"},
    {"symmetric-cluster", "true", "whether resources may run anywhere without a location"},
};
constexpr Property kMeta[] = {
    {"allow-migrate", "false", "live migration, where the agent can"},
    {"clone-max", "", "instances in the cluster"},
    {"clone-min", "", "instances before what depends on them starts"},
    {"clone-node-max", "1", "instances on a node"},
    {"critical", "true", "whether its failure takes its group with it"},
    {"failure-timeout", "0", "after which failures are forgotten"},
    {"globally-unique", "false", "whether instances differ"},
    {"interleave", "false", "whether instances wait for those on their own node only"},
    {"is-managed", "true", "whether the cluster starts and stops it"},
    {"maintenance", "false", "whether it is not even monitored"},
    {"migration-threshold", "INFINITY", "failures after which it leaves a node"},
    {"multiple-active", "stop_start", "found active twice: block, stop_only, stop_start, stop_unexpected"},
    {"notify", "false", "whether instances are told of each other's changes"},
    {"ordered", "false", "whether instances start one after the other"},
    {"priority", "0", "who goes first when not all can run"},
    {"promotable", "false", "whether instances can be promoted"},
    {"promoted-max", "1", "promoted instances in the cluster"},
    {"promoted-node-max", "1", "promoted instances on a node"},
    {"requires", "", "nothing, quorum, fencing or unfencing"},
    {"resource-stickiness", "0", "how much it prefers to stay where it is"},
    {"target-role", "Started", "Stopped, Started, Unpromoted, Promoted"},
};
constexpr Property kOp[] = {
    {"interval", "0", "how often; 0: once"},
    {"timeout", "20s", "how long it may take"},
    {"on-fail", "", "ignore, block, stop, restart, demote, fence, standby"},
    {"role", "", "only in this role"},
    {"enabled", "true", "whether it is done"},
    {"start-delay", "0", "wait before it"},
    {"record-pending", "true", "whether it is seen while under way"},
    {"OCF_CHECK_LEVEL", "0", "depth of a monitor"},
};

}  // namespace

std::span<const Property> cluster_properties() { return kProperties; }
std::span<const Property> meta_attributes() { return kMeta; }
std::span<const Property> op_attributes() { return kOp; }

std::string_view property_default(std::string_view name) {
  for (const auto& property : kProperties)
    if (property.name == name) return property.default_value;
  return {};
}

}  // namespace systole::crm
