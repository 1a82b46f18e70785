// Authentic frames of any content: a peer that has the key and lies. The input is a sequence of
// [ peer u8 | milliseconds u8 | length u16 | frame ].
#include "membership/codec.h"
#include "membership/totem_ring.h"

namespace {

class Nowhere : public systole::membership::RingOutput {
 public:
  void send(systole::NodeId, systole::ByteView) override {}
  void broadcast(const std::vector<systole::NodeId>&, systole::ByteView) override {}
  bool store_sequence(std::uint64_t) override { return true; }
  void deliver(systole::membership::Delivered) override {}
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace systole;
  using namespace systole::membership;
  Nowhere output;
  RingParameters parameters;
  for (std::uint32_t i = 1; i <= 3; ++i) parameters.nodes.push_back(NodeId{i});
  TotemRing ring(parameters, {NodeId{1}, Incarnation{1}}, 1, output, {});
  Time now{Seconds(1)};
  ring.start(now);
  Reader r(ByteView(data, size));
  while (!r.done() && r.ok()) {
    const NodeLife from{NodeId{2U + r.u8() % 2U}, Incarnation{1}};
    now += Milliseconds(r.u8());
    const ByteView frame = r.bytes(r.u16());
    if (!r.ok()) break;
    if (ring.deadline() <= now) ring.advance(now);
    ring.enqueue({Bytes(10), false, false});
    ring.kick(now);
    ring.receive(now, from, frame);
  }
  return 0;
}
