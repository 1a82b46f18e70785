// The production DatagramSocket: a bound, non-blocking UDP socket on an Asio loop. Runs of equal datagrams go
// to the kernel as one (UDP segmentation offload) and come from it as one (receive offload), where it can.
#pragma once

#include <boost/asio/ip/udp.hpp>

#include "base/ports.h"

namespace systole {

std::unique_ptr<DatagramSocket> make_asio_socket(boost::asio::ip::udp::socket socket,
                                                 Network::Handler handler);

}  // namespace systole
