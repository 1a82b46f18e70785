#include "cli/context.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "cli/host.h"

extern char** environ;

namespace systole::cli {
namespace {

class ProcessConsole : public Console {
 public:
  ~ProcessConsole() override {
    flush();
    if (file_ != nullptr) std::fclose(file_);
  }
  void out(std::string_view text) override {
    std::fwrite(text.data(), 1, text.size(), file_ != nullptr ? file_ : stdout);
  }
  void err(std::string_view text) override {
    flush();
    std::fwrite(text.data(), 1, text.size(), stderr);
  }
  void flush() override { std::fflush(file_ != nullptr ? file_ : stdout); }
  Result<void> redirect(const std::string& path) override {
    file_ = std::fopen(path.c_str(), "we");
    if (file_ == nullptr) return fail(Errc::kIo, "cannot write {}: {}", path, std::strerror(errno));
    return {};
  }
  Result<std::string> input() override { return read_file("-"); }
  bool terminal() const override { return file_ == nullptr && ::isatty(1) == 1 && ::isatty(0) == 1; }
  bool colour() const override {
    const char* kind = std::getenv("TERM");
    return file_ == nullptr && ::isatty(1) == 1 && kind != nullptr && std::strcmp(kind, "dumb") != 0 &&
           std::getenv("NO_COLOR") == nullptr;
  }

 private:
  std::FILE* file_ = nullptr;
};

}  // namespace

std::string Context::variable(const std::string& key) const {
  const auto at = environment.find(key);
  return at == environment.end() ? "" : at->second;
}

Context process_context(std::string name, std::vector<std::string> args) {
  static ProcessConsole console;
  Context context;
  context.name = std::move(name);
  context.args = std::move(args);
  context.console = &console;
  context.paths = paths_from_environment();
  context.choice = choice_from_environment();
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos)
      context.environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  context.now = [] { return host_now(); };
  context.open = [paths = context.paths, client = context.name](const SessionChoice& choice) {
    return open_session(choice, paths, client);
  };
  return context;
}

}  // namespace systole::cli
