#include "membership/life.h"

#include <charconv>
#include <optional>

#include "base/mutation.h"

namespace systole::membership {
namespace {

constexpr std::uint64_t kReserve = 64;  // Ring sequences stored ahead.

struct Stored {
  std::uint64_t incarnation = 0, sequence = 0;
};

// "systole-ring 1 INCARNATION SEQUENCE\n"
std::optional<Stored> parse(std::string_view text) {
  constexpr std::string_view kHead = "systole-ring 1 ";
  if (!text.starts_with(kHead) || !text.ends_with('\n')) return {};
  text.remove_prefix(kHead.size());
  text.remove_suffix(1);
  Stored s;
  const char* end = text.data() + text.size();
  auto part = std::from_chars(text.data(), end, s.incarnation);
  if (part.ec != std::errc{} || part.ptr == end || *part.ptr != ' ') return {};
  part = std::from_chars(part.ptr + 1, end, s.sequence);
  if (part.ec != std::errc{} || part.ptr != end) return {};
  return s;
}

}  // namespace

Result<RingState> RingState::begin_life(Files& files, const Clock& clock, const std::string& directory,
                                        NodeId self, const Logger& log) {
  if (auto made = files.make_directory(directory, 0750); !made) return fail(made.error());
  const std::string path = fmt::format("{}/ring-{}", directory, raw(self));
  Stored stored;
  if (const auto content = files.read(path)) {
    if (const auto parsed = parse(as_text(*content))) {
      stored = *parsed;
    } else {
      log.warning("the ring's state {} is damaged: it is kept as {}.damaged, and a new one begins", path,
                  path);
      if (auto kept = files.write_atomic(path + ".damaged", *content, 0640); !kept)
        log.warning("{}", kept.error().message);
    }
  } else if (content.error().code != Errc::kNotFound) {
    return fail(content.error());
  }
  const auto wall = std::chrono::duration_cast<Milliseconds>(clock.wall().time_since_epoch()).count();
  const std::uint64_t now = wall > 0 ? static_cast<std::uint64_t>(wall) : 1;
  const NodeLife life{self,
                      Incarnation{mutation("life-reused") ? now : std::max(stored.incarnation + 1, now)}};
  RingState state(files, path, life, mutation("ring-sequence-not-stored") ? 0 : stored.sequence);
  if (auto kept = state.store(stored.sequence + kReserve); !kept) return fail(kept.error());
  return state;
}

Result<void> RingState::use(std::uint64_t sequence) {
  if (sequence <= reserved_) return {};
  return store(sequence + kReserve);
}

Result<void> RingState::store(std::uint64_t sequence) {
  const std::string text = fmt::format("systole-ring 1 {} {}\n", raw(self_.incarnation), sequence);
  auto written = files_->write_atomic(path_, as_bytes(text), 0640);
  if (!written) {
    return fail(written.error().code,
                "cannot store the ring's state: {}. Free space or repair the disk: until then this node "
                "joins no new ring",
                written.error().message);
  }
  reserved_ = sequence;
  return {};
}

}  // namespace systole::membership
