// Executor: runs resource agents on this node: ocf, lsb, systemd, heartbeat, service, (stonith belongs to
// stonith/). Parameters go in the environment or as arguments as the class demands, never through a shell.
//
// At most one operation of a resource runs at a time; others of it wait in order. A recurring operation runs
// again `interval` after its last start (not overlapping), reports its first result and every change of its
// result code, and pauses while another operation of its resource runs. A timeout kills the process group
// and waits until it is reaped before the next operation starts.
//
// Sources: OCF Resource Agent API 1.1; LSB core, "Init script actions".
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/paths.h"
#include "base/ports.h"

namespace systole::lrmd {

struct AgentId {
  std::string agent_class, provider, type;  // "ocf", "heartbeat", "IPaddr2"; provider empty for other classes
  auto operator<=>(const AgentId&) const = default;
};

// OCF exit codes (OCF Resource Agent API 1.1, 3.4).
namespace ocf {
constexpr int kOk = 0, kGenericError = 1, kInvalidArgs = 2, kUnimplemented = 3, kInsufficientPrivileges = 4,
              kNotInstalled = 5, kNotConfigured = 6, kNotRunning = 7, kRunningPromoted = 8,
              kFailedPromoted = 9, kDegraded = 190, kDegradedPromoted = 191;
}
// Pacemaker's op-status values, as the CIB's lrm_rsc_op carries them.
enum class OpStatus {
  kPending = -1,
  kDone = 0,
  kCancelled = 1,
  kTimedOut = 2,
  kNotSupported = 3,
  kError = 4,
  kErrorHard = 5,
  kErrorFatal = 6,
  kNotInstalled = 7,
  kNotConnected = 8,
  kInvalid = 9
};

struct Operation {
  std::string resource;  // Instance name as the agent sees it in OCF_RESOURCE_INSTANCE.
  AgentId agent;
  std::string
      task;  // "start", "stop", "monitor", "promote", "demote", "notify", "reload-agent", "migrate_to"…
  Milliseconds interval{0};
  Milliseconds timeout{20000};
  Milliseconds start_delay{0};
  std::map<std::string, std::string> parameters;  // Resource parameters: OCF_RESKEY_*.
  std::map<std::string, std::string> meta;        // "CRM_meta_…" variables, full names.
  std::string transition_key;                     // Passed through to results.
  std::uint64_t activation = 0;  // Fencing token of this activation; OCF_RESKEY_CRM_meta_activation. 0: none.
};

struct OpResult {
  std::string resource, task;
  Milliseconds interval{0};
  int call_id = 0;              // Grows by one with each operation of this executor's life.
  int rc = ocf::kGenericError;  // OCF code; LSB status codes are mapped (monitor 3 -> 7, …).
  OpStatus status = OpStatus::kError;
  std::string
      exit_reason;     // What the agent said by ocf_exit_reason, or our own words ("timed out after 20s").
  std::string output;  // Bounded; printable.
  WallTime run_at{}, changed_at{};  // last-run, last-rc-change
  Duration exec_time{}, queue_time{};
  Duration starved{};  // See ProcessResult.
  std::string transition_key;
};

class Executor {
 public:
  using Report = std::function<void(const OpResult&)>;
  Executor(Ports ports, Logger log, Paths paths, std::string node_name);
  ~Executor();

  // `report` is called on the main loop: once, or for a recurring operation at its first result and at every
  // change. A second recurring operation with the same (resource, task, interval) replaces the first.
  // Returns the call id.
  int execute(Operation operation, Report report);
  // Stops a recurring operation; `done(false)` when there was none. A run in progress is let finish
  // unreported.
  void cancel(const std::string& resource, const std::string& task, Milliseconds interval,
              std::function<void(bool)> done);
  // Kills what runs and forgets everything of a resource (its stop is done, or it is deleted). Nothing of it
  // is reported any more; what is executed for it next waits until the killed operation is reaped.
  void forget(const std::string& resource);
  std::size_t running() const;  // Operations in flight.

  // The agent's own XML, cached by the program's change time. kNotFound; kTimeout after 30 s; kParse.
  void metadata(const AgentId& agent, std::function<void(Result<std::string>)> done);

  // What is installed. Fast: folders only.
  std::vector<std::string> classes() const;
  std::vector<std::string> providers(const std::string& agent_class) const;
  std::vector<std::string> types(const std::string& agent_class, const std::string& provider) const;

  struct State;

 private:
  std::unique_ptr<State> state_;
};

// Where an agent's program is, or kNotFound listing where it was looked for. ocf:heartbeat:IPaddr and IPaddr2
// are answered by our own where resource-agents has none.
Result<std::string> find_agent(const AgentId& agent, const Paths& paths, Files& files);

// "ocf:heartbeat:IPaddr2", "ocf::heartbeat:IPaddr2", "lsb:httpd", "stonith:fence_ipmilan". kInvalidArgument.
Result<AgentId> parse_agent(std::string_view text);
std::string to_string(const AgentId& agent);

}  // namespace systole::lrmd
