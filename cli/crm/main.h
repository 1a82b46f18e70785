// crm: the program. Options, then one command, a batch, or the interactive shell.
#pragma once

#include "cli/context.h"

namespace systole::crm {

class Terminal;

// The shell as a tool. Without a terminal it takes its commands from the arguments, a file or standard input,
// and asks nothing. Returns the exit code: 0, or 1 when a command failed.
int run_shell(cli::Context& context, Terminal* terminal);
// Without a terminal: what tests call.
int crm_tool(cli::Context& context);
// With this process's terminal: the multi-call binary's entry.
int run_crm(cli::Context& context);

}  // namespace systole::crm

// The same from main().
int crm_main(int argc, char** argv);
