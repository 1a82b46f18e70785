#include "sim/world.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace systole::sim {

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

struct Host::Life : Clock, Timers, Network {
  Life(Host& h, World& w, std::uint64_t n) : host(h), world(w), number(n), random(w.random_.next()) {}

  Time now() const override { return world.now_; }
  WallTime wall() const override { return world.wall() + host.wall_offset; }

  Id after(Duration delay, std::function<void()> fire) override {
    if (!alive()) return world.next_id_++;
    return world.schedule(world.now_ + std::max(delay, Duration::zero()), &host, std::move(fire));
  }
  void cancel(Id id) override { world.pending_.erase(id); }
  void post(std::function<void()> task) override { after(Duration::zero(), std::move(task)); }

  Result<std::unique_ptr<DatagramSocket>> bind(const Endpoint& local, Handler handler) override {
    if (auto mine = check_mine(local); !mine) return fail(mine.error());
    if (world.socket_at(local) != nullptr) {
      return fail(Errc::kIo, "cannot listen on UDP {} port {}: in use", local.address, local.port);
    }
    return std::make_unique<World::Socket>(world, host, local, std::nullopt, std::move(handler));
  }
  Result<std::unique_ptr<DatagramSocket>> join(const Endpoint& group, const std::string& interface, unsigned,
                                               Handler handler) override {
    const Endpoint local{interface, group.port};
    if (auto mine = check_mine(local); !mine) return fail(mine.error());
    return std::make_unique<World::Socket>(world, host, local, group, std::move(handler));
  }
  Result<void> check_mine(const Endpoint& local) const {
    if (std::find(host.addresses_.begin(), host.addresses_.end(), local.address) != host.addresses_.end())
      return {};
    return fail(Errc::kIo, "cannot listen on UDP {} port {}: not an address of {}", local.address, local.port,
                host.name_);
  }

  bool alive() const { return host.up_ && host.life_ == number; }

  Host& host;
  World& world;
  std::uint64_t number;
  SeededRandom random;
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
  paused_until_ = world_.now_ + how_long;
  world_.trace("pause " + name_);
}

bool Host::paused() const { return up_ && world_.now_ < paused_until_; }

Ports Host::ports() {
  check(up_, "only a host that is up has ports");
  Life& life = *lives_.back();
  return Ports{.clock = &life, .timers = &life, .random = &life.random, .network = &life, .files = &files_};
}

World::World(std::uint64_t seed) : random_(seed) {}
World::~World() = default;

WallTime World::wall() const {
  constexpr Seconds kStart{1767225600};
  return WallTime(std::chrono::duration_cast<Duration>(kStart) + now_.time_since_epoch());
}

Host& World::add_host(const std::string& name, std::vector<std::string> addresses) {
  hosts_.push_back(std::unique_ptr<Host>(new Host(*this, hosts_.size(), name, addresses)));
  for (const std::string& address : addresses) by_address_[address] = hosts_.back().get();
  return *hosts_.back();
}

std::uint64_t World::schedule(Time when, Host* host, std::function<void()> what) {
  const std::uint64_t id = next_id_++;
  pending_.insert(id);
  queue_.push_back({when, id, host, host != nullptr ? host->life_ : 0, std::move(what)});
  std::push_heap(queue_.begin(), queue_.end(), Later{});
  return id;
}

void World::at(Time when, std::function<void()> what) {
  schedule(std::max(when, now_), nullptr, std::move(what));
}

bool World::step() {
  while (!queue_.empty()) {
    std::pop_heap(queue_.begin(), queue_.end(), Later{});
    Event event = std::move(queue_.back());
    queue_.pop_back();
    if (!pending_.contains(event.id)) continue;  // Cancelled.
    const bool dead = event.host != nullptr && (!event.host->up_ || event.host->life_ != event.life);
    if (dead) {
      pending_.erase(event.id);
      continue;
    }
    if (event.host != nullptr && event.host->paused_until_ > event.at) {
      // The host sleeps: what is due waits, in its order.
      event.at = event.host->paused_until_;
      queue_.push_back(std::move(event));
      std::push_heap(queue_.begin(), queue_.end(), Later{});
      continue;
    }
    pending_.erase(event.id);
    now_ = std::max(now_, event.at);
    ++events_;
    event.what();
    if (checker) checker();
    return true;
  }
  return false;
}

