// Lines: the port for connections that carry nothing. When a process ends, however it ends, its host closes
// or resets its connections at once: whoever holds the other end knows within a round trip, and pays nothing
// until then. A hint, never a verdict: hosts, firewalls and forgers close connections too; and its silence
// proves nothing, for what lies between may forget an idle connection without a word.
//
// Not a byte passes: there is nothing to parse, and so nothing to attack. Threads and callbacks: as
// base/ports.h.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/ports.h"

namespace systole {

class Lines {
 public:
  class Line {
   public:
    virtual ~Line() = default;  // Hangs up; no callback after it.
  };
  class Listener {
   public:
    virtual ~Listener() = default;  // Closes, with all lines that it holds.
    // Whose lines are taken from now on, by numeric addresses; those of others are closed.
    virtual void admit(const std::vector<std::string>& peers) = 0;
  };
  struct Handler {
    std::function<void()> opened;
    std::function<void()> closed;  // Once, the last: it ended, or could not be opened.
  };
  virtual ~Lines() = default;
  // Takes lines to the TCP port of `local`, and holds them: of each admitted address the last two. Errors:
  // kIo, kInvalidArgument, naming the address.
  virtual Result<std::unique_ptr<Listener>> listen(const Endpoint& local,
                                                   const std::vector<std::string>& peers) = 0;
  // From this host's address `from`. Never blocks; how long it tries is the system's choice, some minutes
  // perhaps.
  virtual std::unique_ptr<Line> connect(const std::string& from, const Endpoint& to, Handler handler) = 0;
};

}  // namespace systole
