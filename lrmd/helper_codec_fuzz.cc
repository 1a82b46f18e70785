// The helper's codec on arbitrary bytes: what decodes encodes to something that decodes again.
#include "base/check.h"
#include "lrmd/helper_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace systole;
  const ByteView input(data, size);
  if (const auto request = lrmd::decode_request(input)) {
    const Bytes frame = lrmd::encode(*request);
    check(lrmd::decode_request(ByteView(frame).subspan(4)).has_value(),
          "a request does not survive its own encoding");
  }
  if (const auto report = lrmd::decode_report(input)) {
    const Bytes frame = lrmd::encode(*report);
    check(lrmd::decode_report(ByteView(frame).subspan(4)).has_value(),
          "a report does not survive its own encoding");
  }
  lrmd::FrameReader reader;
  reader.add(input);
  while (true) {
    const auto frame = reader.next();
    if (!frame || !*frame) return 0;
  }
}
