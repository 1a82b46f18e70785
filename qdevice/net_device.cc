// Asio must see std::exchange before its awaitable header: <utility> first (Boost 1.74).
#include <utility>

#include "qdevice/net_device.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>

#include "qdevice/channel.h"
#include "qdevice/heuristics.h"
#include "qdevice/qdevice.pb.h"
#include "qdevice/vote_keeper.h"
#include "qdevice/wire.h"

namespace systole::qdevice {
namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using membership::DeviceOptions;

namespace {
constexpr Milliseconds kRetry{1000};

Greeting greeting_of(const membership::ClusterConfig& config, NodeLife self) {
  const DeviceOptions& d = config.quorum.device;
  Greeting g{config.totem.cluster_name, self, {}};
  g.settings.lease = d.timeout;
  g.settings.rules = {d.algorithm, d.tie_breaker, d.tie_breaker_node, d.keep_active, {}};
  for (const auto& node : config.nodes) g.settings.rules.nodes.push_back(node.id);
  return g;
}
}  // namespace

struct NetDevice::State : std::enable_shared_from_this<State> {
  explicit State(Parts p)
      : parts(std::move(p)),
        options(parts.config.quorum.device),
        io(*static_cast<asio::io_context*>(parts.runtime->io_context())),
        timers(parts.runtime->timers()),
        keeper(options.timeout),
        resolver(io),
        socket(io),
        heuristics(*parts.processes, timers, options.heuristics) {}

  Time now() const { return parts.runtime->clock().now(); }
  void connect();
  void try_addresses(const tcp::resolver::results_type& found);
  void connected();
  void failed(const std::string& why);
  void received(const std::string& frame);
  void beat();
  void ask();
  void report();
  void flush();
  void check_regularly();
  void stop();
  Timers::Id again(Duration after, void (State::*what)()) {
    return timers.after(after, [self = shared_from_this(), what] {
      if (!self->stopped) (self.get()->*what)();
    });
  }

