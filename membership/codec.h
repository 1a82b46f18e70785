// Writer and Reader: little-endian integers in and out of bytes. A Reader never reads beyond its view: after
// the first short read everything is zero and ok() is false, so that a decoder checks once, at its end.
#pragma once

#include <cstring>

#include "base/bytes.h"
#include "base/ids.h"

namespace systole::membership {

class Writer {
 public:
  explicit Writer(Bytes& out) : out_(out) {}
  void u8(std::uint8_t v) { out_.push_back(v); }
  void u16(std::uint16_t v) { integer(v, 2); }
  void u32(std::uint32_t v) { integer(v, 4); }
  void u64(std::uint64_t v) { integer(v, 8); }
  void node(NodeId id) { u32(raw(id)); }
  void life(const NodeLife& l) { node(l.node), u64(raw(l.incarnation)); }
  void ring(const RingId& r) { u64(r.sequence), node(r.representative); }
  void bytes(ByteView b) { out_.insert(out_.end(), b.begin(), b.end()); }

 private:
  void integer(std::uint64_t v, std::size_t size) {
    const std::size_t at = out_.size();
    out_.resize(at + size);
    for (std::size_t i = 0; i < size; ++i) out_[at + i] = static_cast<std::uint8_t>(v >> (8 * i));
  }
  Bytes& out_;
};

class Reader {
 public:
  explicit Reader(ByteView in) : in_(in) {}
  std::uint8_t u8() { return static_cast<std::uint8_t>(integer(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(integer(2)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(integer(4)); }
  std::uint64_t u64() { return integer(8); }
  NodeId node() { return NodeId{u32()}; }
  NodeLife life() {
    const NodeId id = node();
    return {id, Incarnation{u64()}};
  }
  RingId ring() {
    const std::uint64_t sequence = u64();
    return {sequence, node()};
  }
  bool boolean() {
    const std::uint8_t v = u8();
    if (v > 1) ok_ = false;
    return v == 1;
  }
  // A count of entries that take at least `entry_size` bytes each.
  std::size_t count(std::size_t max, std::size_t entry_size) {
    const std::size_t n = u16();
    if (n > max || n * entry_size > in_.size()) ok_ = false;
    return ok_ ? n : 0;
  }
  ByteView rest() {
    const ByteView all = in_;
    in_ = {};
    return all;
  }
  ByteView bytes(std::size_t size) {
    if (size > in_.size()) {
      ok_ = false;
      return {};
    }
    const ByteView part = in_.first(size);
    in_ = in_.subspan(size);
    return part;
  }
  void refuse() { ok_ = false; }  // What was read is out of range.
  bool ok() const { return ok_; }
  bool done() const { return ok_ && in_.empty(); }  // All well, and nothing left over.

 private:
  std::uint64_t integer(std::size_t size) {
    if (!ok_ || in_.size() < size) {
      ok_ = false;
      return 0;
    }
    std::uint64_t v = 0;
    for (std::size_t i = 0; i < size; ++i) v |= static_cast<std::uint64_t>(in_[i]) << (8 * i);
    in_ = in_.subspan(size);
    return v;
  }
  ByteView in_;
  bool ok_ = true;
};

}  // namespace systole::membership
