// The production Lines: TCP connections on an Asio event loop.
#pragma once

#include <memory>

#include "base/line.h"

namespace boost::asio {
class io_context;
}

namespace systole {

std::unique_ptr<Lines> asio_lines(boost::asio::io_context& io);

}  // namespace systole
