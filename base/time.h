// Moments and spans. Monotonic time orders events on one node; wall time is for people, rules and the CIB.
// Neither is ever read from a clock outside a Clock port: it is passed in.
#pragma once

#include <chrono>

namespace systole {

using Duration = std::chrono::nanoseconds;
using Milliseconds = std::chrono::milliseconds;
using Seconds = std::chrono::seconds;
using Time = std::chrono::time_point<std::chrono::steady_clock, Duration>;      // Monotonic, this boot only.
using WallTime = std::chrono::time_point<std::chrono::system_clock, Duration>;  // Unix time.

inline std::int64_t to_ms(Duration d) { return std::chrono::duration_cast<Milliseconds>(d).count(); }
inline std::int64_t epoch_seconds(WallTime t) {
  return std::chrono::duration_cast<Seconds>(t.time_since_epoch()).count();
}

}  // namespace systole
