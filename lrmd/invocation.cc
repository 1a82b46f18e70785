#include "lrmd/invocation.h"

namespace systole::lrmd {
namespace {

constexpr std::string_view kReasonPrefix = "ocf-exit-reason:";

bool is_variable_name(std::string_view name) {
  return !name.empty() && name.size() <= 1024 && name.find('=') == name.npos && name.find('\0') == name.npos;
}

using Environment = std::map<std::string, std::string>;

Environment common_environment(const Paths& paths) {
  Environment e;
  std::string path = "/usr/sbin:/usr/bin:/sbin:/bin";
  if (paths.tools != "/usr/sbin" && !paths.tools.empty()) path = paths.tools + ":" + path;
  e["PATH"] = path;
  e["HOME"] = "/root";
  e["LC_ALL"] = "C";
  // For crm_attribute and its kin, called by agents: which node's daemon to ask.
  e["SYSTOLE_RUN_DIR"] = paths.run;
  e["COROSYNC_MAIN_CONFIG_FILE"] = paths.conf;
  return e;
}

Environment ocf_environment(const AgentId& agent, const std::string& instance, const Paths& paths,
                            const std::string& node_name) {
  Environment e = common_environment(paths);
  e["OCF_ROOT"] = paths.ocf_root;
  e["OCF_RA_VERSION_MAJOR"] = "1";
  e["OCF_RA_VERSION_MINOR"] = "1";
  e["OCF_RESOURCE_TYPE"] = agent.type;
  e["OCF_RESOURCE_PROVIDER"] = agent.provider;
  e["OCF_EXIT_REASON_PREFIX"] = kReasonPrefix;
  e["OCF_RESKEY_CRM_meta_on_node"] = node_name;
  // Nodes that share one file system, told apart by their run folders, must not share their agents' state.
  e["HA_RSCTMP"] = paths.run == Paths{}.run ? "/run/resource-agents" : paths.run + "/resource-agents";
  e["HA_cluster_type"] = "corosync";
  e["HA_quorum_type"] = "corosync";
  e["HA_logfacility"] = "none";  // What agents say on standard error reaches us.
  e["HA_LOGFACILITY"] = "none";
  e["HA_debug"] = "0";
  if (!instance.empty()) e["OCF_RESOURCE_INSTANCE"] = instance;
  return e;
}

void add_meta(const Operation& operation, Environment& e) {
  e["OCF_RESKEY_CRM_meta_name"] = operation.task;
  e["OCF_RESKEY_CRM_meta_interval"] = std::to_string(operation.interval.count());
  e["OCF_RESKEY_CRM_meta_timeout"] = std::to_string(operation.timeout.count());
  for (const auto& [name, value] : operation.meta) {
    std::string variable = "OCF_RESKEY_" + name;
    // CRM_meta_notify-start-resource cannot be read by a shell.
    std::replace(variable.begin(), variable.end(), '-', '_');
    e[variable] = value;
  }
  if (operation.activation != 0) {
    e["OCF_RESKEY_CRM_meta_activation"] = std::to_string(operation.activation);
  }
}

Result<void> add_parameters(const Operation& operation, Environment& e) {
  for (const auto& [name, value] : operation.parameters) {
    if (!is_variable_name(name) || value.find('\0') != value.npos) {
      return fail(Errc::kInvalidArgument,
                  "parameter \"{}\" of {} cannot be passed to its agent: bad name or value",
                  printable(name, 100), operation.resource);
    }
    if (name == "OCF_CHECK_LEVEL") e[name] = value;
    e["OCF_RESKEY_" + name] = value;
  }
  return {};
}

ProcessSpec to_spec(std::vector<std::string> argv, const Environment& environment) {
  ProcessSpec spec;
  spec.argv = std::move(argv);
  spec.environment.assign(environment.begin(), environment.end());
  return spec;
}

Result<ProcessSpec> ocf_invocation(const Operation& op, const std::string& program, const Paths& paths,
                                   const std::string& node_name) {
  Environment e = ocf_environment(op.agent, op.resource, paths, node_name);
  add_meta(op, e);
  if (auto added = add_parameters(op, e); !added) return fail(added.error());
  return to_spec({program, op.task}, e);
}

// Init scripts know no parameters.
Result<ProcessSpec> lsb_invocation(const Operation& op, const std::string& program, const Paths& paths) {
  const bool known = op.task == "start" || op.task == "stop" || op.task == "monitor" || op.task == "status" ||
                     op.task == "reload" || op.task == "restart" || op.task == "force-reload";
  if (!known) return fail(Errc::kUnsupported, "an init script has no action \"{}\"", op.task);
  return to_spec({program, op.task == "monitor" ? "status" : op.task}, common_environment(paths));
}

// Heartbeat's scripts take their parameters, named 1, 2, 3…, as arguments before the action.
Result<ProcessSpec> heartbeat_invocation(const Operation& op, const std::string& program,
                                         const Paths& paths) {
  if (op.task != "start" && op.task != "stop" && op.task != "monitor" && op.task != "status") {
    return fail(Errc::kUnsupported, "a heartbeat resource script has no action \"{}\"", op.task);
  }
  std::vector<std::string> argv{program};
  for (std::size_t i = 1; i <= 1024; ++i) {
    const auto found = op.parameters.find(std::to_string(i));
    if (found == op.parameters.end()) break;
    if (found->second.find('\0') != std::string::npos) {
      return fail(Errc::kInvalidArgument, "parameter {} of {} holds a zero byte", i, op.resource);
    }
    argv.push_back(found->second);
  }
  argv.push_back(op.task == "monitor" ? "status" : op.task);
  return to_spec(std::move(argv), common_environment(paths));
}

}  // namespace

Result<ProcessSpec> invocation(const Operation& operation, const std::string& program, const Paths& paths,
                               const std::string& node_name) {
  const std::string& agent_class = operation.agent.agent_class;
  if (operation.task.empty() || operation.task.find('\0') != std::string::npos) {
    return fail(Errc::kInvalidArgument, "an operation of {} has no valid action", operation.resource);
  }
  if (agent_class == "ocf") return ocf_invocation(operation, program, paths, node_name);
  if (agent_class == "lsb" || agent_class == "service") return lsb_invocation(operation, program, paths);
  if (agent_class == "heartbeat") return heartbeat_invocation(operation, program, paths);
  return fail(Errc::kUnsupported, "operations of class {} are not run by the executor", agent_class);
}

ProcessSpec metadata_invocation(const AgentId& agent, const std::string& program, const Paths& paths,
                                const std::string& node_name) {
  ProcessSpec spec = to_spec({program, "meta-data"}, ocf_environment(agent, agent.type, paths, node_name));
  spec.output_limit = 1 << 20;
  return spec;
}

}  // namespace systole::lrmd
