// The typed model that the scheduler works on: nodes, resources, constraints, actions. Filled from the
// document by unpack_*.cc; nothing after that looks at XML. Everything is owned by Cluster and lives as long
// as it.
#pragma once

#include <cstdint>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <memory_resource>
#include <optional>
#include <pugixml.hpp>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "pengine/rules.h"
#include "pengine/scheduler.h"

namespace systole::pengine::engine {

struct Node;
struct Resource;
struct Action;
struct ResourceHistory;
struct HistoryOfId;
struct InstanceActions;
struct Ticket;
struct Cluster;

// A text that is mostly compared with literals: the lengths first, and then without a call.
struct Name : std::string {
  using std::string::string;
  Name() = default;
  Name(std::string text) : std::string(std::move(text)) {}
  template <std::size_t N>
  friend bool operator==(const Name& name, const char (&literal)[N]) {
    return name.size() == N - 1 && std::memcmp(name.data(), literal, N - 1) == 0;
  }
};

// Tables by text that are asked with views.
struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
template <class T>
using TextTable = std::unordered_map<std::string, T, TextHash, std::equal_to<>>;

using Meta = AttributeMap;

enum class Role : std::uint8_t { kUnknown, kStopped, kStarted, kUnpromoted, kPromoted };
const char* role_name(Role role);
Role role_from(std::string_view text);  // kUnknown when it is none; accepts Master/Slave too.

enum class Variant : std::uint8_t { kPrimitive, kGroup, kClone, kBundle };
enum class Discovery : std::uint8_t { kAlways, kNever, kExclusive };
enum class NodeKind : std::uint8_t { kCluster, kRemote };
enum class Multiple : std::uint8_t { kStopStart, kStopOnly, kBlock, kStopUnexpected };
// Ordered by severity: of two failures the larger decides.
enum class OnFail : std::uint8_t {
  kIgnore,
  kDemote,
  kRestart,
  kResetRemote,
  kRestartContainer,
  kBan,
  kBlock,
  kStop,
  kStandby,
  kFence
};
enum class Requires : std::uint8_t { kNothing, kQuorum, kFencing };

// One node in a table of scores. There are as many as resources times nodes.
struct Place {
  Node* node = nullptr;
  int score = 0;
  Discovery discovery = Discovery::kAlways;
  std::uint16_t count = 0;  // Instances of a clone assigned there so far.
};

// Node -> Place, ordered by Node::slot.
class Places {
 public:
  Place* find(const Node* node);
  const Place* find(const Node* node) const { return const_cast<Places*>(this)->find(node); }
  Place& add(const Place& place);  // Existing: returned unchanged.
  void reserve(std::size_t nodes) { entries_.reserve(nodes); }
  void clear() { entries_.clear(); }
  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }
  auto begin() { return entries_.begin(); }
  auto end() { return entries_.end(); }
  auto begin() const { return entries_.begin(); }
  auto end() const { return entries_.end(); }

 private:
  std::vector<Place> entries_;
};

struct Node {
  std::string id, name;
  NodeKind kind = NodeKind::kCluster;
  int slot = 0;        // Place in creation order.
  int base_score = 0;  // Added to every resource's score here.
  int health = 0;
  Discovery base_discovery = Discovery::kAlways;
  bool online = false, pending = false, unclean = false, unseen = true, shutdown = false, expected_up = false;
  bool is_dc = false, standby = false, standby_on_fail = false, maintenance = false, unpacked = false;
  bool discovery_enabled = true, remote_requires_reset = false, remote_was_fenced = false;
  bool remote_maintenance = false, fencing_only_unseen = false;
  std::string feature_set;
  Meta attributes, utilization;
  std::map<std::string, std::string, std::less<>> digests_all, digests_secure;
  Resource* remote = nullptr;  // Connection resource, of a remote or guest node.
  std::vector<Resource*> running;
  int priority = 0;        // Sum of what runs here, for priority-fencing-delay.
  int assigned_count = 0;  // Resources assigned here, for balancing.
  int history_rank = -1;   // Place among the nodes whose history is read.
  std::vector<ResourceHistory*> history;
};
bool is_guest(const Node* node);
bool is_remote(const Node* node);  // Of either kind but guest.
bool is_guest_or_remote(const Node* node);

// Operation as configured.
struct OpDef {
  std::string id, name;
  std::int64_t interval_ms = 0;
  Role role = Role::kUnknown;
  bool enabled = true;
  Meta attributes;
  std::vector<NvSet> meta, parameters;
  mutable std::optional<Meta> known_meta;  // What op_meta() says, when no rule can make it say anything else.
};

