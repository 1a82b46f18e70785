// Jobs: many seeds side by side, each batch in a process of its own, so that one that aborts or never ends is
// a result like any other.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace systole::sim {

// Runs work(n) for n in [first, first + count) in `jobs` processes; got(n, result) comes here, in no order,
// as they end. A result may hold any bytes. A process that dies, or is at one n for longer than 300 s, gives
// "!died: why". Stops early when got() says false.
void run_jobs(unsigned jobs, std::uint64_t first, std::uint64_t count,
              const std::function<std::string(std::uint64_t)>& work,
              const std::function<bool(std::uint64_t, const std::string&)>& got);

}  // namespace systole::sim
