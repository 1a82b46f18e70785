// Asio's TLS streams, compiled once.
#include <utility>

#include <boost/asio/ssl/impl/src.hpp>
