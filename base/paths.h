// Where things are on a node. Each place can be moved by an environment variable, so that several nodes share
// one file system in tests; the defaults are the ecosystem's own.
#pragma once

#include <string>

namespace systole {

struct Paths {
  std::string conf = "/etc/corosync/corosync.conf";  // COROSYNC_MAIN_CONFIG_FILE, as Corosync has it
  std::string authkey = "/etc/corosync/authkey";     // SYSTOLE_AUTHKEY
  std::string state = "/var/lib/systole";            // SYSTOLE_STATE_DIR: journal.sqlite, ring state, history
  std::string run = "/run/systole";            // SYSTOLE_RUN_DIR: the socket `ipc`, the daemon's pid file
  std::string log;                             // SYSTOLE_LOG: a file; empty: standard error
  std::string cib = "/var/lib/pacemaker/cib";  // SYSTOLE_CIB_DIR: exported cib.xml, shadow.*
  std::string pengine = "/var/lib/pacemaker/pengine";  // SYSTOLE_PENGINE_DIR: pe-input-N.bz2
  std::string ocf_root = "/usr/lib/ocf";               // OCF_ROOT
  std::string lsb = "/etc/init.d";                     // SYSTOLE_LSB_DIR
  std::string heartbeat = "/etc/ha.d/resource.d";      // SYSTOLE_HEARTBEAT_DIR
  std::string fence_agents = "/usr/sbin";              // SYSTOLE_FENCE_DIR: fence_* programs
  std::string tools = "/usr/sbin";  // SYSTOLE_TOOLS_DIR, or beside the program: first in agents' PATH
  std::string own_agents =
      "/usr/lib/systole/agents";  // SYSTOLE_AGENTS_DIR: our OCF agents, resource.d's shape

  std::string socket() const { return run + "/ipc"; }
  std::string journal() const { return state + "/journal.sqlite"; }
};

// The defaults with the environment applied. Called by programs, once, at start.
Paths paths_from_environment();

}  // namespace systole
