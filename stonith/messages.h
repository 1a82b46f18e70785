// What fencers say to each other, in total order, and its byte form. Bounded: what is longer is cut when
// written and refused when read.
#pragma once

#include <compare>
#include <variant>

#include "stonith/fencer.h"

namespace systole::stonith {

// A request's name: the fencer's life that asked, and a number of its own.
struct RequestId {
  NodeLife origin;
  std::uint64_t number = 0;
  auto operator<=>(const RequestId&) const = default;
};

// The origin asks `executor` to carry the request out. Sent again after each view change while it is open,
// and with a greater attempt when the executor before has failed or left.
struct Order {
  RequestId id;
  std::uint32_t attempt = 1;
  NodeId executor{};
  Milliseconds budget{0};  // For this attempt.
  Request request;
  std::vector<std::string> already_failed;  // Reasons, of attempts before; for the outcome.
};
// The executor could not. The origin looks for another.
struct Failed {
  RequestId id;
  std::uint32_t attempt = 0;
  std::string reason;
};
// The end of a request. The first one in the order counts.
struct Ended {
  RequestId id;
  Outcome outcome;
};
// An administrator says that the node is off.
struct Confirmed {
  RequestId id;
  Outcome outcome;
};
struct HistoryPage {
  std::vector<Ended> entries;
};
using Message = std::variant<Order, Failed, Ended, Confirmed, HistoryPage>;

constexpr std::size_t kMostHistory = 500;

Bytes encode(const Message& message);
Result<Message> decode(ByteView bytes);  // kParse.

}  // namespace systole::stonith
