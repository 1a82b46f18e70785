#include "base/log.h"

#include <spdlog/details/file_helper.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

namespace systole {
namespace {

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
    case Level::kNotice:
      return spdlog::level::info;
    case Level::kWarning:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
    case Level::kCritical:
      return spdlog::level::critical;
  }
  return spdlog::level::info;
}

// A file that may be moved away (logrotate): within a second of that, what comes goes to a new one.
class FileSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit FileSink(std::string path) : path_(std::move(path)) {
    file_->open(path_);
    known_ = identity();
  }

 private:
  using Identity = std::pair<dev_t, ino_t>;
  using Clock = std::chrono::steady_clock;

  Identity identity() const {
    struct stat now {};
    return ::stat(path_.c_str(), &now) == 0 ? Identity(now.st_dev, now.st_ino) : Identity();
  }
  // Where a new file cannot be made the old one goes on, and it is not tried again so soon: trying takes
  // time.
  Clock::duration follow() {
    if (identity() == known_) return std::chrono::seconds(1);
    try {
      auto fresh = std::make_unique<spdlog::details::file_helper>();
      fresh->open(path_);
      file_ = std::move(fresh);
      known_ = identity();
      return std::chrono::seconds(1);
    } catch (const spdlog::spdlog_ex&) {
      return std::chrono::minutes(1);
    }
  }
  void sink_it_(const spdlog::details::log_msg& message) override {
    if (const auto now = Clock::now(); now >= check_at_) check_at_ = now + follow();
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    file_->write(line);
  }
  void flush_() override { file_->flush(); }

  std::string path_;
  std::unique_ptr<spdlog::details::file_helper> file_ = std::make_unique<spdlog::details::file_helper>();
  Identity known_;
  Clock::time_point check_at_;
};

}  // namespace

std::string_view level_name(Level level) {
  switch (level) {
    case Level::kDebug:
      return "debug";
    case Level::kInfo:
      return "info";
    case Level::kNotice:
      return "notice";
    case Level::kWarning:
      return "warning";
    case Level::kError:
      return "error";
    case Level::kCritical:
      return "critical";
  }
  return "info";
}

Logger::Sink spdlog_sink(const std::string& file, const std::string& node) {
  spdlog::sink_ptr sink;
  if (file.empty()) {
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  } else {
    sink = std::make_shared<FileSink>(file);
  }
  auto logger = std::make_shared<spdlog::logger>("systole", std::move(sink));
  logger->set_pattern("%b %d %H:%M:%S.%e " + node + " systoled[%P] %v");
  logger->set_level(spdlog::level::debug);
  logger->flush_on(spdlog::level::info);
  return [logger](Level level, std::string_view subsystem, std::string_view message) {
    logger->log(to_spdlog(level), "[{}] {}: {}", subsystem, level_name(level), message);
  };
}

}  // namespace systole
