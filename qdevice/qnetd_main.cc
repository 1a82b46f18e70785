// systole-qnetd: the arbitrator of many clusters; and by the name of its tool, what shows its state.
#include <utility>

#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>

#include "qdevice/server.h"

namespace systole::qdevice {
namespace {

constexpr const char* kFolder = "/etc/corosync/qnetd/tls";
constexpr const char* kSocket = "/run/systole-qnetd/systole-qnetd.sock";

int complain(const Error& error) {
  std::fprintf(stderr, "systole-qnetd: %s\n", error.message.c_str());
  return exit_code(error.code);
}

struct Options {
  std::string folder = kFolder, socket = kSocket, address, tls = "default", client_certificates = "on", log,
              sign, out;
  std::uint16_t port = 5403;
  std::size_t max_clients = 5000;
  bool foreground = true, debug = false, init = false;
};

int init(Files& files, const Options& options) {
  const WallTime now = std::chrono::system_clock::now();
  if (files.status(options.folder + "/ca.key")) {
    std::fprintf(stderr, "systole-qnetd: there is an authority in %s already: nothing was changed\n",
                 options.folder.c_str());
    return 1;
  }
  const auto authority = make_authority(now);
  if (!authority) return complain(authority.error());
  const auto own = make_credentials(*authority, kArbitratorName, now);
  if (!own) return complain(own.error());
  if (auto stored = store(files, options.folder, *authority); !stored) return complain(stored.error());
  if (auto stored = store(files, options.folder, *own); !stored) return complain(stored.error());
  std::printf("made an authority and this arbitrator's certificate in %s\n", options.folder.c_str());
  return 0;
}

int sign(Files& files, const Options& options) {
  const auto authority = load_authority(files, options.folder);
  if (!authority) return complain(authority.error());
  const auto made = make_credentials(*authority, options.sign, std::chrono::system_clock::now());
  if (!made) return complain(made.error());
  const std::string out = options.out.empty() ? options.sign : options.out;
  if (auto stored = store(files, out, *made); !stored) return complain(stored.error());
  std::printf(
      "made a certificate for cluster %s: copy %s/* to /etc/corosync/qdevice/net/tls/ on each of its nodes\n",
      options.sign.c_str(), out.c_str());
  return 0;
}

// A thousand clusters need more descriptors than a shell gives.
void raise_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

int serve(Files& files, const Options& options) {
  Logger log(spdlog_sink(options.log, "qnetd"), "qnetd", options.debug ? Level::kDebug : Level::kInfo);
  ServerOptions server_options;
  server_options.address = options.address;
  server_options.port = options.port;
  server_options.max_clients = options.max_clients;
  server_options.socket = options.socket;
  server_options.client_certificates = options.client_certificates == "on";
  server_options.tls_required = options.tls != "on";
  if (options.tls != "off") {
    const auto credentials = load_credentials(files, options.folder);
    if (!credentials) return complain(credentials.error());
    auto context = server_context(*credentials, server_options.client_certificates);
    if (!context) return complain(context.error());
    server_options.tls = std::move(*context);
  } else {
    log.warning("without TLS anybody who reaches this port can speak for any cluster");
  }
  if (auto made = files.make_directory(options.socket.substr(0, options.socket.rfind('/')), 0755); !made)
    return complain(made.error());
  raise_descriptors();
  std::signal(SIGPIPE, SIG_IGN);
  AsioRuntime runtime;
  Server server(runtime, log, std::move(server_options));
  if (auto listening = server.listen(); !listening) return complain(listening.error());
  log.notice("serves on port {}", server.port());
  boost::asio::signal_set signals(*static_cast<boost::asio::io_context*>(runtime.io_context()), SIGTERM,
                                  SIGINT);
  signals.async_wait([&](const boost::system::error_code& error, int) {
    if (!error) runtime.stop();
  });
  runtime.run();
  log.notice("ended");
  return 0;
}

int run_qnetd(int argc, char** argv) {
  CLI::App app{"systole-qnetd: an arbitrator that votes in clusters that have split; runs in the foreground"};
  Options o;
  app.add_flag("-f,--foreground", o.foreground, "Stay in the foreground (always so)");
  app.add_flag("-d,--debug", o.debug, "Log more");
  app.add_option("-l,--listen", o.address, "Address to listen on (default: all)");
  app.add_option("-p,--port", o.port, "Port to listen on (default: 5403)");
  app.add_option("-s,--tls", o.tls, "on: plain text is taken too; off; req (default)")
      ->check(CLI::IsMember({"on", "off", "req"}));
  app.add_option("-c,--client-certificates", o.client_certificates,
                 "on (default): nodes must show a certificate; off")
      ->check(CLI::IsMember({"on", "off"}));
  app.add_option("-m,--max-clients", o.max_clients, "Connections at once (default: 5000)");
  app.add_option("--folder", o.folder, std::string("Certificates and keys (default: ") + kFolder + ")");
  app.add_option("--socket", o.socket, std::string("For systole-qnetd-tool (default: ") + kSocket + ")");
  app.add_option("--log", o.log, "Log file (default: standard error)");
  app.add_flag("--init", o.init, "Make an authority and the arbitrator's certificate, and end");
  app.add_option("--sign", o.sign,
                 "Make a certificate for the nodes of this cluster (its cluster_name), and end");
  app.add_option("--out", o.out, "Where --sign puts it (default: a folder of the cluster's name)");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    const int code = app.exit(e);
    return code == 0 ? 0 : 64;
  }
  const auto files = posix_files();
  if (o.init) return init(*files, o);
  if (!o.sign.empty()) return sign(*files, o);
  return serve(*files, o);
}

int run_tool(int argc, char** argv) {
  CLI::App app{"systole-qnetd-tool: what the arbitrator on this host knows"};
  std::string socket = kSocket, cluster;
  bool status = false, list = false, verbose = false;
  app.add_flag("-s,--status", status, "The arbitrator itself");
  app.add_flag("-l,--list", list, "Clusters and their nodes");
  app.add_option("-c,--cluster", cluster, "With -l: this cluster only");
  app.add_flag("-v,--verbose", verbose, "With -l: more");
  app.add_option("-p,--socket", socket, "The arbitrator's local socket");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    const int code = app.exit(e);
    return code == 0 ? 0 : 64;
  }
  if (status == list) {
    std::fprintf(stderr, "systole-qnetd-tool: choose one of -s and -l\n");
    return 64;
  }
  std::string request = status ? "status" : verbose ? "list-verbose" : "list";
  if (!cluster.empty()) request += " " + cluster;
  const auto answer = ask_server(socket, request);
  if (!answer) return complain(answer.error());
  std::fputs(answer->c_str(), stdout);
  return 0;
}

}  // namespace
}  // namespace systole::qdevice

int main(int argc, char** argv) {
  const std::string_view name(argv[0]);
  return name.ends_with("-tool") ? systole::qdevice::run_tool(argc, argv)
                                 : systole::qdevice::run_qnetd(argc, argv);
}
