// crm_mon: the state of the cluster, once or live.
#include "cli/crm_mon.h"

#include <unistd.h>

#include <sstream>

#include "cli/host.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/tools.h"

namespace systole::cli {
namespace {

using T = Option::Takes;

Manual manual() {
  return {"show the state of the cluster, live or once",
          "[options]",
          {{"Mode",
            {{"one-shot", '1', T::kNothing, "", "Show it once and exit"},
             {"interval", 'i', T::kValue, "TIME", "Redraw at least this often (5s); changes show at once"},
             {"daemonize", 'd', T::kNothing, "", "Run in the background, keeping --output-to up to date"},
             {"pid-file", 'p', T::kValue, "FILE", "With --daemonize: where to write the process id"},
             {"external-agent", 'E', T::kValue, "PROGRAM", "Accepted: use alerts in the configuration"},
             {"external-recipient", 'e', T::kValue, "WHO", "Accepted"},
             {"disable-ncurses", 'N', T::kNothing, "", "Do not use the whole screen"},
             {"xml-file", 'x', T::kValue, "FILE", "Show this file instead of the cluster"}}},
           {"What",
            {{"inactive", 'r', T::kNothing, "", "Inactive resources too"},
             {"group-by-node", 'n', T::kNothing, "", "Resources below their nodes"},
             {"operations", 'o', T::kNothing, "", "Operation history"},
             {"timing-details", 't', T::kNothing, "", "Operation history with times"},
             {"failcounts", 'f', T::kNothing, "", "Fail counts"},
             {"show-node-attributes", 'A', T::kNothing, "", "Node attributes"},
             {"neg-locations", 'L', T::kMaybe, "PREFIX", "Constraints that keep resources off nodes"},
             {"tickets", 'c', T::kNothing, "", "Tickets"},
             {"fence-history", 'm', T::kMaybe, "LEVEL",
              "Fencing: 0 none, 1 failed and pending, 2 also successful, 3 in full"},
             {"hide-headers", 'D', T::kNothing, "", "No summary"},
             {"show-detail", 'R', T::kNothing, "", "More detail: ids of nodes, instances of clones"},
             {"brief", 'b', T::kNothing, "", "Counts instead of resources"},
             {"pending", 'j', T::kNothing, "", "Operations under way (always shown)"},
             {"simple-status", 's', T::kNothing, "", "One line, for monitoring"},
             {"include", 'I', T::kValue, "SECTIONS",
              "summary, nodes, resources, attributes, bans, failcounts, failures, fencing, operations, "
              "tickets, options, times, stack, dc, counts, all, none"},
             {"exclude", 'U', T::kValue, "SECTIONS", "The same"},
             {"node", 0, T::kValue, "NODE", "Only this node"},
             {"resource", 0, T::kValue, "RESOURCE", "Only this resource"},
             {"watch-fencing", 'W', T::kNothing, "", nullptr}}},
           {"Output",
            {{"output-as", 0, T::kValue, "FORMAT", "text, xml, json, html, console or none"},
             {"output-to", 0, T::kValue, "FILE", "Write there instead of standard output"},
             {"as-xml", 'X', T::kNothing, "", "XML in the older form"},
             {"as-html", 'h', T::kValue, "FILE", "HTML into a file"},
             {"web-cgi", 'w', T::kNothing, "", nullptr},
             {"quiet", 'Q', T::kNothing, "", "Only what was asked for"},
             {"verbose", 'V', T::kNothing, "", "More detail"}}}},
          "  crm_mon                      live; ? shows the keys\n"
          "  crm_mon -1rfA                once, with inactive resources, fail counts and attributes\n"
          "  crm_mon --output-as=json     for programs\n"};
}

void section(StatusOptions& o, const std::string& name, bool on) {
  const bool all = name == "all" || name == "none", value = name == "none" ? !on : on;
  const auto is = [&](std::string_view wanted) { return all || name == wanted; };
  if (is("summary")) o.header = value;
  if (is("nodes")) o.nodes = value;
  if (is("resources")) o.resources = value;
  if (is("attributes")) o.attributes = value;
  if (is("bans")) o.bans = value;
  if (is("failcounts")) o.failcounts = value;
  if (is("failures")) o.failures = value;
  if (is("operations")) o.operations = value;
  if (is("tickets")) o.tickets = value;
  if (is("options")) o.options = value;
  if (is("times")) o.times = value;
  if (is("stack")) o.stack = value;
  if (is("dc")) o.dc = value;
  if (is("counts")) o.counts = value;
  if (is("fencing")) o.fence_history = value ? 2 : 0;
  if (name == "default") o = StatusOptions{};
}

void sections(StatusOptions& o, const std::string& list, bool on) {
  std::istringstream words(list);
  for (std::string name; std::getline(words, name, ',');) {
    // Parts of the summary bring it with them.
    if (on && (name == "times" || name == "stack" || name == "dc" || name == "counts" || name == "options") &&
        !o.header) {
      o.header = true;
      o.times = o.stack = o.dc = o.counts = false;
    }
    section(o, name, on);
  }
}

Result<StatusFormat> format_of(const Parsed& parsed) {
  const std::string as = parsed.value("output-as", "text");
  if (parsed.has("as-xml")) return StatusFormat::kLegacyXml;
  if (parsed.has("as-html") || parsed.has("web-cgi") || as == "html") return StatusFormat::kHtml;
  if (parsed.has("simple-status")) return StatusFormat::kSimple;
  if (as == "xml") return StatusFormat::kXml;
  if (as == "json") return StatusFormat::kJson;
  if (as == "text" || as == "console" || as == "none") return StatusFormat::kText;
  return fail(Errc::kInvalidArgument, "there is no output format \"{}\": use text, xml, json or html", as);
}

StatusOptions status_options(const Context& context, const Parsed& parsed) {
  StatusOptions o;
  for (const auto& [key, value] : parsed.given) {
    if (key == "include") sections(o, value, true);
    if (key == "exclude") sections(o, value, false);
  }
  o.inactive = parsed.has("inactive");
  o.by_node = parsed.has("group-by-node");
  o.detail = parsed.has("show-detail");
  o.brief = parsed.has("brief");
  o.timing = parsed.has("timing-details");
  o.operations = o.operations || parsed.has("operations") || o.timing;
  o.failcounts = o.failcounts || parsed.has("failcounts");
  o.attributes = o.attributes || parsed.has("show-node-attributes");
  o.tickets = o.tickets || parsed.has("tickets");
  o.bans = o.bans || parsed.has("neg-locations");
  o.ban_prefix = parsed.value("neg-locations");
  if (parsed.has("hide-headers")) o.header = false;
  if (parsed.has("fence-history")) {
    const std::string level = parsed.value("fence-history");
    o.fence_history = level.empty() ? 2 : std::clamp(std::atoi(level.c_str()), 0, 3);
  }
  o.only_node = parsed.value("node");
  o.only_resource = parsed.value("resource");
  o.request = context.name;
  for (const std::string& arg : context.args) o.request += " " + arg;
  return o;
}

int not_shown(Context& context, const Error& error, StatusFormat format) {
  const int code = exit_code(error.code);
  if (format == StatusFormat::kXml) return report(context, error, true);
  if (format == StatusFormat::kLegacyXml) {
    context.console->out(fmt::format("<crm_mon version=\"{}\"/>\n", kPacemakerVersion));
    return code;
  }
  if (format == StatusFormat::kSimple && error.code == Errc::kUnavailable)
    context.console->out("CLUSTER CRIT: not connected\n");
  const char* what = error.code == Errc::kUnavailable ? "Connection to cluster failed: " : "";
  context.console->err(fmt::format("{}: {}{}\n", context.name, what, printable(error.message)));
  return code;
}

int show_once(Context& context, Session& session, const StatusOptions& options) {
  const auto snapshot = take_snapshot(session);
  if (!snapshot) return not_shown(context, snapshot.error(), options.format);
  context.console->out(render_status(snapshot->input(context.now()), options));
  return 0;
}

// Keeps a file up to date until killed: what ClusterMon does.
int keep_file(Context& context, Session& session, const StatusOptions& options, const Parsed& parsed,
              const std::string& file, Duration interval) {
  if (parsed.has("daemonize") && ::daemon(1, 0) != 0)
    return report(context, {Errc::kIo, "cannot go into the background"});
  if (parsed.has("pid-file")) {
    const auto written = write_file(parsed.value("pid-file"), std::to_string(::getpid()) + "\n", 0644);
    if (!written) return report(context, written.error());
  }
  for (;;) {
    const auto snapshot = take_snapshot(session);
    if (snapshot) {
      const auto written = write_file(file, render_status(snapshot->input(context.now()), options), 0644);
      if (!written) return report(context, written.error());
    }
    const auto changed = session.wait_change(interval);
    if (!changed) sleep_for(std::min<Duration>(interval, Seconds(1)));
  }
}

}  // namespace

Result<Snapshot> take_snapshot(Session& session) {
  auto document = session.document();
  if (!document) return fail(document.error());
  Snapshot snapshot{std::move(*document), std::nullopt, {}};
  if (session.place() != Session::Place::kLive) return snapshot;
  auto info = session.info();
  if (!info) return fail(info.error());
  snapshot.info = std::move(*info);
  if (auto fencing = session.fence_history()) snapshot.fencing = std::move(*fencing);
  return snapshot;
}

int run_crm_mon(Context& context) {
  // --output-to is this tool's own: a file that may be rewritten for ever.
  Parsed parsed;
  const auto early = parse_options(manual(), context.args);
  const std::string file = early ? early->value("as-html", early->value("output-to")) : "";
  const bool keeps =
      early && !file.empty() && file != "-" && !early->has("one-shot") && early->has("daemonize");
  const std::vector<std::string> given = context.args;
  if (keeps) std::erase_if(context.args, [](const std::string& a) { return a.starts_with("--output-to="); });
  if (const auto done = begin(context, manual(), parsed)) return *done;
  context.args = given;
  const auto format = format_of(parsed);
  if (!format) return report(context, format.error());
  StatusOptions options = status_options(context, parsed);
  options.format = *format;
  options.colour =
      *format == StatusFormat::kText && context.console->colour() && parsed.value("output-as") != "text";
  const auto interval = parse_interval(parsed.value("interval", "5"));
  if (!interval || interval->count() == 0)
    return report(context, {Errc::kInvalidArgument, "--interval needs a time, for example 5s"});
  if (parsed.has("xml-file")) context.choice.file = parsed.value("xml-file");
  auto session = context.session();
  if (!session) return not_shown(context, session.error(), *format);
  if (keeps) return keep_file(context, **session, options, parsed, file, *interval);
  if (parsed.has("as-html")) {
    if (const auto redirected = context.console->redirect(file); !redirected)
      return report(context, redirected.error());
  }
  const bool live = *format == StatusFormat::kText && !parsed.has("one-shot") && file.empty() &&
                    context.console->terminal() && (*session)->place() == Session::Place::kLive &&
                    !parsed.has("disable-ncurses");
  if (live) return run_screen(context, **session, options, *interval);
  return show_once(context, **session, options);
}

}  // namespace systole::cli
