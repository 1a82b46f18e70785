// The production Network: UDP sockets on an Asio event loop. Of base alone; AsioRuntime hands it out.
#pragma once

#include <memory>

#include "base/ports.h"

namespace boost::asio {
class io_context;
}

namespace systole {

std::unique_ptr<Network> asio_network(boost::asio::io_context& io);

}  // namespace systole
