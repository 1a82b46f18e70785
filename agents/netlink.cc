#include "agents/netlink.h"

#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace systole::agents {
namespace {

constexpr std::size_t kReceiveBuffer = 64 * 1024;

Error system_error(const char* what, int number) {
  const Errc code = number == EEXIST          ? Errc::kExists
                    : number == EADDRNOTAVAIL ? Errc::kNotFound
                    : number == EPERM         ? Errc::kDenied
                                              : Errc::kIo;
  return {code, fmt::format("{}: {}", what, std::strerror(number))};
}

Address address_of(const rtattr* attribute, bool v6) {
  Address address;
  address.v6 = v6;
  std::memcpy(address.bytes.data(), RTA_DATA(attribute),
              std::min<std::size_t>(RTA_PAYLOAD(attribute), address.size()));
  return address;
}

// Calls `each` for the attributes that follow `header` in a message; what is cut short is left out.
template <typename Header, typename Each>
void attributes(const nlmsghdr* message, const Header* header, Each each) {
  auto length = static_cast<int>(message->nlmsg_len) - static_cast<int>(NLMSG_LENGTH(sizeof *header));
  auto* attribute =
      reinterpret_cast<const rtattr*>(reinterpret_cast<const char*>(header) + NLMSG_ALIGN(sizeof *header));
  while (RTA_OK(attribute, length)) {
    each(attribute);
    attribute = RTA_NEXT(attribute, length);
  }
}

unsigned number_of(const rtattr* attribute) {
  unsigned value = 0;
  std::memcpy(&value, RTA_DATA(attribute), std::min<std::size_t>(RTA_PAYLOAD(attribute), sizeof value));
  return value;
}

Link read_link(const nlmsghdr* message, const ifinfomsg* info) {
  Link link{info->ifi_index,
            "",
            (info->ifi_flags & IFF_UP) != 0,
            (info->ifi_flags & IFF_RUNNING) != 0,
            (info->ifi_flags & IFF_LOOPBACK) != 0,
            info->ifi_type == ARPHRD_ETHER,
            {}};
  attributes(message, info, [&](const rtattr* a) {
    if (a->rta_type == IFLA_IFNAME)
      link.name.assign(static_cast<const char*>(RTA_DATA(a)),
                       strnlen(static_cast<const char*>(RTA_DATA(a)), RTA_PAYLOAD(a)));
    if (a->rta_type == IFLA_ADDRESS && RTA_PAYLOAD(a) == link.mac.size())
      std::memcpy(link.mac.data(), RTA_DATA(a), link.mac.size());
  });
  return link;
}

AddressEntry read_address(const nlmsghdr* message, const ifaddrmsg* info) {
  AddressEntry entry{
      static_cast<int>(info->ifa_index), {}, info->ifa_prefixlen, (info->ifa_flags & IFA_F_DADFAILED) != 0};
  bool local = false;
  attributes(message, info, [&](const rtattr* a) {
    // On a point-to-point link IFA_ADDRESS is the other end's.
    if (a->rta_type == IFA_LOCAL || (a->rta_type == IFA_ADDRESS && !local))
      entry.address = address_of(a, info->ifa_family == AF_INET6);
    local = local || a->rta_type == IFA_LOCAL;
  });
  return entry;
}

std::optional<Route> read_route(const nlmsghdr* message, const rtmsg* info) {
  if (info->rtm_type != RTN_UNICAST || info->rtm_table != RT_TABLE_MAIN) return std::nullopt;
  Route route{{}, info->rtm_dst_len, 0, true, 0};
  route.destination.v6 = info->rtm_family == AF_INET6;
  attributes(message, info, [&](const rtattr* a) {
    if (a->rta_type == RTA_DST) route.destination = address_of(a, route.destination.v6);
    if (a->rta_type == RTA_OIF) route.link = static_cast<int>(number_of(a));
    if (a->rta_type == RTA_PRIORITY) route.metric = number_of(a);
    if (a->rta_type == RTA_GATEWAY || a->rta_type == RTA_VIA) route.on_link = false;
  });
  return route;
}

}  // namespace

