#include "cib/channel.h"

#include <algorithm>

#include "base/ids.h"

namespace systole::cib {
namespace {

constexpr std::uint8_t kWhole = 'W', kPartOf = 'P';
constexpr std::size_t kHeader = 13;  // kPartOf, number of the message, of the part, count of parts.
constexpr Milliseconds kRetry{2};

void put(Bytes& out, std::uint32_t value) {
  for (unsigned shift = 0; shift < 32; shift += 8) out.push_back(static_cast<std::uint8_t>(value >> shift));
}

std::uint32_t get(ByteView in, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value |= std::uint32_t{in[at + i]} << (8 * i);
  return value;
}

}  // namespace

Channel::Channel(Timers& timers, Logger log, std::function<Result<void>(Bytes)> multicast)
    : timers_(timers), log_(std::move(log)), multicast_(std::move(multicast)) {}

Channel::~Channel() { timers_.cancel(retry_); }

void Channel::send(Bytes message) {
  if (message.size() <= kPart) {
    message.insert(message.begin(), kWhole);
    waiting_.push_back(std::move(message));
    return flush();
  }
  const auto count = static_cast<std::uint32_t>((message.size() + kPart - 1) / kPart);
  ++last_message_;
  for (std::uint32_t part = 0; part < count; ++part) {
    Bytes frame{kPartOf};
    put(frame, last_message_);
    put(frame, part);
    put(frame, count);
    const std::size_t from = part * kPart, to = std::min(message.size(), from + kPart);
    frame.insert(frame.end(), message.begin() + static_cast<std::ptrdiff_t>(from),
                 message.begin() + static_cast<std::ptrdiff_t>(to));
    waiting_.push_back(std::move(frame));
  }
  flush();
}

void Channel::flush() {
  while (!waiting_.empty()) {
    const auto sent = multicast_(waiting_.front());
    if (!sent && sent.error().code == Errc::kUnavailable) {
      if (retry_ == 0) {
        retry_ = timers_.after(kRetry, [this] {
          retry_ = 0;
          flush();
        });
      }
      return;
    }
    if (!sent)
      log_.error("a message of {} bytes cannot be sent: {}", waiting_.front().size(), sent.error().message);
    waiting_.pop_front();
  }
}

std::optional<Bytes> Channel::receive(NodeId sender, ByteView frame) {
  if (frame.empty()) return std::nullopt;
  if (frame[0] == kWhole) return Bytes(frame.begin() + 1, frame.end());
  if (frame[0] != kPartOf || frame.size() < kHeader) {
    log_.warning("a frame of {} bytes from node {} is not the CIB's: dropped", frame.size(), raw(sender));
    return std::nullopt;
  }
  const std::uint32_t message = get(frame, 1), part = get(frame, 5), count = get(frame, 9);
  const ByteView data = frame.subspan(kHeader);
  Assembly& assembly = assemblies_[sender];
  if (part == 0) assembly = Assembly{message, 0, {}};
  // Its beginning went to an earlier view: the sender sends it again.
  if (assembly.message != message || assembly.next != part || part >= count) return std::nullopt;
  if (assembly.data.size() + data.size() > kMaxMessage) {
    log_.error("a message of node {} is longer than {} MiB: dropped", raw(sender), kMaxMessage >> 20);
    assemblies_.erase(sender);
    return std::nullopt;
  }
  assembly.data.insert(assembly.data.end(), data.begin(), data.end());
  if (++assembly.next < count) return std::nullopt;
  Bytes whole = std::move(assembly.data);
  assemblies_.erase(sender);
  return whole;
}

void Channel::new_view() {
  waiting_.clear();
  assemblies_.clear();
}

}  // namespace systole::cib
