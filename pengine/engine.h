// The steps of the scheduler, in the order in which run() takes them, and what they share.
#pragma once

#include "pengine/model.h"

namespace systole::pengine::engine {

// --- Reading the document ---
void unpack_config(Cluster& c);
void unpack_nodes(Cluster& c);
void unpack_remote_nodes(Cluster& c);
void unpack_resources(Cluster& c);
void unpack_status(Cluster& c);
void unpack_constraints(Cluster& c);
// Everything up to the status section.
void unpack(Cluster& c, const cib::Document& document, const Options& options);
// All of it: placements, actions, graph.
void decide(Cluster& c);
// decide(), and the result taken out.
Plan make_plan(Cluster& c);

Node& create_node(Cluster& c, const std::string& id, const std::string& name, bool remote, int score);
void add_node_attributes(Cluster& c, Node& node, pugi::xml_node xml, bool overwrite);
std::unique_ptr<Definition> parse_definition(Cluster& c, pugi::xml_node xml);
Resource* create_resource(Cluster& c, Definition* def, Resource* parent, const std::string& id);
void unpack_clone(Cluster& c, Resource* clone);
Resource* create_clone_instance(Cluster& c, Resource* clone, int number, bool removed);
void unpack_bundle(Cluster& c, Resource* bundle);
void ban_everywhere(Cluster& c, Resource* r);
// The node's score of the resource and its children; nullptr: every node.
void add_location_score(Cluster& c, Resource* r, Node* node, int score, bool is_default = false);
RuleInput rule_input(const Cluster& c);
RuleInput rule_input(const Cluster& c, const Resource& r);
void unpack_meta(Cluster& c, Resource& r);
const Meta& parameters(Cluster& c, Resource* r, const Node* node);
Role target_role(Cluster& c, const Resource* r);  // kUnknown: none.
void set_next_role(Resource* r, Role role, const char* why);
std::vector<Definition*> all_definitions(Cluster& c);
Definition implicit_remote_definition(const std::string& id, const std::string& container,
                                      const Meta& options);

// --- Locations of resources ---
enum class Where : std::uint8_t { kAssigned, kCurrent, kCurrentOrPending };
void collect_nodes(const Resource* r, Where where, std::vector<Node*>& out);
Node* node_of(const Resource* r, Where where);  // The only or first one.
Role role_of(const Resource* r, bool current);
bool is_active(const Resource* r, bool all);
Node* active_node(const Resource* r, unsigned* all = nullptr, unsigned* clean = nullptr);
Node* current_node(const Resource* r);
bool contains(const std::vector<Node*>& list, const Node* node);
std::vector<Resource*> primitives_of(Resource* r);
bool is_descendant(const Resource* r, const Resource* ancestor);
Resource* find_in(Resource* r, std::string_view configured_id, const Node* node, bool current_only);

// --- Failures ---
enum : unsigned { kFailEffective = 1, kFailFillers = 2 };
int fail_count(Cluster& c, const Node* node, Resource* r, unsigned flags,
               std::int64_t* last_failure = nullptr, const HistoryOp* op = nullptr);
Action* clear_fail_count(Cluster& c, Resource* r, Node* node, const std::string& why);
bool any_failures(const Node* node);  // Does it remember any fail count at all?
bool threshold_reached(Cluster& c, Resource* r, const Node* node, Resource** failed);

// --- Actions ---
Action* make_action(Cluster& c, Resource* r, const std::string& key, const std::string& task, Node* node,
                    bool optional);
Action* pseudo_action(Cluster& c, Resource* r, const std::string& task, bool optional, bool runnable);
Action* find_action(const std::vector<Action*>& actions, std::string_view key, std::string_view task,
                    const Node* node);
std::vector<Action*> actions_of(const Resource* r, const Node* node, std::string_view task, bool need_node);
Action* start_action(Cluster& c, Resource* r, Node* node, bool optional);
Action* stop_action(Cluster& c, Resource* r, Node* node, bool optional);
Action* promote_action(Cluster& c, Resource* r, Node* node, bool optional);
Action* demote_action(Cluster& c, Resource* r, Node* node, bool optional);
Action* fence_op(Cluster& c, Node* node, const char* op, bool optional, const std::string& reason,
                 bool priority_delay);
void fence_node(Cluster& c, Node* node, const std::string& reason, bool priority_delay);
bool can_fence(Cluster& c, const Node* node);
void set_reason(Action* a, const std::string& reason, bool overwrite);
void end_action_reason(Action* a, const std::string& reason, const Action* because);
void clear_runnable(Action* a);
void require_action(Action* a);
const OpDef* find_op(const Resource* r, std::string_view task, std::int64_t interval_ms,
                     bool include_disabled);
OnFail on_fail_of(Cluster& c, Resource* r, const std::string& task, std::int64_t interval_ms,
                  const Meta& meta, Role* fail_role);
Meta op_meta(Cluster& c, Resource* r, const Node* node, const std::string& task, std::int64_t interval_ms,
             const OpDef* op);
bool order_actions(Action* first, Action* then, std::uint32_t flags);

// --- Constraints ---
void new_colocation(Cluster& c, std::string id, std::string attribute, int score, Resource* dependent,
                    Resource* primary, Role dependent_role, Role primary_role, bool influence);
Location* new_location(Cluster& c, std::string id, Resource* r, int score, const char* discovery, Node* node);
// Of each side the action, or else the resource and the task.
void new_ordering(Cluster& c, Resource* first_rsc, Task first_task, Action* first, Resource* then_rsc,
                  Task then_task, Action* then, std::uint32_t flags);
void order_tasks(Cluster& c, Resource* first, Task first_task, Resource* then, Task then_task,
                 std::uint32_t flags);
Task keep_task(Cluster& c, const std::string& task);
inline void order_starts(Cluster& c, Resource* a, Resource* b, std::uint32_t f) {
  order_tasks(c, a, "start", b, "start", f);
}
inline void order_stops(Cluster& c, Resource* a, Resource* b, std::uint32_t f) {
  order_tasks(c, a, "stop", b, "stop", f);
}
// With `noting`, the reasons are told.
void apply_location(Resource* r, const Location& location, Cluster* noting = nullptr);
void internal_constraints(Cluster& c, Resource* r);
void unpack_locations(Cluster& c, pugi::xml_node constraints);
void unpack_colocation(Cluster& c, pugi::xml_node xml);
void unpack_ordering(Cluster& c, pugi::xml_node xml);
void unpack_ticket_constraint(Cluster& c, pugi::xml_node xml);
void unpack_tickets_state(Cluster& c, pugi::xml_node status);
// Resources of a set or reference: a resource, or what a tag or template names.
std::vector<Resource*> resolve(Cluster& c, std::string_view id, const std::string& constraint);
pugi::xml_node expand_tags(Cluster& c, pugi::xml_node set, pugi::xml_document& store);

// --- Colocation ---
enum class Influence : std::uint8_t { kNone, kRole, kScores };
Influence colocation_affects(const Resource* dependent, const Resource* primary, const Colocation& col,
                             bool preview);
bool has_influence(const Colocation& col, const Resource* r);
std::vector<Colocation*> this_with_colocations(const Resource* r);
std::vector<Colocation*> with_this_colocations(const Resource* r);
// Returns what it added to the dependent's promotion priority.
int apply_colocation(Cluster& c, Resource* dependent, Resource* primary, const Colocation& col,
                     bool for_dependent);
// The node's value of the colocation's attribute, as it counts for the resource.
std::optional<std::string> colocation_value(const Node* node, const std::string& name, const Resource* r);
void add_colocated_scores(Cluster& c, Resource* source, const Resource* target, const std::string& log_id,
                          Places& nodes, const Colocation& col, float factor, unsigned flags);
// A colocation's score as a share of infinity. Single precision, as everywhere where scores are attenuated.
inline float factor_of(const Colocation& col) {
  return static_cast<float>(col.score) / static_cast<float>(kInfinity);
}
enum : unsigned {
  kOnlyPositive = 1,
  kAvoidNegatives = 2,
  kOnlyThisWith = 4,
  kIncludeIncompatible = 8,
  kThisWith = 16
};
// What the resource and those it is colocated with like of its nodes.
Places colocated_preferences(Cluster& c, Resource* r);

// --- Assignment ---
void apply_node_health(Cluster& c);
void assign_resources(Cluster& c);
Node* assign(Cluster& c, Resource* r, const Node* prefer, bool stop_if_fail);
Node* assign_primitive(Cluster& c, Resource* r, const Node* prefer, bool stop_if_fail);
Node* assign_group(Cluster& c, Resource* r, const Node* prefer, bool stop_if_fail);
Node* assign_clone(Cluster& c, Resource* r, const Node* prefer, bool stop_if_fail);
Node* assign_bundle(Cluster& c, Resource* r, const Node* prefer, bool stop_if_fail);
bool finalize_assignment(Cluster& c, Resource* r, Node* node, bool force, bool stop_if_fail);
void unassign(Resource* r);
void show_scores(Cluster& c, const Resource* r, const Places& places, const char* function);
bool node_available(const Node* node, int score, bool consider_score, bool consider_guest);
bool node_available(const Place& place, bool consider_score, bool consider_guest);
std::vector<Place> sorted_nodes(Cluster& c, const Places& places, const Node* active);
void set_instance_roles(Cluster& c, Resource* clone);
void assign_promotable(Cluster& c, Resource* clone);
void require_promotion_tickets(Resource* r);
void promotable_restart_orders(Cluster& c, Resource* r);
void promotable_constraints(Cluster& c, Resource* clone);
void add_promotion_scores(Cluster& c, Resource* clone);
void assign_instances(Cluster& c, Resource* collective, const std::vector<Resource*>& instances,
                      int max_total, int max_per_node);
const Node* ban_insufficient_capacity(Cluster& c, Resource* r);
int compare_capacity(const Cluster& c, const Node* a, const Node* b);
void consume_utilization(Node* node, const Resource* r);
void release_utilization(Node* node, const Resource* r);
void create_utilization_constraints(Cluster& c, Resource* r, const std::vector<Node*>& allowed);
bool apply_location_and_health(Cluster& c);

// --- Actions of resources ---
void create_actions(Cluster& c, Resource* r);
void create_primitive_actions(Cluster& c, Resource* r);
void create_group_actions(Cluster& c, Resource* r);
void create_clone_actions(Cluster& c, Resource* r);
void create_bundle_actions(Cluster& c, Resource* r);
void create_instance_actions(Cluster& c, Resource* collective, const std::vector<Resource*>& instances);
void promotable_actions(Cluster& c, Resource* clone);
void clone_notifications(Cluster& c, Resource* clone);
void promotable_notifications(Cluster& c, Resource* clone);
void create_notifications(Cluster& c);
void notify_after_fencing(Cluster& c, Resource* r, Action* stop, Action* stonith);
void create_recurring(Cluster& c, Resource* r);
void cancel_recurring(Cluster& c, Resource* r, const std::string& call_id, const std::string& task,
                      std::int64_t interval_ms, const Node* node, const char* reason);
void reschedule_recurring(Cluster& c, Resource* r, const std::string& task, std::int64_t interval_ms,
                          Node* node);
void create_migration_actions(Cluster& c, Resource* r, Node* current);
void create_abandoned_migration_stops(Cluster& c, Resource* r);
bool can_migrate(Cluster& c, Resource* r, Node* current);
void schedule_cleanup(Cluster& c, Resource* r, Node* node, bool optional);
void schedule_probes(Cluster& c);
bool create_probe(Cluster& c, Resource* r, Node* node);
bool create_probes_of(Cluster& c, const std::vector<Resource*>& list, Node* node);
void order_probes(Cluster& c);
void handle_config_changes(Cluster& c);
void reload_resource(Cluster& c, Resource* r, Node* node);
void order_remote_connections(Cluster& c);
bool connection_failed(const Node* node);  // Of a remote node, and it will not come back elsewhere.
void fencing_and_shutdowns(Cluster& c);
void order_stops_before_fencing(Cluster& c, Resource* r, Action* fence);
void order_vs_fencing(Cluster& c, Resource* r, Action* stonith_op);
void order_vs_unfencing(Cluster& c, Resource* r, Node* node, Action* a, std::uint32_t flags);
// A fencing device that changed may have to unlock its nodes again, or the node all that it keeps locked.
void trigger_unfencing(Cluster& c, Resource* r, Node* node, const char* why);
void shutdown_ordering(Cluster& c, Node* node, Action* shutdown);
void order_after_each(Action* first, const std::vector<Action*>& list);
void apply_orderings(Cluster& c);
void update_for_orderings(Cluster& c, Action* then);
void block_colocation_dependents(Cluster& c, Action* a);
void disable_invalid_orderings(Cluster& c);  // What would make the graph a circle.
ActionFlags action_flags(Cluster& c, Action* a, const Node* node);
void build_graph(Cluster& c, Graph& graph);
void add_action_meta(const Resource* r, Meta& out);
void summarize(Cluster& c);
std::string remote_name_for(Cluster& c, Resource* r, const Node* node);
bool has_remote_params(const Meta& p);
void note_parameters(Definition& def);                               // What the next two ask for.
bool parameters_same_everywhere(const Resource* r);                  // No rule gives it others on some nodes.
bool addresses_by_uname(Cluster& c, Resource* r, const Node* node);  // The same of its parameters there.
Resource* bundle_replica_child_on(const Resource* bundle, const Node* node);
const Resource* find_compatible_instance(Cluster& c, const Resource* match, const Resource* collective,
                                         Role role, bool current);
std::vector<Resource*> instances_of(const Resource* r);
Node* container_host(const Resource* r);
bool is_universal_clone(const Cluster& c, const Resource* r);
bool same_node(const Node* a, const Node* b);
std::string digest(const Meta& parameters);

}  // namespace systole::pengine::engine
