// Hostile bytes as a message between replicas.
#include <cstdint>

#include "base/check.h"
#include "cib/wire.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto message = systole::cib::decode({data, size});
  // What could be read is written and read alike.
  if (message) systole::check(systole::cib::decode(systole::cib::encode(*message)).has_value(), "round trip");
  return 0;
}
