// Peer: who is at the other end of a local connection, as the kernel says, and whether they may use the API.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace systole::ipc {

struct Peer {
  uid_t uid = 0;
  gid_t gid = 0;
  pid_t pid = 0;
  std::vector<gid_t> groups;  // Supplementary.
  std::string user;           // Name, or "uid N" where /etc/passwd knows none.
};

// Root, hacluster, members of haclient and the daemon's own user may do everything; others nothing.
// Accounts are taken from /etc/passwd and /etc/group alone: a directory service that does not answer must not
// hold up the cluster.
class Access {
 public:
  Access();  // Reads the accounts.
  // Error: kIo when the kernel does not say (the peer is gone).
  Result<Peer> peer_of(int socket);
  bool allowed(const Peer& peer) const;
  std::optional<gid_t> haclient() const { return haclient_; }

 private:
  const std::string& name_of(uid_t uid);

  uid_t own_;
  std::optional<uid_t> hacluster_;
  std::optional<gid_t> haclient_;
  std::map<uid_t, std::string> names_;  // Bounded; what was looked up.
};

}  // namespace systole::ipc
