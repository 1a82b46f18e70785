#include "daemon/host.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <thread>

namespace systole::daemon {
namespace {

std::string numeric(const sockaddr* address, socklen_t size) {
  char text[NI_MAXHOST];
  if (::getnameinfo(address, size, text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0) return {};
  return text;
}

// Bits of a netmask.
unsigned prefix_of(const sockaddr* mask) {
  if (mask == nullptr) return 0;
  const bool v4 = mask->sa_family == AF_INET;
  std::array<std::uint8_t, 16> bytes{};
  const auto* from = reinterpret_cast<const std::uint8_t*>(mask) +
                     (v4 ? offsetof(sockaddr_in, sin_addr) : offsetof(sockaddr_in6, sin6_addr));
  std::memcpy(bytes.data(), from, v4 ? 4 : 16);
  unsigned bits = 0;
  for (const std::uint8_t byte : bytes) bits += static_cast<unsigned>(std::popcount(byte));
  return bits;
}

}  // namespace

std::string host_name() {
  if (const char* given = std::getenv("SYSTOLE_NODE_NAME"); given != nullptr && *given != '\0') return given;
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) return {};
  return name;
}

std::vector<membership::Interface> host_interfaces() {
  std::vector<membership::Interface> interfaces;
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return interfaces;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> list(first, &::freeifaddrs);
  for (const ifaddrs* i = list.get(); i != nullptr; i = i->ifa_next) {
    if (i->ifa_addr == nullptr || (i->ifa_flags & IFF_UP) == 0) continue;
    socklen_t size = 0;
    if (i->ifa_addr->sa_family == AF_INET) size = sizeof(sockaddr_in);
    if (i->ifa_addr->sa_family == AF_INET6) size = sizeof(sockaddr_in6);
    if (size == 0) continue;
    std::string address = numeric(i->ifa_addr, size);
    if (!address.empty()) interfaces.push_back({std::move(address), prefix_of(i->ifa_netmask)});
  }
  return interfaces;
}

std::string program_beside(const std::string& name) {
  char path[4096];
  const ssize_t size = ::readlink("/proc/self/exe", path, sizeof path);
  const std::string_view self(path, size > 0 ? static_cast<std::size_t>(size) : 0);
  return std::string(self.substr(0, self.rfind('/') + 1)) + name;
}

unsigned processors() { return std::max(1U, std::thread::hardware_concurrency()); }

Result<std::string> resolve_host(const std::string& name, const std::string& ip_version) {
  const bool six_first = ip_version.starts_with("ipv6"), both = ip_version.find('-') != std::string::npos;
  for (const bool six : {six_first, !six_first}) {
    if (six != six_first && !both) break;
    const int family = six ? AF_INET6 : AF_INET;
    addrinfo hints{};
    hints.ai_family = family;
    hints.ai_socktype = SOCK_DGRAM;
    addrinfo* first = nullptr;
    if (::getaddrinfo(name.c_str(), nullptr, &hints, &first) != 0) continue;
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> list(first, &::freeaddrinfo);
    std::string address = numeric(list->ai_addr, list->ai_addrlen);
    if (!address.empty()) return address;
  }
  return fail(
      Errc::kInvalidConfig,
      "the name {} has no address (ip_version {}): enter it in /etc/hosts, or write a numeric address", name,
      ip_version);
}

}  // namespace systole::daemon
