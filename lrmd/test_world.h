// For tests: an event loop with the real process helper, a folder for scripts, and waiting that ends.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/asio_runtime.h"
#include "lrmd/remote_processes.h"

namespace systole::lrmd {

class TestWorld {
 public:
  TestWorld() {
    char name[] = "/tmp/systole-lrmd-XXXXXX";
    dir = ::mkdtemp(name);
    auto handle = start_process_helper(SYSTOLE_BIN_DIR "/systole-execd");
    EXPECT_TRUE(handle) << handle.error().message;
    helper_pid = handle->pid;
    processes = std::make_unique<RemoteProcesses>(runtime, *handle, [this] { lost = true; });
  }
  ~TestWorld() {
    processes.reset();
    wait_for_helper();
    std::filesystem::remove_all(dir);
  }
  TestWorld(const TestWorld&) = delete;
  TestWorld& operator=(const TestWorld&) = delete;

  std::string write(const std::string& name, const std::string& text, unsigned mode = 0755) {
    const std::filesystem::path path = dir + "/" + name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
    ::chmod(path.c_str(), mode);
    return path;
  }
  std::string script(const std::string& name, const std::string& body) {
    return write(name, "#!/bin/sh\n" + body);
  }
  std::string read(const std::string& name) const {
    std::ifstream in(dir + "/" + name);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  int read_pid(const std::string& name) const { return std::atoi(read(name).c_str()); }

  // Runs the loop until `ready`; false after 20 s.
  bool wait_until(const std::function<bool()>& ready) {
    const Time end = runtime.clock().now() + Seconds(20);
    while (!ready()) {
      if (runtime.clock().now() > end) return false;
      run_once();
    }
    return true;
  }
  ProcessResult run(ProcessSpec spec) {
    std::optional<ProcessResult> result;
    processes->start(std::move(spec), [&](ProcessResult r) { result = std::move(r); });
    EXPECT_TRUE(wait_until([&] { return result.has_value(); }));
    return result.value_or(ProcessResult{});
  }
  int wait_for_helper() {
    int status = -1;
    if (helper_pid > 0) ::waitpid(helper_pid, &status, 0);
    helper_pid = -1;
    return status;
  }
  Ports ports() {
    Ports p;
    p.clock = &runtime.clock();
    p.timers = &runtime.timers();
    p.files = files.get();
    p.processes = processes.get();
    return p;
  }

  AsioRuntime runtime;
  std::unique_ptr<Files> files = posix_files();
  std::unique_ptr<RemoteProcesses> processes;
  std::string dir;
  int helper_pid = -1;
  bool lost = false;

 private:
  void run_once();  // At least one event, or 5 ms.
};

// Gone, or a zombie that its parent has not yet reaped.
inline bool is_alive(int pid) {
  if (pid <= 0 || ::kill(pid, 0) != 0) return false;
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  const std::string stat{std::istreambuf_iterator<char>(in), {}};
  const auto paren = stat.rfind(')');
  return paren != std::string::npos && stat.size() > paren + 2 && stat[paren + 2] != 'Z';
}

}  // namespace systole::lrmd
