// World: hosts, a network and time, in one process, decided by one seed. The same seed and the same calls
// give the same events, byte for byte: the trace's digest says so.
//
// A Host has lives. boot() begins one, with fresh ports; crash() ends it: its timers, sockets and callbacks
// die at once, its files stay. pause() is SIGSTOP or a suspended machine: nothing happens on the host until
// it goes on, then everything that was due comes late. Single-threaded; callbacks never run inside the call
// that asked.
//
// Two times. Rings live on ring time: their clocks, timers and datagrams. While nobody has anything to say,
// an idle ring does nothing but tell itself that it is idle, so whoever runs the cluster may freeze ring time
// (rest()) and it stands still, on all hosts at once and with whatever is in flight, until something wakes it
// (wake()). For the ring it is as if the quiet had been shorter; for everything else time has passed. So a
// quiet hour costs nearly nothing and production code is none the wiser.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/ports.h"

namespace systole::sim {

// xoshiro256** (Blackman, Vigna 2018), seeded by splitmix64.
class SeededRandom : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed);
  std::uint64_t next() override;
  void fill(std::span<std::uint8_t> out) override;
  bool chance(double probability);                  // 0..1
  Duration between(Duration least, Duration most);  // Uniform, both included.

 private:
  std::uint64_t s_[4];
};

struct NetworkFaults {
  double loss = 0, duplication = 0, corruption = 0;  // Probability for each datagram.
  double spike = 0;                                  // Probability of a delay up to `spike_most`.
  Duration least{std::chrono::microseconds(50)}, most{std::chrono::microseconds(250)};
  Duration spike_most{Milliseconds(50)};
  std::size_t mtu = 1500;  // Bytes of an IP packet. Larger ones vanish without a word: a black hole.
};

class World;

// A file system that outlives crashes. Writes are durable when write_atomic returns.
class SimFiles : public Files {
 public:
  bool full = false;  // Writes fail with kIo.
  Result<Bytes> read(const std::string& path) override;
  Result<void> write_atomic(const std::string& path, ByteView content, unsigned mode) override;
  Result<Status> status(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& directory) override;
  Result<void> remove(const std::string& path) override;
  Result<void> make_directory(const std::string& path, unsigned mode) override;

 private:
  struct File {
    Bytes content;
    unsigned mode = 0644;
  };
  std::map<std::string, File> files_;
  std::set<std::string> directories_{"/"};
};

class Host {
 public:
  const std::string& name() const { return name_; }
  bool up() const { return up_; }
  std::uint64_t life() const { return life_; }

  void boot();
  void crash();
  void pause(Duration how_long);
  bool paused() const;
  Time paused_until() const { return paused_until_; }  // The last time that it slept.

  // clock, timers, random, network and files of this life; processes and watchdog are null: set them.
  Ports ports();
  Ports ring_ports();  // The same on ring time.
  // After so many more events of this host (1 or more) `then` runs, once, as an event of the world: every
  // place where code waits for something lies between two events.
  void after_events(std::uint64_t count, std::function<void()> then);
  SimFiles& files() { return files_; }
  Duration wall_offset{};  // This host's wall clock against the world's; may be changed at any moment.
  double drift = 0;        // How much faster its clocks run than the world's; set before the first boot.

 private:
  friend class World;
  struct Life;
  Host(World& world, std::size_t index, std::string name, std::vector<std::string> addresses);

  World& world_;
  std::size_t index_;
  std::string name_;
  std::vector<std::string> addresses_;
  bool up_ = false;
  std::uint64_t life_ = 0;
  Time paused_until_{};
  std::uint64_t countdown_ = 0;  // Events until `counted_` runs; 0: nothing counts.
  std::function<void()> counted_;
  SimFiles files_;
  std::vector<std::unique_ptr<Life>> lives_;  // Ended ones too: somebody may still hold their ports.
};

class World {
 public:
  explicit World(std::uint64_t seed);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  Host& add_host(const std::string& name, std::vector<std::string> addresses);
  std::vector<std::unique_ptr<Host>>& hosts() { return hosts_; }

  Time now() const { return now_; }
  WallTime wall() const;  // 2026-01-01 00:00 UTC at the start.
  SeededRandom& random() { return random_; }

  // Runs the next event; false when there is none.
  bool step();
  void run_until(Time end);  // Events up to and at `end`; now() == end afterwards.
  void run_for(Duration span) { run_until(now_ + span); }
  // An event of the world itself (a fault, an administrator), not of a host.
  void at(Time when, std::function<void()> what);
  void after(Duration delay, std::function<void()> what) { at(now_ + delay, std::move(what)); }
  void after_ring(Duration delay, std::function<void()> what);  // The same on ring time.
  // Called after every event: the checkers.
  std::function<void()> checker;

