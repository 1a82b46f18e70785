// Supervisor: the whole work of the privileged process helper, systole-execd. Single-threaded: starts what it
// is asked to, feeds and drains it, reaps it (and, as subreaper, what its children left), kills process
// groups on order, and reports each end once.
//
// When the socket closes, systoled is gone: the groups of running operations are killed, so that no half-done
// start goes on unwatched; services that made themselves daemons are in sessions of their own and live on.
#pragma once

#include <deque>
#include <map>

#include "base/time.h"
#include "lrmd/helper_codec.h"
#include "lrmd/spawn.h"

namespace systole::lrmd {

class Supervisor {
 public:
  // `socket`: our end of a stream socket pair.
  explicit Supervisor(Fd socket);
  // Until the socket closes. Returns the program's exit code.
  int run();

  // Processes at one time; more wait in order, except the urgent ones.
  static constexpr std::size_t kMostRunning = 64;

 private:
  struct Job {
    StartRequest request;
    Spawned process;
    std::size_t input_sent = 0;
    ProcessResult result;
    int exec_error = 0;
    bool reaped = false, killed = false;
    int status = 0;
    Duration started{}, ended{}, kill_deadline{}, stall_before{};
  };

  void turn();
  void drop_closed();
  bool exchange_with_daemon(short events);
  void handle(HelperRequest request);
  void start(StartRequest request);
  void start_waiting();
  void kill(Job& job, int signal);
  void reap();
  void pump(Job& job);
  // Reports and forgets those that have ended. Returns when to look again (a duration; negative: no need).
  Duration settle();
  bool ended(Job& job, Duration now, Duration& look_again);
  void report(Job& job, Duration now);
  void report_unstarted(const StartRequest& request, ProcessResult::End end, int code);
  Duration stalled() const;

  Fd socket_, signals_, pressure_;
  FrameReader incoming_;
  Bytes outgoing_;
  std::size_t sent_ = 0;
  std::map<Processes::Id, Job> jobs_;
  std::deque<StartRequest> waiting_;
  bool reset_oom_score_ = false;
  bool closed_ = false;
  Duration look_again_{-1};
};

}  // namespace systole::lrmd
