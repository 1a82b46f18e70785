// DiskDevice: a quorum disk as a quorum device (model disk): a round every interval, and the election's
// verdict to the ring.
#pragma once

#include <memory>

#include "base/log.h"
#include "base/ports.h"
#include "membership/config.h"
#include "qdevice/device.h"
#include "qdevice/disk.h"
#include "qdevice/disk_election.h"
#include "qdevice/heuristics.h"

namespace systole::qdevice {

class DiskDevice : public QuorumDevice {
 public:
  // `ports`: clock, timers, processes.
  DiskDevice(Ports ports, Logger log, const membership::ClusterConfig& config, NodeLife self,
             std::unique_ptr<Disk> disk);
  ~DiskDevice() override;

  void start(Say say) override;
  void view(const membership::View& view, const membership::Quorum& without) override;

 private:
  void round();
  void ended(std::optional<std::map<NodeId, SlotRead>> slots);
  void late();
  void tell();
  void check();

  Ports ports_;
  Logger log_;
  membership::DeviceOptions options_;
  std::unique_ptr<Disk> disk_;
  DiskElection election_;
  HeuristicsRunner heuristics_;
  Say say_;
  Time began_;
  bool good_ = true;  // So it was said in the log.
  std::optional<DiskElection::Verdict> told_;
  Timers::Id round_timer_ = 0, late_timer_ = 0, heuristics_timer_ = 0;
};

}  // namespace systole::qdevice
