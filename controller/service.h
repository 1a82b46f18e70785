// Service: what the local API's requests mean. It answers every message of ipc/systole.proto from a Node, and
// sends events to those that subscribed. Runs on the main loop; knows no sockets.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/log.h"
#include "base/ports.h"
#include "controller/node.h"

namespace systole::ipc {
class Request;  // ipc/systole.pb.h
class Response;
}  // namespace systole::ipc

namespace systole::controller {

class Service {
 public:
  using Connection = std::uint64_t;
  // `send` may be called inside request() and later.
  Service(Ports ports, Logger log, Node& node, std::function<void(Connection, const ipc::Response&)> send);
  ~Service();  // Requests under way are answered no more.

  // `user`: as the kernel names the peer. Every request is answered once: with what was asked, an error, or
  // kTimeout after its time.
  void request(Connection from, const std::string& user, ipc::Request request);
  void closed(Connection connection);
  // The node has left: those who asked for it are told. Call before the program exits.
  void stopped();

  struct State;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace systole::controller
