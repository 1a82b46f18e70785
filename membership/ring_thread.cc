#include "membership/ring_thread.h"

#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

#include "base/asio_runtime.h"

namespace systole::membership {
namespace {

constexpr std::size_t kOutboxBytes = 8 << 20;         // Accepted by multicast() and not yet by the ring.
constexpr std::size_t kInboxCongested = 16 << 20;     // The main loop is behind: senders shall wait.
constexpr std::size_t kInboxTooMuch = 256 << 20;      // It will not come back: leave the ring.
constexpr Duration kCongestionPatience = Seconds(3);  // One slow node must not stop the others for longer.
constexpr Duration kCongestionInterval = Milliseconds(250);
constexpr Duration kStatusAge = Milliseconds(100);  // Older ones are asked for again.
constexpr Duration kStatusPatience =
    Milliseconds(20);  // The main loop's, with a ring's thread that is starved.

// With a limit on locked memory later allocations would fail: it takes none, or the right to pass it.
bool may_lock_all_memory() {
  const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
  if (setrlimit(RLIMIT_MEMLOCK, &unlimited) == 0) return true;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3]{};
  return syscall(SYS_capget, &header, data) == 0 &&
         (data[CAP_TO_INDEX(CAP_IPC_LOCK)].effective & CAP_TO_MASK(CAP_IPC_LOCK)) != 0;
}

void raise_priority(const Logger& log) {
  sched_param param{};
  param.sched_priority = 1;
  const int error = pthread_setschedparam(pthread_self(), SCHED_RR | SCHED_RESET_ON_FORK, &param);
  if (error != 0) {
    log.info(
        "the ring's thread runs at normal priority: {} (CAP_SYS_NICE or an rtprio limit would permit more)",
        std::strerror(error));
  }
  if (!may_lock_all_memory() || mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0) {
    log.info("memory is not locked: a swapping host may lose the token (CAP_IPC_LOCK would permit it)");
  }
}

struct Event {
  enum class Kind {
    kTransitional,
    kView,
    kQuorum,
    kAskDevice,
    kMessage,
    kTold,
    kPrepare,
    kChanged
  } kind = Kind::kMessage;
  NodeId sender{};
  Bytes message;
  struct Change {
    View view;
    Quorum quorum;
    RingChange ring;  // kPrepare, kChanged
    Result<void> outcome;
  };
  std::unique_ptr<Change> change;  // Seldom: messages are many, and should be small.
};

Event changed(Event::Kind kind, const View& view, const Quorum& quorum) {
  return {kind, {}, {}, std::make_unique<Event::Change>(Event::Change{view, quorum, {}, {}})};
}

Event changed(Event::Kind kind, const RingChange& ring, const Result<void>& outcome) {
  return {kind, {}, {}, std::make_unique<Event::Change>(Event::Change{{}, {}, ring, outcome})};
}

struct Outgoing {
  Bytes message;
  Delivery delivery;
};

}  // namespace

struct RingThread::State : std::enable_shared_from_this<RingThread::State> {
  explicit State(Parts p) : parts(std::move(p)) {}

  Parts parts;
  AsioRuntime runtime;
  std::shared_ptr<Random> random;    // The ring's.
  std::unique_ptr<Lines> lines;      // Likewise.
  std::unique_ptr<Membership> node;  // Used on the ring's thread only, once that runs.
  std::thread thread;

  // Main thread.
  Handler handler;
  std::atomic<bool> running{false};  // Read by tell() on other threads too.

  // Both.
  std::mutex mutex;
  std::vector<Event> inbox;  // To the main loop.
  bool inbox_posted = false;
  std::vector<Outgoing> outbox;  // To the ring.
  bool outbox_posted = false;
  RingStatus status;
  Time status_at;
  bool status_asked = false;
  std::condition_variable status_told;
  std::atomic<std::size_t> inbox_bytes{0}, outbox_bytes{0};
  std::atomic<bool> space_wanted{false};

