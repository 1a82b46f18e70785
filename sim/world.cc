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

// A socket is known to the world by its endpoint for as long as it lives.
class World::Socket : public DatagramSocket {
 public:
  Socket(World& world, Host& host, Endpoint local, Network::Handler handler)
      : world_(world),
        host_(host),
        life_(host.life()),
        local_(std::move(local)),
        handler_(std::move(handler)) {
    world_.sockets_[local_] = this;
  }
  ~Socket() override { close(); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  void send(const Endpoint& to, ByteView datagram) override {
    if (open_ && host_.up() && host_.life() == life_) world_.deliver(host_, local_, to, datagram);
  }
  void close() {
    if (!open_) return;
    open_ = false;
    const auto found = world_.sockets_.find(local_);
    if (found != world_.sockets_.end() && found->second == this) world_.sockets_.erase(found);
  }
  Host& host() { return host_; }
  Network::Handler& handler() { return handler_; }

 private:
  World& world_;
  Host& host_;
  std::uint64_t life_;
  Endpoint local_;
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
    const bool mine =
        std::find(host.addresses_.begin(), host.addresses_.end(), local.address) != host.addresses_.end();
    if (!mine) {
      return fail(Errc::kIo, "cannot listen on UDP {} port {}: not an address of {}", local.address,
                  local.port, host.name_);
    }
    if (world.sockets_.contains(local)) {
      return fail(Errc::kIo, "cannot listen on UDP {} port {}: in use", local.address, local.port);
    }
    return std::make_unique<World::Socket>(world, host, local, std::move(handler));
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
  for (auto it = world_.sockets_.begin(); it != world_.sockets_.end();) {
    World::Socket* socket = it->second;
    ++it;
    if (&socket->host() == this) socket->close();
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

void World::inject(const Endpoint& from, const Endpoint& to, Bytes datagram) {
  const auto target = by_address_.find(to.address);
  if (target == by_address_.end() || !target->second->up_) return;
  const Duration delay = random_.between(network.least, network.most);
  schedule(now_ + delay, target->second, [this, from, to, datagram = std::move(datagram)] {
    const auto socket = sockets_.find(to);
    if (socket != sockets_.end()) socket->second->handler().received(from, datagram);
  });
}

void World::deliver(Host& from, const Endpoint& source, const Endpoint& to, ByteView datagram) {
  if (tap) tap(source, to, datagram);
  const auto target = by_address_.find(to.address);
  if (target == by_address_.end() || !target->second->up_) return;
  Host& host = *target->second;
  if (is_cut(from.name_, host.name_) || random_.chance(network.loss)) return;
  const int copies = random_.chance(network.duplication) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    Duration delay = random_.between(network.least, network.most);
    if (random_.chance(network.spike)) delay += random_.between(Duration::zero(), network.spike_most);
    Bytes copy(datagram.begin(), datagram.end());
    if (!copy.empty() && random_.chance(network.corruption)) {
      copy[random_.below(copy.size())] ^= static_cast<std::uint8_t>(1U << random_.below(8));
    }
    schedule(now_ + delay, &host, [this, &from, life = from.life_, source, to, copy = std::move(copy)] {
      const auto socket = sockets_.find(to);
      if (socket != sockets_.end()) {
        socket->second->handler().received(source, copy);
        return;
      }
      // The host is there, nobody listens: ICMP port unreachable to the sender, if it still lives.
      const auto back = sockets_.find(source);
      if (back == sockets_.end() || from.life_ != life || is_cut(by_address_[to.address]->name_, from.name_))
        return;
      schedule(now_ + network.least, &from, [this, source, to] {
        const auto sender = sockets_.find(source);
        if (sender != sockets_.end() && sender->second->handler().refused)
          sender->second->handler().refused(to);
      });
    });
  }
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
