// Terminal: the interactive shell. Line editing, history and completion by libedit; the person's editor for
// `edit`. The only file of the shell that touches the terminal.
#pragma once

#include "cli/crm/shell.h"

namespace systole::crm {

class Terminal {
 public:
  // Standard input and output are a terminal.
  bool interactive() const;
  // Gives the shell its editor, and where there is a terminal a way to ask.
  void attach(Shell& shell);
  // Reads lines until the end; the exit code.
  int run(Shell& shell);
};

}  // namespace systole::crm