  // Ring's thread.
  std::deque<Outgoing> waiting;  // The ring's queue was full.
  std::optional<Time> congested_since;
  bool watching = false;  // Looks again by itself.

  void run();
  void to_main(Event event);
  void drain_inbox();
  void take_outbox();
  void send_waiting();
  void offer_space();
  void watch_congestion();
  void publish_status();
};

Result<std::unique_ptr<RingThread>> RingThread::create(Parts parts) {
  std::shared_ptr<Random> random = system_random();
  auto ring = RingNode::Parts{
      {}, parts.log, parts.config, parts.state, std::move(parts.key), std::move(parts.next_key)};
  ring.ports.random = random.get();
  std::unique_ptr<Lines> lines;
  auto thread = create(std::move(parts), [&](AsioRuntime& runtime) -> Result<std::unique_ptr<Membership>> {
    ring.ports.clock = &runtime.clock();
    ring.ports.timers = &runtime.timers();
    ring.ports.network = &runtime.network();
    lines = asio_lines(*static_cast<boost::asio::io_context*>(runtime.io_context()));
    ring.lines = lines.get();
    auto node = RingNode::create(std::move(ring));
    if (!node) return fail(std::move(node.error()));
    return std::unique_ptr<Membership>(std::move(*node));
  });
  if (thread) {
    (*thread)->state_->random = std::move(random);
    (*thread)->state_->lines = std::move(lines);
  }
  return thread;
}

Result<std::unique_ptr<RingThread>> RingThread::create(Parts parts, const Make& make) {
  auto state = std::make_shared<State>(std::move(parts));
  auto node = make(state->runtime);
  if (!node) return fail(std::move(node.error()));
  state->node = std::move(*node);
  state->thread = std::thread([s = state.get()] {
    pthread_setname_np(pthread_self(), "ring");
    if (s->parts.real_time) raise_priority(s->parts.log);
    s->runtime.run();
  });
  return std::unique_ptr<RingThread>(new RingThread(std::move(state)));
}

RingThread::~RingThread() {
  state_->running = false;
  state_->runtime.stop();
  if (state_->thread.joinable()) state_->thread.join();
  state_->node.reset();
}

void RingThread::start(Handler handler) {
  state_->handler = std::move(handler);
  state_->running = true;
  state_->runtime.timers().post([s = state_.get()] { s->run(); });
}

void RingThread::State::run() {
  Handler h;
  h.transitional = [this](const View& view) { to_main(changed(Event::Kind::kTransitional, view, {})); };
  h.view = [this](const View& view, const Quorum& quorum) {
    publish_status();
    to_main(changed(Event::Kind::kView, view, quorum));
  };
  h.quorum = [this](const Quorum& quorum) {
    publish_status();
    to_main(changed(Event::Kind::kQuorum, {}, quorum));
  };
  if (handler.ask_device) {
    h.ask_device = [this](const View& view, const Quorum& quorum) {
      to_main(changed(Event::Kind::kAskDevice, view, quorum));
    };
  }
  if (handler.prepare) {
    h.prepare = [this](const RingChange& change) { to_main(changed(Event::Kind::kPrepare, change, {})); };
  }
  h.changed = [this](const RingChange& change, const Result<void>& outcome) {
    publish_status();
    to_main(changed(Event::Kind::kChanged, change, outcome));
  };
  h.message = [this](NodeId sender, ByteView message) {
    to_main({Event::Kind::kMessage, sender, Bytes(message.begin(), message.end()), nullptr});
  };
  h.told = [this](NodeId sender, ByteView message) {
    to_main({Event::Kind::kTold, sender, Bytes(message.begin(), message.end()), nullptr});
  };
  h.space = [this] { send_waiting(); };
  node->start(std::move(h));
}

