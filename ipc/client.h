// Client: a tool's side of the local API. Blocking, single-threaded.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/time.h"

namespace systole::ipc {

class Request;  // ipc/systole.pb.h
class Response;

class Client {
 public:
  // Error: kUnavailable ("the cluster is not running on this node: …") or kDenied.
  static Result<Client> connect(const std::string& socket_path, std::string client_name);
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  // Sends and waits for the answer. An answer with an error becomes the Error. kTimeout; kUnavailable when
  // the daemon goes away.
  Result<Response> call(Request request);
  // Waits for the next event of a subscription, at most `wait`. kTimeout when none came.
  Result<Response> next_event(Duration wait);

 private:
  struct State;
  explicit Client(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace systole::ipc
