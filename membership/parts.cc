#include "membership/parts.h"

namespace systole::membership {

std::vector<Bytes> cut_into_parts(ByteView frame, std::uint32_t number, std::size_t most) {
  if (most <= kPartOverhead) return {};
  const std::size_t piece = most - kPartOverhead;
  const std::size_t count = (frame.size() + piece - 1) / piece;
  if (count < 2 || count > kMaxParts || frame.size() > Assembly::kMaxFrame) return {};
  std::vector<Bytes> parts(count);
  for (std::size_t i = 0; i < count; ++i) {
    const ByteView bytes = frame.subspan(i * piece, std::min(piece, frame.size() - i * piece));
    encode(parts[i], Part{number, static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(count), bytes});
  }
  return parts;
}

ByteView Assembly::take(const Part& part) {
  Work& work = works_[part.frame];
  if (work.parts.empty()) {
    work.parts.resize(part.count);
    work.missing = part.count;
  }
  const bool odd = work.parts.size() != part.count || work.bytes + part.bytes.size() > kMaxFrame;
  if (odd || !work.parts[part.index].empty()) {
    if (odd) works_.erase(part.frame);
    return {};
  }
  work.parts[part.index].assign(part.bytes.begin(), part.bytes.end());
  work.bytes += part.bytes.size();
  if (--work.missing > 0) {
    if (works_.size() > kMaxFrames) works_.erase(works_.begin());
    return {};
  }
  whole_.clear();
  for (const Bytes& bytes : work.parts) whole_.insert(whole_.end(), bytes.begin(), bytes.end());
  works_.erase(part.frame);
  return whole_;
}

}  // namespace systole::membership
