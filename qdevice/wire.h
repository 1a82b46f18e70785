// The arbitrator's protocol as checked values: what comes from outside passes here before anything else sees
// it.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "qdevice/arbiter.h"

namespace systole::qdevice {

namespace wire {
class FromArbiter;
class Hello;
class Report;
class Ring;
class ToArbiter;
}  // namespace wire

inline constexpr std::uint32_t kProtocol = 1;
inline constexpr std::size_t kMaxFrame = 32 << 10;  // Bytes of one message.
inline constexpr std::uint16_t kPort = 5403;

struct Greeting {
  std::string cluster;
  NodeLife life;
  Settings settings;
};

// Errors (kParse): a version, name, number or list that cannot be.
Result<Greeting> read(const wire::Hello& hello);
Result<Report> read(const wire::Report& report, NodeId from);
RingId read(const wire::Ring& ring);
void write(const Greeting& greeting, wire::Hello& hello);
void write(const Report& report, wire::Report& out);
void write(const RingId& ring, wire::Ring& out);

}  // namespace systole::qdevice
