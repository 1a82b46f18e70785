// The arbitrator under what three connections send: whatever it is, it ends with an answer or a closed
// connection. Each piece of the input: connection (1 byte), length (2 bytes, little-endian), then that many
// bytes of stream.
#include "ipc/framing.h"
#include "qdevice/clusters.h"
#include "qdevice/qdevice.pb.h"
#include "qdevice/wire.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace systole;           // NOLINT
  using namespace systole::qdevice;  // NOLINT
  Time now{Seconds(1000)};
  std::set<Clusters::Connection> open{0, 1, 2};
  Clusters clusters(now, Logger(),
                    {[](Clusters::Connection, const wire::FromArbiter&) {},
                     [&open](Clusters::Connection connection) { open.erase(connection); }});
  std::map<Clusters::Connection, ipc::FrameReader> readers;
  for (const Clusters::Connection c : open) {
    readers.emplace(c, ipc::FrameReader(kMaxFrame));
    clusters.opened(now, c, "fuzz", c == 2 ? "certified" : "");
  }
  while (size >= 3) {
    const Clusters::Connection from = data[0] % 3U;
    const std::size_t length = std::min<std::size_t>(data[1] | data[2] << 8U, size - 3);
    now += Milliseconds(data[0]) * 10;
    if (open.contains(from)) {
      ipc::FrameReader& reader = readers.at(from);
      reader.feed({reinterpret_cast<const char*>(data + 3), length});
      while (open.contains(from)) {
        auto frame = reader.next();
        if (!frame) {
          clusters.closed(now, from);
          open.erase(from);
          break;
        }
        if (!*frame) break;
        clusters.received(now, from, **frame);
      }
    }
    clusters.advance(now);
    data += 3 + length;
    size -= 3 + length;
  }
  (void)clusters.list(now, "", true);
  return 0;
}
