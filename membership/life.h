// RingState: what the ring must remember across restarts: the incarnation and the highest ring sequence, in
// one small file. The sequence on disk is reserved ahead, so that a view change seldom waits for the disk.
#pragma once

#include "base/ids.h"
#include "base/log.h"
#include "base/ports.h"
#include "base/result.h"

namespace systole::membership {

class RingState {
 public:
  // Begins a new life: reads `directory`/ring-NODEID, raises the incarnation above the stored one and not
  // below the wall clock's milliseconds, and stores it. A missing file begins at nothing; a damaged one is
  // set aside with a warning. Errors: kIo, when the state cannot be stored.
  static Result<RingState> begin_life(Files& files, const Clock& clock, const std::string& directory,
                                      NodeId self, const Logger& log);

  NodeLife self() const { return self_; }
  std::uint64_t ring_sequence() const { return first_; }  // No earlier life used a greater one.
  // Makes sure that no later life will use `sequence` again.
  Result<void> use(std::uint64_t sequence);

 private:
  RingState(Files& files, std::string path, NodeLife self, std::uint64_t first)
      : files_(&files), path_(std::move(path)), self_(self), first_(first), reserved_(first) {}
  Result<void> store(std::uint64_t sequence);

  Files* files_;
  std::string path_;
  NodeLife self_;
  std::uint64_t first_, reserved_;
};

}  // namespace systole::membership
