#include "ipc/framing.h"

#include <google/protobuf/message_lite.h>

namespace systole::ipc {
namespace {
constexpr std::size_t kHeader = 4;
constexpr std::size_t kKeep = 1U << 16;  // A buffer larger than this is given back when it is empty.
}  // namespace

Result<std::string> frame(const google::protobuf::MessageLite& message) {
  const std::size_t size = message.ByteSizeLong();
  if (size > kMaxFrame) {
    return fail(Errc::kInvalidArgument, "a message of {} bytes is larger than the local API takes ({})", size,
                kMaxFrame);
  }
  std::string out;
  out.reserve(kHeader + size);
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>((size >> shift) & 0xff));
  message.AppendToString(&out);
  return out;
}

Result<std::optional<std::string>> FrameReader::next() {
  if (buffered() < kHeader) return std::optional<std::string>();
  std::size_t size = 0;
  for (std::size_t i = 0; i < kHeader; ++i)
    size = size << 8 | static_cast<unsigned char>(buffer_[start_ + i]);
  if (size > most_) {
    return fail(Errc::kParse, "a frame of {} bytes is larger than is taken here ({})", size, most_);
  }
  if (buffered() < kHeader + size) return std::optional<std::string>();
  std::optional<std::string> content(buffer_.substr(start_ + kHeader, size));
  start_ += kHeader + size;
  if (start_ == buffer_.size()) {
    buffer_.clear();
    start_ = 0;
    if (buffer_.capacity() > kKeep) buffer_.shrink_to_fit();
  } else if (start_ > kKeep) {
    buffer_.erase(0, start_);
    start_ = 0;
  }
  return content;
}

}  // namespace systole::ipc
