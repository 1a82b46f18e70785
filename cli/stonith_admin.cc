// stonith_admin: fencing devices, fencing by hand, and its history.
#include "cli/options.h"
#include "cli/output.h"
#include "cli/tools.h"

namespace systole::cli {
namespace {

using T = Option::Takes;

Manual manual() {
  return {
      "fence nodes and look at fencing devices",
      "COMMAND [options]",
      {{"Look",
        {{"list-registered", 'L', T::kNothing, "", "Devices of the cluster"},
         {"list", 'l', T::kValue, "NODE", "Devices that can fence a node"},
         {"list-installed", 'I', T::kNothing, "", "Fencing agents installed here"},
         {"query", 'Q', T::kValue, "DEVICE", "Whether a device is there"},
         {"metadata", 'M', T::kNothing, "", "Metadata of the agent given by --agent"},
         {"history", 'H', T::kValue, "NODE|*", "What was fenced, when, by whom"}}},
       {"Act",
        {{"fence", 'F', T::kValue, "NODE", "Turn a node off"},
         {"reboot", 'B', T::kValue, "NODE", "Reboot a node"},
         {"unfence", 'U', T::kValue, "NODE", "Turn a node on"},
         {"confirm", 'C', T::kValue, "NODE", "Say that a node is off: only when you have seen it yourself"}}},
       {"Options",
        {{"agent", 'a', T::kValue, "AGENT", "A fencing agent, for example fence_ipmilan"},
         {"timeout", 't', T::kValue, "SECONDS", "Give up after this time (60)"},
         {"broadcast", 'b', T::kNothing, "", "With --history: accepted, it is the same on all nodes"},
         {"cleanup", 'c', T::kNothing, "", "With --history: accepted"},
         {"tag", 'T', T::kValue, "NAME", "Accepted"},
         {"tolerance", 0, T::kValue, "SECONDS", "Do nothing if it was done within this time"},
         {"delay", 'y', T::kValue, "SECONDS", "Accepted"},
         {"old-history", 'h', T::kValue, "NODE", nullptr}}},
       output_options()},
      "  stonith_admin --list-registered\n  stonith_admin --history '*' --verbose\n  stonith_admin --reboot "
      "node3\n"};
}

std::string found_line(std::size_t count, const char* what) {
  return count == 0 ? fmt::format("No {}s found\n", what)
                    : fmt::format("{} {}{} found\n", count, what, count == 1 ? "" : "s");
}

int list(Context& context, const Result<std::vector<std::string>>& names, const char* what, bool quiet) {
  if (!names) return report(context, names.error());
  std::string text;
  for (const std::string& name : *names) text += printable(name) + "\n";
  if (!quiet) text += found_line(names->size(), what);
  context.console->out(text);
  return 0;
}

std::string event_line(const FenceEvent& e) {
  const std::string action = e.action == "off" ? "turn off" : e.action == "on" ? "turn on" : e.action;
  if (e.completed == 0)
    return fmt::format("{} of {} pending: client={}, origin={}", action, printable(e.target), "systoled",
                       printable(e.origin));
  return fmt::format("{} of {} {}: delegate={}, client={}, origin={}, {}='{}'{}", action, printable(e.target),
                     e.succeeded ? "successful" : "failed", printable(e.executed_by), printable(e.device),
                     printable(e.origin), e.succeeded ? "completed" : "last-failed", ctime_text(e.completed),
                     e.reason.empty() ? "" : " (" + printable(e.reason) + ")");
}

int history(Context& context, Session& session, const std::string& node, bool quiet) {
  const auto events = session.fence_history();
  if (!events) return report(context, events.error());
  std::string text;
  std::size_t count = 0;
  for (const FenceEvent& event : *events) {
    if (node != "*" && node != event.target) continue;
    text += event_line(event) + "\n";
    ++count;
  }
  if (!quiet) text += fmt::format("\n{} event{} found\n", count, count == 1 ? "" : "s");
  context.console->out(text);
  return 0;
}

int fence(Context& context, Session& session, const Parsed& parsed, const std::string& command) {
  const std::string node = parsed.value(command);
  const std::string action = command == "fence" ? "off" : command == "reboot" ? "reboot" : "on";
  const auto timeout = parse_interval(parsed.value("timeout", "60"));
  if (!timeout) {
    context.console->err(
        fmt::format("stonith_admin: \"{}\" is not a time\n", printable(parsed.value("timeout"))));
    return 64;
  }
  const auto outcomes = session.fence(node, action, *timeout);
  if (!outcomes) return report(context, outcomes.error());
  for (const FenceEvent& outcome : *outcomes) {
    if (outcome.succeeded) continue;
    return report(context, {Errc::kIo, fmt::format("{} of {} failed: {}", action, node, outcome.reason)});
  }
  return 0;
}

}  // namespace

int run_stonith_admin(Context& context) {
  Parsed parsed;
  if (const auto done = begin(context, manual(), parsed)) return *done;
  const std::string command =
      parsed.last_of({"list-registered", "list", "list-installed", "query", "metadata", "history",
                      "old-history", "fence", "reboot", "unfence", "confirm"});
  if (command.empty()) {
    context.console->err(
        "stonith_admin: needs a command, for example --list-registered; see stonith_admin --help\n");
    return 64;
  }
  auto opened = context.session();
  if (!opened) return report(context, opened.error());
  Session& session = **opened;
  const bool quiet = parsed.has("quiet");
  if (command == "list-registered" || command == "list")
    return list(context, session.fence_devices(), "fence device", quiet);
  if (command == "list-installed")
    return list(context, session.agent_types("stonith", ""), "fence agent", quiet);
  if (command == "history" || command == "old-history")
    return history(context, session, parsed.value(command), quiet);
  if (command == "query") {
    const auto devices = session.fence_devices();
    if (!devices) return report(context, devices.error());
    const bool there = std::find(devices->begin(), devices->end(), parsed.value("query")) != devices->end();
    return there ? 0
                 : report(context, {Errc::kNotFound,
                                    fmt::format("there is no fencing device {}", parsed.value("query"))});
  }
  if (command == "metadata") {
    const auto xml = session.agent_metadata("stonith", "", parsed.value("agent"));
    if (!xml) return report(context, xml.error());
    context.console->out(*xml);
    return 0;
  }
  if (command == "confirm") {
    const auto done = session.confirm_off(parsed.value("confirm"));
    return done ? 0 : report(context, done.error());
  }
  return fence(context, session, parsed, command);
}

}  // namespace systole::cli
