// Cluster properties and defaults, under the names of all releases.
#include <fmt/format.h>

#include "base/mutation.h"
#include "pengine/engine.h"

namespace systole::pengine::engine {

RuleInput rule_input(const Cluster& c) {
  RuleInput in;
  in.now = c.now;
  in.next_change = const_cast<std::optional<WallTime>*>(&c.recheck_by);
  return in;
}

RuleInput rule_input(const Cluster& c, const Resource& r) {
  RuleInput in = rule_input(c);
  in.agent_class = &r.def->agent_class;
  in.provider = &r.def->provider;
  in.agent_type = &r.def->type;
  return in;
}

void unpack_config(Cluster& c) {
  const auto root = c.document->root();
  const auto configuration = root.child("configuration");
  std::vector<NvSet> sets;
  parse_sets(configuration.child("crm_config"), "cluster_property_set", sets);
  evaluate_sets(sets, rule_input(c), c.properties, false, "cib-bootstrap-options");
  parse_sets(configuration.child("rsc_defaults"), "meta_attributes", c.rsc_defaults);
  parse_sets(configuration.child("op_defaults"), "meta_attributes", c.op_defaults);

  Config& k = c.config;
  auto flag = [&](std::initializer_list<std::string_view> names, bool fallback) {
    const auto value = c.property(names, "");
    return is_true(value) ? true : is_false(value) ? false : fallback;
  };
  k.have_quorum = is_true(root.attribute("have-quorum").value());
  c.dc_id = root.attribute("dc-uuid").value();
  c.cluster_name = c.property({"cluster-name"}, "");
  k.fencing = flag({"fencing-enabled", "stonith-enabled", "stonith_enabled"}, true);
  // With a watchdog a node can fence itself, whatever devices there are.
  k.have_stonith_resource = flag({"have-watchdog"}, false);
  k.fencing_action = c.property({"fencing-action", "stonith-action", "stonith_action"}, "reboot");
  if (k.fencing_action == "poweroff") k.fencing_action = "off";
  if (k.fencing_action != "off") k.fencing_action = "reboot";
  k.fencing_timeout_ms = parse_interval_ms(c.property({"fencing-timeout", "stonith-timeout"}, "60s"), 60000);
  k.cluster_delay_ms =
      parse_interval_ms(c.property({"cluster-delay", "transition_idle_timeout"}, "60s"), 60000);
  k.priority_fencing_delay_ms = parse_interval_ms(c.property({"priority-fencing-delay"}, "0"), 0);
  k.node_pending_timeout_ms = parse_interval_ms(c.property({"node-pending-timeout"}, "0"), 0);
  k.startup_fencing = flag({"startup-fencing", "startup_fencing"}, true);
  k.concurrent_fencing = flag({"concurrent-fencing"}, true);
  k.fence_remote_without_quorum = flag({"fence-remote-without-quorum"}, false);
  k.symmetric = flag({"symmetric-cluster", "symmetric_cluster"}, true);
  k.stop_all = flag({"stop-all-resources"}, false);
  k.stop_removed = flag({"stop-removed-resources", "stop-orphan-resources", "stop_orphan_resources"}, true);
  k.cancel_removed = flag({"cancel-removed-actions", "stop-orphan-actions", "stop_orphan_actions"}, true);
  k.remove_after_stop = flag({"remove-after-stop"}, false);
  k.maintenance = flag({"maintenance-mode"}, false) && !mutation("maintenance-ignored");
  k.start_failure_fatal = flag({"start-failure-is-fatal"}, true);
  k.startup_probes = flag({"enable-startup-probes"}, true);
  k.shutdown_lock = flag({"shutdown-lock"}, false);
  k.shutdown_lock_ms = parse_interval_ms(c.property({"shutdown-lock-limit"}, "0"), 0);
  k.batch_limit_text = c.property({"batch-limit"}, "0");
  k.migration_limit_text = c.property({"migration-limit"}, "-1");
  k.batch_limit =
      static_cast<int>(std::clamp<std::int64_t>(parse_int(k.batch_limit_text).value_or(0), 0, INT32_MAX));
  k.migration_limit = static_cast<int>(
      std::clamp<std::int64_t>(parse_int(k.migration_limit_text).value_or(-1), -1, INT32_MAX));

  const std::string policy{c.property({"no-quorum-policy", "no_quorum_policy"}, "stop")};
  using Q = Config::NoQuorum;
  if (policy == "ignore" || mutation("no-quorum-ignored"))
    k.no_quorum = Q::kIgnore;
  else if (policy == "freeze")
    k.no_quorum = Q::kFreeze;
  else if (policy == "demote")
    k.no_quorum = Q::kDemote;
  else if (policy == "fence" || policy == "suicide") {
    if (!k.fencing) {
      c.error("Resetting no-quorum-policy to 'stop' because fencing is disabled");
      k.no_quorum = Q::kStop;
    } else {
      const bool panic = is_true(root.attribute("no-quorum-panic").value());
      k.no_quorum = panic || k.have_quorum ? Q::kFence : Q::kStop;
    }
  } else if (policy != "stop") {
    c.error(fmt::format(
        "Value '{}' for cluster option 'no-quorum-policy' is invalid, using default value 'stop'", policy));
  }
  const std::string placement{c.property({"placement-strategy"}, "default")};
  using P = Config::Placement;
  k.placement = placement == "utilization" ? P::kUtilization
                : placement == "minimal"   ? P::kMinimal
                : placement == "balanced"  ? P::kBalanced
                                           : P::kDefault;
  k.health_strategy = c.property({"node-health-strategy", "node_health_strategy"}, "none");
  k.health_base = parse_score(c.property({"node-health-base"}, "0"));
  const bool only_green = k.health_strategy == "only-green", migrate = k.health_strategy == "migrate-on-red";
  if (k.health_strategy == "none") {
    k.health_red = k.health_yellow = k.health_green = 0;
  } else if (only_green) {
    k.health_red = k.health_yellow = -kInfinity;
    k.health_green = 0;
  } else if (migrate) {
    k.health_red = -kInfinity;
    k.health_yellow = k.health_green = 0;
  } else {
    k.health_red = parse_score(c.property({"node-health-red"}, "-INFINITY"));
    k.health_yellow = parse_score(c.property({"node-health-yellow"}, "0"));
    k.health_green = parse_score(c.property({"node-health-green"}, "0"));
  }
  if (!k.have_quorum && k.no_quorum != Q::kIgnore)
    c.warning("Fencing and resource management disabled due to lack of quorum");
}

}  // namespace systole::pengine::engine
