// Channel: framed messages over one TCP connection, with TLS or without. An I/O part, on one Asio loop; its
// handler is called there, never inside a call to it.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"

namespace boost::asio::ssl {
class context;
}
namespace google::protobuf {
class MessageLite;
}

namespace systole::qdevice {

class Channel {
 public:
  struct Handler {
    std::function<void(const std::string& certified)> ready;  // The name in the peer's certificate; or empty.
    std::function<void(std::string frame)> received;
    std::function<void(const std::string& why)>
        closed;  // By the peer, or by what it sent. Once; the last call.
  };
  enum class Side { kServer, kClient };
  // `tls`: null for plain text; outlives the channel. Starts at once.
  Channel(boost::asio::ip::tcp::socket socket, boost::asio::ssl::context* tls, Side side, Handler handler);
  ~Channel();  // Closes; no callback after it.
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  void send(const google::protobuf::MessageLite& message);
  // Closes once what was sent is written, at most two seconds later. No callback any more.
  void finish();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace systole::qdevice
