// Identity: the user that the daemon runs as, decided from the accounts and what this process may become.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.h"

namespace systole::daemon {

// What the decision is made from; a test makes its own.
struct Accounts {
  uid_t uid = 0;  // This process's, effective.
  gid_t gid = 0;
  std::string passwd, group;     // The files' texts: a directory service must not hold up the start.
  std::string uid_map, gid_map;  // Of this process's user namespace; empty: everything is mapped.
  bool groups_denied = false;    // The namespace forbids setgroups().
};

struct Identity {
  uid_t uid = 0;
  gid_t gid = 0;
  std::string name;
  bool changes = false;  // Other than this process's: become() has users to change.
  std::string warning;   // Why it stays what it is, though it should not, and the remedy; empty: all is well.
};

inline constexpr const char* kDaemonUser = "hacluster";
inline constexpr const char* kDaemonGroup = "haclient";

// `wanted`: a name, or UID or UID:GID in numbers; empty: hacluster. The group is haclient, or where there is
// none the user's own. An ordinary user stays himself. Root stays root, with a warning, where nobody asked
// for a user and hacluster does not exist or cannot be become; where a user was asked for that is an error.
// Errors: kNotFound (no such user), kDenied (may not become him).
Result<Identity> choose_identity(const std::string& wanted, const Accounts& accounts);

// This host's and this process's.
Accounts host_accounts();

}  // namespace systole::daemon
