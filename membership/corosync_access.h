// Lets a user other than root use the Corosync that runs on this host; see "uidgid" in corosync.conf(5).
#pragma once

#include <string>

#include "base/ports.h"
#include "base/result.h"

namespace systole::membership {

// For good by a file in uidgid.d beside `conf` (corosync.conf), and at once in the Corosync that runs. One
// that is starting just now is waited for, 2 s at most. Call it as root. Errors: those of writing the file;
// kUnavailable, when no Corosync runs, which then reads the file when it starts.
Result<void> admit_to_corosync(Files& files, const std::string& conf, unsigned uid);

}  // namespace systole::membership
