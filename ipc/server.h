// Server: the daemon's side of the local API, on the main loop. It accepts, says who the peer is, cuts
// requests out of the stream and sends answers; what they mean is the handler's business.
//
// A client cannot hurt the daemon: its requests are not read while kInFlight of them wait for an answer or
// kUnsent bytes wait for it to read (back-pressure); it is dropped when it lets kUnsentMost bytes pile up
// (events of a subscription) or takes nothing for kStalled while something waits; all connections together
// hold at most kTotal bytes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/asio_runtime.h"
#include "base/log.h"
#include "base/result.h"
#include "base/time.h"
#include "ipc/peer.h"

namespace systole::ipc {

class Request;  // ipc/systole.pb.h
class Response;

class Server {
 public:
  using Connection = std::uint64_t;  // Never zero, never reused.
  struct Handler {
    // Answer with send(); soon or late, from the main loop. `peer` lives as long as the connection.
    std::function<void(Connection, const Peer&, Request)> request;
    std::function<void(Connection)> closed;
  };
  struct Limits {
    std::size_t connections = 10'000;
    std::size_t in_flight = 64;                        // Requests of one connection.
    std::size_t unsent = 1U << 20;                     // Bytes of one connection: above, its requests wait.
    std::size_t unsent_most = std::size_t{128} << 20;  // Above, it is dropped.
    std::size_t total = std::size_t{512} << 20;        // Bytes of all, read and unsent.
    Duration stalled = Seconds(60);
  };

  Server(AsioRuntime& runtime, Logger log, Handler handler, Limits limits);
  Server(AsioRuntime& runtime, Logger log, Handler handler)
      : Server(runtime, log, std::move(handler), Limits{}) {}
  ~Server();  // Closes everything; no callback afterwards.
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Listens at `path`: mode 0660, group haclient where it exists (otherwise 0600). A socket left by a dead
  // daemon is replaced. Errors: kExists when a daemon answers there; kIo, kInvalidArgument (path too long).
  Result<void> listen(const std::string& path);
  // Nothing happens when the connection is gone.
  void send(Connection to, const Response& response);
  std::size_t connections() const;

  struct State;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace systole::ipc
