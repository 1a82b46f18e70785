// systole ring: the ring as this node sees it, once or live.
#include "cli/options.h"
#include "cli/output.h"
#include "cli/ring_view.h"
#include "cli/screen.h"
#include "cli/tools.h"

namespace systole::cli {
namespace {

using T = Option::Takes;
using Paint = LiveView::Paint;

Manual manual() {
  return {"members, token, links and refused frames of the ring, live or once",
          "[options]",
          {{"Mode",
            {{"one-shot", '1', T::kNothing, "", "Show it once and exit"},
             {"interval", 'i', T::kValue, "TIME", "Look again so often (1s); a new view shows at once"}}},
           {"Output",
            {{"output-as", 0, T::kValue, "FORMAT", "text, xml or json"},
             {"output-to", 0, T::kValue, "FILE", "Write there instead of standard output"}}}},
          "  systole ring                     live, with rates; q leaves\n"
          "  systole ring -1                  once\n"
          "  systole ring --output-as=json    for programs\n"};
}

Paint paint(const std::string& line) {
  if (!line.empty() && line[0] != ' ') return Paint::kBold;
  if (has_any(line, {"DOWN", "LOST", ": NO,", "QUARANTINED", "DOES NOT HEAR", "LATE "})) return Paint::kBad;
  if (has_any(line, {"NEVER SEEN", "WAITING", "GATHER", "COMMIT", "RECOVERY", "lately"}))
    return Paint::kWarning;
  return has_any(line, {": member", "OPERATIONAL", " up"}) ? Paint::kGood : Paint::kPlain;
}

int run_live_ring(Context& context, Session& session, Duration interval) {
  std::optional<RingSample> last, before;
  const LiveView view{[&]() -> Result<void> {
                        auto info = session.info(true);
                        if (!info) return fail(info.error());
                        // A daemon that started anew counts from zero.
                        before = std::exchange(last, RingSample{std::move(*info), context.now()});
                        return {};
                      },
                      [&] { return ring_text(*last, before ? &*before : nullptr); }, [](int) {}, paint,
                      "\n  q  leave    arrows, Page Up, Page Down, Home: scroll    ?  these keys\n"};
  return run_live(context, session, view, interval);
}

}  // namespace

int run_ring(Context& context) {
  Parsed parsed;
  if (const auto done = begin(context, manual(), parsed)) return *done;
  const std::string as = parsed.value("output-as", "text");
  if (as != "text" && as != "xml" && as != "json")
    return report(context,
                  {Errc::kInvalidArgument,
                   fmt::format("there is no output format \"{}\": use text, xml or json", printable(as))});
  const auto interval = parse_interval(parsed.value("interval", "1"));
  if (!interval || interval->count() == 0)
    return report(context, {Errc::kInvalidArgument, "--interval needs a time, for example 1s"});
  auto session = context.session();
  if (!session) return report(context, session.error(), as == "xml");
  const std::string to = parsed.value("output-to", "-");
  if (as == "text" && !parsed.has("one-shot") && to == "-" && context.console->terminal())
    return run_live_ring(context, **session, *interval);
  auto info = (*session)->info(true);
  if (!info) return report(context, info.error(), as == "xml");
  if (as == "text") {
    context.console->out(ring_text({std::move(*info), context.now()}));
    return 0;
  }
  XmlResult result(context);
  add_ring_tree(result.root(), *info);
  context.console->out(as == "xml" ? result.finish(0) : json_text(result.root().child("ring")));
  return 0;
}

}  // namespace systole::cli
