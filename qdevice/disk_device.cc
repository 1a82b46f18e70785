#include "qdevice/disk_device.h"

namespace systole::qdevice {
using membership::DeviceOptions;

DiskDevice::DiskDevice(Ports ports, Logger log, const membership::ClusterConfig& config, NodeLife self,
                       std::unique_ptr<Disk> disk)
    : ports_(ports),
      log_(std::move(log)),
      options_(config.quorum.device),
      disk_(std::move(disk)),
      election_(self, options_.timeout),
      heuristics_(*ports.processes, *ports.timers, options_.heuristics) {}

DiskDevice::~DiskDevice() {
  for (const Timers::Id id : {round_timer_, late_timer_, heuristics_timer_}) ports_.timers->cancel(id);
}

void DiskDevice::start(Say say) {
  say_ = std::move(say);
  if (!disk_->uncached())
    log_.warning(
        "{} cannot be written past the page cache (O_DIRECT): use it only where all nodes share that cache",
        options_.path);
  if (options_.heuristics.mode != DeviceOptions::Heuristics::Mode::kOff) {
    election_.set_worthy(false);  // Until they have passed.
    check();
  }
  round();
}

void DiskDevice::view(const membership::View& view, const membership::Quorum&) {
  std::vector<NodeId> members;
  for (const NodeLife& life : view.members) members.push_back(life.node);
  election_.view(view.id, std::move(members));
  told_.reset();
  tell();
}

void DiskDevice::round() {
  began_ = ports_.clock->now();
  late_timer_ = ports_.timers->after(options_.timeout, [this] { late(); });
  disk_->round(*ports_.timers, election_.next(ports_.clock->wall()),
               [this](std::optional<std::map<NodeId, SlotRead>> slots) { ended(std::move(slots)); });
}

void DiskDevice::ended(std::optional<std::map<NodeId, SlotRead>> slots) {
  ports_.timers->cancel(late_timer_);
  const Time now = ports_.clock->now();
  const bool good = slots.has_value();
  if (std::exchange(good_, good) != good) {
    if (good) log_.notice("the quorum disk {} works again", options_.path);
    if (!good)
      log_.error("the quorum disk {} fails, it has no vote here: {}", options_.path, disk_->problem());
  }
  const Slot::Flag before = election_.flag();
  election_.round(began_, now, slots);
  if (before != election_.flag() && (before == Slot::Flag::kHolds || election_.flag() == Slot::Flag::kHolds))
    log_.notice("this node {} the quorum disk's vote",
                before == Slot::Flag::kHolds ? "no longer holds" : "holds");
  tell();
  round_timer_ = ports_.timers->after(began_ + options_.interval - now, [this] { round(); });
}

// The round goes on; perhaps for ever.
void DiskDevice::late() {
  if (std::exchange(good_, false)) log_.error("the quorum disk {} hangs, it has no vote here", options_.path);
  election_.round(began_, ports_.clock->now(), {});
  tell();
}

void DiskDevice::tell() {
  const Time now = ports_.clock->now();
  const DiskElection::Verdict verdict = election_.verdict(now);
  if (!say_ || verdict.ring.sequence == 0 || !verdict.casts || told_ == verdict) return;
  const bool news =
      !told_ || told_->casts != verdict.casts || *verdict.casts;  // A yes holds longer each time.
  told_ = verdict;
  if (!news) return;
  const auto holds = std::chrono::duration_cast<Milliseconds>(verdict.until - now);
  say_(verdict.ring, {*verdict.casts, options_.master_wins,
                      *verdict.casts ? std::max(holds, Milliseconds(1)) : Milliseconds(0)});
}

void DiskDevice::check() {
  heuristics_timer_ = ports_.timers->after(options_.heuristics.interval, [this] { check(); });
  heuristics_.run(options_.heuristics.timeout, [this](bool passed) {
    election_.set_worthy(passed);
    tell();
  });
}

}  // namespace systole::qdevice
