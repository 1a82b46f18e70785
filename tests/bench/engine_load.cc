// The scheduler in this process, on a saved document: CPU seconds of reading it, of a plan, and of planning
// again after a change of one resource's status, as JSON. For `./dev bench engine`.
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iterator>

#include <algorithm>

#include "cib/saved.h"
#include "pengine/incremental.h"
#include "pengine/scheduler.h"

namespace {

using namespace systole;

double cpu() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

template <class Work>
double measured(Work work) {
  const double before = cpu();
  work();
  return cpu() - before;
}

// The monitors of one resource after another fail and succeed again.
std::vector<double> changes(cib::Document& document, const pengine::Options& options) {
  std::vector<double> times;
  pengine::Scheduler scheduler;
  scheduler.plan(document, {}, options);
  auto monitors = document.root().select_nodes(
      "status/node_state/lrm/lrm_resources/lrm_resource/lrm_rsc_op[@interval='10000']");
  const std::size_t step = std::max<std::size_t>(1, monitors.size() / 20);
  for (std::size_t i = 0; i < monitors.size() && times.size() < 40; i += step)
    for (const char* rc : {"7", "0"}) {
      pugi::xml_node op = monitors[i].node();
      op.attribute("rc-code") = rc;
      const pengine::Scheduler::Changes changes{false, {op.parent().attribute("id").value()}};
      times.push_back(measured([&] { scheduler.plan(document, changes, options); }));
    }
  return times;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "usage: systole-bench-engine CIB.xml\n"), 64;
  std::ifstream in(argv[1], std::ios::binary);
  const std::string xml{std::istreambuf_iterator<char>(in), {}};
  Result<cib::Document> document = cib::Document::empty();
  const double parse = measured([&] { document = cib::parse_saved(xml); });
  if (!document) return std::fprintf(stderr, "%s\n", document.error().message.c_str()), 65;
  std::size_t actions = 0;
  std::vector<double> plans;
  for (int i = 0; i < 3; ++i)
    plans.push_back(measured([&] { actions = pengine::schedule(*document).graph.actions.size(); }));
  // Without the recording of reasons, and with it.
  std::vector<double> with_reasons;
  pengine::Options recording;
  recording.reasons = true;
  for (int i = 0; i < 3; ++i)
    with_reasons.push_back(measured([&] { pengine::schedule(*document, recording); }));
  const auto again = changes(*document, {});
  std::printf(
      "{\"parse\": %.6f, \"plan\": %.6f, \"reasons\": %.6f, \"actions\": %zu, \"again\": %.6f, "
      "\"again_most\": %.6f}\n",
      parse, median(plans), median(with_reasons), actions, median(again),
      again.empty() ? 0.0 : *std::max_element(again.begin(), again.end()));
}
