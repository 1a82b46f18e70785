#include "daemon/host.h"

#include <ifaddrs.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <thread>

namespace systole::daemon {
namespace {

std::string numeric(const sockaddr* address, socklen_t size) {
  char text[NI_MAXHOST];
  if (::getnameinfo(address, size, text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0) return {};
  return text;
}

}  // namespace

std::string host_name() {
  if (const char* given = std::getenv("SYSTOLE_NODE_NAME"); given != nullptr && *given != '\0') return given;
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) return {};
  return name;
}

std::vector<std::string> host_addresses() {
  std::vector<std::string> addresses;
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return addresses;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> list(first, &::freeifaddrs);
  for (const ifaddrs* i = list.get(); i != nullptr; i = i->ifa_next) {
    if (i->ifa_addr == nullptr) continue;
    socklen_t size = 0;
    if (i->ifa_addr->sa_family == AF_INET) size = sizeof(sockaddr_in);
    if (i->ifa_addr->sa_family == AF_INET6) size = sizeof(sockaddr_in6);
    if (size == 0) continue;
    std::string address = numeric(i->ifa_addr, size);
    if (!address.empty()) addresses.push_back(std::move(address));
  }
  return addresses;
}

unsigned processors() { return std::max(1U, std::thread::hardware_concurrency()); }

Result<std::string> resolve_host(const std::string& name) {
  for (const int family : {AF_INET, AF_INET6}) {
    addrinfo hints{};
    hints.ai_family = family;
    hints.ai_socktype = SOCK_DGRAM;
    addrinfo* first = nullptr;
    if (::getaddrinfo(name.c_str(), nullptr, &hints, &first) != 0) continue;
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> list(first, &::freeaddrinfo);
    std::string address = numeric(list->ai_addr, list->ai_addrlen);
    if (!address.empty()) return address;
  }
  return fail(Errc::kInvalidConfig,
              "the name {} has no address: enter it in /etc/hosts, or write a numeric address", name);
}

}  // namespace systole::daemon
