// crm_mon on the live screen: its keys and colours.
#include <optional>

#include "cli/crm_mon.h"
#include "cli/screen.h"

namespace systole::cli {
namespace {

using Paint = LiveView::Paint;

constexpr const char* kHelp =
    "\n  q  leave             r  inactive resources    n  by node           R  detail\n"
    "  f  fail counts       o  operations            t  with times        A  node attributes\n"
    "  c  tickets           L  bans                  m  fencing history   b  brief\n"
    "  D  summary           arrows, Page Up, Page Down, Home: scroll      ?  these keys\n";

Paint paint(const std::string& line) {
  if (!line.empty() && line[0] != ' ') return Paint::kBold;
  if (has_any(line, {"FAILED", "UNCLEAN", "OFFLINE", "WITHOUT quorum", "returned '", "NONE", "could not be"}))
    return Paint::kBad;
  if (has_any(line, {"Stopped", "standby", "maintenance", "unmanaged", "disabled", "DISABLED", "pending",
                     "ing node"})) {
    return Paint::kWarning;
  }
  return has_any(line, {"Online:", ": online", "Started", "Promoted"}) ? Paint::kGood : Paint::kPlain;
}

void key_pressed(int key, StatusOptions& o) {
  const auto toggle = [](bool& what) { what = !what; };
  switch (key) {
    case 'r':
      return toggle(o.inactive);
    case 'n':
      return toggle(o.by_node);
    case 'R':
      return toggle(o.detail);
    case 'f':
      return toggle(o.failcounts);
    case 'o':
      return toggle(o.operations);
    case 't':
      return toggle(o.timing);
    case 'A':
      return toggle(o.attributes);
    case 'c':
      return toggle(o.tickets);
    case 'L':
      return toggle(o.bans);
    case 'b':
      return toggle(o.brief);
    case 'D':
      return toggle(o.header);
    case 'm':
      o.fence_history = (o.fence_history + 1) % 4;
      break;
    default:
      break;
  }
}

}  // namespace

int run_screen(Context& context, Session& session, StatusOptions options, Duration interval) {
  options.colour = false;  // The screen's own.
  std::optional<Snapshot> last;
  WallTime taken{};
  const LiveView view{[&]() -> Result<void> {
                        auto next = take_snapshot(session);
                        if (!next) return fail(next.error());
                        last.emplace(std::move(*next));
                        taken = context.now();
                        return {};
                      },
                      [&] { return render_status(last->input(taken), options); },
                      [&](int key) { key_pressed(key, options); }, paint, kHelp};
  return run_live(context, session, view, interval);
}

}  // namespace systole::cli
