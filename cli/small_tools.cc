// pacemakerd and iso8601: what scripts ask of them.
#include <charconv>
#include <ctime>

#include "cli/options.h"
#include "cli/output.h"
#include "cli/tools.h"

namespace systole::cli {
namespace {
using T = Option::Takes;
}

int run_pacemakerd(Context& context) {
  Parsed parsed;
  const Manual manual{"version and features of the cluster manager (the daemon itself is systoled)",
                      "--features",
                      {{"Options",
                        {{"features", 'F', T::kNothing, "", "Version and features"},
                         {"shutdown", 'S', T::kNothing, "", "Stop the cluster on this node"},
                         {"foreground", 'f', T::kNothing, "", nullptr}}}},
                      "  pacemakerd --features\n"};
  if (const auto done = begin(context, manual, parsed)) return *done;
  if (parsed.has("shutdown")) {
    auto session = context.session();
    if (!session) return report(context, session.error());
    const auto done = (*session)->shutdown("");
    return done ? 0 : report(context, done.error());
  }
  if (!parsed.has("features")) {
    context.console->err("pacemakerd: the daemon is systoled: start it with systemctl start pacemaker\n");
    return 64;
  }
  context.console->out(fmt::format("Pacemaker {} (Build: {})\n Supporting v3.16.1: {}\n", kPacemakerVersion,
                                   kBuild, kFeatures));
  return 0;
}

namespace {

// "2020-01-01", "2020-01-01 12:30", "2020-01-01T12:30:15Z", "+02:00" at the end; "@SECONDS".
std::optional<std::int64_t> parse_date(std::string_view text) {
  const auto number = [&](std::size_t digits) -> std::optional<int> {
    int value = 0;
    if (text.size() < digits) return std::nullopt;
    const auto read = std::from_chars(text.data(), text.data() + digits, value);
    if (read.ec != std::errc() || read.ptr != text.data() + digits) return std::nullopt;
    text.remove_prefix(digits);
    return value;
  };
  const auto skip = [&](std::string_view any) {
    if (text.empty() || any.find(text[0]) == std::string_view::npos) return false;
    text.remove_prefix(1);
    return true;
  };
  const auto year = number(4);
  const bool dashed = skip("-");
  const auto month = number(2);
  if (dashed && !skip("-")) return std::nullopt;
  const auto day = number(2);
  if (!year || !month || !day || *month < 1 || *month > 12 || *day < 1 || *day > 31) return std::nullopt;
  std::tm t{};
  t.tm_year = *year - 1900;
  t.tm_mon = *month - 1;
  t.tm_mday = *day;
  std::int64_t offset = 0;
  if (skip("T ")) {
    const auto hour = number(2);
    skip(":");
    const auto minute = number(2);
    if (!hour || !minute || *hour > 24 || *minute > 59) return std::nullopt;
    t.tm_hour = *hour;
    t.tm_min = *minute;
    if (skip(":")) {
      const auto second = number(2);
      if (!second || *second > 60) return std::nullopt;
      t.tm_sec = *second;
    }
    skip(" ");
    const bool minus = text.starts_with('-');
    if (skip("+-")) {
      const auto hours = number(2);
      skip(":");
      const auto minutes = text.empty() ? std::optional<int>(0) : number(2);
      if (!hours || !minutes) return std::nullopt;
      offset = (*hours * 3600LL + *minutes * 60LL) * (minus ? -1 : 1);
    } else {
      skip("Z");
    }
  }
  if (!text.empty()) return std::nullopt;
  return timegm(&t) - offset;
}

}  // namespace

int run_iso8601(Context& context) {
  Parsed parsed;
  const Manual manual{"dates, durations and intervals as rules understand them",
                      "(-n | -d DATE | -D DURATION | -p PERIOD)",
                      {{"Options",
                        {{"now", 'n', T::kNothing, "", "The current time"},
                         {"date", 'd', T::kValue, "DATE", "For example \"2020-01-01 00:30:00 +08:00\""},
                         {"duration", 'D', T::kValue, "DURATION", "For example P1M or PT30S"},
                         {"period", 'p', T::kValue, "PERIOD", "For example 2020-01-01/2020-02-01"},
                         {"expected", 'E', T::kValue, "DATE", "Exit 1 if --date is something else"},
                         {"seconds", 's', T::kNothing, "", "Print as Unix seconds"},
                         {"local", 'L', T::kNothing, "", "Accepted"},
                         {"output-as", 0, T::kValue, "FORMAT", "text"}}}},
                      "  iso8601 -d 2020-01-01\n"};
  if (const auto done = begin(context, manual, parsed)) return *done;
  const auto shown = [&](std::int64_t t) { return parsed.has("seconds") ? std::to_string(t) : iso_text(t); };
  const auto bad = [&](const std::string& text) {
    context.console->err(fmt::format(
        "iso8601: \"{}\" cannot be understood: see iso8601 --help for examples\n", printable(text)));
    return 64;
  };
  if (parsed.has("now")) {
    context.console->out("Current date/time: " + shown(epoch_seconds(context.now())) + "\n");
  } else if (parsed.has("date")) {
    const auto date = parse_date(parsed.value("date"));
    if (!date) return bad(parsed.value("date"));
    context.console->out("Date: " + shown(*date) + "\n");
    if (parsed.has("expected") && parse_date(parsed.value("expected")) != date) return 1;
  } else if (parsed.has("duration")) {
    const auto duration = parse_interval(parsed.value("duration"));
    if (!duration) return bad(parsed.value("duration"));
    context.console->out(fmt::format("Duration: {} seconds\n", duration->count() / 1000));
  } else if (parsed.has("period")) {
    const std::string period = parsed.value("period");
    const std::size_t slash = period.find('/');
    if (slash == std::string::npos) return bad(period);
    const auto first = parse_date(period.substr(0, slash));
    const std::string rest = period.substr(slash + 1);
    const auto length = rest.starts_with('P') ? parse_interval(rest) : std::nullopt;
    const auto last = length && first ? std::optional(*first + length->count() / 1000) : parse_date(rest);
    if (!first || !last) return bad(period);
    context.console->out(fmt::format("Period: {} to {}\n", shown(*first), shown(*last)));
  } else {
    context.console->err("iso8601: needs one of --now, --date, --duration and --period\n");
    return 64;
  }
  return 0;
}

}  // namespace systole::cli
