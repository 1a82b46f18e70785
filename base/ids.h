// The names that nodes, their lives and rings go by.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace systole {

enum class NodeId : std::uint32_t {};  // corosync.conf's nodeid. Never zero.

// One life of a node's daemon: greater in every later life (kept on disk, and never below the wall clock's
// milliseconds at start, so that a lost disk does not bring an old one back).
enum class Incarnation : std::uint64_t {};

constexpr std::uint32_t raw(NodeId id) { return static_cast<std::uint32_t>(id); }
constexpr std::uint64_t raw(Incarnation i) { return static_cast<std::uint64_t>(i); }

// A node in one of its lives.
struct NodeLife {
  NodeId node{};
  Incarnation incarnation{};
  auto operator<=>(const NodeLife&) const = default;
};

// One agreed membership. A later ring has a greater sequence; two partitions may use the same sequence, then
// the representative tells them apart (Totem, §3).
struct RingId {
  std::uint64_t sequence = 0;
  NodeId representative{};
  auto operator<=>(const RingId&) const = default;
};

}  // namespace systole
