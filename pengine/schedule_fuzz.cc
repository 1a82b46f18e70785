// Any document that parses must be scheduled, explained, verified, executed on paper and shown, whatever it
// says.
#include <cstdint>
#include <string_view>

#include "pengine/cluster_status.h"
#include "pengine/explain_text.h"
#include "pengine/scheduler.h"
#include "pengine/simulate.h"
#include "pengine/status_text.h"
#include "pengine/verify.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace systole;
  if (size > 200'000) return 0;
  auto document = cib::Document::parse({reinterpret_cast<const char*>(data), size});
  if (!document) return 0;
  pengine::Options options;
  options.scores = options.reasons = true;
  const pengine::Plan plan = pengine::schedule(*document, options);
  (void)plan.graph.to_xml(0);
  (void)pengine::actions_text(pengine::explain_actions(*document, plan));
  if (!plan.reasons->placements.empty())
    if (const auto why =
            pengine::explain(*document, {}, plan.reasons->placements.front().resource, {.max_trials = 3}))
      (void)pengine::explanation_text(*why);
  (void)pengine::verify(*document, {});
  (void)pengine::simulate(*document, plan, {});
  (void)pengine::status_text(pengine::cluster_status(*document, {}));
  return 0;
}
