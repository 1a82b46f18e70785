// Channel: messages of any length over the ring. Long ones go in parts, which other messages may come
// between; what the ring does not take now waits here in order. Parts of a message are put together only
// within one view, so that every member of it either gets a message whole, at the place of its last part, or
// not at all.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "base/ids.h"
#include "base/log.h"
#include "base/ports.h"

namespace systole::cib {

class Channel {
 public:
  static constexpr std::size_t kPart = 256 * 1024;        // Bytes.
  static constexpr std::size_t kMaxMessage = 160U << 20;  // A document of 64 MiB, escaped.

  Channel(Timers& timers, Logger log, std::function<Result<void>(Bytes)> multicast);
  ~Channel();

  void send(Bytes message);
  // A frame from the ring; returns the message that it completes.
  std::optional<Bytes> receive(NodeId sender, ByteView frame);
  void new_view();  // Forgets what waits and what is incomplete.

 private:
  struct Assembly {
    std::uint32_t message = 0, next = 0;
    Bytes data;
  };
  void flush();

  Timers& timers_;
  Logger log_;
  std::function<Result<void>(Bytes)> multicast_;
  std::deque<Bytes> waiting_;
  std::map<NodeId, Assembly> assemblies_;
  std::uint32_t last_message_ = 0;
  Timers::Id retry_ = 0;
};

}  // namespace systole::cib
