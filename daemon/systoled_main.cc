// systoled: one node of the cluster. Wires the modules to the real world and runs them.
#include <utility>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "base/asio_runtime.h"
#include "cib/sqlite_journal.h"
#include "controller/cluster_properties.h"
#include "controller/node.h"
#include "controller/results.h"
#include "controller/service.h"
#include "daemon/host.h"
#include "daemon/startup.h"
#include "daemon/worker_scheduler.h"
#include "ipc/server.h"
#include "ipc/systole.pb.h"
#include "lrmd/process_helper.h"
#include "lrmd/remote_processes.h"
#include "membership/corosync_node.h"
#include "membership/life.h"
#include "membership/ring_thread.h"

namespace systole::daemon {
namespace {

int complain(const Error& error) {
  std::fprintf(stderr, "systoled: %s\n", error.message.c_str());
  return exit_code(error.code);
}

// 10,000 clients of the local API, and what the rest needs.
void raise_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 16'384);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// Everything that runs, in the order in which it is made; destroyed in reverse.
class Daemon {
 public:
  Daemon(Paths paths, Setup setup, Logger log, lrmd::HelperHandle helper, std::unique_ptr<Files> files)
      : paths_(std::move(paths)),
        setup_(std::move(setup)),
        files_(std::move(files)),
        random_(system_random()),
        log_(std::move(log)) {
    processes_ = std::make_unique<lrmd::RemoteProcesses>(runtime_, helper, [this] {
      log_.critical(
          "the process helper is gone: this node can neither start nor stop anything and ends itself");
      exit_ = 1;
      runtime_.stop();
    });
  }

  Result<void> start();
  int run();

 private:
  Result<void> start_ring();
  void start_node();
  Result<void> start_api();
  void on_signal(int signal);
  void watch_signals();

