// Any document that parses must be scheduled, explained, verified, executed on paper, shown, asked "what if",
// and planned again after a change, whatever it says.
#include <cstdint>
#include <string_view>

#include "pengine/cluster_status.h"
#include "pengine/explain_text.h"
#include "pengine/incremental.h"
#include "pengine/simulate.h"
#include "pengine/status_text.h"
#include "pengine/verify.h"
#include "pengine/whatif_text.h"

namespace {

using namespace systole;

void explain(const cib::Document& document, const pengine::Plan& plan) {
  (void)pengine::actions_text(pengine::explain_actions(document, plan));
  if (plan.reasons->placements.empty()) return;
  // The first and the last: what is top-level, and what is deep inside.
  for (const auto* placement : {&plan.reasons->placements.front(), &plan.reasons->placements.back()})
    if (const auto why = pengine::explain(document, {}, placement->resource, {.max_trials = 3}))
      (void)pengine::explanation_text(*why);
}

void what_if(const cib::Document& document) {
  const auto nodes = document.root().child("configuration").child("nodes");
  const std::string node = nodes.child("node").attribute("uname").value();
  if (node.empty()) return;
  if (const auto answer = pengine::what_if(document, {}, {node + " dies"}))
    (void)pengine::what_if_text(*answer);
}

// After a change of the status of one resource; the answer is that from scratch.
void plan_again(cib::Document& document) {
  pengine::Scheduler scheduler;
  scheduler.plan(document, {}, {});
  const auto op = document.root().select_node("status/node_state/lrm/lrm_resources/lrm_resource/lrm_rsc_op");
  if (!op) return;
  pugi::xml_node record = op.node();
  record.remove_attribute("rc-code");
  record.append_attribute("rc-code") = 7;
  const pengine::Plan again = scheduler.plan(
      document, {.anything = false, .resources = {record.parent().attribute("id").value()}}, {});
  if (again.graph.to_xml(0) != pengine::schedule(document).graph.to_xml(0)) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 200'000) return 0;
  auto document = cib::Document::parse({reinterpret_cast<const char*>(data), size});
  if (!document) return 0;
  pengine::Options options;
  options.scores = options.reasons = true;
  const pengine::Plan plan = pengine::schedule(*document, options);
  (void)plan.graph.to_xml(0);
  explain(*document, plan);
  (void)pengine::verify(*document, {});
  (void)pengine::simulate(*document, plan, {});
  (void)pengine::status_text(pengine::cluster_status(*document, {}));
  what_if(*document);
  plan_again(*document);
  return 0;
}