void RingThread::State::publish_status() {
  RingStatus now = node->status();
  const std::lock_guard lock(mutex);
  status = std::move(now);
  status_at = runtime.clock().now();
  status_asked = false;
  status_told.notify_all();
}

void RingThread::State::to_main(Event event) {
  inbox_bytes += event.message.size();
  bool post = false;
  {
    const std::lock_guard lock(mutex);
    inbox.push_back(std::move(event));
    post = !inbox_posted;
    inbox_posted = true;
  }
  if (post) {
    parts.main->post([weak = weak_from_this()] {
      if (const auto s = weak.lock()) s->drain_inbox();
    });
  }
  if (inbox_bytes > kInboxCongested) watch_congestion();
}

void RingThread::State::drain_inbox() {
  std::vector<Event> events;
  {
    const std::lock_guard lock(mutex);
    events.swap(inbox);
    inbox_posted = false;
  }
  for (Event& event : events) {
    inbox_bytes -= event.message.size();
    if (!running) continue;
    switch (event.kind) {
      case Event::Kind::kTransitional:
        if (handler.transitional) handler.transitional(event.change->view);
        break;
      case Event::Kind::kView:
        if (handler.view) handler.view(event.change->view, event.change->quorum);
        break;
      case Event::Kind::kQuorum:
        if (handler.quorum) handler.quorum(event.change->quorum);
        break;
      case Event::Kind::kAskDevice:
        if (handler.ask_device) handler.ask_device(event.change->view, event.change->quorum);
        break;
      case Event::Kind::kPrepare:
        handler.prepare(event.change->ring);
        break;
      case Event::Kind::kChanged:
        if (handler.changed) handler.changed(event.change->ring, event.change->outcome);
        break;
      case Event::Kind::kMessage:
        if (handler.message) handler.message(event.sender, event.message);
        break;
      case Event::Kind::kTold:
        if (handler.told) handler.told(event.sender, event.message);
        break;
    }
  }
}

// Senders wait while the main loop here is behind, but not for ever.
void RingThread::State::watch_congestion() {
  const std::size_t bytes = inbox_bytes;
  const Time now = runtime.clock().now();
  if (bytes > kInboxTooMuch) {
    parts.log.critical("the main loop does not take its messages ({} MiB wait): this node leaves the ring",
                       bytes >> 20);
    node->leave();
    return;
  }
  if (bytes > kInboxCongested) {
    if (!congested_since) congested_since = now;
    node->set_congested(now - *congested_since < kCongestionPatience);
  } else if (congested_since && bytes < kInboxCongested / 4) {
    congested_since.reset();
    node->set_congested(false);
  }
  if (!congested_since || watching) return;
  watching = true;
  runtime.timers().after(kCongestionInterval, [this] {
    watching = false;
    watch_congestion();
  });
}

Result<void> RingThread::multicast(Bytes message, Delivery delivery) {
  State& s = *state_;
  if (message.size() > kMaxMessage) {
    return fail(Errc::kInvalidArgument,
                "a message of {} bytes is too large to send: at most {} bytes are possible", message.size(),
                kMaxMessage);
  }
  if (!s.running) return fail(Errc::kUnavailable, "cannot send: this node is not in the ring");
  // Empty messages count too, or their number would have no bound.
  const std::size_t cost = message.size() + 64;
  if (s.outbox_bytes > 0 && s.outbox_bytes + cost > kOutboxBytes) {
    s.space_wanted = true;
    return fail(Errc::kUnavailable, "cannot send now: the ring's queue is full");
  }
  s.outbox_bytes += cost;
  bool post = false;
  {
    const std::lock_guard lock(s.mutex);
    s.outbox.push_back({std::move(message), delivery});
    post = !s.outbox_posted;
    s.outbox_posted = true;
  }
  if (post) s.runtime.timers().post([&s] { s.take_outbox(); });
  return {};
}

void RingThread::tell(NodeId member, Bytes message) {
  if (!state_->running) return;
  state_->runtime.timers().post(
      [s = state_.get(), member, message = std::move(message)] { s->node->tell(member, message); });
}

