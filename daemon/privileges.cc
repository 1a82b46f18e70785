#include "daemon/privileges.h"

#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

namespace systole::daemon {
namespace {

constexpr rlim_t kOpenFiles = 16'384;     // 10,000 clients of the local API, and what the rest needs.
constexpr rlim_t kRingPriority = 1;       // The lowest real-time priority is above all that is not real-time.
constexpr long kSocketBuffer = 4L << 20;  // What base's datagram sockets ask for.
constexpr unsigned kPrivilegedPorts = 1024;

struct Thread {
  Capabilities effective, permitted;
};

Thread capabilities_now() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  if (::syscall(SYS_capget, &header, data) != 0) return {};
  const auto join = [](std::uint32_t low, std::uint32_t high) {
    return Capabilities{std::uint64_t{high} << 32 | low};
  };
  return {join(data[0].effective, data[1].effective), join(data[0].permitted, data[1].permitted)};
}

bool set_capabilities(const Capabilities& kept) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  data[0].effective = data[0].permitted = static_cast<std::uint32_t>(kept.bits);
  data[1].effective = data[1].permitted = static_cast<std::uint32_t>(kept.bits >> 32);
  return ::syscall(SYS_capset, &header, data) == 0;
}

// Soft and hard limit at least `wanted`; what is larger stays.
bool raise_limit(int resource, rlim_t wanted) {
  rlimit limit{};
  if (::getrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0) return false;
  const rlimit better{std::max(limit.rlim_cur, wanted), std::max(limit.rlim_max, wanted)};
  if (::setrlimit(static_cast<__rlimit_resource>(resource), &better) == 0) return true;
  const rlimit possible{std::min(better.rlim_cur, limit.rlim_max), limit.rlim_max};
  ::setrlimit(static_cast<__rlimit_resource>(resource), &possible);
  return possible.rlim_cur >= wanted;
}

bool socket_buffers_suffice() {
  for (const char* path : {"/proc/sys/net/core/rmem_max", "/proc/sys/net/core/wmem_max"}) {
    long most = 0;
    if (!(std::ifstream(path) >> most) || most < kSocketBuffer) return false;
  }
  return true;
}

bool uses_privileged_port(const membership::ClusterConfig& config) {
  for (unsigned link = 0; link < config.links(); ++link) {
    if (config.port_of(link) < kPrivilegedPorts) return true;
  }
  return false;
}

tl::unexpected<Error> denied(const char* what, const Identity& identity) {
  return fail(Errc::kDenied, "cannot become {} ({}:{}): {}: {}", identity.name, identity.uid, identity.gid,
              what, std::strerror(errno));
}

}  // namespace

std::string Capabilities::names() const {
  static constexpr std::pair<int, const char*> kNames[] = {{CAP_NET_ADMIN, "net_admin"},
                                                           {CAP_NET_BIND_SERVICE, "net_bind_service"},
                                                           {CAP_SYS_NICE, "sys_nice"},
                                                           {CAP_IPC_LOCK, "ipc_lock"}};
  std::string text;
  for (const auto& [capability, name] : kNames) {
    if (has(capability)) text += (text.empty() ? "" : ", ") + std::string(name);
  }
  return text.empty() ? "none" : text;
}

Capabilities raise_limits(const membership::ClusterConfig& config) {
  Capabilities needed;
  raise_limit(RLIMIT_NOFILE, kOpenFiles);
  // With these limits the ring's thread may be real-time and its memory locked without a capability. Where
  // root has them and may not raise limits (a container without CAP_SYS_RESOURCE), the capabilities stay
  // instead.
  if (!raise_limit(RLIMIT_RTPRIO, kRingPriority)) needed.add(CAP_SYS_NICE);
  if (!raise_limit(RLIMIT_MEMLOCK, RLIM_INFINITY)) needed.add(CAP_IPC_LOCK);
  // Buffers for a burst of a whole window to and from all members, in sockets that are opened anew whenever a
  // link changes its address: Debian's net.core.rmem_max and wmem_max are a twentieth of that.
  if (!socket_buffers_suffice()) needed.add(CAP_NET_ADMIN);
  if (uses_privileged_port(config)) needed.add(CAP_NET_BIND_SERVICE);
  needed.bits &= capabilities_now().permitted.bits;
  return needed;
}

Result<void> become(const Identity& identity, const Capabilities& kept) {
  // Without CAP_SETPCAP these two fail; what they guard against needs a program executed as root, and the end
  // of this function forbids that there ever is one with more rights.
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability)
    ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  ::prctl(
      PR_SET_SECUREBITS,
      SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED,
      0, 0, 0);
  if (identity.changes) {
    if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return denied("keeping capabilities", identity);
    if (::setgroups(1, &identity.gid) != 0) return denied("its groups", identity);
    if (::setresgid(identity.gid, identity.gid, identity.gid) != 0) return denied("its group", identity);
    if (::setresuid(identity.uid, identity.uid, identity.uid) != 0) return denied("its user", identity);
    ::prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
  }
  if (!set_capabilities(kept)) return denied("its capabilities", identity);
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return denied("no new privileges", identity);
  const Thread now = capabilities_now();
  if (::geteuid() != identity.uid || ::getegid() != identity.gid || now.permitted.bits != kept.bits ||
      (identity.uid != 0 && ::setuid(0) == 0)) {
    errno = EPERM;
    return denied("the kernel did otherwise", identity);
  }
  return {};
}

}  // namespace systole::daemon