  Parts parts;
  const DeviceOptions options;
  asio::io_context& io;
  Timers& timers;
  VoteKeeper keeper;
  tcp::resolver resolver;
  tcp::socket socket;
  HeuristicsRunner heuristics;
  Say say;
  std::unique_ptr<Channel> channel;
  bool greeted = false, stopped = false;
  std::uint64_t attempt = 0;  // Answers of earlier ones are not for us.
  std::string last_problem;   // Said once.
  membership::View view;
  RingId reported;  // Or about to be.
  Heuristics result = Heuristics::kNone;
  std::map<std::uint64_t, Time> beats;  // Not answered yet: when they were sent.
  std::uint64_t next_beat = 1;
  Time answered;
  Timers::Id connect_timer = 0, beat_timer = 0, lease_timer = 0, regular_timer = 0;
};

void NetDevice::State::connect() {
  const std::uint64_t mine = ++attempt;
  timers.cancel(connect_timer);
  connect_timer = timers.after(options.connect_timeout, [self = shared_from_this(), mine] {
    if (!self->stopped && mine == self->attempt) self->failed("it does not answer");
  });
  resolver.async_resolve(options.host, std::to_string(options.port),
                         [self = shared_from_this(), mine](const error_code& error, const auto& found) {
                           if (self->stopped || mine != self->attempt) return;
                           if (error) return self->failed("its name has no address: " + error.message());
                           self->try_addresses(found);
                         });
}

void NetDevice::State::try_addresses(const tcp::resolver::results_type& found) {
  auto addresses = std::make_shared<std::vector<tcp::endpoint>>();
  for (const bool six : {true, false}) {
    if (options.ip_version == (six ? 4U : 6U)) continue;
    for (const auto& entry : found) {
      if (entry.endpoint().address().is_v6() == six) addresses->push_back(entry.endpoint());
    }
  }
  if (addresses->empty()) return failed("it has no address of the IP version wanted");
  socket = tcp::socket(io);
  asio::async_connect(
      socket, *addresses,
      [self = shared_from_this(), mine = attempt, addresses](const error_code& error, const tcp::endpoint&) {
        if (self->stopped || mine != self->attempt) return;
        if (error) return self->failed(error.message());
        self->connected();
      });
}

void NetDevice::State::connected() {
  Channel::Handler handler;
  handler.ready = [this](const std::string&) {
    wire::ToArbiter hello;
    write(greeting_of(parts.config, parts.self), *hello.mutable_hello());
    channel->send(hello);
  };
  handler.received = [this](const std::string& frame) { received(frame); };
  handler.closed = [this](const std::string& why) { failed(why); };
  channel = std::make_unique<Channel>(std::move(socket), parts.tls.get(), Channel::Side::kClient,
                                      std::move(handler));
}

void NetDevice::State::failed(const std::string& why) {
  ++attempt;
  if (std::exchange(last_problem, why) != why)
    parts.log.warning("the quorum device at {}:{} is not reached: {}", options.host, options.port, why);
  // Perhaps inside one of its callbacks.
  if (channel) asio::post(io, [dead = std::shared_ptr<Channel>(std::move(channel))] {});
  error_code ignored;
  socket.close(ignored);
  greeted = false;
  beats.clear();
  timers.cancel(beat_timer);
  timers.cancel(connect_timer);
  keeper.disconnected(now());
  flush();
  connect_timer = again(kRetry, &State::connect);
}

void NetDevice::State::received(const std::string& frame) {
  wire::FromArbiter message;
  if (!message.ParseFromString(frame)) return failed("what it sends is no message of this protocol");
  switch (message.body_case()) {
    case wire::FromArbiter::kWelcome:
      if (std::exchange(greeted, true)) return;
      timers.cancel(connect_timer);
      last_problem.clear();
      parts.log.notice("the quorum device at {}:{} is reached{}", options.host, options.port,
                       parts.tls ? "" : ", without TLS");
      answered = now();
      keeper.connected(now());
      flush();
      beat();
      return;
    case wire::FromArbiter::kRefused:
      return failed("it refuses this node: " + message.refused().substr(0, 200));
    case wire::FromArbiter::kVote:
      keeper.vote(now(), read(message.vote().ring()), message.vote().casts());
      break;
    case wire::FromArbiter::kBeat: {
      const auto sent = beats.find(message.beat().number());
      if (sent == beats.end()) return;
      answered = now();
      keeper.answered(now(), sent->second);
      beats.erase(beats.begin(), std::next(sent));
      break;
    }
    default:
      return;
  }
  flush();
}

void NetDevice::State::beat() {
  if (!channel || !greeted) return;
  if (answered + options.timeout < now()) return failed("nothing was heard of it for its timeout");
  wire::ToArbiter message;
  message.mutable_beat()->set_number(next_beat);
  beats[next_beat++] = now();
  channel->send(message);
  beat_timer = again(options.timeout / 10, &State::beat);
}

// Heuristics first, where there are some; then the arbitrator hears of a new view.
void NetDevice::State::ask() {
  const bool known = std::exchange(reported, view.id) == view.id;
  const bool off = options.heuristics.mode == DeviceOptions::Heuristics::Mode::kOff;
  if (known || off) report();
  if (off) return;
  heuristics.run(options.heuristics.sync_timeout, [this](bool passed) {
    result = passed ? Heuristics::kPassed : Heuristics::kFailed;
    report();
  });
}

void NetDevice::State::report() {
  if (!channel || !greeted || view.members.empty()) return;
  Report r{parts.self.node, view.id, {}, result, keeper.counts()};
  for (const NodeLife& life : view.members) r.members.push_back(life.node);
  wire::ToArbiter message;
  write(r, *message.mutable_report());
  channel->send(message);
  keeper.reported(now());
}

void NetDevice::State::check_regularly() {
  regular_timer = again(options.heuristics.interval, &State::check_regularly);
  heuristics.run(options.heuristics.timeout, [this](bool passed) {
    const Heuristics before = std::exchange(result, passed ? Heuristics::kPassed : Heuristics::kFailed);
    if (before == result) return;
    parts.log.notice("the quorum device's heuristics {}", passed ? "pass" : "fail");
    report();
  });
}

void NetDevice::State::flush() {
  const VoteKeeper::Out out = keeper.take();
  if (out.say && say) {
    const auto holds = std::chrono::duration_cast<Milliseconds>(out.until - now());
    say(out.ring, {*out.say, false, *out.say ? std::max(holds, Milliseconds(1)) : Milliseconds(0)});
  }
  if (out.confirm && channel && greeted) {
    wire::ToArbiter message;
    write(*out.confirm, *message.mutable_released());
    channel->send(message);
  }
  if (out.report) ask();
  timers.cancel(lease_timer);
  lease_timer = 0;
  if (const auto at = keeper.deadline()) {
    lease_timer = timers.after(*at - now(), [self = shared_from_this()] {
      if (self->stopped) return;
      self->keeper.advance(self->now());
      self->flush();
    });
  }
}

void NetDevice::State::stop() {
  stopped = true;
  for (const Timers::Id id : {connect_timer, beat_timer, lease_timer, regular_timer}) timers.cancel(id);
  resolver.cancel();
  error_code ignored;
  socket.close(ignored);
  channel.reset();
}

NetDevice::NetDevice(Parts parts) : state_(std::make_shared<State>(std::move(parts))) {}
NetDevice::~NetDevice() { state_->stop(); }

void NetDevice::start(Say say) {
  state_->say = std::move(say);
  state_->connect();
  if (state_->options.heuristics.mode == DeviceOptions::Heuristics::Mode::kOn) state_->check_regularly();
}

void NetDevice::view(const membership::View& view, const membership::Quorum&) {
  state_->view = view;
  state_->keeper.view(state_->now(), view.id);
  state_->flush();
}

void NetDevice::counted(const membership::Quorum& quorum) {
  state_->keeper.counted(quorum.device_casts);
  state_->flush();
}

}  // namespace systole::qdevice
