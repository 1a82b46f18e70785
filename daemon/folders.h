// Folders: the daemon's own, there and belonging to the user that it runs as, whoever ran it before.
#pragma once

#include "base/paths.h"
#include "base/ports.h"
#include "base/result.h"
#include "daemon/identity.h"

namespace systole::daemon {

// Makes the folders that are missing. As root it also gives them to `identity`, and what is in the state
// folder: an earlier daemon may have been another user. Errors: kIo, kDenied; kInvalidArgument for a folder
// that cannot be the daemon's own (/tmp and the like).
Result<void> make_folders(Files& files, const Paths& paths, const Identity& identity);

// After become(): can it write where it must? Error: kDenied, with the folder and the remedy.
Result<void> check_folders(const Paths& paths, const Identity& identity);

// Gives a regular file to `identity`, as root, if there is one; the log file. Best effort: it is open
// already.
void give_file(const std::string& path, const Identity& identity);

}  // namespace systole::daemon
