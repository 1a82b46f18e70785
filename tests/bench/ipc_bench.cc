// A client that holds one connection to a node's daemon, for ./dev bench. Runs inside the node.
//   systole-bench-ipc await N          prints, as they come true, "WALL-SECONDS WHAT" for connected, quorate,
//   dc, online systole-bench-ipc changes COUNT    durable configuration changes one after another; prints
//   seconds for all of them
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>

#include "base/paths.h"
#include "ipc/client.h"
#include "ipc/systole.pb.h"

namespace {

using systole::Result;
using systole::ipc::Client;
using systole::ipc::Request;
using systole::ipc::Response;

constexpr std::chrono::milliseconds kPoll{5};
constexpr std::chrono::seconds kPatience{120};

void tell(const char* what) {
  const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
  std::printf("%.6f %s\n", now.count(), what);
  std::fflush(stdout);
}

int complain(const systole::Error& error) {
  std::fprintf(stderr, "systole-bench-ipc: %s\n", error.message.c_str());
  return 1;
}

std::size_t occurrences(const std::string& text, const std::string& word) {
  std::size_t count = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++count;
  return count;
}

// Members whose node_state says that they take part.
std::size_t nodes_online(Client& client) {
  Request request;
  request.mutable_cib()->set_section("status");
  const Result<Response> answer = client.call(std::move(request));
  return answer ? std::min(occurrences(answer->text(), "crmd=\"online\""),
                           occurrences(answer->text(), "join=\"member\""))
                : 0;
}

int await(unsigned nodes, const std::string& socket) {
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  bool connected = false, quorate = false, dc = false;
  auto client = Client::connect(socket, "bench");
  while (std::chrono::steady_clock::now() < give_up) {
    if (!client) {
      std::this_thread::sleep_for(kPoll);
      client = Client::connect(socket, "bench");
      continue;
    }
    if (!std::exchange(connected, true)) tell("connected");
    Request request;
    request.mutable_status();
    const Result<Response> answer = client->call(std::move(request));
    if (answer) {
      const auto& status = answer->status();
      if (status.quorate() && !std::exchange(quorate, true)) tell("quorate");
      if (!status.dc().empty() && !std::exchange(dc, true)) tell("dc");
      if (quorate && dc && nodes_online(*client) == nodes) {
        tell("online");
        return 0;
      }
    } else if (answer.error().code == systole::Errc::kUnavailable) {
      client = Client::connect(socket, "bench");
    }
    std::this_thread::sleep_for(kPoll);
  }
  std::fprintf(stderr, "systole-bench-ipc: the cluster did not come up\n");
  return 1;
}

int changes(unsigned count, const std::string& socket) {
  auto client = Client::connect(socket, "bench");
  if (!client) return complain(client.error());
  const auto began = std::chrono::steady_clock::now();
  for (unsigned i = 0; i < count; ++i) {
    Request request;
    auto* cib = request.mutable_cib();
    cib->set_kind(systole::ipc::CibRequest::MODIFY);
    cib->set_section("crm_config");
    cib->set_allow_create(true);
    cib->set_xml("<cluster_property_set id=\"bench\"><nvpair id=\"bench-x\" name=\"x-bench\" value=\"" +
                 std::to_string(i) + "\"/></cluster_property_set>");
    if (const Result<Response> answer = client->call(std::move(request)); !answer)
      return complain(answer.error());
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  std::printf("%.6f\n", took.count());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string command = argc == 3 ? argv[1] : "", number = argc == 3 ? argv[2] : "";
  unsigned count = 0;
  std::from_chars(number.data(), number.data() + number.size(), count);
  const std::string socket = systole::paths_from_environment().socket();
  if (command == "await" && count > 0) return await(count, socket);
  if (command == "changes" && count > 0) return changes(count, socket);
  std::fprintf(stderr, "usage: systole-bench-ipc await NODES | changes COUNT\n");
  return 64;
}
