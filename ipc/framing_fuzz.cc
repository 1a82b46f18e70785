// The local API's stream of bytes, as a hostile client may send it: no crash, no memory beyond what was sent,
// and what comes out is the same however the stream is cut.
#include <cstdlib>

#include "ipc/framing.h"
#include "ipc/systole.pb.h"

namespace {

std::string contents(std::string_view stream, std::size_t step) {
  systole::ipc::FrameReader reader;
  std::string out;
  for (std::size_t at = 0; at < stream.size(); at += step) {
    reader.feed(stream.substr(at, step));
    for (;;) {
      const auto content = reader.next();
      if (!content) return out + "refused";
      if (!*content) break;
      systole::ipc::Request request;
      (void)request.ParseFromString(**content);
      out += **content + "|";
    }
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view stream(reinterpret_cast<const char*>(data), size);
  if (contents(stream, 1) != contents(stream, size + 1)) std::abort();
  return 0;
}
