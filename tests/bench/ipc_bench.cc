// Clients that hold a connection to a node's daemon, for ./dev bench. Runs inside the node.
//   systole-bench-ipc await N
//     prints, as they come true, "WALL-SECONDS WHAT" for connected, quorate, dc, online
//   systole-bench-ipc changes COUNT [CONNECTIONS]
//     COUNT durable configuration changes one after another, over each connection; prints the seconds for all
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

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

// Durable changes one after another over one connection, each of `name`.
Result<void> change_often(unsigned count, const std::string& name, const std::string& socket) {
  auto client = Client::connect(socket, "bench");
  if (!client) return systole::fail(client.error());
  for (unsigned i = 0; i < count; ++i) {
    Request request;
    auto* cib = request.mutable_cib();
    cib->set_kind(systole::ipc::CibRequest::MODIFY);
    cib->set_section("crm_config");
    cib->set_allow_create(true);
    cib->set_xml("<cluster_property_set id=\"bench\"><nvpair id=\"bench-" + name + "\" name=\"" + name +
                 "-bench\" value=\"" + std::to_string(i) + "\"/></cluster_property_set>");
    if (const Result<Response> answer = client->call(std::move(request)); !answer)
      return systole::fail(answer.error());
  }
  return {};
}

int changes(unsigned count, unsigned connections, const std::string& socket) {
  std::vector<Result<void>> results(connections);
  std::vector<std::thread> clients;
  const auto began = std::chrono::steady_clock::now();
  for (unsigned i = 0; i < connections; ++i)
    clients.emplace_back([&, i] { results[i] = change_often(count, "x" + std::to_string(i), socket); });
  for (std::thread& client : clients) client.join();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  for (const Result<void>& result : results)
    if (!result) return complain(result.error());
  std::printf("%.6f\n", took.count());
  return 0;
}

unsigned number(const std::string& text) {
  unsigned value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  const std::string command = words.size() < 2 ? "" : words[0],
                    socket = systole::paths_from_environment().socket();
  const unsigned count = words.size() < 2 ? 0 : number(words[1]);
  const unsigned connections = words.size() < 3 ? 1 : number(words[2]);
  if (command == "await" && count > 0 && words.size() == 2) return await(count, socket);
  if (command == "changes" && count > 0 && connections > 0) return changes(count, connections, socket);
  std::fprintf(stderr, "usage: systole-bench-ipc await NODES | changes COUNT [CONNECTIONS]\n");
  return 64;
}
