// AsioRuntime: the production Clock, Timers and Network on one Boost.Asio event loop. One runtime belongs to
// one thread: the main loop has one, the ring thread another.
#pragma once

#include <functional>
#include <memory>

#include "base/ports.h"

namespace systole {

class AsioRuntime {
 public:
  AsioRuntime();
  ~AsioRuntime();

  Clock& clock();
  Timers& timers();
  Network& network();
  void run();          // Until stop().
  void stop();         // From any thread.
  void* io_context();  // boost::asio::io_context*, for the adapters that need the loop itself (ipc, web).

  struct State;

 private:
  std::unique_ptr<State> state_;
};

std::unique_ptr<Random> system_random();  // OpenSSL's generator.
std::unique_ptr<Files> posix_files();

}  // namespace systole