void RingThread::State::take_outbox() {
  std::vector<Outgoing> messages;
  {
    const std::lock_guard lock(mutex);
    messages.swap(outbox);
    outbox_posted = false;
  }
  for (Outgoing& m : messages) waiting.push_back(std::move(m));
  send_waiting();
}

void RingThread::State::send_waiting() {
  while (!waiting.empty()) {
    const std::size_t cost = waiting.front().message.size() + 64;
    if (!node->has_room(waiting.front().message.size())) break;
    (void)node->multicast(std::move(waiting.front().message),
                          waiting.front().delivery);  // Refused: it has left.
    waiting.pop_front();
    outbox_bytes -= cost;
  }
  if (space_wanted && outbox_bytes < kOutboxBytes / 2) {
    parts.main->post([weak = weak_from_this()] {
      if (const auto s = weak.lock()) s->offer_space();
    });
  }
}

void RingThread::State::offer_space() {
  if (!running || !space_wanted.exchange(false)) return;
  if (handler.space) handler.space();
}

void RingThread::leave() {
  State& s = *state_;
  s.running = false;
  if (!s.thread.joinable()) return;
  s.runtime.timers().post([&s] {
    s.node->leave();
    s.publish_status();
    s.runtime.stop();
  });
  s.thread.join();
}

// Asked for when somebody wants to know, so that a ring of which nobody does is not woken for it.
RingStatus RingThread::status() const {
  State& s = *state_;
  std::unique_lock lock(s.mutex);
  if (!s.running || s.runtime.clock().now() - s.status_at <= kStatusAge) return s.status;
  if (!std::exchange(s.status_asked, true)) {
    lock.unlock();
    s.runtime.timers().post([&s] { s.publish_status(); });
    lock.lock();
  }
  s.status_told.wait_for(lock, kStatusPatience, [&s] { return !s.status_asked; });
  return s.status;
}

Result<void> RingThread::set_expected_votes(unsigned votes) {
  if (!state_->running)
    return fail(Errc::kUnavailable, "cannot set expected votes: this node is not in the ring");
  if (auto may = may_set_expected_votes(status().quorum, votes); !may) return may;
  state_->runtime.timers().post([s = state_.get(), votes] {
    if (const auto set = s->node->set_expected_votes(votes); !set)
      s->parts.log.warning("{}", set.error().message);
  });
  return {};
}

Result<void> RingThread::set_device_vote(const RingId& view, const QuorumDeviceVote& vote) {
  if (!state_->running)
    return fail(Errc::kUnavailable, "the quorum device's vote: this node is not in the ring");
  state_->runtime.timers().post([s = state_.get(), view, vote] {
    if (const auto set = s->node->set_device_vote(view, vote); !set)
      s->parts.log.warning("{}", set.error().message);
  });
  return {};
}

// The ring's thread answers what it refuses by Handler::changed too, so that every proposal ends there.
Result<void> RingThread::propose(RingChange::Kind kind, Bytes payload) {
  if (!state_->running) return fail(Errc::kUnavailable, "cannot change the ring: this node is not in it");
  state_->runtime.timers().post([s = state_.get(), kind, payload = std::move(payload)]() mutable {
    const RingChange change{kind, 0, s->parts.state.self().node, {}};
    if (const auto proposed = s->node->propose(kind, std::move(payload)); !proposed)
      s->to_main(changed(Event::Kind::kChanged, change, proposed));
  });
  return {};
}

void RingThread::prepared(std::uint64_t id, Result<void> ready, std::shared_ptr<const ClusterConfig> config) {
  state_->runtime.timers().post(
      [s = state_.get(), id, ready = std::move(ready), config = std::move(config)]() mutable {
        s->node->prepared(id, std::move(ready), std::move(config));
      });
}

}  // namespace systole::membership