// What an operation would run with, and its digest: the same on every node, if no rule says otherwise.
struct KnownDigest {
  std::string task;
  std::int64_t interval_ms = 0;
  Meta parameters;
  std::string digest;
  std::map<std::string, std::string, std::less<>> subsets;  // By the names that are in it.
};

// What the configuration says of one resource, shared by all instances of a clone.
struct Definition {
  std::string tag, id, agent_class, provider, type;
  Meta attributes;
  std::vector<NvSet> meta, parameters, utilization;
  std::vector<OpDef> operations;
  std::vector<std::unique_ptr<Definition>> children;
  pugi::xml_node xml;  // Of the configuration; null for implicit and removed resources.
  bool parameters_by_rule = false, address_by_uname = false;
  std::vector<KnownDigest> digests;
};

struct Colocation {
  std::string id;
  Resource *dependent = nullptr, *primary = nullptr;
  Role dependent_role = Role::kUnknown, primary_role = Role::kUnknown;
  int score = 0;
  std::string attribute;  // "#uname" unless given.
  bool influence = true;
  bool explicit_ = true;  // Configured, not implied by a group or container.
};
struct Location {
  std::string id;
  Resource* resource = nullptr;
  Role role = Role::kUnknown;
  Discovery discovery = Discovery::kAlways;
  bool health = false;  // Made by node-health-strategy, whose name is the id.
  std::vector<Place> nodes;
};
struct TicketDependency {
  std::string id;
  Resource* resource = nullptr;
  Ticket* ticket = nullptr;
  Role role = Role::kUnknown;
  enum class Loss : std::uint8_t { kStop, kDemote, kFence, kFreeze } loss = Loss::kStop;
};
struct Ticket {
  std::string id;
  bool granted = false, standby = false;
  std::string last_granted;
  Meta state;
};
struct Tag {
  std::string id;
  std::vector<std::string> refs;
};

// How one action bears on another. Bits.
enum OrderFlags : std::uint32_t {
  kNone = 0,
  kOrdered = 1u << 0,           // Order only.
  kThenImpliesFirst = 1u << 1,  // If then is required, so is first.
  kPromotedThenImpliesFirst = 1u << 2,
  kUnrunnableFirstBlocks = 1u << 3,  // If first cannot run, neither can then.
  kFirstImpliesThen = 1u << 4,       // If first is required, so is then.
  kFirstImpliesSameNodeThen = 1u << 5,
  kUnmigratableThenBlocks = 1u << 6,
  kGuestAllowed = 1u << 7,
  kIntermediateStop = 1u << 8,  // A start that is blocked makes the stop before it unrunnable too.
  kSerialize = 1u << 9,
  kIfOnSameNode = 1u << 10,
  kIfRequiredOnSameNode = 1u << 11,
  kIfOnSameNodeOrTarget = 1u << 12,
  kAsymmetric = 1u << 13,
  kFirstImpliesThenGraphed = 1u << 14,
  kThenImpliesFirstGraphed = 1u << 15,
  kMinRunnable = 1u << 16,
  kFirstElseThen = 1u << 17,
  kNestedRemoteProbe = 1u << 18,
  kIfFirstUnmigratable = 1u << 19,
  kThenCancelsFirst = 1u << 20,
};

// What an operation does: "start". The text is a literal, or kept by the cluster (keep_task).
using Task = std::string_view;

struct Ordering {
  int id = 0;
  Resource *first_rsc = nullptr, *then_rsc = nullptr;
  Action *first = nullptr, *then = nullptr;
  Task first_task, then_task;  // Of operations without interval; used while the action is not known.
  std::uint32_t flags = 0;
};

// One end of an order between two actions, in Action::before of the one and Action::after of the other. There
// may be several between two, each with its own conditions.
struct Relation {
  Action* action = nullptr;
  std::uint32_t flags = 0;  // In Action::after: as the order was made.
  std::uint32_t twin = 0;   // Place of the other end in the other action's list. Lists only grow.
};

// One of an action's properties that what depends on the action looks at. All changes of all of them are
// counted: while there are none, what was derived from them holds.
class Flag {
 public:
  Flag(bool value) : value_(value) {}
  Flag(const Flag&) = default;
  operator bool() const { return value_; }
  Flag& operator=(const Flag& other) { return *this = other.value_; }
  Flag& operator=(bool value) {
    if (value != value_) ++changes;
    value_ = value;
    return *this;
  }
  static inline thread_local std::uint64_t changes = 1;

 private:
  bool value_;
};

struct ActionFlags {
  bool optional = true, runnable = true, pseudo = false, migratable = false;
};

