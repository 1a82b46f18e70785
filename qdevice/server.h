// Server: an arbitrator's sockets. One loop serves all clusters; a connection costs a socket and, with TLS,
// about 95 KiB. A second, local socket answers systole-qnetd-tool.
#pragma once

#include <memory>
#include <string>

#include "base/asio_runtime.h"
#include "base/log.h"
#include "qdevice/certificates.h"

namespace systole::qdevice {

struct ServerOptions {
  std::string address;  // Numeric; empty: all, of both families.
  std::uint16_t port = 5403;
  std::shared_ptr<boost::asio::ssl::context> tls;  // Null: plain text only.
  bool tls_required = true;
  bool client_certificates = true;
  std::size_t max_clients = 5000;
  std::string socket;  // Path of the local socket; empty: none.
};

class Server {
 public:
  Server(AsioRuntime& runtime, Logger log, ServerOptions options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  // Errors: kIo, naming the address or path.
  Result<void> listen();
  std::uint16_t port() const;  // That it listens on.

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// What a server says to `request` ("status", "list", "list-verbose", each with a cluster's name after a
// blank, if one alone is meant). Blocks, at most five seconds. Error: kIo with the remedy.
Result<std::string> ask_server(const std::string& socket, const std::string& request);

}  // namespace systole::qdevice
