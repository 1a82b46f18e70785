// What ./dev bench ring asks of one node, over whatever orders its messages: a Bus. Commands come a line each
// on standard input, an answer goes out for each:
//   view N               "view MILLISECONDS" once this node's view holds N members (since the command)
//   rate SIZE SECONDS    as many messages as the bus takes; "rate PER-SECOND" as delivered to this node
//   itself latency SIZE SECONDS one message at a time; "latency COUNT P50 P99 MAX", microseconds to its own
//   delivery quit
// Between commands everything that arrives is taken and counted.
#pragma once

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

namespace systole::bench {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

class Bus {
 public:
  virtual ~Bus() = default;
  virtual bool send(std::size_t size) = 0;  // False: it takes nothing more now.
  virtual void dispatch(
      std::chrono::milliseconds wait) = 0;  // What has arrived; waits so long for something.
  std::uint64_t own = 0;                    // Own messages delivered here.
  std::size_t members = 0;                  // Of the view.
};

inline double rate(Bus& bus, std::size_t size, Seconds length) {
  const auto began = Clock::now(), measured = began + std::chrono::milliseconds(300);
  std::uint64_t sent = 0, before = 0;
  const std::uint64_t at_start = bus.own;
  bool counting = false;
  auto first = measured, now = began;
  while ((now = Clock::now()) < measured + length) {
    if (!counting && now >= measured) {
      counting = true;
      first = now;
      before = bus.own;
    }
    int burst = 0;
    while (burst < 64 && bus.send(size)) ++burst;
    sent += static_cast<std::uint64_t>(burst);
    bus.dispatch(std::chrono::milliseconds(burst == 64 ? 0 : 1));
  }
  const double per_second = static_cast<double>(bus.own - before) / Seconds(now - first).count();
  const auto patience = Clock::now() + std::chrono::seconds(20);
  while (bus.own - at_start < sent && Clock::now() < patience) bus.dispatch(std::chrono::milliseconds(10));
  return per_second;
}

inline std::string latency(Bus& bus, std::size_t size, Seconds length) {
  std::vector<double> taken;
  for (const auto end = Clock::now() + length; Clock::now() < end;) {
    const auto began = Clock::now();
    const std::uint64_t before = bus.own;
    while (!bus.send(size)) bus.dispatch(std::chrono::milliseconds(1));
    while (bus.own == before) bus.dispatch(std::chrono::milliseconds(1000));
    taken.push_back(std::chrono::duration<double, std::micro>(Clock::now() - began).count());
  }
  std::sort(taken.begin(), taken.end());
  const auto at = [&](std::size_t percent) {
    return taken[std::min(taken.size() - 1, taken.size() * percent / 100)];
  };
  std::ostringstream out;
  out << taken.size() << ' ' << at(50) << ' ' << at(99) << ' ' << taken.back();
  return out.str();
}

inline bool input_waits() {
  pollfd in{STDIN_FILENO, POLLIN, 0};
  return poll(&in, 1, 0) > 0;
}

inline void serve(Bus& bus) {
  for (;;) {
    while (!input_waits()) bus.dispatch(std::chrono::milliseconds(5));
    std::string line, command;
    if (!std::getline(std::cin, line)) return;
    std::istringstream in(line);
    std::size_t number = 0;
    double seconds = 0;
    in >> command >> number >> seconds;
    if (command == "view") {
      const auto began = Clock::now();
      while (bus.members != number) bus.dispatch(std::chrono::milliseconds(5));
      std::cout << "view " << std::chrono::duration<double, std::milli>(Clock::now() - began).count()
                << std::endl;
    } else if (command == "rate") {
      std::cout << "rate " << rate(bus, number, Seconds(seconds)) << std::endl;
    } else if (command == "latency") {
      std::cout << "latency " << latency(bus, number, Seconds(seconds)) << std::endl;
    } else {
      return;
    }
  }
}

}  // namespace systole::bench
