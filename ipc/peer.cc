#include "ipc/peer.h"

#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace systole::ipc {
namespace {

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;
constexpr std::size_t kNames = 1024;
constexpr std::size_t kGroups = 4096;

// Calls `found(entry)` for each line of /etc/passwd until it says true.
template <typename F>
void each_account(F found) {
  const File file(std::fopen("/etc/passwd", "re"), &std::fclose);
  if (!file) return;
  passwd entry{};
  passwd* result = nullptr;
  char buffer[4096];
  while (::fgetpwent_r(file.get(), &entry, buffer, sizeof buffer, &result) == 0 && result != nullptr) {
    if (found(*result)) return;
  }
}

std::optional<gid_t> find_group(const char* name) {
  const File file(std::fopen("/etc/group", "re"), &std::fclose);
  if (!file) return {};
  group entry{};
  group* result = nullptr;
  std::vector<char> buffer(1U << 16);
  while (::fgetgrent_r(file.get(), &entry, buffer.data(), buffer.size(), &result) == 0 && result != nullptr) {
    if (std::strcmp(result->gr_name, name) == 0) return result->gr_gid;
  }
  return {};
}

}  // namespace

Access::Access() : own_(::geteuid()), haclient_(find_group("haclient")) {
  each_account([this](const passwd& p) {
    if (std::strcmp(p.pw_name, "hacluster") != 0) return false;
    hacluster_ = p.pw_uid;
    return true;
  });
}

const std::string& Access::name_of(uid_t uid) {
  if (const auto known = names_.find(uid); known != names_.end()) return known->second;
  std::string name = uid == 0 ? "root" : fmt::format("uid {}", uid);
  if (uid != 0) {
    each_account([&](const passwd& p) {
      if (p.pw_uid == uid) name = p.pw_name;
      return p.pw_uid == uid;
    });
  }
  if (names_.size() >= kNames) names_.clear();
  return names_.emplace(uid, std::move(name)).first->second;
}

Result<Peer> Access::peer_of(int socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return fail(Errc::kIo, "cannot tell who connects to the local API: {}", std::strerror(errno));
  }
  Peer peer{credentials.uid, credentials.gid, credentials.pid, {}, name_of(credentials.uid)};
#ifdef SO_PEERGROUPS
  peer.groups.resize(64);
  for (;;) {
    size = static_cast<socklen_t>(peer.groups.size() * sizeof(gid_t));
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, peer.groups.data(), &size) == 0) {
      peer.groups.resize(size / sizeof(gid_t));
      return peer;
    }
    if (errno != ERANGE || peer.groups.size() >= kGroups) break;
    peer.groups.resize(peer.groups.size() * 4);
  }
  peer.groups.clear();
#endif
  return peer;
}

bool Access::allowed(const Peer& peer) const {
  if (peer.uid == 0 || peer.uid == own_ || peer.uid == hacluster_) return true;
  if (!haclient_) return false;
  return peer.gid == *haclient_ ||
         std::find(peer.groups.begin(), peer.groups.end(), *haclient_) != peer.groups.end();
}

}  // namespace systole::ipc
