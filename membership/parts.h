// Parts: frames larger than a path takes, cut into pieces and put together again, as knet does beneath
// Corosync. Packing (packing.h) keeps packets below the size of all paths in use, so this is for the few
// others: lists of very many nodes, and packets that were made before a path became smaller. Pure.
#pragma once

#include <map>
#include <vector>

#include "membership/link_wire.h"

namespace systole::membership {

// The pieces of `frame`, of at most `most` bytes each, as frames of their own. Empty: it needs too many.
std::vector<Bytes> cut_into_parts(ByteView frame, std::uint32_t number, std::size_t most);

// Of one sender: authentic parts in, whole frames out. Memory is bounded: the oldest frame in work gives way.
class Assembly {
 public:
  static constexpr std::size_t kMaxFrames = 64;    // In work.
  static constexpr std::size_t kMaxFrame = 65536;  // Bytes.
  // The whole frame once its last part is there; valid until the next call.
  ByteView take(const Part& part);

 private:
  struct Work {
    std::vector<Bytes> parts;
    std::size_t missing = 0, bytes = 0;
  };
  std::map<std::uint32_t, Work> works_;
  Bytes whole_;
};

}  // namespace systole::membership
