// Asio must see std::exchange before its awaitable header: <utility> first (Boost 1.74).
#include <utility>

#include "lrmd/test_world.h"

#include <boost/asio/io_context.hpp>

namespace systole::lrmd {

void TestWorld::run_once() {
  static_cast<boost::asio::io_context*>(runtime.io_context())->run_one_for(std::chrono::milliseconds(5));
}

}  // namespace systole::lrmd