void World::run_until(Time end) {
  while (!queue_.empty() && queue_.front().at <= end) {
    // The front may be cancelled, dead or asleep: step() then runs a later event, perhaps beyond `end`. So
    // those are weeded out here first.
    const Event& front = queue_.front();
    const bool gone = !pending_.contains(front.id) ||
                      (front.host != nullptr && (!front.host->up_ || front.host->life_ != front.life));
    const bool asleep = !gone && front.host != nullptr && front.host->paused_until_ > front.at;
    if (!gone && !asleep) {
      step();
      continue;
    }
    std::pop_heap(queue_.begin(), queue_.end(), Later{});
    Event event = std::move(queue_.back());
    queue_.pop_back();
    if (gone) {
      pending_.erase(event.id);
      continue;
    }
    event.at = event.host->paused_until_;
    queue_.push_back(std::move(event));
    std::push_heap(queue_.begin(), queue_.end(), Later{});
  }
  now_ = std::max(now_, end);
}

World::Socket* World::socket_at(const Endpoint& local) const {
  const auto found = sockets_.find(local);
  return found == sockets_.end() ? nullptr : found->second;
}

void World::inject(const Endpoint& from, const Endpoint& to, Bytes datagram) {
  const auto target = by_address_.find(to.address);
  if (target == by_address_.end() || !target->second->up_) return;
  const Duration delay = random_.between(network.least, network.most);
  schedule(now_ + delay, target->second, [this, from, to, datagram = std::move(datagram)] {
    if (Socket* socket = socket_at(to)) socket->receive(from, datagram);
  });
}

const NetworkFaults& World::faults_to(const std::string& address) const {
  const auto own = network_to.find(address);
  return own == network_to.end() ? network : own->second;
}

void World::deliver(Host& from, const Endpoint& source, const Endpoint& to, ByteView datagram) {
  if (tap) tap(source, to, datagram);
  if (const auto group = groups_.find(to); group != groups_.end()) {
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
  if (is_cut(from.name_, host.name_) || address_cuts_.contains({source.address, local.address})) return;
  if (random_.chance(faults.loss) || datagram.size() + kHeaders > faults.mtu) return;
  const int copies = random_.chance(faults.duplication) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    Duration delay = random_.between(faults.least, faults.most);
    if (random_.chance(faults.spike)) delay += random_.between(Duration::zero(), faults.spike_most);
    Bytes copy(datagram.begin(), datagram.end());
    if (!copy.empty() && random_.chance(faults.corruption)) {
      copy[random_.below(copy.size())] ^= static_cast<std::uint8_t>(1U << random_.below(8));
    }
    schedule(now_ + delay, &host,
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
      is_cut(by_address_[to.address]->name_, from.name_) ||
      address_cuts_.contains({to.address, source.address}))
    return;
  inject_refusal(source, to);
}

void World::inject_refusal(const Endpoint& sender, const Endpoint& peer) {
  const auto host = by_address_.find(sender.address);
  if (host == by_address_.end()) return;
  schedule(now_ + network.least, host->second, [this, sender, peer] {
    Socket* socket = socket_at(sender);
    if (socket != nullptr && socket->handler().refused) socket->handler().refused(peer);
  });
}

void World::trace(std::string_view line) {
  const auto mix = [this](std::uint64_t byte) { digest_ = (digest_ ^ byte) * 1099511628211ULL; };
  for (std::uint64_t t = static_cast<std::uint64_t>(now_.time_since_epoch().count()); t != 0; t >>= 8)
    mix(t & 0xff);
  for (const char c : line) mix(static_cast<unsigned char>(c));
  if (on_trace) on_trace(now_, line);
}

Logger World::logger(const std::string& host) {
  return Logger(
      [this, host](Level level, std::string_view subsystem, std::string_view message) {
        trace(fmt::format("{} [{}] {}: {}", host, subsystem, level_name(level), message));
      },
      "main", Level::kInfo);
}

}  // namespace systole::sim
