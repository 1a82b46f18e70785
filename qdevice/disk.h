// Disk: a shared block device, or a file, with a header and a slot for each node. Reads and writes past every
// cache (O_DIRECT, O_DSYNC), on a thread of its own, because they may hang for ever.
//
// Layout in blocks of kSlotSize bytes: the header (made by `make`), then the slots of nodes 1 to kMaxNodes,
// each at the place of its id: nodes whose nodelists differ for a while see each other all the same.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/ports.h"
#include "base/result.h"
#include "qdevice/disk_slot.h"

namespace systole::qdevice {

class Disk {
 public:
  // Errors: kNotFound, kIo; kInvalidConfig for what was not made a quorum disk of this cluster, with the
  // remedy. Its thread begins with the first round.
  static Result<std::unique_ptr<Disk>> open(const std::string& path, const std::string& cluster);
  // Erases `path`'s first blocks and makes it a quorum disk of `cluster`; a file that is not there is made.
  static Result<void> make(const std::string& path, const std::string& cluster);
  // What lies on it, as mkqdisk -L shows it. Errors: kIo, kInvalidConfig.
  static Result<std::string> describe(const std::string& path);

  ~Disk();  // Does not wait for what hangs.
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  // Writes `slot` into the place of its node, then reads all; `done` comes on `timers`' loop: the slots that
  // are not empty, or nothing when the disk failed. One at a time.
  void round(Timers& timers, const Slot& slot,
             std::function<void(std::optional<std::map<NodeId, SlotRead>>)> done);
  // Why a round failed last; empty: none did.
  std::string problem() const;
  bool uncached() const;  // O_DIRECT; not every filesystem can.

 private:
  struct State;
  explicit Disk(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace systole::qdevice
