// corosync.conf from anywhere.
#include "membership/config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto config = systole::membership::parse_corosync_conf({reinterpret_cast<const char*>(data), size});
  if (config) (void)systole::membership::find_self(*config, "node1", {"127.0.0.1"});
  return 0;
}