// The actions of a collective's instances that one of its own stands for.
struct InstanceActions {
  std::uint64_t as_of = 0;                       // Action::changes
  bool none = false;                             // There are no instances.
  std::vector<Action*> any;                      // Of each instance the newest.
  std::vector<std::pair<int, Action*>> by_node;  // Of each instance and node (slot) the newest, by node.
  // What they amount to, anywhere and on a node, as of Flag::changes.
  struct Known {
    std::uint64_t as_of = 0;
    const Node* node = nullptr;
    ActionFlags flags;
  } known[2];
};

struct Action {
  int id = 0;
  Resource* resource = nullptr;
  Node* node = nullptr;
  Name task, key;
  std::string reason;
  Name cancel_task;
  int priority = 0;
  Requires needs = Requires::kNothing;
  OnFail on_fail = OnFail::kRestart;
  Role fail_role = Role::kUnknown;
  Flag runnable = true, optional = true;
  bool pseudo = false, always_in_graph = false, failure_is_fatal = true;
  bool min_runnable = false, reschedule = false, processed = false, migration_abort = false;
  bool migratable = false, on_dc = false, inhibited_by_lock = false, detect_loop = false, in_graph = false;
  bool considered = false, unpacked = false;
  std::int64_t interval_ms = 0;
  Meta meta, extra;
  int required_runnable_before = 0, runnable_before = 0;
  std::vector<Relation> before, after;
  std::unique_ptr<InstanceActions> instances;            // Of a collective, once asked for.
  static inline thread_local std::uint64_t changes = 1;  // Of which actions there are, and where.
};

struct BundleReplica {
  int offset = 0;
  Resource *child = nullptr, *container = nullptr, *remote = nullptr, *ip = nullptr;
  Node* node = nullptr;
  std::string ip_address;
};

struct Notify {
  std::string task;
  Action *pre = nullptr, *post = nullptr, *pre_done = nullptr, *post_done = nullptr;
  std::vector<std::pair<Resource*, Node*>> active, inactive, start, stop, demote, promote, promoted,
      unpromoted;
  Meta keys;
};

// Of a clone that tells its instances what happens to the others.
struct Notifications {
  Notify start, stop, promote, demote;
};

struct Resource {
  std::string id, history_name;  // "rsc:0"; "rsc", the name in the history when it differs.
  Definition* def = nullptr;
  Variant variant = Variant::kPrimitive;
  int number = 0;  // In order of creation.
  Resource* parent = nullptr;
  std::vector<Resource*> children;
  Meta meta;

  bool managed = true, blocked = false, removed = false, unique = true, notify = false, failed = false;
  bool removed_filler = false, stop_if_failed = false, failure_ignored = false, maintenance = false,
       promotable = false;
  bool assigning = false, provisional = true, restarting = false, migratable = false, start_pending = false;
  bool needs_fencing = false, needs_quorum = false, needs_unfencing = false, is_remote_connection = false;
  bool fence_device = false, critical = true, exclusive_discovery = false, stop_unexpected = false;
  bool reload = false, detect_loop = false, updating_nodes = false, runnable = true, replica_inner = false;
  bool internal = false, locations_applied = false, with_this_done = false, lock_expired = false;
  bool starts_in_restart = false;  // A restart whose start half is blocked.
  bool by_time = false;            // What becomes of it depends on the time that it is now.
  mutable bool by_count = false;   // … on how many others are on which nodes.
  Role role = Role::kStopped, next_role = Role::kUnknown;
  const char* next_role_why = "";
  int priority = 0, stickiness = 0;
  std::int64_t failure_timeout_s = 0, remote_reconnect_ms = 0;
  int migration_threshold = kInfinity;
  Multiple multiple = Multiple::kStopStart;
  bool restart_by_order = false;  // restart-type=restart

  Places allowed;
  Places original_allowed;
  std::vector<Node*> known_on, running_on, dangling_migrations;
  Node *partial_source = nullptr, *partial_target = nullptr, *assigned = nullptr, *pending_node = nullptr;
  std::string pending_task;
  Node* lock_node = nullptr;
  std::int64_t lock_time = 0;

  std::vector<Location*> locations;
  std::vector<Colocation*> with_this, this_with;
  std::vector<TicketDependency*> tickets;
  std::vector<Action*> actions;
  Resource* container = nullptr;   // Guest's or bundle's container.
  std::vector<Resource*> fillers;  // What lives in this container.
  Node* remote_node = nullptr;     // Of a connection resource.
  Meta utilization;
  std::map<const Node*, Meta> parameter_cache;
  std::vector<const OpDef*> ops;

