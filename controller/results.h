// What an operation leaves in the status section: lrm_rsc_op entries, fail counts, and the keys that tie them
// to the transition that asked for them. Pure encoding and rules.
// Source: "Pacemaker Explained", Status; formats as its tools and Hawk read them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <pugixml.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "lrmd/executor.h"

namespace systole::controller {

constexpr const char* kFeatureSet = "3.16.1";  // crm_feature_set of what we write
constexpr int kRcPending = 193;                // rc-code of an operation under way

// "ACTION:TRANSITION:EXPECTED_RC:UUID"
struct TransitionKey {
  int action = 0;
  int transition = 0;
  int expected_rc = 0;
  std::string uuid;
  bool operator==(const TransitionKey&) const = default;
};
std::string to_string(const TransitionKey& key);
std::optional<TransitionKey> parse_transition_key(std::string_view text);

std::string operation_key(std::string_view resource, std::string_view task, std::int64_t interval_ms);

struct ResourceKind {
  std::string agent_class, provider, type;
};

// One operation, as history keeps it.
struct Recorded {
  std::string resource;
  ResourceKind kind;
  std::string task;
  std::int64_t interval_ms = 0;
  std::string node;  // Name
  std::string transition_key;
  std::string digest;
  int call_id = -1;
  int rc = kRcPending;
  int status = static_cast<int>(lrmd::OpStatus::kPending);
  std::string exit_reason;
  std::int64_t changed = 0;  // Unix seconds: last-rc-change
  std::int64_t exec_ms = 0, queue_ms = 0;

  bool pending() const { return status == static_cast<int>(lrmd::OpStatus::kPending); }
};

// Whether history keeps operations of this kind: not cancel, delete, notify, meta-data.
bool is_recorded(std::string_view task);
// A degraded result counts as its healthy counterpart.
int effective_rc(int rc);
// Done, and not with the expected code; or not done. Pending and cancelled ones have not failed.
bool has_failed(const Recorded& op);

using Entry = std::vector<std::pair<std::string, std::string>>;  // Attributes of an lrm_rsc_op, `id` first.
// The entries that the operation leaves: R_last_0, R_monitor_10000, R_migrate_to_0, or R_last_failure_0 (with
// R_last_0 when not recurring). None for a pending recurring one: a DC that does not know of it asks again.
std::vector<Entry> history_entries(const Recorded& op);

struct Failure {
  std::string suffix;  // "RESOURCE#OPERATION_INTERVAL", of fail-count-… and last-failure-…
  bool fatal = false;  // Counts as INFINITY
};
// How a failure is counted; nothing when it is not: it has not failed, or is a probe, a notify, a migration.
std::optional<Failure> counts_as(const Recorded& op, bool start_fatal, bool stop_fatal);
// The value after one more failure. "INFINITY" stays so.
std::string count_up(std::string_view value, bool fatal);

// What ran on this node, in this life, as the document should have it: lrm_resources of the node's own
// node_state. Kept so that a node that comes out of another partition can say the truth.
class LocalHistory {
 public:
  void record(const Recorded& op);
  void erase(const std::string& resource);  // Empty: all.
  // The recurring operation's entry.
  void erase_operation(const std::string& resource, const std::string& task, std::int64_t interval_ms);
  // Unix seconds: the latest last-rc-change of the operation's call; 0: none is known. Results of one call
  // are told apart by it alone.
  std::int64_t last_change(const std::string& resource, int call_id) const;
  bool knows(const std::string& resource) const { return resources_.contains(resource); }
  bool empty() const { return resources_.empty(); }
  // <lrm id="NODE_ID">…</lrm>
  std::string to_lrm(const std::string& node_id) const;

 private:
  struct Resource {
    ResourceKind kind;
    std::map<std::string, Entry> entries;  // By id.
  };
  std::map<std::string, Resource> resources_;
};

// Puts <lrm><lrm_resources><lrm_resource><lrm_rsc_op>… below `node_state`, making what is not there.
void append_history(pugi::xml_node node_state, const std::string& node_id, const std::string& resource,
                    const ResourceKind& kind, const std::vector<Entry>& entries);
// Likewise <transient_attributes id><instance_attributes id="status-ID"><nvpair …>.
void append_attribute(pugi::xml_node node_state, const std::string& node_id, const std::string& name,
                      const std::string& value);
// A name as part of an XML id: what may not stand there becomes ".".
std::string id_part(std::string_view name);

}  // namespace systole::controller