  NetworkFaults network;
  std::map<std::string, NetworkFaults> network_to;  // By the receiver's address, instead of `network`.
  // Sees every datagram that a host sends, before faults.
  std::function<void(const Endpoint& from, const Endpoint& to, ByteView datagram)> tap;
  // A datagram that no host sent: for attackers. Neither cuts nor loss apply. `around` is called just before
  // and just after its receiver takes it.
  void inject(const Endpoint& from, const Endpoint& to, Bytes datagram,
              std::function<void(bool after)> around = {});
  // The socket at `sender` is told that the port `peer` refused: for forgers of ICMP.
  void inject_refusal(const Endpoint& sender, const Endpoint& peer);
  // Datagrams from host `from` to address(es) of `to` vanish, in this direction only.
  void cut(const std::string& from, const std::string& to) { cuts_.insert({from, to}); }
  void mend(const std::string& from, const std::string& to) { cuts_.erase({from, to}); }
  // All datagrams to and from this address vanish: one link of one host.
  void unplug(const std::string& address) { unplugged_.insert(address); }
  void plug(const std::string& address) { unplugged_.erase(address); }
  // Datagrams between one address of each: one of several networks.
  void cut_address(const std::string& from, const std::string& to) { address_cuts_.insert({from, to}); }
  void mend_address(const std::string& from, const std::string& to) { address_cuts_.erase({from, to}); }
  void heal() {
    cuts_.clear();
    address_cuts_.clear();
    unplugged_.clear();
  }
  bool is_cut(const std::string& from, const std::string& to) const {
    return !cuts_.empty() && cuts_.contains({from, to});
  }
  bool whole() const;  // No cut, no fault of the network, nobody paused.

  // Ring time stands still until wake(). The caller says that nothing but time would pass.
  void rest();
  void wake();
  bool resting() const { return resting_; }
  Duration rested() const {
    return skipped_ + (resting_ ? now_ - rested_since_ : Duration{});
  }  // How long in all.
  Time ring_now() const { return (resting_ ? rested_since_ : now_) - skipped_; }

  // Shows a line where somebody listens.
  void trace(std::string_view line);
  // Mixes what happened into the digest; the time and number of every event are in it anyway.
  void note(std::uint64_t what) { digest_ = (digest_ ^ what) * 1099511628211ULL; }
  bool traced() const { return static_cast<bool>(on_trace); }
  std::function<void(Time, std::string_view)> on_trace;
  std::uint64_t digest() const { return digest_; }
  std::uint64_t events() const { return events_; }
  // A logger for a host's daemon: every line is traced, where somebody listens.
  Logger logger(const std::string& host);

 private:
  friend class Host;
  friend struct Host::Life;
  struct Event {
    std::uint64_t id = 0;  // Its number and place; 0: cancelled or done.
    Host* host = nullptr;  // Null: the world's own.
    std::uint64_t life = 0;
    std::function<void()> what;
  };
  struct Due {
    Time at;  // World time or ring time, as its heap has it.
    std::uint64_t id;
  };
  struct Later {
    bool operator()(const Due& a, const Due& b) const { return a.at != b.at ? a.at > b.at : a.id > b.id; }
  };
  using Heap = std::vector<Due>;
  class Socket;
  class Net;

  std::uint64_t schedule(Time when, bool ring, Host* host, std::function<void()> what);
  void cancel(std::uint64_t id);
  void push(Heap& heap, Due due);
  bool prune(Heap& heap, Duration offset);
  bool next(Time& at, Heap*& heap);
  void run(Heap& heap, Time at);
  void deliver(Host& from, const Endpoint& source, const Endpoint& to, ByteView datagram);
  void deliver_one(Host& from, const Endpoint& source, Host& host, const Endpoint& local, const Endpoint& to,
                   ByteView datagram);
  void arrive(Host& from, std::uint64_t life, const Endpoint& source, const Endpoint& local,
              const Endpoint& to, ByteView datagram);
  const NetworkFaults& faults_to(const std::string& address) const;
  bool address_cut(const std::string& from, const std::string& to) const;
  Socket* socket_at(const Endpoint& local) const;

  SeededRandom random_;
  Time now_{};
  std::vector<std::unique_ptr<Host>> hosts_;
  Heap due_, ring_due_;           // By Later.
  std::vector<Event> events_at_;  // What is due, by place; a place is used again.
  std::vector<std::uint32_t> free_;
  std::uint64_t next_number_ = 1;
  bool resting_ = false;
  Time rested_since_{};
  Duration skipped_{};
  std::map<Endpoint, Socket*> sockets_;
  std::map<Endpoint, std::map<std::string, Socket*>> groups_;  // Members by their own address.
  std::map<std::string, Host*> by_address_;
  std::set<std::pair<std::string, std::string>> cuts_, address_cuts_;
  std::set<std::string> unplugged_;
  std::uint64_t digest_ = 14695981039346656037ULL;
  std::uint64_t events_ = 0;
};

}  // namespace systole::sim
