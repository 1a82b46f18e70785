#include "cli/corosync_tools.h"

#include <charconv>

#include "cli/output.h"

namespace systole::cli {

std::optional<int> begin_corosync(Context& context, const Manual& manual, Parsed& parsed) {
  const auto done = begin(context, manual, parsed);
  return done && *done != 0 ? 1 : done;
}

int corosync_error(Context& context, std::string_view message) {
  context.console->err(fmt::format("{}: {}\n", context.name, printable(message)));
  return 1;
}

std::optional<ClusterInfo> ring_info(Context& context, Session& session) {
  auto info = session.info(true);
  if (info) return std::move(*info);
  corosync_error(context, info.error().message);
  return std::nullopt;
}

std::optional<std::uint64_t> whole_number(std::string_view text, std::uint64_t least, std::uint64_t most) {
  std::uint64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size() || number < least || number > most)
    return std::nullopt;
  return number;
}

}  // namespace systole::cli