struct Netlink::Message {
  alignas(nlmsghdr) char buffer[512] = {};

  nlmsghdr* header() { return reinterpret_cast<nlmsghdr*>(buffer); }
  template <typename Body>
  Body* body(int type, int flags) {
    header()->nlmsg_len = NLMSG_LENGTH(sizeof(Body));
    header()->nlmsg_type = static_cast<std::uint16_t>(type);
    header()->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    return static_cast<Body*>(NLMSG_DATA(header()));
  }
  void attribute(unsigned short type, const void* data, std::size_t size) {
    auto* at = reinterpret_cast<rtattr*>(buffer + NLMSG_ALIGN(header()->nlmsg_len));
    at->rta_type = type;
    at->rta_len = static_cast<unsigned short>(RTA_LENGTH(size));
    std::memcpy(RTA_DATA(at), data, size);
    header()->nlmsg_len = static_cast<unsigned>(NLMSG_ALIGN(header()->nlmsg_len) + RTA_ALIGN(at->rta_len));
  }
};

Result<Netlink> Netlink::open() {
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) return fail(system_error("opening a netlink socket", errno));
  const timeval limit{5, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  return Netlink(fd);
}

Netlink::Netlink(Netlink&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

Netlink::~Netlink() {
  if (fd_ >= 0) ::close(fd_);
}

// True: complete. False: the kernel's table changed under the dump, which is then to be taken again.
template <typename Handle>
Result<bool> Netlink::dump_once(int type, int family, Handle& handle) {
  Message request;
  request.body<rtmsg>(type, NLM_F_DUMP)->rtm_family = static_cast<unsigned char>(family);
  request.header()->nlmsg_seq = ++sequence_;
  if (::send(fd_, request.buffer, request.header()->nlmsg_len, 0) < 0)
    return fail(system_error("asking the kernel", errno));
  bool consistent = true;
  std::vector<char> buffer(kReceiveBuffer);
  while (true) {
    const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return fail(system_error("reading the kernel's answer", got == 0 ? EIO : errno));
    auto left = static_cast<unsigned>(got);
    for (auto* m = reinterpret_cast<const nlmsghdr*>(buffer.data()); NLMSG_OK(m, left);
         m = NLMSG_NEXT(m, left)) {
      if (m->nlmsg_seq != sequence_) continue;
      if ((m->nlmsg_flags & NLM_F_DUMP_INTR) != 0) consistent = false;
      if (m->nlmsg_type == NLMSG_DONE) return consistent;
      if (m->nlmsg_type == NLMSG_ERROR)
        return fail(
            system_error("reading the kernel's tables", -static_cast<const nlmsgerr*>(NLMSG_DATA(m))->error));
      handle(m);
    }
  }
}

template <typename Handle>
Result<void> Netlink::dump(int type, int family, Handle handle) {
  for (int attempt = 0; attempt < 10; ++attempt) {
    auto complete = dump_once(type, family, handle);
    if (!complete) return fail(complete.error());
    if (*complete) return {};
    handle(nullptr);  // Begin again.
  }
  return fail(Errc::kIo, "the kernel's tables keep changing while they are read");
}

Result<std::vector<Link>> Netlink::links() {
  std::vector<Link> found;
  return dump(RTM_GETLINK, AF_UNSPEC,
              [&](const nlmsghdr* m) {
                if (m == nullptr) return found.clear();
                if (m->nlmsg_type == RTM_NEWLINK)
                  found.push_back(read_link(m, static_cast<const ifinfomsg*>(NLMSG_DATA(m))));
              })
      .map([&] { return std::move(found); });
}

Result<std::vector<AddressEntry>> Netlink::addresses(bool v6) {
  std::vector<AddressEntry> found;
  return dump(RTM_GETADDR, v6 ? AF_INET6 : AF_INET,
              [&](const nlmsghdr* m) {
                if (m == nullptr) return found.clear();
                if (m->nlmsg_type == RTM_NEWADDR)
                  found.push_back(read_address(m, static_cast<const ifaddrmsg*>(NLMSG_DATA(m))));
              })
      .map([&] { return std::move(found); });
}

Result<std::vector<Route>> Netlink::routes(bool v6) {
  std::vector<Route> found;
  return dump(RTM_GETROUTE, v6 ? AF_INET6 : AF_INET,
              [&](const nlmsghdr* m) {
                if (m == nullptr) return found.clear();
                if (m->nlmsg_type != RTM_NEWROUTE) return;
                if (const auto route = read_route(m, static_cast<const rtmsg*>(NLMSG_DATA(m))))
                  found.push_back(*route);
              })
      .map([&] { return std::move(found); });
}

Result<void> Netlink::change(Message& message, const char* what) {
  message.header()->nlmsg_seq = ++sequence_;
  if (::send(fd_, message.buffer, message.header()->nlmsg_len, 0) < 0) return fail(system_error(what, errno));
  alignas(nlmsghdr) char buffer[8192];
  while (true) {
    const ssize_t got = ::recv(fd_, buffer, sizeof buffer, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return fail(system_error(what, got == 0 ? EIO : errno));
    const auto* m = reinterpret_cast<const nlmsghdr*>(buffer);
    if (!NLMSG_OK(m, static_cast<unsigned>(got)) || m->nlmsg_seq != sequence_ || m->nlmsg_type != NLMSG_ERROR)
      continue;
    const int error = static_cast<const nlmsgerr*>(NLMSG_DATA(m))->error;
    if (error == 0) return {};
    return fail(system_error(what, -error));
  }
}

Result<void> Netlink::add_address(const Address& address, const Placement& placement,
                                  const AddressOptions& options) {
  Message message;
  auto* info = message.body<ifaddrmsg>(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
  info->ifa_family = address.v6 ? AF_INET6 : AF_INET;
  info->ifa_prefixlen = static_cast<unsigned char>(placement.prefix);
  info->ifa_index = static_cast<unsigned>(placement.link.index);
  message.attribute(IFA_LOCAL, address.bytes.data(), address.size());
  message.attribute(IFA_ADDRESS, address.bytes.data(), address.size());
  if (placement.broadcast) message.attribute(IFA_BROADCAST, placement.broadcast->bytes.data(), 4);
  if (!placement.label.empty())
    message.attribute(IFA_LABEL, placement.label.c_str(), placement.label.size() + 1);
  const std::uint32_t flags = (options.no_prefix_route ? IFA_F_NOPREFIXROUTE : 0U) |
                              (address.v6 && options.no_dad ? IFA_F_NODAD : 0U);
  message.attribute(IFA_FLAGS, &flags, sizeof flags);
  if (options.preferred_lft_s) {
    ifa_cacheinfo life{};
    life.ifa_prefered = *options.preferred_lft_s;
    life.ifa_valid = 0xffffffffU;
    message.attribute(IFA_CACHEINFO, &life, sizeof life);
  }
  return change(message, "adding the address");
}

Result<void> Netlink::delete_address(const AddressEntry& entry) {
  Message message;
  auto* info = message.body<ifaddrmsg>(RTM_DELADDR, NLM_F_ACK);
  info->ifa_family = entry.address.v6 ? AF_INET6 : AF_INET;
  info->ifa_prefixlen = static_cast<unsigned char>(entry.prefix);
  info->ifa_index = static_cast<unsigned>(entry.link);
  message.attribute(IFA_LOCAL, entry.address.bytes.data(), entry.address.size());
  return change(message, "removing the address");
}

Result<void> Netlink::set_up(int link) {
  Message message;
  auto* info = message.body<ifinfomsg>(RTM_NEWLINK, NLM_F_ACK);
  info->ifi_family = AF_UNSPEC;
  info->ifi_index = link;
  info->ifi_flags = IFF_UP;
  info->ifi_change = IFF_UP;
  return change(message, "setting the interface up");
}

}  // namespace systole::agents
