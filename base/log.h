// Logging: levels of syslog's names, one sink chosen by the program (stderr, file, or a test's collector).
// A message is for a person at 3 a.m.: it names the object and, when something is wrong, what to do.
// Never a secret: keys and passwords are not passed here. Safe from any thread.
//
// A Logger is a value handed to a module at construction, so that a simulated node logs under its own name.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace systole {

enum class Level { kDebug, kInfo, kNotice, kWarning, kError, kCritical };

class Logger {
 public:
  using Sink = std::function<void(Level, std::string_view subsystem, std::string_view message)>;

  Logger() = default;  // Drops everything.
  Logger(Sink sink, std::string subsystem, Level at_least = Level::kInfo)
      : sink_(std::make_shared<Sink>(std::move(sink))), subsystem_(std::move(subsystem)), level_(at_least) {}

  Logger named(std::string subsystem) const {
    Logger other = *this;
    other.subsystem_ = std::move(subsystem);
    return other;
  }
  bool enabled(Level level) const { return sink_ && level >= level_; }

  template <typename... Args>
  void log(Level level, fmt::format_string<Args...> format, Args&&... args) const {
    if (enabled(level)) (*sink_)(level, subsystem_, fmt::format(format, std::forward<Args>(args)...));
  }
  template <typename... A>
  void debug(fmt::format_string<A...> f, A&&... a) const {
    log(Level::kDebug, f, std::forward<A>(a)...);
  }
  template <typename... A>
  void info(fmt::format_string<A...> f, A&&... a) const {
    log(Level::kInfo, f, std::forward<A>(a)...);
  }
  template <typename... A>
  void notice(fmt::format_string<A...> f, A&&... a) const {
    log(Level::kNotice, f, std::forward<A>(a)...);
  }
  template <typename... A>
  void warning(fmt::format_string<A...> f, A&&... a) const {
    log(Level::kWarning, f, std::forward<A>(a)...);
  }
  template <typename... A>
  void error(fmt::format_string<A...> f, A&&... a) const {
    log(Level::kError, f, std::forward<A>(a)...);
  }
  template <typename... A>
  void critical(fmt::format_string<A...> f, A&&... a) const {
    log(Level::kCritical, f, std::forward<A>(a)...);
  }

 private:
  std::shared_ptr<Sink> sink_;
  std::string subsystem_;
  Level level_ = Level::kInfo;
};

std::string_view level_name(Level level);  // "debug", "info", "notice", "warning", "error", "critical"

// The production sink: spdlog to standard error, or to `file` when not empty. Lines look like Pacemaker's:
// "Nov 20 13:12:01.123 node1 systoled [controller] notice: message".
Logger::Sink spdlog_sink(const std::string& file, const std::string& node);

}  // namespace systole