  Paths paths_;
  Setup setup_;
  std::unique_ptr<Files> files_;
  std::unique_ptr<Random> random_;
  Logger log_;
  AsioRuntime runtime_;
  std::unique_ptr<lrmd::RemoteProcesses> processes_;
  std::unique_ptr<membership::RingThread> ring_;
  std::unique_ptr<cib::SqliteJournal> journal_;
  std::unique_ptr<WorkerScheduler> scheduler_;
  NodeLife self_;
  std::unique_ptr<controller::Node> node_;
  std::unique_ptr<controller::Service> service_;
  std::unique_ptr<ipc::Server> server_;
  std::unique_ptr<boost::asio::signal_set> signals_;
  bool asked_to_stop_ = false;
  int exit_ = 0;
};

Result<void> Daemon::start() {
  // The local API's socket first: it tells whether another daemon is here already.
  if (auto listening = start_api(); !listening) return listening;
  if (auto ring = start_ring(); !ring) return ring;
  start_node();
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (auto written = files_->write_atomic(paths_.run + "/systoled.pid", as_bytes(pid), 0644); !written)
    return written;
  for (const std::string& warning : setup_.config.warnings) log_.warning("{}: {}", paths_.conf, warning);
  log_.notice("node {} (id {}) of cluster {}, incarnation {}", setup_.name, raw(setup_.self),
              setup_.config.totem.cluster_name, raw(self_.incarnation));
  return node_->start();
}

Result<void> Daemon::start_ring() {
  auto state = membership::RingState::begin_life(*files_, runtime_.clock(), paths_.state, setup_.self,
                                                 log_.named("membership"));
  if (!state) return fail(state.error());
  self_ = state->self();
  const Logger log = log_.named("membership");
  membership::RingThread::Parts parts{&runtime_.timers(), log, setup_.config, *state, std::move(setup_.key)};
  auto ring = setup_.config.provider == membership::Provider::kCorosync
                  ? membership::RingThread::create(
                        std::move(parts),
                        [&](AsioRuntime& runtime) -> Result<std::unique_ptr<membership::Membership>> {
                          return std::make_unique<membership::CorosyncNode>(
                              membership::CorosyncNode::Parts{&runtime, log, setup_.config, *state});
                        })
                  : membership::RingThread::create(std::move(parts));
  if (!ring) return fail(ring.error());
  ring_ = std::move(*ring);
  return {};
}

void Daemon::start_node() {
  journal_ = std::make_unique<cib::SqliteJournal>(paths_.journal(), runtime_.timers(), log_.named("cib"));
  scheduler_ = std::make_unique<WorkerScheduler>(runtime_.timers());
  controller::Node::Parts parts;
  parts.ports.clock = &runtime_.clock();
  parts.ports.timers = &runtime_.timers();
  parts.ports.random = random_.get();
  parts.ports.network = &runtime_.network();
  parts.ports.files = files_.get();
  parts.ports.processes = processes_.get();
  parts.log = log_;
  parts.paths = paths_;
  parts.config = setup_.config;
  parts.self = self_;
  parts.membership = ring_.get();
  parts.journal = journal_.get();
  parts.scheduler = scheduler_.get();
  parts.cores = processors();
  parts.stopped = [this] {
    service_->stopped();
    // A turn later, so that who asked still gets the answer.
    runtime_.timers().post([this] { runtime_.stop(); });
  };
  const Ports ports = parts.ports;
  node_ = std::make_unique<controller::Node>(std::move(parts));
  service_ = std::make_unique<controller::Service>(
      ports, log_.named("ipc"), *node_,
      [this](std::uint64_t to, const ipc::Response& response) { server_->send(to, response); });
}

Result<void> Daemon::start_api() {
  ipc::Server::Handler handler;
  handler.request = [this](ipc::Server::Connection from, const ipc::Peer& peer, ipc::Request request) {
    if (service_) service_->request(from, peer.user, std::move(request));
  };
  handler.closed = [this](ipc::Server::Connection connection) {
    if (service_) service_->closed(connection);
  };
  server_ = std::make_unique<ipc::Server>(runtime_, log_.named("ipc"), std::move(handler));
  return server_->listen(paths_.socket());
}

void Daemon::on_signal(int signal) {
  if (signal == SIGHUP) {
    log_.notice("SIGHUP: the configuration is read at start only");
    return;
  }
  if (std::exchange(asked_to_stop_, true)) {
    log_.warning("asked to stop a second time: leaving at once, what runs here goes on and will be fenced");
    exit_ = 1;
    runtime_.stop();
    return;
  }
  node_->shutdown();
}

void Daemon::watch_signals() {
  signals_->async_wait([this](const boost::system::error_code& error, int signal) {
    if (error) return;
    watch_signals();
    on_signal(signal);
  });
}

int Daemon::run() {
  signals_ = std::make_unique<boost::asio::signal_set>(
      *static_cast<boost::asio::io_context*>(runtime_.io_context()), SIGTERM, SIGINT, SIGHUP);
  watch_signals();
  runtime_.run();
  signals_.reset();
  service_.reset();
  server_.reset();
  node_.reset();
  (void)files_->remove(paths_.run + "/systoled.pid");
  log_.notice("ended");
  return exit_;
}

Result<Logger> open_log(const Paths& paths, const Setup& setup) {
  const std::string& file = paths.log.empty() ? setup.config.log_file : paths.log;
  try {
    return Logger(spdlog_sink(file, setup.name), "systoled",
                  setup.config.debug ? Level::kDebug : Level::kInfo);
  } catch (const std::exception& e) {
    return fail(Errc::kIo,
                "cannot open the log file {}: {}: make its folder, or name another with SYSTOLE_LOG", file,
                e.what());
  }
}

int start(const std::string& helper_program) {
  const Paths paths = paths_from_environment();
  auto files = posix_files();
  auto setup = load_setup(*files, paths);
  if (!setup) return complain(setup.error());
  if (auto made = make_folders(*files, paths); !made) return complain(made.error());
  // Before any thread: the helper is a fork of this process.
  const auto helper = lrmd::start_process_helper(helper_program);
  if (!helper) return complain(helper.error());
  auto log = open_log(paths, *setup);
  if (!log) return complain(log.error());
  raise_file_limit();
  ::umask(0027);
  std::signal(SIGPIPE, SIG_IGN);
  Daemon daemon(paths, std::move(*setup), std::move(*log), *helper, std::move(files));
  if (const auto started = daemon.start(); !started) return complain(started.error());
  return daemon.run();
}

}  // namespace
}  // namespace systole::daemon

int main(int argc, char** argv) {
  CLI::App app{"systoled: the cluster daemon of one node; runs in the foreground"};
  bool foreground = true;
  std::string helper;
  app.add_flag("-f,--foreground", foreground, "Stay in the foreground (always so)");
  app.add_option("--helper", helper, "The process helper's program (default: systole-execd beside this one)");
  app.set_version_flag("-$,--version", [] {
    return fmt::format("Systole 0.1.0\nPacemaker {} supporting v{}", systole::controller::kDcVersion,
                       systole::controller::kFeatureSet);
  });
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    const int code = app.exit(e);
    return code == 0 ? 0 : 64;
  }
  return systole::daemon::start(helper);
}
