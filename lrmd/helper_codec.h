// What systoled and its process helper say to each other over a stream socket pair: frames of a length
// (32 bits, little-endian) and a body. Requests: start a process, signal its group. Report: it has ended.
#pragma once

#include <optional>
#include <variant>

#include "base/ports.h"

namespace systole::lrmd {

constexpr std::size_t kMaxFrame = 4 << 20;        // Bytes of body; a larger one is a protocol error.
constexpr std::size_t kMaxOutputLimit = 1 << 20;  // Of ProcessSpec::output_limit, per stream.

struct StartRequest {
  Processes::Id id = 0;
  Duration asked{};  // When, on the monotonic clock that both processes share.
  ProcessSpec spec;
};
struct KillRequest {
  Processes::Id id = 0;
  int signal = 0;
};
struct EndReport {
  Processes::Id id = 0;
  ProcessResult result;
};
using HelperRequest = std::variant<StartRequest, KillRequest>;

// With the length before it. The caller has seen to it that it fits into kMaxFrame (see fits()).
Bytes encode(const HelperRequest& request);
Bytes encode(const EndReport& report);
bool fits(const ProcessSpec& spec);

// One body. Error: kParse.
Result<HelperRequest> decode_request(ByteView body);
Result<EndReport> decode_report(ByteView body);

// Cuts a stream into bodies.
class FrameReader {
 public:
  void add(ByteView bytes) { buffer_.insert(buffer_.end(), bytes.begin(), bytes.end()); }
  // The next whole body; none yet: nullopt. Error: kParse, for a body above kMaxFrame: the stream is lost.
  Result<std::optional<Bytes>> next();

 private:
  Bytes buffer_;
  std::size_t start_ = 0;
};

}  // namespace systole::lrmd
