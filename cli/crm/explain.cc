#include "cli/crm/explain.h"

#include "cli/host.h"
#include "cli/output.h"
#include "pengine/crm_simulate.h"
#include "pengine/explain_text.h"

namespace systole::crm {

Result<DocumentChoice> take_document_options(Words& words) {
  DocumentChoice choice;
  Words rest;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    const auto value = [&](std::string_view option) -> std::optional<std::string> {
      if (word.starts_with(std::string(option) + "=")) return word.substr(option.size() + 1);
      if (word == option && i + 1 < words.size()) return words[++i];
      return std::nullopt;
    };
    if (auto file = value("-x")) {
      choice.file = *file;
    } else if (auto long_file = value("--xml-file")) {
      choice.file = *long_file;
    } else if (auto format = value("--output-as")) {
      if (*format != "text" && *format != "json" && *format != "xml")
        return fail(Errc::kInvalidArgument, "--output-as={}: the formats are text, json and xml", *format);
      choice.format = *format;
    } else {
      rest.push_back(word);
    }
  }
  words = std::move(rest);
  return choice;
}

Result<cib::Document> chosen_document(Shell& shell, const DocumentChoice& choice) {
  if (choice.file.empty())
    return shell.session().and_then([](cli::Session* session) { return session->document(); });
  auto text = choice.file == "-" ? shell.context().console->input() : cli::read_file(choice.file);
  return text.and_then([](const std::string& xml) { return cib::Document::parse(xml); });
}

WallTime moment(Shell& shell, const DocumentChoice& choice, const cib::Document& document) {
  const WallTime now = shell.context().now();
  return choice.file.empty() ? now : pengine::execution_date(document).value_or(now);
}

void show(Shell& shell, const DocumentChoice& choice, const std::string& text, pugi::xml_node tree) {
  if (choice.format == "text") return shell.out(cli::printable_lines(text));
  shell.out(choice.format == "json" ? cli::json_text(tree) : cli::xml_text(tree));
}

namespace {

bool explain_transition(Shell& shell, const DocumentChoice& choice, const cib::Document& document,
                        WallTime now) {
  pengine::Options options;
  options.now = now;
  options.reasons = true;
  const auto actions = pengine::explain_actions(document, pengine::schedule(document, options));
  pugi::xml_document tree;
  pengine::actions_tree(actions, tree.append_child("transition"));
  show(shell, choice, actions.empty() ? "The cluster has nothing to do.\n" : pengine::actions_text(actions),
       tree.first_child());
  return true;
}

}  // namespace

bool run_explain(Shell& shell, const Invocation& call) {
  Words words = call.args;
  const auto choice = take_document_options(words);
  if (!choice) return shell.error(choice.error());
  std::erase(words, "on");
  if (words.size() > 2) return shell.usage(call);
  const auto document = chosen_document(shell, *choice);
  if (!document) return shell.error(document.error());
  pengine::ExplainOptions options;
  if (words.size() == 2) options.node = words[1];
  const auto now = moment(shell, *choice, *document);
  if (words.empty()) return explain_transition(shell, *choice, *document, now);
  const auto explanation = pengine::explain(*document, now, words[0], options);
  if (!explanation) return shell.error(explanation.error());
  pugi::xml_document tree;
  pengine::explanation_tree(*explanation, tree);
  show(shell, *choice, pengine::explanation_text(*explanation), tree.first_child());
  return true;
}

}  // namespace systole::crm
