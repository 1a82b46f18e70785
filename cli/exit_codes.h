// The exit codes of Pacemaker's tools, by number, name and meaning.
#pragma once

#include <span>

namespace systole::cli {

struct ExitCode {
  int code;
  const char* name;
  const char* message;
};
std::span<const ExitCode> exit_codes();  // Ascending.

}  // namespace systole::cli
