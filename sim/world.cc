#include "sim/world.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/check.h"

namespace systole::sim {
namespace {
constexpr unsigned kPlaceBits = 22;  // Of an event's id: where it lies; above: its number.
}

SeededRandom::SeededRandom(std::uint64_t seed) {
  for (std::uint64_t& word : s_) {
    seed += 0x9e3779b97f4a7c15ULL;
    std::uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    word = z ^ (z >> 31);
  }
}

std::uint64_t SeededRandom::next() {
  const auto rotl = [](std::uint64_t x, int k) { return (x << k) | (x >> (64 - k)); };
  const std::uint64_t result = rotl(s_[1] * 5, 7) * 9;
  const std::uint64_t t = s_[1] << 17;
  s_[2] ^= s_[0];
  s_[3] ^= s_[1];
  s_[1] ^= s_[2];
  s_[0] ^= s_[3];
  s_[2] ^= t;
  s_[3] = rotl(s_[3], 45);
  return result;
}

void SeededRandom::fill(std::span<std::uint8_t> out) {
  while (!out.empty()) {
    const std::uint64_t word = next();
    const std::size_t n = std::min(out.size(), sizeof word);
    std::memcpy(out.data(), &word, n);
    out = out.subspan(n);
  }
}

bool SeededRandom::chance(double probability) {
  return probability > 0 && static_cast<double>(next() >> 11) * 0x1.0p-53 < probability;
}

Duration SeededRandom::between(Duration least, Duration most) {
  if (most <= least) return least;
  return least +
         Duration(static_cast<std::int64_t>(below(static_cast<std::uint64_t>((most - least).count()) + 1)));
}

// A socket is known to the world by its endpoint for as long as it lives, or as a member of its group.
class World::Socket : public DatagramSocket {
 public:
  Socket(World& world, Host& host, Endpoint local, std::optional<Endpoint> group, Network::Handler handler)
      : world_(world),
        host_(host),
        life_(host.life()),
        local_(std::move(local)),
        group_(std::move(group)),
        handler_(std::move(handler)) {
    slot() = this;
  }
  ~Socket() override { close(); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  bool send(const Endpoint& to, ByteView datagram) override {
    if (open_ && host_.up() && host_.life() == life_) world_.deliver(host_, local_, to, datagram);
    return true;
  }
  void close() {
    if (!open_) return;
    open_ = false;
    if (slot() == this) slot() = nullptr;
  }
  void receive(const Endpoint& from, ByteView datagram) {
    const auto settled = handler_.settled;  // What it calls may close this socket.
    handler_.received(from, datagram);
    if (settled) settled();
  }
  Host& host() { return host_; }
  Network::Handler& handler() { return handler_; }

 private:
  Socket*& slot() { return group_ ? world_.groups_[*group_][local_.address] : world_.sockets_[local_]; }

  World& world_;
  Host& host_;
  std::uint64_t life_;
  Endpoint local_;
  std::optional<Endpoint> group_;
  Network::Handler handler_;
  bool open_ = true;
};

// What one life of a host holds. Its ports come in two views, one for each time.
struct Host::Life {
  Life(Host& h, World& w, std::uint64_t n)
      : host(h), world(w), number(n), random(w.random_.next()), plain(*this, false), ring(*this, true) {}
  bool alive() const { return host.up_ && host.life_ == number; }

  struct View : Clock, Timers, Network {
    View(Life& l, bool r) : life(l), ring(r) {}
    Time now() const override {
      const Time t = ring ? life.world.ring_now() : life.world.now_;
      return life.host.drift == 0 ? t : Time(stretched(t.time_since_epoch(), 1 + life.host.drift));
    }
    WallTime wall() const override { return life.world.wall() + life.host.wall_offset; }

    Id after(Duration delay, std::function<void()> fire) override {
      World& world = life.world;
      if (!life.alive()) return world.next_number_++ << kPlaceBits;
      delay = std::max(delay, Duration::zero());
      if (life.host.drift != 0) delay = stretched(delay, 1 / (1 + life.host.drift));
      return world.schedule((ring ? world.ring_now() : world.now_) + delay, ring, &life.host,
                            std::move(fire));
    }
    void cancel(Id id) override { life.world.cancel(id); }
    void post(std::function<void()> task) override { after(Duration::zero(), std::move(task)); }

