// Ports: everything through which a module touches the world. Production has one implementation of each
// (base/asio_runtime.h, base/posix_files.h, lrmd's process helper); sim/ has another in which a seed decides
// everything. A clock, random source, socket, file or process used outside those implementations is a defect
// (tests/layout_test checks the sources).
//
// Threads: a port belongs to one event loop; its callbacks run there, never inside the call that asked for
// them. Only Timers::post may be called from another thread.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"

namespace systole {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time now() const = 0;       // Monotonic.
  virtual WallTime wall() const = 0;  // May jump.
};

class Timers {
 public:
  using Id = std::uint64_t;  // Never zero, never reused.
  virtual ~Timers() = default;
  // Calls `fire` once, not before `delay` has passed. A negative delay counts as zero.
  virtual Id after(Duration delay, std::function<void()> fire) = 0;
  virtual void cancel(Id id) = 0;  // Unknown or fired: nothing happens. 0 is never known.
  // Runs `task` soon on this loop, after what was posted before. Safe from any thread in production.
  virtual void post(std::function<void()> task) = 0;
};

class Random {
 public:
  virtual ~Random() = default;
  virtual std::uint64_t next() = 0;
  virtual void fill(std::span<std::uint8_t> out) = 0;  // Production: cryptographically strong.
  // Uniform in [0, bound); bound > 0.
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }
};

// A numeric IPv4 or IPv6 address ("192.0.2.1", "2001:db8::1", with %scope where link-local) and a UDP port.
struct Endpoint {
  std::string address;
  std::uint16_t port = 0;
  auto operator<=>(const Endpoint&) const = default;
};

class DatagramSocket {
 public:
  virtual ~DatagramSocket() = default;  // Closes; no callback after it.
  // Best effort, never blocks: a full buffer drops, as a network would. Datagrams are never fragmented on
  // their way; false: this one is larger than the interface takes.
  virtual bool send(const Endpoint& to, ByteView datagram) = 0;
  // Each of `datagrams`, in their order, to each of `to`: as so many send()s, at less cost in production,
  // least where those that follow each other have one size.
  virtual void send_all(std::span<const Endpoint> to, std::span<const ByteView> datagrams) {
    for (const Endpoint& one : to) {
      for (const ByteView datagram : datagrams) send(one, datagram);
    }
  }
};

class Network {
 public:
  struct Handler {
    std::function<void(const Endpoint& from, ByteView datagram)> received;  // The view lives for the call.
    std::function<void(const Endpoint& peer)> refused;  // ICMP port unreachable: a hint, never a verdict.
    std::function<void()> settled;  // After the last of those that were received together; may be empty.
  };
  virtual ~Network() = default;
  // Errors: kIo, naming the address and what is wrong with it (not on this host, port in use).
  virtual Result<std::unique_ptr<DatagramSocket>> bind(const Endpoint& local, Handler handler) = 0;
  // Receives what is sent to `group`, a multicast group or the broadcast address of a network of this host,
  // on the interface that has the address `interface`; what is sent to the group through it leaves there and
  // is heard on this host too. `ttl`: hops of multicast, 1 to 255; a broadcast has none. Errors: kIo.
  virtual Result<std::unique_ptr<DatagramSocket>> join(const Endpoint& group, const std::string& interface,
                                                       unsigned ttl, Handler handler) = 0;
};

// Small files: configuration, keys, ring ids. (The CIB's journal is a port of its own: cib/journal.h.)
class Files {
 public:
  struct Status {
    std::uint64_t size = 0;
    unsigned mode = 0;  // Permission bits, 0777.
    unsigned uid = 0;
    bool directory = false;
    WallTime changed{};  // Last modification of the content.
  };
  virtual ~Files() = default;
  virtual Result<Bytes> read(const std::string& path) = 0;  // kNotFound, kDenied, kIo.
  // Old content or new, never a mixture, and durable (written beside, synced, renamed, directory synced).
  virtual Result<void> write_atomic(const std::string& path, ByteView content, unsigned mode) = 0;
  virtual Result<Status> status(const std::string& path) = 0;
  virtual Result<std::vector<std::string>> list(const std::string& directory) = 0;  // Names, sorted.
  virtual Result<void> remove(const std::string& path) = 0;                         // Absent: fine.
  virtual Result<void> make_directory(const std::string& path,
                                      unsigned mode) = 0;  // With parents; there: fine.
};

struct ProcessSpec {
  std::vector<std::string> argv;  // argv[0] is an absolute path: never a shell, never $PATH.
  std::vector<std::pair<std::string, std::string>> environment;  // The whole environment, nothing inherited.
  std::string input;                                             // Written to standard input, then closed.
  std::size_t output_limit = 64 * 1024;  // Per stream; what goes beyond is read and dropped, and said so.
  std::string working_directory = "/";
  bool urgent = false;  // Never waits for a place among the processes that run: fencing.
};

struct ProcessResult {
  enum class End { kExited, kSignalled, kFailedToStart, kKilledByUs } end = End::kExited;
  int code = 0;  // Exit status, signal number, or errno.
  std::string output, errors;
  bool output_truncated = false;
  Duration waited{};   // Asked for to started.
  Duration ran{};      // Started to reaped.
  Duration starved{};  // Share of `ran` in which the machine stalled runnable tasks (PSI), as far as known.
};

class Processes {
 public:
  using Id = std::uint64_t;  // Never zero, never reused.
  virtual ~Processes() = default;
  // Starts it as leader of a process group of its own. `done` is called exactly once, when the leader is
  // reaped. Output still open in a daemonised grandchild does not delay it by more than 100 ms.
  virtual Id start(ProcessSpec spec, std::function<void(ProcessResult)> done) = 0;
  // Sends to the whole group. After `kill(SIGKILL)` done follows with kKilledByUs, once the group is dead or,
  // where a member sits in uninterruptible sleep, after 5 s with errors saying so.
  virtual void kill(Id id, int signal) = 0;
};

class Watchdog {
 public:
  virtual ~Watchdog() = default;
  virtual Result<void> arm(Duration timeout) = 0;  // kUnsupported without a device.
  virtual void tickle() = 0;
  virtual void disarm() = 0;
};

// What a module gets at construction. The pointers outlive it.
struct Ports {
  Clock* clock = nullptr;
  Timers* timers = nullptr;
  Random* random = nullptr;
  Network* network = nullptr;
  Files* files = nullptr;
  Processes* processes = nullptr;
  Watchdog* watchdog = nullptr;
};

}  // namespace systole
