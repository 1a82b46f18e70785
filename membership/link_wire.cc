#include "membership/link_wire.h"

#include "membership/codec.h"
#include "membership/seal.h"

namespace systole::membership {
namespace {

void put_type(Writer& w, LinkFrame type) { w.u8(static_cast<std::uint8_t>(type)); }

std::optional<Reader> open(ByteView frame, LinkFrame type) {
  Reader r(frame);
  if (r.u8() != static_cast<std::uint8_t>(type)) return {};
  return r;
}

}  // namespace

std::optional<LinkFrame> link_frame_type(ByteView frame) {
  if (frame.empty() || frame[0] < static_cast<std::uint8_t>(LinkFrame::kBeat) ||
      frame[0] > static_cast<std::uint8_t>(LinkFrame::kPart))
    return {};
  return static_cast<LinkFrame>(frame[0]);
}

void encode(Bytes& out, const Beat& beat) {
  Writer w(out);
  put_type(w, LinkFrame::kBeat);
  w.u64(beat.number);
  w.u64(beat.stamp);
  w.u8(beat.answer ? 1 : 0);
  w.u16(static_cast<std::uint16_t>(beat.echoes.size()));
  for (const Beat::Echo& echo : beat.echoes) {
    w.node(echo.peer);
    w.u64(echo.stamp);
    w.u64(echo.held);
    w.u16(echo.lost);
  }
}

std::optional<Beat> decode_beat(ByteView frame) {
  auto r = open(frame, LinkFrame::kBeat);
  if (!r) return {};
  Beat beat;
  beat.number = r->u64();
  beat.stamp = r->u64();
  beat.answer = r->boolean();
  beat.echoes.resize(r->count(kMaxNodes, 22));
  for (Beat::Echo& echo : beat.echoes) {
    echo.peer = r->node();
    echo.stamp = r->u64();
    echo.held = r->u64();
    echo.lost = r->u16();
  }
  if (!r->done() || beat.number == 0) return {};
  return beat;
}

void encode_size_probe(Bytes& out, SizeProbe probe, std::size_t headers) {
  Writer w(out);
  put_type(w, LinkFrame::kSizeProbe);
  w.u16(probe.size);
  const std::size_t taken = headers + kSealOverhead + 3;
  out.resize(out.size() + (probe.size > taken ? probe.size - taken : 0));
}

void encode_size_reply(Bytes& out, SizeProbe probe) {
  Writer w(out);
  put_type(w, LinkFrame::kSizeReply);
  w.u16(probe.size);
}

std::optional<SizeProbe> decode_size_probe(ByteView frame) {
  auto r = open(frame, LinkFrame::kSizeProbe);
  if (!r) return {};
  const SizeProbe probe{r->u16()};
  if (!r->ok()) return {};
  return probe;
}

std::optional<SizeProbe> decode_size_reply(ByteView frame) {
  auto r = open(frame, LinkFrame::kSizeReply);
  if (!r) return {};
  const SizeProbe probe{r->u16()};
  if (!r->done()) return {};
  return probe;
}

void encode(Bytes& out, const Part& part) {
  Writer w(out);
  put_type(w, LinkFrame::kPart);
  w.u32(part.frame);
  w.u8(part.index);
  w.u8(part.count);
  w.bytes(part.bytes);
}

std::optional<Part> decode_part(ByteView frame) {
  auto r = open(frame, LinkFrame::kPart);
  if (!r) return {};
  Part part;
  part.frame = r->u32();
  part.index = r->u8();
  part.count = r->u8();
  part.bytes = r->rest();
  if (!r->ok() || part.count < 2 || part.count > kMaxParts || part.index >= part.count || part.bytes.empty())
    return {};
  return part;
}

}  // namespace systole::membership