    Result<std::unique_ptr<DatagramSocket>> bind(const Endpoint& local, Handler handler) override {
      if (auto mine = check_mine(local); !mine) return fail(mine.error());
      if (life.world.socket_at(local) != nullptr) {
        return fail(Errc::kIo, "cannot listen on UDP {} port {}: in use", local.address, local.port);
      }
      return std::make_unique<World::Socket>(life.world, life.host, local, std::nullopt, std::move(handler));
    }
    Result<std::unique_ptr<DatagramSocket>> join(const Endpoint& group, const std::string& interface,
                                                 unsigned, Handler handler) override {
      const Endpoint local{interface, group.port};
      if (auto mine = check_mine(local); !mine) return fail(mine.error());
      return std::make_unique<World::Socket>(life.world, life.host, local, group, std::move(handler));
    }
    Result<void> check_mine(const Endpoint& local) const {
      const std::vector<std::string>& mine = life.host.addresses_;
      if (std::find(mine.begin(), mine.end(), local.address) != mine.end()) return {};
      return fail(Errc::kIo, "cannot listen on UDP {} port {}: not an address of {}", local.address,
                  local.port, life.host.name_);
    }
    static Duration stretched(Duration d, double by) {
      return Duration(static_cast<std::int64_t>(std::ceil(static_cast<double>(d.count()) * by)));
    }
    Life& life;
    bool ring;
  };

  Ports ports(View& view) {
    return Ports{.clock = &view, .timers = &view, .random = &random, .network = &view, .files = &host.files_};
  }

