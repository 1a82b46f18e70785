// The top: status, verify, explain, whatif; everything else is a level below.
#include <algorithm>

#include "cli/crm/commit.h"
#include "cli/crm/explain.h"
#include "cli/crm/shell.h"
#include "cli/crm/whatif.h"
#include "cli/status.h"

namespace systole::crm {
namespace {

struct Word {
  std::string_view name;
  void (*apply)(cli::StatusOptions&);
};

// crmsh's words and what crm_mon calls them.
constexpr Word kWords[] = {
    {"bynode", [](cli::StatusOptions& o) { o.by_node = true; }},
    {"inactive", [](cli::StatusOptions& o) { o.inactive = true; }},
    {"ops", [](cli::StatusOptions& o) { o.operations = true; }},
    {"timing", [](cli::StatusOptions& o) { o.operations = o.timing = true; }},
    {"failcounts", [](cli::StatusOptions& o) { o.failcounts = true; }},
    {"verbose", [](cli::StatusOptions& o) { o.detail = true; }},
    {"quiet", [](cli::StatusOptions& o) { o.header = false; }},
    {"xml", [](cli::StatusOptions& o) { o.format = cli::StatusFormat::kLegacyXml; }},
    {"html", [](cli::StatusOptions& o) { o.format = cli::StatusFormat::kHtml; }},
    {"json", [](cli::StatusOptions& o) { o.format = cli::StatusFormat::kJson; }},
    {"simple", [](cli::StatusOptions& o) { o.format = cli::StatusFormat::kSimple; }},
    {"tickets", [](cli::StatusOptions& o) { o.tickets = true; }},
    {"noheaders", [](cli::StatusOptions& o) { o.header = false; }},
    {"detail", [](cli::StatusOptions& o) { o.detail = true; }},
    {"brief", [](cli::StatusOptions& o) { o.brief = true; }},
    {"full",
     [](cli::StatusOptions& o) {
       o.by_node = o.inactive = o.operations = o.timing = o.failcounts = o.tickets = true;
     }},
};

bool run_status(Shell& shell, const Invocation& call) {
  cli::StatusOptions options;
  options.inactive = call.args.empty();
  options.colour = shell.options().colour && shell.context().console->colour();
  options.request = "crm status";
  for (const auto& word : call.args) {
    const Word* found = nullptr;
    for (const auto& known : kWords)
      if (known.name.starts_with(word)) {
        found = &known;
        if (known.name == word) break;
      }
    if (found == nullptr) return shell.usage(call);
    found->apply(options);
  }
  auto session = shell.session();
  if (!session) return shell.error(session.error());
  auto document = (*session)->document();
  if (!document) return shell.error(document.error());
  cli::StatusInput input;
  input.document = &*document;
  input.now = shell.context().now();
  if (shell.live()) {
    if (auto info = (*session)->info()) input.info = std::move(*info);
    if (auto events = (*session)->fence_history()) input.fencing = std::move(*events);
  }
  shell.out(cli::render_status(input, options));
  return true;
}

bool run_verify(Shell& shell, const Invocation&) {
  auto session = shell.session();
  if (!session) return shell.error(session.error());
  auto document = (*session)->document();
  if (!document) return shell.error(document.error());
  return judge(shell, nullptr, *document, true).report(shell);
}

constexpr Command kCommands[] = {
    {.name = "status",
     .usage = "[bynode] [inactive] [ops] [timing] [failcounts] [verbose] [quiet] [html] [xml] [json] "
              "[simple] [tickets] "
              "[noheaders] [detail] [brief] [full]",
     .brief = "nodes, resources and failures, now",
     .help = "  status            everything at a glance\n  status bynode     resources under their nodes\n"
             "  status full       with operations, fail counts and tickets\n  status xml        for programs",
     .run = run_status},
    {.name = "verify",
     .usage = "",
     .brief = "look for mistakes in the cluster's configuration",
     .help = "Structure, references, the agents' parameters and timeouts, and what the scheduler says.",
     .run = run_verify},
    {.name = "explain",
     .usage = "[<resource> [on <node>]] [-x <file>] [--output-as=text|json|xml]",
     .brief = "why a resource is where it is, and what would change that",
     .help = "Names every constraint, score and failure that counts, node by node, what the cluster is about "
             "to do\n"
             "and why. Every change that is suggested has been tried out on a copy of the configuration.\n"
             "  explain                           what the cluster is about to do, and what waits for what\n"
             "  explain WebIP                     of the cluster\n"
             "  explain WebIP on node2            only why (not) there\n"
             "  explain WebIP -x pe-input.xml     of a saved configuration\n",
     .run = run_explain,
     .args = {Arg::kResource, Arg::kNode}},
    {.name = "whatif",
     .usage = "'<event>' ['<event>'…] | --all-single | --all-double  [--all] [-x <file>] "
              "[--output-as=text|json|xml]",
     .brief = "what a failure or an intervention would lead to",
     .help =
         "Works out on paper where everything ends up, what stops on the way, and what cannot be solved.\n"
         "Events:\n"
         "  NODE dies | leaves | returns | standby | online | maintenance\n"
         "  RESOURCE fails [for good] [on NODE] | stops | starts\n"
         "  device DEVICE fails\n"
         "  ticket TICKET revoked | granted | standby | active\n"
         "  quorum lost | regained\n"
         "Examples:\n"
         "  whatif 'node2 dies' 'device pdu1 fails'\n"
         "  whatif node2 dies and web fails on node1\n"
         "  whatif --all-single               every node, resource and fencing device, one at a time\n"
         "  whatif --all-double -x cib.xml    every two of them\n",
     .run = run_whatif,
     .args = {Arg::kObject}},
};

constexpr Level kLevel = {
    .name = "",
    .brief = "",
    .help =
        "crm, the shell of the cluster. `crm LEVEL COMMAND …` does one thing, `crm` alone opens the "
        "shell.\n\n"
        "First steps:\n"
        "  crm status                        what runs where\n"
        "  crm ra info ocf:heartbeat:IPaddr2  what an agent wants to know\n"
        "  crm configure primitive WebIP ocf:heartbeat:IPaddr2 params ip=192.0.2.10\n"
        "  crm resource move WebIP node2     and `crm resource clear WebIP` afterwards\n"
        "  crm node standby node1            before maintenance, then `crm node online node1`",
    .commands = kCommands};

}  // namespace

const Level& root_level() { return kLevel; }

}  // namespace systole::crm
