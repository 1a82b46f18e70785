#include "cli/crm/simulate.h"

#include "cli/crm/running.h"
#include "pengine/scheduler.h"

namespace systole::crm {
namespace {

std::string scores_text(const pengine::Plan& plan) {
  std::string text;
  for (const auto& score : plan.scores)
    text += fmt::format("{}: {} allocation score on {}: {}\n", score.function, score.resource, score.node,
                        pengine::score_text(score.value));
  return text;
}

const char* severity_name(pengine::Problem::Severity severity) {
  return severity == pengine::Problem::Severity::kError ? "error" : "warning";
}

}  // namespace

bool run_simulate(Shell& shell, const Invocation& call) {
  bool scores = false;
  for (const auto& word : call.args) {
    if (word == "scores") scores = true;
    // graph viewers, verbosity and what else ptest took: accepted, nothing to add.
  }
  auto copy = shell.working();
  if (!copy) return shell.error(copy.error());
  pengine::Options options;
  options.now = shell.context().now();
  options.scores = scores;
  const auto plan = pengine::schedule((*copy)->mine, options);
  std::string text;
  for (const auto& problem : plan.problems)
    if (problem.severity != pengine::Problem::Severity::kNotice)
      text += fmt::format("{}: {}\n", severity_name(problem.severity), problem.message);
  if (scores) text += "Assignment Scores:\n" + scores_text(plan) + '\n';
  text += "Transition Summary:\n";
  for (const auto& decision : plan.decisions) text += fmt::format("  * {}\n", decision.text);
  if (plan.decisions.empty()) text += "  * nothing would change\n";
  shell.out(text);
  return true;
}

bool run_scores(Shell& shell, const Invocation&) {
  auto session = shell.session();
  if (!session) return shell.error(session.error());
  auto document = (*session)->document();
  if (!document) return shell.error(document.error());
  pengine::Options options;
  options.now = shell.context().now();
  options.scores = true;
  shell.out(scores_text(pengine::schedule(*document, options)));
  return true;
}

bool is_running(cli::Session& session, const std::string& resource) {
  auto document = session.document();
  return document && !places_of(*document, resource).empty();
}

}  // namespace systole::crm
