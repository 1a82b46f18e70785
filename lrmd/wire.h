// Writer and Reader: the byte codec of our own small messages (to the process helper, between fencers).
// Integers are little-endian; a text is its length (32 bits) and its bytes. A Reader never reads beyond its
// input: after the first field that does not fit, every field is empty and ok() is false.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace systole::lrmd {

class Writer {
 public:
  Writer& u8(std::uint8_t v) {
    bytes_.push_back(v);
    return *this;
  }
  Writer& u32(std::uint32_t v) { return integer(v, 4); }
  Writer& u64(std::uint64_t v) { return integer(v, 8); }
  Writer& i64(std::int64_t v) { return integer(static_cast<std::uint64_t>(v), 8); }
  Writer& text(std::string_view v) {
    u32(static_cast<std::uint32_t>(v.size()));
    bytes_.insert(bytes_.end(), v.begin(), v.end());
    return *this;
  }
  Bytes take() { return std::move(bytes_); }

 private:
  Writer& integer(std::uint64_t v, int size) {
    for (int i = 0; i < size; ++i) bytes_.push_back(static_cast<std::uint8_t>(v >> (8 * i)));
    return *this;
  }
  Bytes bytes_;
};

class Reader {
 public:
  explicit Reader(ByteView bytes) : rest_(bytes) {}

  std::uint8_t u8() { return static_cast<std::uint8_t>(integer(1)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(integer(4)); }
  std::uint64_t u64() { return integer(8); }
  std::int64_t i64() { return static_cast<std::int64_t>(integer(8)); }
  std::string text(std::size_t most) {
    const std::size_t size = u32();
    if (size > most || size > rest_.size()) {
      refuse();
      return {};
    }
    std::string value(as_text(rest_.first(size)));
    rest_ = rest_.subspan(size);
    return value;
  }
  // A number of things to follow, each of at least one byte.
  std::size_t count(std::size_t most) {
    const std::size_t n = u32();
    if (n > most || n > rest_.size()) {
      refuse();
      return 0;
    }
    return n;
  }
  void refuse() {
    ok_ = false;
    rest_ = {};
  }
  bool ok() const { return ok_; }
  bool at_end() const { return ok_ && rest_.empty(); }

 private:
  std::uint64_t integer(std::size_t size) {
    if (rest_.size() < size) {
      refuse();
      return 0;
    }
    std::uint64_t v = 0;
    for (std::size_t i = 0; i < size; ++i) v |= static_cast<std::uint64_t>(rest_[i]) << (8 * i);
    rest_ = rest_.subspan(size);
    return v;
  }
  ByteView rest_;
  bool ok_ = true;
};

}  // namespace systole::lrmd
