// The frames that links exchange beneath the ring, and their codec, by the rules of wire.h. Their type is 32
// or more, so that the ring's frames and these can never be taken for each other. Beats and probes of the
// path's size go in the channel of their link; parts of a frame, like the frame itself, in the ring's.
#pragma once

#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "membership/wire.h"

namespace systole::membership {

enum class LinkFrame : std::uint8_t { kBeat = 32, kSizeProbe = 33, kSizeReply = 34, kPart = 35 };

// A link's heartbeat. What it echoes of a peer's beats proves to that peer that it was heard.
struct Beat {
  std::uint64_t number = 0;  // Rises by one with each beat of the link.
  std::uint64_t stamp = 0;   // The sender's clock, nanoseconds.
  bool answer = false;       // The receiver shall beat at once.
  struct Echo {
    NodeId peer{};
    std::uint64_t stamp = 0;  // Of its last beat heard on this link; 0: none.
    std::uint64_t held = 0;   // Nanoseconds since that came.
    std::uint16_t lost = 0;   // Of its last 64 beats, those that did not come.
    bool operator==(const Echo&) const = default;
  };
  std::vector<Echo> echoes;
};

struct SizeProbe {
  std::uint16_t size = 0;  // Of the whole IP packet, bytes.
};

// A piece of a frame that is too large for a path.
struct Part {
  std::uint32_t frame = 0;  // Numbered by its sender.
  std::uint8_t index = 0, count = 0;
  ByteView bytes;
};
inline constexpr std::size_t kPartOverhead = 7;
inline constexpr std::size_t kMaxParts = 250;

std::optional<LinkFrame> link_frame_type(ByteView frame);
void encode(Bytes& out, const Beat& beat);
// Filled up so that the sealed datagram with `headers` bytes of IP and UDP has the size; size is at least
// theirs.
void encode_size_probe(Bytes& out, SizeProbe probe, std::size_t headers);
void encode_size_reply(Bytes& out, SizeProbe probe);
void encode(Bytes& out, const Part& part);
std::optional<Beat> decode_beat(ByteView frame);
std::optional<SizeProbe> decode_size_probe(ByteView frame);
std::optional<SizeProbe> decode_size_reply(ByteView frame);
std::optional<Part> decode_part(ByteView frame);

}  // namespace systole::membership
