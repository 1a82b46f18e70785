// The fencers' codec on arbitrary bytes: what decodes encodes to something that decodes again.
#include "base/check.h"
#include "stonith/messages.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace systole;
  if (const auto message = stonith::decode(ByteView(data, size))) {
    const Bytes again = stonith::encode(*message);
    check(stonith::decode(again).has_value(), "a message does not survive its own encoding");
  }
  return 0;
}