  Host& host;
  World& world;
  std::uint64_t number;
  SeededRandom random;
  View plain, ring;
};

Host::Host(World& world, std::size_t index, std::string name, std::vector<std::string> addresses)
    : world_(world), index_(index), name_(std::move(name)), addresses_(std::move(addresses)) {}

void Host::boot() {
  check(!up_, "a host boots when it is down");
  up_ = true;
  ++life_;
  paused_until_ = Time{};
  lives_.push_back(std::make_unique<Life>(*this, world_, life_));
  world_.trace("boot " + name_);
}

void Host::crash() {
  if (!up_) return;
  up_ = false;
  for (auto& [local, socket] : world_.sockets_) {
    if (socket != nullptr && &socket->host() == this) socket->close();
  }
  for (auto& [group, members] : world_.groups_) {
    for (auto& [address, socket] : members) {
      if (socket != nullptr && &socket->host() == this) socket->close();
    }
  }
  world_.trace("crash " + name_);
}

void Host::pause(Duration how_long) {
  world_.wake();
  paused_until_ = world_.now_ + how_long;
  world_.trace("pause " + name_);
}

bool Host::paused() const { return up_ && world_.now_ < paused_until_; }

Ports Host::ports() {
  check(up_, "only a host that is up has ports");
  return lives_.back()->ports(lives_.back()->plain);
}

Ports Host::ring_ports() {
  check(up_, "only a host that is up has ports");
  return lives_.back()->ports(lives_.back()->ring);
}

void Host::after_events(std::uint64_t count, std::function<void()> then) {
  countdown_ = count;
  counted_ = std::move(then);
}

World::World(std::uint64_t seed) : random_(seed) {}
World::~World() { const std::vector<Event> gone = std::exchange(events_at_, {}); }

WallTime World::wall() const {
  constexpr Seconds kStart{1767225600};
  return WallTime(std::chrono::duration_cast<Duration>(kStart) + now_.time_since_epoch());
}

Host& World::add_host(const std::string& name, std::vector<std::string> addresses) {
  hosts_.push_back(std::unique_ptr<Host>(new Host(*this, hosts_.size(), name, addresses)));
  for (const std::string& address : addresses) by_address_[address] = hosts_.back().get();
  return *hosts_.back();
}

void World::push(Heap& heap, Due due) {
  heap.push_back(due);
  std::push_heap(heap.begin(), heap.end(), Later{});
}

std::uint64_t World::schedule(Time when, bool ring, Host* host, std::function<void()> what) {
  if (free_.empty()) {
    check(events_at_.size() < std::size_t{1} << kPlaceBits,
          "a simulated world has a bounded number of events");
    free_.push_back(static_cast<std::uint32_t>(events_at_.size()));
    events_at_.emplace_back();
  }
  const std::uint32_t place = free_.back();
  free_.pop_back();
  const std::uint64_t id = next_number_++ << kPlaceBits | place;
  events_at_[place] = {id, host, host != nullptr ? host->life_ : 0, std::move(what)};
  push(ring ? ring_due_ : due_, {when, id});
  return id;
}

void World::cancel(std::uint64_t id) {
  const std::size_t place = id & ((std::uint64_t{1} << kPlaceBits) - 1);
  if (id == 0 || place >= events_at_.size() || events_at_[place].id != id) return;
  // What it holds may schedule and cancel while it ends.
  const Event gone = std::exchange(events_at_[place], Event{});
  free_.push_back(static_cast<std::uint32_t>(place));
}

void World::at(Time when, std::function<void()> what) {
  schedule(std::max(when, now_), false, nullptr, std::move(what));
}

void World::after_ring(Duration delay, std::function<void()> what) {
  schedule(ring_now() + delay, true, nullptr, std::move(what));
}

// Weeds out what is cancelled or of an ended life, and moves what is due on a sleeping host to its waking,
// until the first of the heap can run. False: the heap is empty.
bool World::prune(Heap& heap, Duration offset) {
  while (!heap.empty()) {
    const Due first = heap.front();
    const Event& event = events_at_[first.id & ((std::uint64_t{1} << kPlaceBits) - 1)];
    const bool cancelled = event.id != first.id;
    const Host* host = cancelled ? nullptr : event.host;
    const bool dead = host != nullptr && (!host->up_ || host->life_ != event.life);
    const bool asleep = !dead && host != nullptr && host->paused_until_ > first.at + offset;
    if (!cancelled && !dead && !asleep) return true;
    std::pop_heap(heap.begin(), heap.end(), Later{});
    heap.pop_back();
    if (dead) cancel(first.id);
    if (asleep) push(heap, {host->paused_until_ - offset, first.id});
  }
  return false;
}

// The next event that can run, in world time.
bool World::next(Time& at, Heap*& heap) {
  const bool plain = prune(due_, {}), ring = !resting_ && prune(ring_due_, skipped_);
  if (!plain && !ring) return false;
  const Due ring_first = ring ? Due{ring_due_.front().at + skipped_, ring_due_.front().id} : Due{};
  const bool ring_goes = ring && (!plain || Later{}(due_.front(), ring_first));
  heap = ring_goes ? &ring_due_ : &due_;
  at = ring_goes ? ring_first.at : due_.front().at;
  return true;
}

void World::run(Heap& heap, Time at) {
  const std::uint64_t id = heap.front().id;
  std::pop_heap(heap.begin(), heap.end(), Later{});
  heap.pop_back();
  const std::size_t place = id & ((std::uint64_t{1} << kPlaceBits) - 1);
  const Event event = std::exchange(events_at_[place], Event{});
  free_.push_back(static_cast<std::uint32_t>(place));
  now_ = std::max(now_, at);
  ++events_;
  note(static_cast<std::uint64_t>(now_.time_since_epoch().count()) ^ id >> kPlaceBits << 20);
  event.what();
  if (event.host != nullptr && event.host->countdown_ > 0 && --event.host->countdown_ == 0) {
    after(Duration::zero(), std::exchange(event.host->counted_, nullptr));
  }
  if (checker) checker();
}

bool World::step() {
  Time at;
  Heap* heap = nullptr;
  if (!next(at, heap)) return false;
  run(*heap, at);
  return true;
}

void World::run_until(Time end) {
  Time at;
  Heap* heap = nullptr;
  while (next(at, heap) && at <= end) run(*heap, at);
  now_ = std::max(now_, end);
}

World::Socket* World::socket_at(const Endpoint& local) const {
  const auto found = sockets_.find(local);
  return found == sockets_.end() ? nullptr : found->second;
}

bool World::whole() const {
  const NetworkFaults& n = network;
  if (!cuts_.empty() || !unplugged_.empty() || !address_cuts_.empty() || !network_to.empty() ||
      n.loss + n.duplication + n.corruption + n.spike > 0)
    return false;
  return std::none_of(hosts_.begin(), hosts_.end(), [](const auto& host) { return host->paused(); });
}

void World::rest() {
  if (std::exchange(resting_, true)) return;
  rested_since_ = now_;
}

void World::wake() {
  if (!std::exchange(resting_, false)) return;
  skipped_ += now_ - rested_since_;
}

void World::inject(const Endpoint& from, const Endpoint& to, Bytes datagram,
                   std::function<void(bool after)> around) {
  const auto target = by_address_.find(to.address);
  if (target == by_address_.end() || !target->second->up_) return;
  wake();
  const Duration delay = random_.between(network.least, network.most);
  schedule(ring_now() + delay, true, target->second,
           [this, from, to, datagram = std::move(datagram), around = std::move(around)] {
             Socket* socket = socket_at(to);
             if (socket == nullptr) return;
             if (around) around(false);
             socket->receive(from, datagram);
             if (around && socket_at(to) == socket) around(true);
           });
}

bool World::address_cut(const std::string& from, const std::string& to) const {
  return (!unplugged_.empty() && (unplugged_.contains(from) || unplugged_.contains(to))) ||
         (!address_cuts_.empty() && address_cuts_.contains({from, to}));
}

const NetworkFaults& World::faults_to(const std::string& address) const {
  if (network_to.empty()) return network;
  const auto own = network_to.find(address);
  return own == network_to.end() ? network : own->second;
}

void World::deliver(Host& from, const Endpoint& source, const Endpoint& to, ByteView datagram) {
  if (tap) tap(source, to, datagram);
  if (const auto group = groups_.empty() ? groups_.end() : groups_.find(to); group != groups_.end()) {
    for (const auto& [address, socket] : group->second) {
      if (socket != nullptr) deliver_one(from, source, socket->host(), {address, to.port}, to, datagram);
    }
    return;
  }
  const auto target = by_address_.find(to.address);
  if (target == by_address_.end() || !target->second->up_) return;
  deliver_one(from, source, *target->second, to, to, datagram);
}

// To one host: `local` is its address, `to` that or a group that it is in.
void World::deliver_one(Host& from, const Endpoint& source, Host& host, const Endpoint& local,
                        const Endpoint& to, ByteView datagram) {
  constexpr std::size_t kHeaders = 28;
  const NetworkFaults& faults = faults_to(local.address);
  if (is_cut(from.name_, host.name_) || address_cut(source.address, local.address)) return;
  if (random_.chance(faults.loss) || datagram.size() + kHeaders > faults.mtu) return;
  const int copies = random_.chance(faults.duplication) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    Duration delay = random_.between(faults.least, faults.most);
    if (random_.chance(faults.spike)) delay += random_.between(Duration::zero(), faults.spike_most);
    Bytes copy(datagram.begin(), datagram.end());
    if (!copy.empty() && random_.chance(faults.corruption)) {
      copy[random_.below(copy.size())] ^= static_cast<std::uint8_t>(1U << random_.below(8));
    }
    schedule(ring_now() + delay, true, &host,
             [this, &from, life = from.life_, source, local, to, copy = std::move(copy)] {
               arrive(from, life, source, local, to, copy);
             });
  }
}

void World::arrive(Host& from, std::uint64_t life, const Endpoint& source, const Endpoint& local,
                   const Endpoint& to, ByteView datagram) {
  if (local != to) {  // To a group.
    if (Socket* member = groups_[to][local.address]) member->receive(source, datagram);
    return;
  }
  if (Socket* socket = socket_at(to)) {
    socket->receive(source, datagram);
    return;
  }
  // The host is there, nobody listens: ICMP port unreachable to the sender, if it still lives.
  if (socket_at(source) == nullptr || from.life_ != life ||
      is_cut(by_address_[to.address]->name_, from.name_) || address_cut(to.address, source.address))
    return;
  inject_refusal(source, to);
}

void World::inject_refusal(const Endpoint& sender, const Endpoint& peer) {
  const auto host = by_address_.find(sender.address);
  if (host == by_address_.end()) return;
  wake();
  schedule(ring_now() + network.least, true, host->second, [this, sender, peer] {
    Socket* socket = socket_at(sender);
    if (socket != nullptr && socket->handler().refused) socket->handler().refused(peer);
  });
}

void World::trace(std::string_view line) {
  if (on_trace) on_trace(now_, line);
}

Logger World::logger(const std::string& host) {
  if (!on_trace) return {};
  return Logger(
      [this, host](Level level, std::string_view subsystem, std::string_view message) {
        trace(fmt::format("{} [{}] {}: {}", host, subsystem, level_name(level), message));
      },
      "main", Level::kInfo);
}

}  // namespace systole::sim
