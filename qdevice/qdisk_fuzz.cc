// What lies on a quorum disk, whatever it is: decoded, and taken for the slots of a peer in an election.
#include "qdevice/disk_election.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace systole;           // NOLINT
  using namespace systole::qdevice;  // NOLINT
  const NodeId self{1}, peer{2};
  DiskElection election({self, Incarnation{1}}, Seconds(10));
  election.view({3, self}, {self});
  Time now{Seconds(1000)};
  const ByteView input(data, size);
  (void)decode(input, "c", peer);
  // Fields as they come, sealed rightly: half of the rounds would be stopped by the digest else.
  for (std::size_t at = 0; at + 16 <= size && at < 64 * 16; at += 16) {
    const std::uint8_t* d = data + at;
    Slot slot{{peer, Incarnation{d[0]}},         d[1], {d[2], NodeId{d[3]}},
              static_cast<Slot::Flag>(d[4] % 3), d[5], d[6]};
    Bytes sector = encode(slot, "c");
    if ((d[7] & 1) != 0) sector[d[8] * 16U % kSlotSize] ^= d[9];
    const Bytes own = encode(election.next(WallTime{}), "c");
    const Time began = now;
    now += Milliseconds(d[10] * 64);
    std::optional<std::map<NodeId, SlotRead>> slots;
    if ((d[7] & 2) == 0) slots = {{self, decode(own, "c", self)}, {peer, decode(sector, "c", peer)}};
    election.round(began, now, slots);
    if ((d[7] & 4) != 0) election.set_worthy((d[7] & 8) != 0);
    if ((d[7] & 16) != 0) election.view({d[11] + 4U, self}, {self});
    (void)election.verdict(now);
  }
  return 0;
}