  // Clone
  int clone_max = 0, clone_node_max = 1, clone_min = 0, promoted_max = 0, promoted_node_max = 0;
  int promoted_assigned = 0;
  bool interleave = false, ordered = false, added_promoted_constraints = false;  // ordered: of groups too
  bool members_together = true;  // Of a group (old option collocated).
  int instance = -1;
  int promotion_score = 0, sort_index = 0;
  int assigned_score = 0;  // Of the node it was assigned to, at that moment.
  std::string unused;
  std::unique_ptr<Notifications> notifications;
  // Bundle
  std::vector<BundleReplica> replicas;
  int replica_count = 0, replicas_per_host = 1;
  std::string image;
  Resource* bundle_child = nullptr;  // The implicit clone of the inner primitive.
  BundleReplica* replica = nullptr;
};

inline bool is_clone(const Resource* r) { return r && r->variant == Variant::kClone; }
inline bool is_group(const Resource* r) { return r && r->variant == Variant::kGroup; }
inline bool is_bundle(const Resource* r) { return r && r->variant == Variant::kBundle; }
inline bool is_primitive(const Resource* r) { return r && r->variant == Variant::kPrimitive; }
inline bool is_anonymous_clone(const Resource* r) { return is_clone(r) && !r->unique; }
Resource* top(Resource* r,
              bool into_bundle = false);  // Outermost ancestor; stops below a bundle unless asked.
inline const Resource* top(const Resource* r, bool into_bundle = false) {
  return top(const_cast<Resource*>(r), into_bundle);
}
bool is_bundled(const Resource* r);
const std::string& history_id(const Resource* r);

// One lrm_rsc_op. There are as many as resources times nodes: the texts are views into the document.
struct HistoryOp {
  std::string_view id, key, task, digest, restart_digest;
  std::int64_t interval_ms = 0, last_change = -1;
  int call_id = -1, rc = 193, target_rc = -1, status = 99;
  pugi::xml_node xml;

  // What few ask for.
  std::string_view magic() const { return xml.attribute("transition-magic").value(); }
  std::string_view restart_params() const { return xml.attribute("op-force-restart").value(); }
  std::string_view secure_digest() const { return xml.attribute("op-secure-digest").value(); }
  std::string_view secure_params() const { return xml.attribute("op-secure-params").value(); }
  std::string_view migrate_source() const { return xml.attribute("migrate_source").value(); }
  std::string_view migrate_target() const { return xml.attribute("migrate_target").value(); }
};
// One lrm_resource.
struct ResourceHistory {
  Node* node = nullptr;
  std::string_view id;
  pugi::xml_node xml;
  Resource* resource = nullptr;
  HistoryOfId* all = nullptr;
  std::span<HistoryOp> ops;
};
// What all nodes remember under one id, grouped by node in the order of Node::history_rank.
struct HistoryOfId {
  std::vector<ResourceHistory*> entries;
  Resource *named = nullptr, *first_instance = nullptr;  // Once found: the resource of that id, and ":0".
  std::vector<Resource*> bearers;                        // Primitives that go by the id.
  std::vector<std::pair<int, Resource*>> active;         // Those of them that run, by node (slot).
  bool alike = true;  // The bearers are configured, and all by one definition.
};
struct FailedOp {
  HistoryOp op;
  const Node* node = nullptr;
  const Resource* resource = nullptr;
};

struct Config {
  bool fencing = true, startup_fencing = true, symmetric = true, stop_all = false, stop_removed = true;
  bool cancel_removed = true, remove_after_stop = false, maintenance = false, start_failure_fatal = true;
  bool shutdown_lock = false, concurrent_fencing = true, startup_probes = true, have_quorum = false;
  bool unfencing = false, have_stonith_resource = false, have_remote_nodes = false;
  bool fence_remote_without_quorum = false;
  enum class NoQuorum : std::uint8_t { kStop, kFreeze, kIgnore, kDemote, kFence } no_quorum = NoQuorum::kStop;
  enum class Placement : std::uint8_t { kDefault, kUtilization, kMinimal, kBalanced };
  Placement placement = Placement::kDefault;
  std::string fencing_action = "reboot";
  std::int64_t fencing_timeout_ms = 60000, cluster_delay_ms = 60000, priority_fencing_delay_ms = 0;
  std::int64_t shutdown_lock_ms = 0, node_pending_timeout_ms = 0;
  int batch_limit = 0, migration_limit = -1;
  std::string batch_limit_text = "0", migration_limit_text = "-1";
  std::string health_strategy = "none";
  int health_base = 0, health_red = -kInfinity, health_yellow = 0, health_green = 0;
};

