// Framing of the local API: 4 bytes of length, big-endian, then that many bytes of one message. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace google::protobuf {
class MessageLite;
}

namespace systole::ipc {

constexpr std::size_t kMaxFrame = 64U << 20;  // Bytes, without the length.

// The frame that carries `message`. Error: kInvalidArgument above kMaxFrame.
Result<std::string> frame(const google::protobuf::MessageLite& message);

// Cuts a stream of bytes into frames. Memory grows with what has arrived, never with what a length claims.
class FrameReader {
 public:
  explicit FrameReader(std::size_t most = kMaxFrame) : most_(most) {}  // Bytes of one frame's content.
  void feed(std::string_view bytes) { buffer_.append(bytes); }
  // The next whole frame's content, nothing while it is incomplete; kParse when the stream's length is above
  // `most`: the connection cannot go on.
  Result<std::optional<std::string>> next();
  std::size_t buffered() const { return buffer_.size() - start_; }

 private:
  std::size_t most_;
  std::string buffer_;
  std::size_t start_ = 0;  // Of what has not been cut yet.
};

}  // namespace systole::ipc
