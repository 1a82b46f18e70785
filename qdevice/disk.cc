#include "qdevice/disk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

#include "base/check.h"
#include "base/fd.h"
#include "membership/wire.h"

namespace systole::qdevice {
namespace {

constexpr std::string_view kHeader = "SYSTOLE QUORUM DISK 1\n";
constexpr std::size_t kMaxName = 255;

struct Free {
  void operator()(std::uint8_t* memory) const { std::free(memory); }  // NOLINT
};
using Block = std::unique_ptr<std::uint8_t[], Free>;

// Memory as O_DIRECT wants it.
Block block(std::size_t count) {
  return Block(static_cast<std::uint8_t*>(std::aligned_alloc(kSlotSize, count * kSlotSize)));
}

int open_past_caches(const std::string& path, int flags, bool* uncached) {
  flags |= O_DSYNC | O_CLOEXEC;
  int fd = ::open(path.c_str(), flags | O_DIRECT, 0600);
  *uncached = fd >= 0;
  if (fd < 0 && errno == EINVAL) fd = ::open(path.c_str(), flags, 0600);
  return fd;
}

bool read_blocks(int fd, std::uint8_t* into, std::size_t first, std::size_t count) {
  const std::size_t size = count * kSlotSize;
  const ssize_t got = ::pread(fd, into, size, static_cast<off_t>(first * kSlotSize));
  if (got >= 0 && static_cast<std::size_t>(got) != size) errno = EIO;
  return got >= 0 && static_cast<std::size_t>(got) == size;
}

bool write_blocks(int fd, const std::uint8_t* from, std::size_t first, std::size_t count) {
  const std::size_t size = count * kSlotSize;
  const ssize_t put = ::pwrite(fd, from, size, static_cast<off_t>(first * kSlotSize));
  if (put >= 0 && static_cast<std::size_t>(put) != size) errno = EIO;
  return put >= 0 && static_cast<std::size_t>(put) == size;
}

// The cluster's name in a header; nothing: it is none.
std::optional<std::string> cluster_in(const std::uint8_t* header) {
  const std::string_view text(reinterpret_cast<const char*>(header), kSlotSize);
  if (!text.starts_with(kHeader)) return {};
  const std::string_view rest = text.substr(kHeader.size(), kMaxName + 1);
  const std::size_t end = rest.find('\n');
  if (end == std::string_view::npos || end == 0) return {};
  return std::string(rest.substr(0, end));
}

tl::unexpected<Error> failed(const char* what, const std::string& path) {
  const int error = errno;
  return fail(error == ENOENT ? Errc::kNotFound : Errc::kIo, "cannot {} the quorum disk {}: {}", what, path,
              std::strerror(error));
}

}  // namespace

// Shared with the thread, which outlives a Disk whose input or output hangs.
struct Disk::State {
  ~State() { ::close(fd); }
  void run(const std::shared_ptr<State>& self);
  bool write_and_read(const Bytes& sector, std::size_t place, std::uint8_t* all);

  int fd = -1;
  std::string cluster;
  bool uncached = false;

