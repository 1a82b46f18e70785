#include "sim/ring_lines.h"

#include <algorithm>

namespace systole::sim {
namespace {

constexpr Duration kWay = std::chrono::microseconds(200);

}  // namespace

struct RingLines::Connection {
  std::size_t from, to;
  Endpoint at;
  std::string source;
  Lines::Handler handler;
  bool held = true;  // By who opened it, whose process lives.
  bool standing = false;
};

class RingLines::Held : public Lines::Line {
 public:
  explicit Held(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}
  ~Held() override { connection_->held = connection_->standing = false; }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

 private:
  std::shared_ptr<Connection> connection_;
};

class RingLines::Heard : public Lines::Listener {
 public:
  Heard(RingLines& all, std::size_t host, Endpoint at, std::vector<std::string> peers)
      : node(host), admitted(std::move(peers)), all_(all), at_(std::move(at)) {
    all_.listeners_[at_] = this;
  }
  ~Heard() override {
    const auto found = all_.listeners_.find(at_);
    if (found != all_.listeners_.end() && found->second == this) all_.listeners_.erase(found);
    if (all_.losing_power_ != node) admit({});
  }
  Heard(const Heard&) = delete;
  Heard& operator=(const Heard&) = delete;

  void admit(const std::vector<std::string>& peers) override {
    admitted = peers;
    for (const auto& connection : all_.connections_) {
      if (connection->at == at_ && !admits(connection->source)) all_.close(connection);
    }
  }
  bool admits(const std::string& source) const { return std::ranges::count(admitted, source) > 0; }

  const std::size_t node;
  std::vector<std::string> admitted;

 private:
  RingLines& all_;
  Endpoint at_;
};

class RingLines::Port : public Lines {
 public:
  Port(RingLines& all, std::size_t node) : all_(all), node_(node) {}
  Result<std::unique_ptr<Listener>> listen(const Endpoint& local,
                                           const std::vector<std::string>& peers) override {
    return std::make_unique<Heard>(all_, node_, local, peers);
  }
  std::unique_ptr<Line> connect(const std::string& from, const Endpoint& to, Handler handler) override {
    ++all_.tried_;
    auto connection = std::make_shared<Connection>(Connection{node_, SIZE_MAX, to, from, std::move(handler)});
    all_.connections_.push_back(connection);
    all_.later(connection, 2 * kWay, [all = &all_, connection] { all->answer(connection); });
    return std::make_unique<Held>(connection);
  }

 private:
  RingLines& all_;
  std::size_t node_;
};

RingLines::RingLines(World& world, std::size_t nodes) : world_(world) {
  for (std::size_t i = 0; i < nodes; ++i) ports_.push_back(std::make_unique<Port>(*this, i));
}

RingLines::~RingLines() = default;

Lines& RingLines::of(std::size_t node) { return *ports_[node]; }

// The other host answers, whatever its process does.
void RingLines::answer(const std::shared_ptr<Connection>& connection) {
  std::erase_if(connections_, [](const auto& each) { return !each->held; });
  if (!connection->held || (refused_ && silently_)) return;
  const auto listener = listeners_.find(connection->at);
  if (listener != listeners_.end()) connection->to = listener->second->node;
  if (is_cut(*connection)) return;
  if (refused_ || listener == listeners_.end()) {
    connection->held = false;
    connection->handler.closed();
    return;
  }
  connection->standing = true;
  connection->handler.opened();
  if (!listener->second->admits(connection->source)) close(connection);
}

void RingLines::close(const std::shared_ptr<Connection>& connection) {
  if (is_cut(*connection)) return;
  later(connection, kWay, [connection] {
    if (!connection->held) return;
    connection->held = connection->standing = false;
    connection->handler.closed();
  });
}

void RingLines::later(const std::shared_ptr<Connection>& connection, Duration delay,
                      std::function<void()> what) {
  Host& host = *world_.hosts()[connection->from];
  if (host.up()) host.ports().timers->after(delay, std::move(what));
}

bool RingLines::is_cut(const Connection& connection) const {
  if (connection.to == SIZE_MAX) return false;
  const std::string &from = world_.hosts()[connection.from]->name(),
                    &to = world_.hosts()[connection.to]->name();
  return world_.is_cut(from, to) || world_.is_cut(to, from);
}

void RingLines::power_off(std::optional<std::size_t> node) { losing_power_ = node; }

void RingLines::reset(std::size_t node) {
  for (const auto& connection : connections_) {
    if (connection->from == node || connection->to == node) close(connection);
  }
}

void RingLines::refuse(bool silently) {
  refused_ = true;
  silently_ = silently;
}

std::size_t RingLines::standing() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(connections_, [](const auto& c) { return c->standing; }));
}

}  // namespace systole::sim