struct Scope;

struct Cluster {
  const Scope* scope = nullptr;  // Null: everything is looked at.
  const cib::Document* document = nullptr;
  Options options;
  WallTime now{};
  bool display_only = false;  // Status for people: no problems about what does not matter to them.
  Meta properties;
  Config config;
  std::string dc_id, cluster_name;
  Node* dc = nullptr;

  std::deque<Node> node_store;
  std::deque<Resource> resource_store;
  std::deque<Action> action_store;
  std::deque<Colocation> colocation_store;
  std::deque<Location> location_store;
  std::deque<TicketDependency> ticket_store;
  std::vector<std::unique_ptr<Definition>> definitions;

  std::vector<Node*> nodes;          // By name.
  std::vector<Resource*> resources;  // Top level, by priority.
  std::vector<Action*> actions;
  std::deque<Ordering> orderings;  // They stay where they are: orderings make orderings.
  std::vector<Colocation*> colocations;
  std::vector<Location*> locations;
  std::map<std::string, Ticket, std::less<>> tickets;
  std::map<std::string, Tag, std::less<>> tags;
  std::map<std::string, std::vector<std::string>, std::less<>> template_users;
  std::unordered_map<std::string, pugi::xml_node> template_xml;
  TextTable<Node*> node_by_name, node_by_id;
  std::unordered_map<std::string_view, Resource*> resource_by_id;   // "rsc:0" and top-level ids
  std::unordered_map<std::string_view, Resource*> resource_by_def;  // Configured id -> first instance.
  std::set<std::string, std::less<>> tasks;                         // See keep_task().
  std::map<std::string, Action*> singletons;
  std::vector<NvSet> rsc_defaults, op_defaults;
  std::vector<FailedOp> failed_ops;
  std::vector<Resource*> stop_needed;
  std::vector<pugi::xml_node> config_blocks;
  std::vector<Action*> fence_actions;
  std::deque<ResourceHistory> histories;
  std::pmr::monotonic_buffer_resource history_memory;  // Of ResourceHistory::ops.
  std::unordered_map<std::string_view, HistoryOfId> history_of;
  std::map<std::string, pugi::xml_node, std::less<>> node_states;
  std::size_t indexed_nodes = 0;

  std::shared_ptr<Reasons> why;  // Null unless asked for.
  std::vector<Score> scores;
  std::vector<Problem> problems;
  std::set<std::string> problem_seen;
  bool reads_configuration = false;  // What is complained of now depends on nothing else.
  bool other_problems = false;       // There was something else to complain of.
  bool keep_counts = false;
  // By place in `resources`: how many were assigned to which nodes (slots) when it had its turn.
  std::vector<std::vector<std::pair<int, int>>> counts;
  std::vector<Decision> decisions;
  std::optional<WallTime> recheck_by;
  int update_depth = 0;
  std::vector<Action*> update_again;
  bool resources_counted = false;
  bool addresses_by_uname = false;  // Any resource's parameters have addr=#uname.
  int disabled = 0, blocked = 0, instances = 0;
  int next_resource = 0, next_ordering = 1;
  std::unordered_map<std::string, std::string> digest_cache;  // By what it is of.
  std::vector<std::pair<Resource*, Resource*>> colocation_walk;

  void problem(Problem::Severity severity, std::string message);
  void error(std::string message) { problem(Problem::Severity::kError, std::move(message)); }
  void warning(std::string message) { problem(Problem::Severity::kWarning, std::move(message)); }
  Resource* find_resource(std::string_view id) const;  // By instance id, or by configured id.
  Node* find_node(std::string_view name) const;
  std::string_view property(std::initializer_list<std::string_view> names, std::string_view fallback) const;
};

// Small text helpers.
bool is_true(std::string_view text);
bool is_false(std::string_view text);
bool same_text(std::string_view a, std::string_view b);  // Letters without case.
std::optional<std::string_view> meta_of(const Meta& meta, std::string_view name);
std::string meta_or(const Meta& meta, std::string_view name, std::string_view fallback);
std::optional<std::int64_t> parse_int(std::string_view text);
int parse_score(std::string_view text, int fallback = 0);
std::int64_t parse_interval_ms(std::string_view text, std::int64_t fallback = 0);  // "10s", "PT5M", "20"
std::string op_key(std::string_view resource, std::string_view task, std::int64_t interval_ms);
bool is_op_key(std::string_view key, std::string_view resource, std::string_view task);  // With interval 0.
int compare_numeric(std::string_view a, std::string_view b);  // Digits by value, letters without case.

}  // namespace systole::pengine::engine