  mutable std::mutex mutex;
  std::condition_variable wake;
  bool stop = false, asked = false, runs = false;
  Timers* timers = nullptr;
  Bytes sector;
  std::size_t place = 0;
  std::function<void(std::optional<std::map<NodeId, SlotRead>>)> done;
  std::string problem;
};

bool Disk::State::write_and_read(const Bytes& content, std::size_t at, std::uint8_t* all) {
  std::copy(content.begin(), content.end(), all);
  return write_blocks(fd, all, 1 + at, 1) && read_blocks(fd, all, 1, membership::kMaxNodes);
}

void Disk::State::run(const std::shared_ptr<State>& self) {
  const Block all = block(membership::kMaxNodes);
  std::unique_lock lock(mutex);
  while (true) {
    wake.wait(lock, [this] { return stop || asked; });
    if (stop) return;
    asked = false;
    const Bytes content = sector;
    const std::size_t at = place;
    lock.unlock();
    const bool good = write_and_read(content, at, all.get());
    const int error = errno;
    std::optional<std::map<NodeId, SlotRead>> slots;
    if (good) {
      slots.emplace();
      for (std::uint32_t i = 1; i <= membership::kMaxNodes; ++i) {
        const SlotRead read =
            decode(ByteView(all.get() + (i - 1) * kSlotSize, kSlotSize), cluster, NodeId{i});
        if (read.state != SlotRead::State::kEmpty) slots->emplace(NodeId{i}, read);
      }
    }
    lock.lock();
    problem = good ? "" : std::strerror(error);
    if (stop) return;
    timers->post([self, slots = std::move(slots)]() mutable {
      std::function<void(std::optional<std::map<NodeId, SlotRead>>)> call;
      {
        const std::lock_guard held(self->mutex);
        if (self->stop) return;
        call = std::exchange(self->done, nullptr);
      }
      if (call) call(std::move(slots));
    });
  }
}

Result<std::unique_ptr<Disk>> Disk::open(const std::string& path, const std::string& cluster) {
  auto state = std::make_shared<State>();
  state->fd = open_past_caches(path, O_RDWR, &state->uncached);
  if (state->fd < 0) return failed("open", path);
  const Block header = block(1);
  if (!read_blocks(state->fd, header.get(), 0, 1)) return failed("read", path);
  const auto name = cluster_in(header.get());
  if (!name || *name != cluster) {
    return fail(
        Errc::kInvalidConfig,
        "{} is not the quorum disk of cluster {}{}: make it one, which erases it, with  mkqdisk -c {} -l {}",
        path, cluster, name ? fmt::format(" but of {}", *name) : "", path, cluster);
  }
  state->cluster = cluster;
  return std::unique_ptr<Disk>(new Disk(std::move(state)));
}

Result<void> Disk::make(const std::string& path, const std::string& cluster) {
  if (cluster.empty() || cluster.size() > kMaxName || cluster.find_first_of("\n ") != std::string::npos)
    return fail(Errc::kInvalidArgument, "a cluster's name has 1 to {} characters and no blank", kMaxName);
  bool uncached = false;
  const Fd fd(open_past_caches(path, O_RDWR | O_CREAT, &uncached));
  if (fd.get() < 0) return failed("open", path);
  const std::size_t count = 1 + membership::kMaxNodes;
  const Block all = block(count);
  std::fill_n(all.get(), count * kSlotSize, std::uint8_t{0});
  const std::string text = std::string(kHeader) + cluster + "\n";
  std::copy(text.begin(), text.end(), all.get());
  if (!write_blocks(fd.get(), all.get(), 0, count)) return failed("write", path);
  return {};
}

Result<std::string> Disk::describe(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return failed("open", path);
  const std::size_t count = 1 + membership::kMaxNodes;
  const Block all = block(count);
  if (!read_blocks(fd.get(), all.get(), 0, count)) return failed("read", path);
  const auto cluster = cluster_in(all.get());
  if (!cluster) return fail(Errc::kInvalidConfig, "{} is not a quorum disk", path);
  std::string text = fmt::format("{}:\n\tLabel: {}\n", path, *cluster);
  for (std::size_t i = 1; i < count; ++i) {
    const ByteView sector(all.get() + i * kSlotSize, kSlotSize);
    const NodeId node{static_cast<std::uint32_t>(i)};
    const SlotRead read = decode(sector, *cluster, node);
    if (read.state == SlotRead::State::kEmpty) continue;
    if (read.state == SlotRead::State::kBroken) {
      text += fmt::format("\tNode {}: broken\n", i);
      continue;
    }
    const char* flag = read.slot.flag == Slot::Flag::kHolds  ? "holds the vote"
                       : read.slot.flag == Slot::Flag::kBids ? "bids"
                                                             : "-";
    text += fmt::format("\tNode {}: generation {} ring {:x}.{:x} members {} {} written {}\n", i,
                        read.slot.generation, raw(read.slot.ring.representative), read.slot.ring.sequence,
                        read.slot.members, flag, read.slot.written);
  }
  return text;
}

Disk::Disk(std::shared_ptr<State> state) : state_(std::move(state)) {}

Disk::~Disk() {
  const std::lock_guard held(state_->mutex);
  state_->stop = true;
  state_->done = nullptr;
  state_->wake.notify_all();
}

void Disk::round(Timers& timers, const Slot& slot,
                 std::function<void(std::optional<std::map<NodeId, SlotRead>>)> done) {
  State& s = *state_;
  const std::lock_guard held(s.mutex);
  check(raw(slot.life.node) >= 1 && raw(slot.life.node) <= membership::kMaxNodes);
  s.place = raw(slot.life.node) - 1;
  s.sector = encode(slot, s.cluster);
  s.timers = &timers;
  s.done = std::move(done);
  s.asked = true;
  if (!std::exchange(s.runs, true)) std::thread([state = state_] { state->run(state); }).detach();
  s.wake.notify_all();
}

std::string Disk::problem() const {
  const std::lock_guard held(state_->mutex);
  return state_->problem;
}

bool Disk::uncached() const { return state_->uncached; }

}  // namespace systole::qdevice
