// RingThread: a RingNode, or another Membership made for one loop, on a thread and event loop of its own, at
// real-time priority and in locked memory where the system permits it, so that nothing the main loop does can
// delay the token. Messages pass both ways through bounded queues; callbacks come on the main loop, in order.
#pragma once

#include <memory>

#include "base/asio_lines.h"
#include "base/asio_runtime.h"
#include "membership/ring_node.h"

namespace systole::membership {

class RingThread : public Membership {
 public:
  struct Parts {
    Timers* main = nullptr;  // The main loop: callbacks are posted to it.
    Logger log;
    ClusterConfig config;  // Addresses numeric.
    RingState state;
    Bytes key;
    bool real_time = true;  // SCHED_RR and mlockall, as far as permitted.
    Bytes next_key;         // As RingNode's.
  };
  // Binds the links and starts the thread; frames are ignored until start(). Errors: as RingNode::create.
  static Result<std::unique_ptr<RingThread>> create(Parts parts);
  // The same with what `make` answers instead of a RingNode; it is handed the thread's loop. parts.state and
  // parts.key are not used.
  using Make = std::function<Result<std::unique_ptr<Membership>>(AsioRuntime& runtime)>;
  static Result<std::unique_ptr<RingThread>> create(Parts parts, const Make& make);
  // Ends the thread, without a goodbye unless leave() was called. Call it on the main loop's thread.
  ~RingThread() override;

  void start(Handler handler) override;
  Result<void> multicast(Bytes message, Delivery delivery) override;
  void tell(NodeId member, Bytes message) override;
  void leave() override;               // Returns when the goodbye is sent; some milliseconds at most.
  RingStatus status() const override;  // At most 100 ms old; older only if that thread is starved.
  Result<void> set_expected_votes(unsigned votes) override;
  Result<void> set_device_vote(const RingId& view, const QuorumDeviceVote& vote) override;
  Result<void> propose(RingChange::Kind kind, Bytes payload) override;
  void prepared(std::uint64_t id, Result<void> ready, std::shared_ptr<const ClusterConfig> config) override;

  struct State;

 private:
  explicit RingThread(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

}  // namespace systole::membership
