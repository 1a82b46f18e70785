// MetadataCache: what agents say of themselves, asked once for each version of their program.
#pragma once

#include "lrmd/executor.h"

namespace systole::lrmd {

class MetadataCache {
 public:
  using Done = std::function<void(Result<std::string>)>;
  MetadataCache(Ports ports, Paths paths, std::string node_name);
  ~MetadataCache();
  void get(const AgentId& agent, Done done);
  // The same for any program that answers `spec` with <resource-agent> XML; `name` is for messages.
  void ask(const std::string& name, const std::string& program, ProcessSpec spec, Done done);

  static constexpr Duration kLimit = Seconds(30);
  static constexpr std::size_t kMostEntries = 512;

 private:
  struct Entry {
    WallTime changed{};  // Of the program, when it was asked.
    std::uint64_t size = 0;
    std::string xml;
    std::vector<Done> waiting;  // Not empty: it is being asked.
    Processes::Id process = 0;
    Timers::Id timer = 0;
    bool timed_out = false;
  };
  void start(const std::string& name, const std::string& program, ProcessSpec spec, Entry& entry);
  void answered(const std::string& name, const std::string& program, const ProcessResult& result);
  void answer_later(Done done, Result<std::string> answer);
  Result<std::string> read_legacy(const AgentId& agent, const std::string& program);

  Ports ports_;
  Paths paths_;
  std::string node_name_;
  std::map<std::string, Entry> entries_;  // By program.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

// Takes an agent's answer apart from what it may print around it. Error: kParse.
Result<std::string> checked_metadata(const std::string& agent, std::string_view output);

}  // namespace systole::lrmd
