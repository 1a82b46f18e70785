// crm_simulate: what the cluster would do, with the live configuration or a saved one, after changes of your
// choice. The engine is pengine's; here are its options and files.
#include "pengine/crm_simulate.h"

#include <algorithm>
#include <ctime>
#include <filesystem>

#include "base/heap.h"
#include "cib/saved.h"
#include "cli/host.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/status.h"
#include "cli/tools.h"
#include "pengine/model.h"
#include "pengine/rules.h"

namespace systole::cli {
namespace {

using T = Option::Takes;

Manual manual() {
  return {
      "show what the cluster would do",
      "(-L | -x FILE | -p) [options]",
      {{"Configuration",
        {{"live-check", 'L', T::kNothing, "", "The running cluster's"},
         {"xml-file", 'x', T::kValue, "FILE", "A file's (\"-\": standard input)"},
         {"xml-pipe", 'p', T::kNothing, "", "Standard input"},
         {"xml-text", 0, T::kValue, "XML", "The argument"}}},
       {"What to do",
        {{"run", 'R', T::kNothing, "", "Decide what would be done"},
         {"simulate", 'S', T::kNothing, "", "Do it on paper and show what comes of it"},
         {"in-place", 'X', T::kNothing, "", "As --simulate, and keep the result in the file"},
         {"explain", 0, T::kValue, "RESOURCE",
          "Say why a resource is where it is, and what would change that"},
         {"explain-actions", 0, T::kNothing, "",
          "Say why each action is to be done, and what it waits for"}}},
       {"Suppose that",
        {{"node-up", 'u', T::kValue, "NODE", "a node comes online"},
         {"node-down", 'd', T::kValue, "NODE", "a node leaves"},
         {"node-fail", 'f', T::kValue, "NODE", "a node fails"},
         {"op-inject", 'i', T::kValue, "RSC_TASK_INTERVAL@NODE=RC", "an operation has had this result"},
         {"op-fail", 'F', T::kValue, "RSC_TASK_INTERVAL@NODE=RC", "an operation will have this result"},
         {"set-datetime", 't', T::kValue, "DATETIME", "it is this time (ISO 8601, or seconds since 1970)"},
         {"quorum", 'q', T::kValue, "yes|no", "there is quorum, or not"},
         {"watchdog", 'w', T::kValue, "yes|no", "there is an active watchdog, or not"},
         {"ticket-grant", 'g', T::kValue, "TICKET", "a ticket is granted"},
         {"ticket-revoke", 'r', T::kValue, "TICKET", "a ticket is revoked"},
         {"ticket-standby", 'b', T::kValue, "TICKET", "a ticket is in standby"},
         {"ticket-activate", 'e', T::kValue, "TICKET", "a ticket is active"}}},
       {"Show and save",
        {{"show-attrs", 'A', T::kNothing, "", "Attributes of nodes"},
         {"show-failcounts", 'c', T::kNothing, "", "Fail counts of resources"},
         {"show-scores", 's', T::kNothing, "", "Scores"},
         {"show-utilization", 'U', T::kNothing, "", "Utilization"},
         {"save-graph", 'G', T::kValue, "FILE", "The transition graph as XML"},
         {"save-dotfile", 'D', T::kValue, "FILE", "The transition graph for Graphviz"},
         {"save-input", 'I', T::kValue, "FILE", "The configuration as scheduled"},
         {"save-output", 'O', T::kValue, "FILE", "The configuration afterwards"},
         {"all-actions", 'a', T::kNothing, "", nullptr},
         {"pending", 'j', T::kNothing, "", "Accepted: always shown"},
         {"profile", 'P', T::kValue, "FOLDER", "Schedule every XML file in it, and say how long each took"},
         {"repeat", 'N', T::kValue, "TIMES", "With --profile: each so often"}}},
       output_options()},
      "  crm_simulate -Ls                       scores now\n"
      "  crm_simulate -LS --node-fail node1     what if node1 fails?\n"
      "  crm_simulate -x pe-input.xml -S\n"};
}

Result<std::string> given(Context& context, const Parsed& parsed) {
  if (parsed.has("xml-text")) return parsed.value("xml-text");
  const std::string file = parsed.value("xml-file");
  if (parsed.has("xml-pipe") || file == "-") return context.console->input();
  if (!file.empty()) return read_file(file, cib::kMaxSavedDocument);
  return context.session().and_then([](auto session) { return session->cib({}); });
}

// A year has four digits; more are seconds since 1970.
std::optional<WallTime> moment_of(const std::string& text) {
  const bool digits = text.find_first_not_of("0123456789") == std::string::npos;
  if (digits && text.size() > 4 && text.size() < 15) return WallTime(Seconds(std::stoll(text)));
  const auto seconds = pengine::engine::parse_date(text);
  return seconds ? std::optional(WallTime(Seconds(*seconds))) : std::nullopt;
}

// Of a status, nothing but what crm_simulate does not show unless it is asked to.
StatusOptions more_sections(const Parsed& parsed) {
  StatusOptions options;
  options.header = options.nodes = options.resources = options.failures = false;
  options.fence_history = 0;
  options.attributes = parsed.has("show-attrs");
  options.failcounts = options.failures = parsed.has("show-failcounts");
  return options;
}

// Sections as items of a list, with a line between them.
std::string indented(const std::string& sections) {
  std::string out;
  std::size_t begin = 0;
  while (begin < sections.size()) {
    const std::size_t end = std::min(sections.find('\n', begin), sections.size());
    const std::string line = sections.substr(begin, end - begin);
    begin = end + 1;
    const bool no_items = begin >= sections.size() || sections[begin] != ' ';
    if (line.empty() || (no_items && line.starts_with("Node Attributes"))) continue;
    out += line.front() == ' ' ? "  " + line + "\n" : "\n  * " + line + "\n";
  }
  return out;
}

Result<pengine::SimulationRequest> request_of(const Context& context, const Parsed& parsed) {
  pengine::SimulationRequest request;
  request.clock = context.now();
  if (parsed.has("set-datetime")) {
    request.now = moment_of(parsed.value("set-datetime"));
    if (!request.now)
      return fail(Errc::kInvalidArgument, "--set-datetime={}: this is no date and time (ISO 8601)",
                  parsed.value("set-datetime"));
  }
  request.execute = parsed.has("simulate") || parsed.has("in-place");
  request.show_scores = parsed.has("show-scores");
  request.show_utilization = parsed.has("show-utilization");
  request.save_graph = parsed.has("save-graph");
  request.quiet = parsed.has("quiet");
  request.explain = parsed.values("explain");
  request.explain_actions = parsed.has("explain-actions");
  request.nodes_up = parsed.values("node-up");
  request.nodes_down = parsed.values("node-down");
  request.nodes_failed = parsed.values("node-fail");
  request.inject = parsed.values("op-inject");
  request.fail = parsed.values("op-fail");
  if (parsed.has("quorum")) request.quorum = pengine::engine::is_true(parsed.value("quorum"));
  if (parsed.has("watchdog")) request.watchdog = pengine::engine::is_true(parsed.value("watchdog"));
  if (parsed.has("show-attrs") || parsed.has("show-failcounts"))
    request.more = [show = more_sections(parsed), now = context.now()](const cib::Document& document) {
      return indented(render_status({&document, {}, {}, now}, show));
    };
  request.tickets_granted = parsed.values("ticket-grant");
  request.tickets_revoked = parsed.values("ticket-revoke");
  request.tickets_standby = parsed.values("ticket-standby");
  request.tickets_activated = parsed.values("ticket-activate");
  return request;
}

std::string dot_name(const pengine::Action& action) {
  std::string name = action.node.empty() ? action.key : action.key + " " + action.node, quoted;
  for (const char c : name) (c == '"' || c == '\\' ? quoted += '\\' : quoted) += c;
  return '"' + printable(quoted) + '"';
}

// One box an action, one arrow an order between two.
std::string dot_text(const pengine::Graph& graph) {
  std::string text = "digraph \"g\" {\n";
  for (const pengine::Action& action : graph.actions) {
    const char* look = action.kind == pengine::Action::Kind::kPseudo
                           ? "style=bold color=\"green\" fontcolor=\"orange\""
                           : "style=bold color=\"green\" fontcolor=\"black\"";
    text += fmt::format("{} [ {} ]\n", dot_name(action), look);
  }
  for (const pengine::Synapse& synapse : graph.synapses) {
    for (const int input : synapse.inputs) {
      text +=
          fmt::format("{} -> {} [ style = bold]\n", dot_name(graph.actions[static_cast<std::size_t>(input)]),
                      dot_name(graph.actions[static_cast<std::size_t>(synapse.action)]));
    }
  }
  return text + "}\n";
}

// Renders what was asked for and nothing else: it may be as large as the document.
template <class Render>
Result<void> save(const Parsed& parsed, const char* key, Render render) {
  if (!parsed.has(key)) return {};
  return write_file(parsed.value(key), render(), 0644);
}

// From the text, which is not kept.
Result<cib::Document> document_of(Context& context, const Parsed& parsed) {
  const auto xml = given(context, parsed);
  if (!xml) return fail(xml.error());
  return cib::parse_saved(*xml);
}

// Every XML file of a folder, by name.
int profile(Context& context, const Parsed& parsed) {
  const std::filesystem::path folder = parsed.value("profile");
  std::error_code error;
  std::vector<std::filesystem::path> files;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    if (at->path().extension() == ".xml") files.push_back(at->path());
  if (error)
    return report(context, Error{Errc::kNotFound, fmt::format("{}: {}", folder.string(), error.message())});
  std::sort(files.begin(), files.end());
  const int times = std::max(1, std::atoi(parsed.value("repeat").c_str()));
  context.console->out("Timings:\n");
  for (const auto& file : files) {
    const auto document =
        read_file(file.string(), cib::kMaxSavedDocument).and_then([](const std::string& xml) {
          return cib::parse_saved(xml);
        });
    if (!document) {
      report(context, document.error());
      continue;
    }
    pengine::Options options;
    options.now = pengine::execution_date(*document).value_or(context.now());
    const std::clock_t begun = std::clock();
    for (int i = 0; i < times; ++i) (void)pengine::schedule(*document, options);
    context.console->out(fmt::format("  * Testing {} ... {:.2f} secs\n", printable(file.string()),
                                     static_cast<double>(std::clock() - begun) / CLOCKS_PER_SEC));
  }
  return 0;
}

}  // namespace

int run_crm_simulate(Context& context) {
  prepare_heap(std::size_t{1} << 30);
  Parsed parsed;
  if (const auto done = begin(context, manual(), parsed)) return *done;
  if (parsed.has("profile")) return profile(context, parsed);
  const auto request = request_of(context, parsed);
  if (!request) return report(context, request.error());
  auto document = document_of(context, parsed);
  if (!document) return report(context, document.error());
  // Never taken apart: the process ends, and its memory with it. (Nor is the list, by which leak checkers
  // find it.)
  static auto& kept = *new std::vector<Result<pengine::SimulationReport>*>;
  kept.push_back(new auto(pengine::run_simulation(std::move(*document), *request)));
  const auto& simulated = *kept.back();
  if (!simulated) return report(context, simulated.error());
  context.console->out(simulated->text);
  const pengine::Graph& graph = simulated->plan.graph;
  const auto output = [&] { return simulated->after().serialize(true); };
  for (const auto& saved : {save(parsed, "save-graph", [&] { return graph.to_xml(0); }),
                            save(parsed, "save-dotfile", [&] { return dot_text(graph); }),
                            save(parsed, "save-input", [&] { return simulated->input.serialize(true); }),
                            save(parsed, "save-output", output),
                            parsed.has("in-place") ? save(parsed, "xml-file", output) : Result<void>()}) {
    if (!saved) return report(context, saved.error());
  }
  return 0;
}

}  // namespace systole::cli
