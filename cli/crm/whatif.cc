#include "cli/crm/whatif.h"

#include <atomic>
#include <mutex>
#include <thread>

#include "cli/crm/explain.h"
#include "pengine/whatif_text.h"

namespace systole::crm {
namespace {

// Jobs of a survey, on all processors.
void on_all_processors(std::size_t n, const std::function<void(std::size_t)>& job) {
  const std::size_t workers = std::min<std::size_t>(n, std::max(1U, std::thread::hardware_concurrency()));
  if (workers < 2) {
    for (std::size_t i = 0; i < n; ++i) job(i);
    return;
  }
  std::atomic<std::size_t> next{0};
  std::vector<std::thread> threads;
  for (std::size_t w = 0; w < workers; ++w)
    threads.emplace_back([&] {
      for (std::size_t i = next++; i < n; i = next++) job(i);
    });
  for (std::thread& thread : threads) thread.join();
}

// What the running cluster says of votes, where there is one.
pengine::Votes votes_of(Shell& shell, const DocumentChoice& choice) {
  pengine::Votes votes;
  if (!choice.file.empty() || !shell.live()) return votes;
  auto session = shell.session();
  if (!session) return votes;
  if (const auto info = (*session)->info()) {
    votes.expected = static_cast<int>(info->expected_votes);
    votes.two_node = info->two_node;
    votes.assumed = false;
  }
  return votes;
}

// "node2 dies" as one word each, or plain words with "and" between events.
Words events_of(const Words& words) {
  const bool quoted = std::any_of(words.begin(), words.end(),
                                  [](const std::string& w) { return w.find(' ') != std::string::npos; });
  if (quoted) return words;
  Words events;
  std::string event;
  for (const std::string& word : words) {
    if (word == "and") {
      if (!event.empty()) events.push_back(std::move(event));
      event.clear();
    } else {
      event += event.empty() ? word : " " + word;
    }
  }
  if (!event.empty()) events.push_back(std::move(event));
  return events;
}

bool run_survey(Shell& shell, const DocumentChoice& choice, const cib::Document& document, bool doubles) {
  pengine::SurveyOptions options;
  options.doubles = doubles;
  options.votes = votes_of(shell, choice);
  options.parallel = on_all_processors;
  std::mutex mutex;
  const bool talk = shell.context().console->terminal();
  std::size_t shown = 0;
  if (talk)
    options.progress = [&](std::size_t done, std::size_t total) {
      const std::lock_guard lock(mutex);
      const std::size_t percent = done * 100 / total;
      if (percent < shown + 2) return;
      shown = percent;
      shell.context().console->err(fmt::format("\r{} of {} simulations", done, total));
    };
  const pengine::Survey survey = pengine::survey(document, moment(shell, choice, document), options);
  if (shown > 0) shell.context().console->err("\r                                        \r");
  pugi::xml_document tree;
  pengine::survey_tree(survey, doubles, tree);
  show(shell, choice, pengine::survey_text(survey, doubles), tree.first_child());
  return true;
}

}  // namespace

bool run_whatif(Shell& shell, const Invocation& call) {
  Words words = call.args;
  const auto choice = take_document_options(words);
  if (!choice) return shell.error(choice.error());
  const bool singles = std::erase(words, "--all-single") > 0, doubles = std::erase(words, "--all-double") > 0;
  const bool all = std::erase(words, "--all") > 0;
  if (words.empty() != (singles || doubles)) return shell.usage(call);
  const auto document = chosen_document(shell, *choice);
  if (!document) return shell.error(document.error());
  if (singles && !run_survey(shell, *choice, *document, false)) return false;
  if (doubles) return run_survey(shell, *choice, *document, true);
  if (singles) return true;
  const auto result = pengine::what_if(*document, moment(shell, *choice, *document), events_of(words),
                                       votes_of(shell, *choice));
  if (!result) return shell.error(result.error());
  pugi::xml_document tree;
  pengine::what_if_tree(*result, tree);
  show(shell, *choice, pengine::what_if_text(*result, all), tree.first_child());
  return true;
}

}  // namespace systole::crm
