// Context: all that a tool is given. A tool is a function of it that returns an exit code, so that tests run
// it on a document in memory and compare what it prints.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/paths.h"
#include "base/time.h"
#include "cli/session.h"

namespace systole::cli {

// The streams of a person or a script.
class Console {
 public:
  virtual ~Console() = default;
  virtual void out(std::string_view text) = 0;  // Standard output; buffered until the tool ends or `flush`.
  virtual void err(std::string_view text) = 0;  // Standard error, at once.
  virtual void flush() = 0;
  virtual Result<void> redirect(const std::string& file) = 0;  // What goes to `out` from now on.
  virtual Result<std::string> input() = 0;                     // All of standard input.
  virtual bool terminal() const = 0;                           // Input and output are a terminal.
  virtual bool colour() const = 0;  // Standard output is a terminal that shows colours.
};

struct Context {
  std::string name;               // The tool's: "cibadmin".
  std::vector<std::string> args;  // Without the name.
  Console* console = nullptr;
  Paths paths;
  SessionChoice choice;
  std::map<std::string, std::string> environment;
  std::function<WallTime()> now;
  std::function<Result<std::unique_ptr<Session>>(const SessionChoice&)> open;

  std::string variable(const std::string& key) const;  // Of the environment; empty when not set.
  Result<std::unique_ptr<Session>> session() const { return open(choice); }
};

using Tool = int (*)(Context&);

// Standard streams, environment and clock of this process.
Context process_context(std::string name, std::vector<std::string> args);

}  // namespace systole::cli
