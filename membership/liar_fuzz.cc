// A ring of three, one of which has the key and lies: the input says which frame is delivered, lost, repeated
// or overtaken, and what the liar's frames are turned into. So lies come at every state of the protocol, in
// frames that fit it but for what was changed.
//
// Input: a sequence of [ operation, low 3 bits; argument, high 5 bits | operands ].
#include <deque>

#include "membership/codec.h"
#include "membership/totem_ring.h"

namespace {

using namespace systole;
using namespace systole::membership;

constexpr std::uint32_t kNodes = 3, kLiar = 3;
constexpr std::size_t kMostFrames = 2000;

struct Frame {
  NodeId from, to;
  Bytes bytes;
};

class Net {
 public:
  Net() {
    RingParameters parameters;
    for (std::uint32_t i = 1; i <= kNodes; ++i) parameters.nodes.push_back(NodeId{i});
    for (std::uint32_t i = 1; i <= kNodes; ++i)
      nodes_.push_back(std::make_unique<Node>(*this, i, parameters));
    for (auto& node : nodes_) node->ring.start(now_);
  }

  bool idle() const { return frames_.empty(); }
  Frame& next() { return frames_.front(); }
  void drop() { frames_.pop_front(); }
  void repeat() { put(Frame(frames_.front())); }
  void overtake() {
    put(Frame(frames_.front()));
    drop();
  }
  // The next frame arrives; without one, time goes on to the next deadline.
  void step() {
    if (frames_.empty()) return wait(Seconds(1));
    const Frame frame = std::move(frames_.front());
    frames_.pop_front();
    node(frame.to).ring.receive(now_, life(frame.from), frame.bytes);
  }
  void wait(Duration most) {
    Time until = now_ + most;
    for (const auto& node : nodes_) until = std::min(until, std::max(now_, node->ring.deadline()));
    now_ = until;
    for (auto& node : nodes_)
      if (node->ring.deadline() <= now_) node->ring.advance(now_);
  }
  void multicast(NodeId at, std::size_t size, bool safe) {
    TotemRing& ring = node(at).ring;
    if (!ring.has_room(size)) return;
    ring.enqueue({Bytes(size), safe, false});
    ring.kick(now_);
  }
  void congest(NodeId at, bool congested) { node(at).ring.set_congested(congested); }
  void refuse(NodeId at, NodeId peer, bool everywhere) { node(at).ring.refused(now_, peer, everywhere); }

 private:
  struct Node : RingOutput {
    Node(Net& n, std::uint32_t i, const RingParameters& parameters)
        : net(n), id(NodeId{i}), ring(parameters, life(id), 1, *this, {}) {}
    void send(NodeId to, ByteView frame) override { net.put({id, to, Bytes(frame.begin(), frame.end())}); }
    void broadcast(const std::vector<NodeId>& to, ByteView frame) override {
      for (const NodeId node : to) send(node, frame);
    }
    bool store_sequence(std::uint64_t) override { return true; }
    void deliver(Delivered) override {}
    Net& net;
    NodeId id;
    TotemRing ring;
  };

  static NodeLife life(NodeId id) { return {id, Incarnation{1}}; }
  Node& node(NodeId id) { return *nodes_[raw(id) - 1]; }
  void put(Frame frame) {
    const bool known = raw(frame.to) >= 1 && raw(frame.to) <= kNodes;  // A lie may name anybody.
    if (known && frames_.size() < kMostFrames) frames_.push_back(std::move(frame));
  }

  Time now_{Seconds(1)};
  std::vector<std::unique_ptr<Node>> nodes_;
  std::deque<Frame> frames_;
};

// One change to a frame of the liar's; those of the others stay as they are.
void lie(Net& net, unsigned how, Reader& input) {
  Frame& frame = net.next();
  const std::size_t at = input.u8();
  const std::uint8_t value = input.u8();
  if (frame.from != NodeId{kLiar}) return;
  Bytes& bytes = frame.bytes;
  if (how % 4 == 0) {
    bytes.resize(at % (bytes.size() + 1));
  } else if (how % 4 == 1) {
    bytes.resize(bytes.size() + at, value);
  } else if (!bytes.empty()) {
    std::uint8_t& byte = bytes[at % bytes.size()];
    byte = how % 4 == 2 ? value : static_cast<std::uint8_t>(byte + value);
  }
}

void operate(Net& net, std::uint8_t code, Reader& input) {
  const unsigned argument = code >> 3;
  const NodeId somebody{1 + argument % kNodes};
  switch (code & 7) {
    case 0:
      for (unsigned i = 0; i <= argument; ++i) net.step();
      break;
    case 1:
      net.wait(Milliseconds(1 + argument * argument));
      break;
    case 2:
      if (!net.idle()) net.drop();
      break;
    case 3:
      if (!net.idle()) net.repeat();
      break;
    case 4:
      if (!net.idle()) net.overtake();
      break;
    case 5:
      net.multicast(somebody, input.u16(), argument > 15);
      break;
    case 6:
      if (!net.idle()) lie(net, argument, input);
      break;
    default:
      if (argument > 15) {
        net.refuse(somebody, NodeId{1U + input.u8() % kNodes}, argument % 2 != 0);
      } else {
        net.congest(somebody, argument % 2 != 0);
      }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 4096) return 0;
  Net net;
  Reader input(ByteView(data, size));
  while (!input.done() && input.ok()) operate(net, input.u8(), input);
  return 0;
}
