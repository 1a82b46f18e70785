// DeviceRunner: runs single actions of fencing devices on this node. As many at a time as a device bears
// (pcmk_action_limit); an action that cuts or gives power does not wait behind a check of the device, which
// is set aside and run again. An answer that comes after its time never counts.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>

#include "base/log.h"
#include "base/paths.h"
#include "base/ports.h"
#include "lrmd/metadata.h"
#include "stonith/agent.h"

namespace systole::stonith {

class DeviceRunner {
 public:
  struct Answer {
    enum class Kind { kExited, kTimedOut, kFailed } kind = Kind::kFailed;
    int code = 0;        // Exit status, when kExited.
    std::string output;  // Standard output.
    std::string words;   // For a person, what went wrong: "ended with 1: no route to host".
    bool succeeded() const { return kind == Kind::kExited && code == 0; }
  };
  using Done = std::function<void(const Answer&)>;
  using Id = std::uint64_t;

  DeviceRunner(Ports ports, Logger log, Paths paths, std::string node_name);
  ~DeviceRunner();

  // `done` is called once, not from inside; never after cancel().
  Id run(const Device& device, const std::string& action, const std::string& target, Milliseconds timeout,
         Done done);
  void cancel(Id id);  // Kills it if it runs.

  void metadata(const std::string& type, std::function<void(Result<std::string>)> done);
  // Never fails: see AgentFacts::known.
  void facts(const Device& device, std::function<void(const AgentFacts&)> done);
  const AgentFacts& known_facts(const Device& device) const;  // As far as they are here already.

 private:
  struct Job {
    Id id = 0;
    Device device;
    std::string action, target;
    Done done;
    bool background = false;
    bool set_aside = false;
    Processes::Id process = 0;
    Timers::Id timer = 0;
    Milliseconds timeout{};
  };
  using JobPtr = std::shared_ptr<Job>;
  struct Lane {
    std::deque<JobPtr> waiting;
    std::vector<JobPtr> running;
  };

  void next(const std::string& device);
  bool make_room(Lane& lane, const Job& job);
  void start(Lane& lane, const JobPtr& job);
  void ended(const JobPtr& job, const ProcessResult& result);
  void answer(const JobPtr& job, const Answer& answer);
  void answer_later(const JobPtr& job, Answer answer);

  Ports ports_;
  Logger log_;
  Paths paths_;
  lrmd::MetadataCache metadata_;
  std::map<std::string, AgentFacts> facts_;  // By type.
  std::map<std::string, Lane> lanes_;        // By device.
  std::map<Id, JobPtr> jobs_;
  Id last_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace systole::stonith
