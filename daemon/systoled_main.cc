// systoled: one node of the cluster. Wires the modules to the real world and runs them.
#include <utility>

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
#include "daemon/folders.h"
#include "daemon/host.h"
#include "daemon/identity.h"
#include "daemon/privileges.h"
#include "daemon/startup.h"
#include "daemon/worker_scheduler.h"
#include "ipc/server.h"
#include "ipc/systole.pb.h"
#include "lrmd/process_helper.h"
#include "lrmd/remote_processes.h"
#include "membership/corosync_access.h"
#include "membership/corosync_node.h"
#include "membership/life.h"
#include "membership/ring_thread.h"
#include "qdevice/device_ring.h"
#include "qdevice/disk_device.h"
#include "qdevice/net_device.h"

namespace systole::daemon {
namespace {

int complain(const Error& error) {
  std::fprintf(stderr, "systoled: %s\n", error.message.c_str());
  return exit_code(error.code);
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
  void start_device();
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
  std::unique_ptr<qdevice::QuorumDevice> device_;     // Null: there is none.
  std::unique_ptr<qdevice::DeviceRing> device_ring_;  // The ring with it.
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
  start_device();
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
  membership::RingThread::Parts parts{
      &runtime_.timers(),        log, setup_.config, *state, std::move(setup_.key), true,
      std::move(setup_.next_key)};
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

void Daemon::start_device() {
  if (!setup_.config.quorum.device_votes) return;
  if (setup_.config.provider == membership::Provider::kCorosync) {
    log_.warning("the quorum device votes in Corosync itself (corosync-qdevice), it is not asked here");
    return;
  }
  const Logger log = log_.named("qdevice");
  Ports ports;
  ports.clock = &runtime_.clock();
  ports.timers = &runtime_.timers();
  ports.processes = processes_.get();
  if (setup_.disk)
    device_ = std::make_unique<qdevice::DiskDevice>(ports, log, setup_.config, self_, std::move(setup_.disk));
  else
    device_ = std::make_unique<qdevice::NetDevice>(
        qdevice::NetDevice::Parts{&runtime_, processes_.get(), log, setup_.config, self_, setup_.device_tls});
  device_ring_ = std::make_unique<qdevice::DeviceRing>(*ring_, *device_);
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
  if (device_ring_) parts.membership = device_ring_.get();
  parts.journal = journal_.get();
  parts.scheduler = scheduler_.get();
  parts.cores = processors();
  if (setup_.config.provider == membership::Provider::kRing) {
    parts.ring_host.load = [this]() -> Result<controller::RingHost::Loaded> {
      auto setup = load_config(*files_, paths_);
      if (!setup) return fail(setup.error());
      return controller::RingHost::Loaded{std::move(setup->config), std::move(setup->digest)};
    };
    parts.ring_host.store_key = [this](const Bytes& key, bool next,
                                       const std::function<void(Result<void>)>& done) {
      processes_->start(store_key(setup_.keyfile, key, next), [done](const ProcessResult& result) {
        const bool stored = result.end == ProcessResult::End::kExited && result.code == 0;
        done(stored ? Result<void>() : fail(Errc::kIo, "cannot store the key: {}", result.errors));
      });
    };
  }
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
    log_.notice("SIGHUP: corosync.conf is read again, on all members");
    node_->reload_ring([this](const Result<void>& done) {
      if (!done) log_.error("corosync.conf is not reloaded: {}", done.error().message);
    });
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

Result<Logger> open_log(const Paths& paths, const Setup& setup, const Identity& identity) {
  const std::string& file = paths.log.empty() ? setup.config.log_file : paths.log;
  try {
    Logger log(spdlog_sink(file, setup.name), "systoled", setup.config.debug ? Level::kDebug : Level::kInfo);
    give_file(file, identity);
    return log;
  } catch (const std::exception& e) {
    return fail(Errc::kIo,
                "cannot open the log file {}: {}: make its folder, or name another with SYSTOLE_LOG", file,
                e.what());
  }
}

// From root to the daemon's user. Nothing here has a thread yet; what follows has no right to change anything
// back.
Result<void> drop_privileges(Files& files, const Paths& paths, const Setup& setup, const Identity& identity,
                             const Logger& log) {
  const Capabilities kept = raise_limits(setup.config);
  if (setup.config.provider == membership::Provider::kCorosync && identity.uid != 0) {
    if (auto admitted = membership::admit_to_corosync(files, paths.conf, identity.uid); !admitted)
      log.warning("{}", admitted.error().message);
  }
  if (auto became = become(identity, kept); !became) return became;
  if (auto usable = check_folders(paths, identity); !usable) return usable;
  if (!identity.warning.empty()) log.warning("{}", identity.warning);
  log.notice("runs as {} ({}:{}), capabilities kept: {}", identity.name, identity.uid, identity.gid,
             kept.names());
  return {};
}

int start(const std::string& helper_program, const std::string& user) {
  const Paths paths = paths_from_environment();
  auto files = posix_files();
  auto setup = load_setup(*files, paths);
  if (!setup) return complain(setup.error());
  const auto identity = choose_identity(user, host_accounts());
  if (!identity) return complain(identity.error());
  if (auto made = make_folders(*files, paths, *identity); !made) return complain(made.error());
  // Before any thread, and before rights are dropped: the helper is a fork of this process, and keeps them.
  const auto helper = lrmd::start_process_helper(helper_program);
  if (!helper) return complain(helper.error());
  auto log = open_log(paths, *setup, *identity);
  if (!log) return complain(log.error());
  if (auto dropped = drop_privileges(*files, paths, *setup, *identity, *log); !dropped)
    return complain(dropped.error());
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
  std::string helper, user;
  app.add_flag("-f,--foreground", foreground, "Stay in the foreground (always so)");
  app.add_option("--helper", helper, "The process helper's program (default: systole-execd beside this one)");
  app.add_option("--user", user, "Run as this user: a name, UID or UID:GID (default: hacluster)")
      ->envname("SYSTOLE_USER");
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
  return systole::daemon::start(helper, user);
}
