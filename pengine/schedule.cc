// schedule(): the steps in order.
#include "pengine/because.h"
#include "pengine/engine.h"

namespace systole::pengine {
namespace engine {

void check_deferred_changes(Cluster& c);

namespace {

// What is not configured any more leaves no failures behind.
void forget_failures_of_removed(Cluster& c) {
  for (auto* r : c.resources) {
    if (!r->removed) continue;
    for (Node* node : c.nodes) {
      if (!node->online || fail_count(c, node, r, kFailEffective) == 0) continue;
      Action* clear = clear_fail_count(c, r, node, "it is orphaned");
      new_ordering(c, r, "", clear, r, "stop", nullptr, kOrdered);
    }
  }
}

}  // namespace

void decide(Cluster& c) {
  apply_node_health(c);
  unpack_constraints(c);
  apply_location_and_health(c);
  for (auto* r : std::vector<Resource*>(c.resources)) internal_constraints(c, r);
  handle_config_changes(c);
  assign_resources(c);
  check_deferred_changes(c);
  if (c.config.startup_probes) schedule_probes(c);
  if (c.config.stop_removed) forget_failures_of_removed(c);
  for (auto* r : c.resources) create_actions(c, r);
  order_remote_connections(c);
  fencing_and_shutdowns(c);
  apply_orderings(c);
  create_notifications(c);
  summarize(c);
}

Plan make_plan(Cluster& c) {
  Plan plan;
  decide(c);
  build_graph(c, plan.graph);
  finish_reasons(c);
  plan.reasons = std::move(c.why);
  plan.decisions = std::move(c.decisions);
  plan.scores = std::move(c.scores);
  plan.problems = std::move(c.problems);
  plan.quorate = c.config.have_quorum;
  for (const auto& d : plan.decisions)
    if (d.action == "Fence") plan.fence.push_back(d.resource);
  return plan;
}

}  // namespace engine

Plan schedule(const cib::Document& document, const Options& options) {
  engine::Cluster c;
  engine::unpack(c, document, options);
  return engine::make_plan(c);
}

}  // namespace systole::pengine
